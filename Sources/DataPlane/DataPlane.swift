package import Admission
package import GatewayConfiguration
package import JOSE
package import Logging
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The request path as a whole: event loops, listeners, and the two things that happen to them while they run, reload
/// and drain.
package final class DataPlane: Sendable {
    let site: Site
    private let group: MultiThreadedEventLoopGroup
    private let workers: [ObjectIdentifier: NIOLoopBound<Worker>]
    private let scratches: [ObjectIdentifier: NIOLoopBound<TLSScratch>]
    let logger: Logger
    /// The listeners that are open.
    private let channels = Mutex<[(channel: any Channel, role: ListenerRole)]>([])
    let security: ListenerSecurity
    let generation = Mutex<UInt64>(1)
    let memory = Mutex(MemoryReturn())
    let readiness = Atomic<Bool>(true)
    /// Seconds since 1970.
    let certificatesCheckedAt = Atomic<Int64>(0)

    /// What a process keeps on disk between starts.
    package struct Keys: Sendable {
        package var cookie: [UInt8]
        package var assertion: Key
        package init(cookie: [UInt8], assertion: Key) {
            self.cookie = cookie
            self.assertion = assertion
        }
    }

    package init(
        settings: Settings,
        keys: Keys,
        directory: DirectoryView,
        accessLog: LogOutput,
        logger: Logger,
        descriptors: Int,
        loopCount: Int? = nil
    ) throws {
        let loopCount = loopCount ?? (settings.threads > 0 ? settings.threads : Processors.available)
        self.logger = logger
        security = try ListenerSecurity(settings.listeners)
        site = Site(
            snapshot: Snapshot(settings: settings, generation: 1, previous: nil),
            directory: directory,
            cookieKey: keys.cookie,
            assertionKey: keys.assertion,
            accessLog: accessLog,
            logger: logger,
            descriptors: DescriptorBudget(
                descriptors: descriptors,
                loops: loopCount,
                hasControl: settings.control.enabled
            )
        )
        group = MultiThreadedEventLoopGroup(numberOfThreads: loopCount)
        var workers: [ObjectIdentifier: NIOLoopBound<Worker>] = [:]
        var scratches: [ObjectIdentifier: NIOLoopBound<TLSScratch>] = [:]
        for loop in group.makeIterator() {
            let bound = try loop.submit { [site] in
                let worker = Worker(loop: loop, site: site)
                worker.start()
                site.register(worker)
                return (
                    NIOLoopBound(worker, eventLoop: loop),
                    NIOLoopBound(TLSScratch(receivePool: worker.receivePool.value), eventLoop: loop)
                )
            }.wait()
            (workers[ObjectIdentifier(loop)], scratches[ObjectIdentifier(loop)]) = bound
        }
        self.scratches = scratches
        self.workers = workers
    }

    /// Opens every listener and says where, a line each, as the configuration writes addresses.
    package func listen() async throws -> [String] {
        let settings = site.snapshot.settings
        var lines: [String] = []
        do {
            for (index, socket) in settings.sockets.enumerated() {
                let isAdmin = index == settings.listeners.count
                let address = try await bind(
                    socket,
                    role: isAdmin ? .admin : .viewers,
                    listener: isAdmin ? nil : index
                )
                try SocketFile.permit(socket)
                lines.append("\(isAdmin ? "admin listens" : "listening") on \(address.text)")
            }
            // Who gets an answer from one of them gets one from all.
            for (channel, _) in channels.withLock({ $0 }) { try await channel.setOption(.autoRead, value: true).get() }
        } catch {
            await closeListeners(of: .viewers)
            await closeListeners(of: .admin)
            throw error
        }
        return lines
    }

    private func bind(
        _ socket: ListeningSocket,
        role: ListenerRole,
        listener: Int?
    ) async throws -> GatewayConfiguration.SocketAddress {
        let address = socket.address
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .serverChannelOption(.autoRead, value: false)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(AcceptPause()) }
            }
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try accept(channel, role: role, listener: listener) }
            }
        let channel: any Channel
        do {
            switch address {
            case .tcp(let host, let port):
                let bootstrap = Self.watchingPeers(bootstrap)
                channel = try await bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .childChannelOption(.tcpOption(.maxUnsent), value: TCPOptions.maxUnsent)
                    .bind(host: host, port: port).get()
            case .unix(let path):
                // A file that nobody listens at any more is replaced, and another program's is not.
                if let other = try? await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get() {
                    try? await other.close()
                    throw IOError(errnoCode: EADDRINUSE, reason: "bind")
                }
                // Whoever connects is served once all are open: before ``SocketFile/permit(_:)`` nobody else may.
                let mask = umask(0o177)
                defer { _ = umask(mask) }
                channel = try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            }
        } catch {
            throw ListenFault(place: "\(socket.place).address", address: address, error)
        }
        channels.withLock { $0.append((channel, role)) }
        // Port 0 has become another.
        guard case .tcp(let host, _) = address, let port = channel.localAddress?.port else { return address }
        return .tcp(host: host, port: port)
    }

    /// Has the system find out that a peer has vanished without a word: otherwise a viewer whose network went away would
    /// hold its lease until its token expires.
    private static func watchingPeers(_ bootstrap: ServerBootstrap) -> ServerBootstrap {
        let watching = bootstrap.childChannelOption(.socketOption(.so_keepalive), value: 1)
        #if canImport(Glibc)
            // Probes after 30 s of silence, every 10 s, three times; unacknowledged data is waited for a minute.
            return watching.childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 30)
                .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 10)
                .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 3)
                .childChannelOption(.tcpOption(.init(rawValue: TCP_USER_TIMEOUT)), value: 60_000)
        #else
            return watching
        #endif
    }

    private func accept(_ channel: any Channel, role: ListenerRole, listener: Int?) throws {
        let loop = ObjectIdentifier(channel.eventLoop)
        guard let worker = workers[loop]?.value, let scratch = scratches[loop]?.value else {
            throw ChannelError.operationUnsupported
        }
        let address = ClientAddress(channel.remoteAddress)
        let share = try count(channel, role: role, address: address, worker)
        try channel.syncOptions?.setOption(.recvAllocator, value: ReceiveBuffer(pool: worker.receivePool))
        guard let context = listener.flatMap({ security.context($0) }) else {
            try Self.serve(channel, worker: worker, role: role, address: address, share: share)
            return
        }
        guard let stream = context.stream(scratch: scratch) else { throw ChannelError.operationUnsupported }
        let time = TimeAmount.milliseconds(worker.snapshot.headerTimeout)
        let handler = TLSHandler(stream: stream, handshakeTime: time) { [logger, site] channel, result in
            switch result {
            case .ready(let chosen):
                try Self.serve(channel, worker: worker, role: role, address: address, share: share, chosen: chosen)
            case .failed(let fault):
                site.turnedAway.failedHandshake(fault)
                logger.debug("TLS handshake with \(String(decoding: address.text, as: UTF8.self)): \(fault)")
            }
        }
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// Counts a connection until it is closed.
    ///
    /// - Returns: what it shares with others of its address; nil where that is not counted.
    /// - Throws: when it is past the limits.
    private func count(
        _ channel: any Channel,
        role: ListenerRole,
        address: ClientAddress,
        _ worker: Worker
    ) throws(ChannelError) -> AddressShare? {
        let limits = worker.snapshot.settings.limits
        var share: AddressShare?
        let isCounted = role == .viewers && address.isCounted(limits)
        // First, so that nobody makes others close beyond their own limit.
        if isCounted {
            share = site.connectionCounts.enter(address.hash, limit: limits.connectionsPerAddress)
            guard share != nil else {
                site.turnedAway.pastLimit(of: address)
                throw .operationUnsupported
            }
        }
        guard site.enter(role, limit: limits.connections, makesRoom: worker.closeIdleClient) else {
            if isCounted { site.connectionCounts.leave(address.hash) }
            site.turnedAway.pastTotal()
            throw .operationUnsupported
        }
        channel.closeFuture.whenComplete { [site] _ in
            if isCounted { site.connectionCounts.leave(address.hash) }
            site.leave(role)
        }
        return share
    }

    /// Adds the handler of a connection from which clear octets come.
    ///
    /// - Parameter chosen: what TLS has agreed on; nothing where there is no TLS.
    private static func serve(
        _ channel: any Channel,
        worker: Worker,
        role: ListenerRole,
        address: ClientAddress,
        share: AddressShare?,
        chosen: TLSProtocol? = nil
    ) throws {
        switch chosen {
        case nil, .http1:
            let isSecure = chosen != nil
            let connection = ClientConnection(
                worker: worker,
                listener: role,
                address: address,
                share: share,
                isSecure: isSecure
            )
            try channel.pipeline.syncOperations.addHandler(connection)
        case .http2:
            let connection = HTTP2Connection(
                worker: worker,
                listener: role,
                address: address,
                share: share,
                isSecure: true
            )
            try channel.pipeline.syncOperations.addHandler(connection)
        }
    }

    /// What OpenSSL does not take of a configuration's certificates, each as `listener[0].certificate: …`.
    package static func problems(in settings: Settings) -> [String] {
        do {
            _ = try ListenerSecurity(settings.listeners)
            return []
        } catch {
            return error.problems
        }
    }

    /// How many clients may be connected, and why, in the operator's words.
    package var connectionLimit: String {
        let (limits, budget) = (site.snapshot.settings.limits, site.descriptors)
        let count = budget.connections(of: limits.connections)
        guard count < limits.connections else { return "up to \(count) connections" }
        return """
            up to \(count) connections, not the \(limits.connections) of limits.connections: the system allows \
            \(budget.capacity + budget.reserve) descriptors, each connection may need two, and \(budget.reserve) are kept back
            """
    }

    /// How long a drain may take, in milliseconds.
    package var drainTime: Int64 { site.snapshot.settings.drainTimeout.milliseconds }

    /// Ends well: readiness fails, viewers' listeners close, exchanges finish. Returns when nothing is left or the time is
    /// over. Until then the admin listener says how it stands.
    package func drain() async {
        let limit = site.snapshot.settings.drainTimeout
        site.drain()
        await closeListeners(of: .viewers)
        let deadline = ContinuousClock.now + limit
        while site.viewerConnections > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        let left = site.viewerConnections
        if left > 0 { logger.notice("cut \(left) connections at the end of drain_timeout") }
        await closeListeners(of: .admin)
        site.forEachWorker { $0.closeAll() }
        try? await group.shutdownGracefully()
        site.accessLog.stop()
    }

    /// Now, in milliseconds since 1970.
    package static func now() -> Milliseconds { Clock().wall }

    /// Now, as logs have it: UTC with milliseconds.
    package static func timestamp() -> String { timestamp(Clock().wall) }

    /// A moment in milliseconds since 1970, as logs have it.
    package static func timestamp(_ moment: Milliseconds) -> String { Timestamp.text(moment) }

    private func closeListeners(of role: ListenerRole) async {
        let open = channels.withLock { channels in
            let open = channels.filter { $0.role == role }
            channels.removeAll { $0.role == role }
            return open
        }
        for (channel, _) in open { try? await channel.close() }
    }
}
