package import Admission
package import Configuration
package import JOSE
package import Logging
package import NIOCore
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
    private let logger: Logger
    private let channels = Mutex<[any Channel]>([])
    private let generation = Mutex<UInt64>(1)

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
        accessLog: AccessLog,
        logger: Logger,
        loopCount: Int = System.coreCount
    ) throws {
        self.logger = logger
        site = Site(
            snapshot: Snapshot(settings: settings, generation: 1, previous: nil),
            directory: directory,
            cookieKey: keys.cookie,
            assertionKey: keys.assertion,
            accessLog: accessLog
        )
        group = MultiThreadedEventLoopGroup(numberOfThreads: loopCount)
        var workers: [ObjectIdentifier: NIOLoopBound<Worker>] = [:]
        for loop in group.makeIterator() {
            workers[ObjectIdentifier(loop)] = try loop.submit { [site] in
                let worker = Worker(loop: loop, site: site)
                worker.start()
                site.register(worker)
                return NIOLoopBound(worker, eventLoop: loop)
            }.wait()
        }
        self.workers = workers
    }

    /// Opens every listener and returns the addresses that they have, the admin listener's last.
    package func listen() async throws -> [NIOCore.SocketAddress] {
        let settings = site.snapshot.settings
        var addresses: [NIOCore.SocketAddress] = []
        do {
            for listener in settings.listeners {
                addresses.append(try await bind(listener.address, role: .viewers))
            }
            addresses.append(try await bind(settings.admin.address, role: .admin))
            // Who gets an answer from one of them gets one from all.
            for channel in channels.withLock({ $0 }) { try await channel.setOption(.autoRead, value: true).get() }
        } catch {
            await closeListeners()
            throw error
        }
        return addresses
    }

    private func bind(_ address: Configuration.SocketAddress, role: ListenerRole) async throws -> NIOCore.SocketAddress
    {
        let workers = workers
        let site = site
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.recvAllocator, value: ReceiveBuffer(initial: 2 << 10, maximum: 64 << 10))
            .childChannelInitializer { channel in
                guard let worker = workers[ObjectIdentifier(channel.eventLoop)] else {
                    return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
                }
                return channel.eventLoop.makeCompletedFuture {
                    try Self.accept(channel, worker: worker.value, site: site, role: role)
                }
            }
        let channel: any Channel
        do {
            switch address {
            case .tcp(let host, let port):
                let bootstrap = Self.watchingPeers(bootstrap)
                channel = try await bootstrap.childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .bind(host: host, port: port).get()
            case .unix(let path):
                channel = try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
            }
        } catch {
            throw ListenFault(address: address, reason: "\(error)")
        }
        channels.withLock { $0.append(channel) }
        guard let bound = channel.localAddress else { throw ListenFault(address: address, reason: "no local address") }
        return bound
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

    private static func accept(_ channel: any Channel, worker: Worker, site: Site, role: ListenerRole) throws {
        let limit = worker.snapshot.settings.limits.connections
        // The admin listener must answer when the others are full.
        if site.connections.wrappingAdd(1, ordering: .relaxed).newValue > limit, role == .viewers {
            site.connections.wrappingSubtract(1, ordering: .relaxed)
            throw ChannelError.operationUnsupported
        }
        let connection = ClientConnection(
            worker: worker,
            listener: role,
            address: ClientAddress(channel.remoteAddress)
        )
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    /// Swaps the configuration. Connections, leases and sockets stay.
    ///
    /// - Returns: what a running process cannot change and keeps as it is, in the operator's words.
    package func reload(_ settings: Settings) -> [String] {
        let previous = site.snapshot
        var kept: [String] = []
        var settings = settings
        if settings.listeners.map(\.address) != previous.settings.listeners.map(\.address) {
            kept.append("listener: addresses change at the next start")
            settings.listeners = previous.settings.listeners
        }
        if settings.admin.address != previous.settings.admin.address {
            kept.append("admin.address: changes at the next start")
            settings.admin = previous.settings.admin
        }
        if settings.log.format != previous.settings.log.format || settings.log.level != previous.settings.log.level {
            kept.append("log: level and format change at the next start")
        }
        if settings.sessions.cookieKeyFile != previous.settings.sessions.cookieKeyFile
            || settings.identity.assertionKeyFile != previous.settings.identity.assertionKeyFile
        {
            kept.append("cookie_key_file, assertion_key_file: change at the next start")
        }
        let generation = generation.withLock { generation in
            generation += 1
            return generation
        }
        site.adopt(Snapshot(settings: settings, generation: generation, previous: previous))
        return kept
    }

    /// Frees leases that are over. To be called about once a second.
    package func expireLeases() {
        site.leases.expire(now: Clock().wall, policy: site.snapshot.rules.sessions)
    }

    /// Ends well: readiness fails, listeners close, exchanges finish. Returns when nothing is left or the time is over.
    package func drain() async {
        let limit = site.snapshot.settings.drainTimeout
        site.drain()
        await closeListeners()
        let deadline = ContinuousClock.now + limit
        while site.connections.load(ordering: .relaxed) > 0, ContinuousClock.now < deadline {
            try? await Task.sleep(for: .milliseconds(20))
        }
        let left = site.connections.load(ordering: .relaxed)
        if left > 0 { logger.notice("cut \(left) connections at the end of drain_timeout") }
        site.forEachWorker { $0.closeAll() }
        try? await group.shutdownGracefully()
        site.accessLog.stop()
    }

    /// Now, as logs have it: UTC with milliseconds.
    package static func timestamp() -> String { timestamp(Clock().wall) }

    /// A moment in milliseconds since 1970, as logs have it.
    package static func timestamp(_ moment: Milliseconds) -> String { HTTPDate.timestamp(moment) }

    private func closeListeners() async {
        let open = channels.withLock { channels in
            defer { channels = [] }
            return channels
        }
        for channel in open { try? await channel.close() }
    }
}

/// A listener could not be opened.
package struct ListenFault: Error, CustomStringConvertible {
    package let address: Configuration.SocketAddress
    package let reason: String

    package var description: String {
        switch address {
        case .tcp(let host, let port): "cannot listen on \(host):\(port): \(reason)"
        case .unix(let path): "cannot listen on unix:\(path): \(reason)"
        }
    }
}
