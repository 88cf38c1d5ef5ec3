import NIOCore
import NIOHTTP1
import NIOPosix

/// Makes single requests to webhooks' endpoints: to allowed addresses only, without following redirects, and within a
/// time limit.
struct DeliveryClient: Sendable {
    let tls: OutgoingTLS
    var resolve: @Sendable (_ host: String, _ port: Int, _ company: String) async throws -> [SocketAddress] = {
        try await AddressResolver.system.addresses(of: $0, port: $1, for: $2)
    }
    var connectTime: TimeAmount = .seconds(5)
    /// The limit for the whole request, from the host look-up to the last byte of the answer.
    var exchangeTime: TimeAmount = .seconds(10)

    /// Sends a request and returns the answer.
    ///
    /// - Parameter company: the one whose webhook it is.
    func send(
        _ request: DeliveryRequest,
        to endpoint: WebhookEndpoint,
        of company: String,
        allowed: DeliveryAddresses
    ) async throws -> DeliveryAnswer {
        let deadline = NIODeadline.now() + exchangeTime
        return try await within(exchangeTime) {
            let addresses = try await addresses(of: endpoint, company, allowed)
            return try await exchange(request, endpoint, over: connect(to: addresses, by: deadline), by: deadline)
        }
    }

    /// Checks that an endpoint's host has addresses now, all of which messages may be delivered to.
    func check(_ endpoint: WebhookEndpoint, of company: String, allowed: DeliveryAddresses) async throws {
        _ = try await within(connectTime) { try await addresses(of: endpoint, company, allowed) }
    }

    private func addresses(
        of endpoint: WebhookEndpoint,
        _ company: String,
        _ allowed: DeliveryAddresses
    ) async throws -> [SocketAddress] {
        let addresses = try await resolve(endpoint.host, endpoint.port, company)
        // If one address is not allowed, do not trust the name with the others either.
        for address in addresses where !allowed.allow(address, isSecure: endpoint.isSecure) {
            throw DeliveryFault.address(address.ipAddress ?? "\(address)")
        }
        guard !addresses.isEmpty else { throw DeliveryFault.noAddress }
        return addresses
    }

    /// Connects to the first address that answers. Uses the checked addresses and does not look up the name again.
    private func connect(to addresses: [SocketAddress], by deadline: NIODeadline) async throws -> any Channel {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(connectTime)
            // Read nothing before there is a handler for it.
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
    ) async throws -> DeliveryAnswer {
        let loop = channel.eventLoop
        return try await loop.flatSubmit {
            guard channel.isActive else { return loop.makeFailedFuture(DeliveryFault.noAnswer) }
            let answer = loop.makePromise(of: DeliveryAnswer.self)
            let ready =
                endpoint.isSecure
                ? tls.secure(channel, host: endpoint.host, within: deadline - .now()) : loop.makeSucceededVoidFuture()
            ready.flatMapThrowing {
                try channel.pipeline.syncOperations.addHandler(DeliveryIntake())
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

    /// Waits for `body`, at most for `time` and not after the caller was cancelled. Some of what it waits for cannot be
    /// cancelled.
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
