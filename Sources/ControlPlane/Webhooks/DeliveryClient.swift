import DataPlane
import NIOCore
import NIOHTTP1
import NIOPosix

/// Makes single requests to webhooks' endpoints: only to addresses that are allowed, without following redirects, and
/// within a time limit.
struct DeliveryClient: Sendable {
    let tls: OutgoingTLS
    var resolve: @Sendable (_ host: String, _ port: Int) async throws -> [SocketAddress] = {
        try await AddressResolver.addresses(of: $0, port: $1)
    }
    var connectTime: TimeAmount = .seconds(5)
    /// For all of it, from the look-up of the host to the last octet of the answer.
    var exchangeTime: TimeAmount = .seconds(10)

    /// Sends a request; returns the status of the answer.
    func send(
        _ request: DeliveryRequest,
        to endpoint: WebhookEndpoint,
        allowed: DeliveryAddresses
    ) async throws -> UInt {
        let deadline = NIODeadline.now() + exchangeTime
        return try await within(exchangeTime) {
            let addresses = try await resolve(endpoint.host, endpoint.port)
            // One address that is not allowed tells that the name is not to be trusted with the others either.
            for address in addresses where !allowed.allow(address, isSecure: endpoint.isSecure) {
                throw DeliveryFault.address(address.ipAddress ?? "\(address)")
            }
            return try await exchange(request, endpoint, over: connect(to: addresses, by: deadline), by: deadline)
        }
    }

    /// Connects to the first of the addresses that answers. They are what was checked: the name is not looked up again.
    private func connect(to addresses: [SocketAddress], by deadline: NIODeadline) async throws -> any Channel {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(connectTime)
            // Nothing is read before there is somebody to read it.
            .channelOption(.autoRead, value: false)
        var failure: any Error = DeliveryFault.noAddress
        for address in addresses {
            do {
                let channel = try await bootstrap.connect(to: address).get()
                let cut = channel.eventLoop.scheduleTask(deadline: deadline) { channel.close(promise: nil) }
                channel.closeFuture.whenComplete { _ in cut.cancel() }
                return channel
            } catch {
                failure = error
            }
            try Task.checkCancellation()
        }
        throw failure
    }

    private func exchange(
        _ request: DeliveryRequest,
        _ endpoint: WebhookEndpoint,
        over channel: any Channel,
        by deadline: NIODeadline
    ) async throws -> UInt {
        let loop = channel.eventLoop
        return try await loop.flatSubmit {
            guard channel.isActive else { return loop.makeFailedFuture(DeliveryFault.noAnswer) }
            let answer = loop.makePromise(of: UInt.self)
            let ready =
                endpoint.isSecure
                ? tls.secure(channel, host: endpoint.host, within: deadline - .now()) : loop.makeSucceededVoidFuture()
            ready.flatMapThrowing {
                try channel.pipeline.syncOperations.addHTTPClientHandlers()
                try channel.pipeline.syncOperations.addHandler(DeliveryExchange(request, answer: answer))
            }.whenFailure { error in
                answer.fail(error)
                channel.close(promise: nil)
            }
            channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
            return answer.futureResult
        }.get()
    }

    /// Waits for `body`, but no longer than `time`, nor after the caller was cancelled: some of what it waits for
    /// cannot be.
    private func within<Value: Sendable>(
        _ time: TimeAmount,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let (results, first) = AsyncStream.makeStream(of: Result<Value, any Error>.self)
        let work = Task {
            do { first.yield(.success(try await body())) } catch { first.yield(.failure(error)) }
        }
        let timer = Task {
            try await Task.sleep(for: .nanoseconds(time.nanoseconds))
            first.yield(.failure(DeliveryFault.timeout))
        }
        defer {
            work.cancel()
            timer.cancel()
        }
        for await result in results { return try result.get() }
        throw CancellationError()
    }
}
