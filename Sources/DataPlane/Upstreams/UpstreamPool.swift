import GatewayConfiguration
import NIOCore
import NIOPosix

/// One event loop's connections to the servers of one upstream.
final class UpstreamPool {
    let upstream: Upstream
    private unowned let worker: Worker
    private var servers: [ServerPool]
    /// A reload has replaced the upstream: nothing is kept idle any more.
    private var isRetired = false
    private let scratch: TLSScratch

    private struct ServerPool {
        let server: UpstreamServer
        /// Most recently used last.
        var idle: ContiguousArray<UpstreamConnection> = []
        var openExchanges = 0
    }

    /// An idle connection is closed after this long, sooner than common servers do, so that few requests meet a
    /// connection that is just being closed. Milliseconds.
    static let idleLifetime: Int64 = 30_000

    init(_ upstream: Upstream, worker: Worker) {
        self.upstream = upstream
        self.worker = worker
        scratch = TLSScratch(receivePool: worker.receivePool.value)
        servers = upstream.servers.map { ServerPool(server: $0) }
    }

    /// Gives `exchange` a connection: an idle one at once, or a new one later. The exchange is told by
    /// `upstreamConnected` or `upstreamFailed`.
    ///
    /// - Parameter tried: servers that have failed this exchange, as bits.
    func acquire(for exchange: Exchange, tried: UInt64, allowsReuse: Bool) {
        let (descriptors, use) = (worker.site.descriptors, exchange.descriptorUse)
        guard descriptors.begin(use) else {
            exchange.upstreamFailed(.shortage)
            return
        }
        guard let index = leastBusy(tried: tried) else {
            descriptors.end(use)
            exchange.upstreamFailed(.connect(.failed))
            return
        }
        servers[index].openExchanges += 1
        if allowsReuse {
            while let connection = servers[index].idle.popLast() {
                guard connection.isUsable else { continue }
                connection.lease(to: exchange, use)
                exchange.upstreamConnected(connection)
                return
            }
        }
        // Others' idle connections go first when descriptors are short.
        guard !descriptors.isExhausted || worker.closeOldestIdle() else {
            servers[index].openExchanges -= 1
            descriptors.end(use)
            descriptors.ranOut()
            exchange.upstreamFailed(.shortage)
            return
        }
        connect(to: index, for: exchange, use)
    }

    /// The server with the fewest open exchanges on this loop; one that fails counts only when no other is left.
    private func leastBusy(tried: UInt64) -> Int? {
        let now = worker.clock.monotonic
        var best: Int?
        var bestKey = (1, Int.max)
        // Starting after a moving offset spreads equal choices.
        let offset = servers.count > 1 ? Int(worker.random.next() % UInt64(servers.count)) : 0
        for step in servers.indices {
            let index = (step + offset) % servers.count
            guard index >= 64 || tried >> UInt64(index) & 1 == 0 else { continue }
            let key = (servers[index].server.isHealthy(at: now) ? 0 : 1, servers[index].openExchanges)
            if key < bestKey {
                bestKey = key
                best = index
            }
        }
        return best
    }

    private func connect(to index: Int, for exchange: Exchange, _ use: DescriptorBudget.Use) {
        let server = servers[index].server
        let connection = UpstreamConnection(worker: worker, pool: self, serverIndex: index, server: server)
        exchange.upstreamConnecting(connection)
        connection.lease(to: exchange, use)
        var bootstrap = ClientBootstrap(group: worker.loop)
            .connectTimeout(server.connectTimeout)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: ReceiveBuffer(pool: worker.receivePool))
        if server.isOverTCP {
            bootstrap = bootstrap.channelOption(.tcpOption(.maxUnsent), value: TCPOptions.maxUnsent)
        }
        let future =
            switch server.target {
            case .address(let address): bootstrap.connect(to: address)
            case .name(let host, let port): bootstrap.connect(host: host, port: port)
            }
        // A name may have several addresses, and each attempt a channel of its own: the connection becomes the handler of
        // the one that wins.
        let bound = NIOLoopBound((self, connection), eventLoop: worker.loop)
        let descriptors = worker.site.descriptors
        descriptors.take()
        let giveBack: @Sendable () -> Void = {
            descriptors.giveBack()
            bound.value.1.endUse()
        }
        future.hop(to: worker.loop).whenComplete { result in
            switch result {
            case .success(let channel): channel.closeFuture.whenComplete { _ in giveBack() }
            case .failure: giveBack()
            }
        }
        future.hop(to: worker.loop).flatMapThrowing { channel in
            let (pool, connection) = bound.value
            if let peer = server.peer {
                try pool.secure(channel, peer, connection)
            } else {
                try channel.pipeline.syncOperations.addHandler(connection)
            }
        }.whenFailure { error in
            // That we have no descriptor left says nothing of the server.
            let isShortage = (error as? IOError)?.isShortage == true
            bound.value.1.connectFailed(isShortage ? nil : ConnectFault(error))
        }
    }

    /// Has the connection begin once the server has proved who it is.
    private func secure(_ channel: any Channel, _ peer: TLSPeer, _ connection: UpstreamConnection) throws {
        guard let stream = upstream.security?.stream(to: peer, scratch: scratch) else {
            channel.close(promise: nil)
            throw ChannelError.operationUnsupported
        }
        let server = connection.server
        let handler = TLSHandler(stream: stream, handshakeTime: server.connectTimeout) { channel, result in
            switch result {
            case .ready:
                try channel.pipeline.syncOperations.addHandler(connection)
            case .failed(let fault):
                peer.forget()
                server.distrusts(fault)
                connection.connectFailed(.tls)
            }
        }
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    var serverCount: Int { servers.count }

    /// Takes back a connection whose exchange is over; it is kept when it may serve another.
    func release(_ connection: UpstreamConnection, serverIndex: Int, reusable: Bool) {
        servers[serverIndex].openExchanges -= 1
        guard reusable, !isRetired, !worker.site.descriptors.isShort,
            servers[serverIndex].idle.count < upstream.settings.maxIdlePerServer
        else {
            connection.close()
            return
        }
        servers[serverIndex].idle.append(connection)
    }

    /// Forgets an idle connection that was closed.
    func remove(_ connection: UpstreamConnection, serverIndex: Int) {
        if let position = servers[serverIndex].idle.lastIndex(where: { $0 === connection }) {
            servers[serverIndex].idle.remove(at: position)
        }
    }

    /// Closes connections that nobody has used for a while.
    func closeStale(at now: Int64) {
        for index in servers.indices {
            var count = 0
            for connection in servers[index].idle {
                guard connection.idleSince + Self.idleLifetime <= now else { break }
                count += 1
            }
            guard count > 0 else { continue }
            let stale = servers[index].idle.prefix(count)
            servers[index].idle.removeFirst(count)
            for connection in stale { connection.close() }
        }
    }

    /// Since when the connection that has been idle longest is; nothing when none is.
    var idleSince: Int64? { servers.compactMap { $0.idle.first?.idleSince }.min() }

    /// Closes the connection that has been idle longest.
    func closeOldestIdle() {
        let oldest = servers.indices.filter { !servers[$0].idle.isEmpty }
            .min { servers[$0].idle[0].idleSince < servers[$1].idle[0].idleSince }
        if let oldest { servers[oldest].idle.removeFirst().close() }
    }

    /// Closes every connection that nobody uses.
    func closeIdle() {
        for index in servers.indices {
            let idle = servers[index].idle
            servers[index].idle = []
            for connection in idle { connection.close() }
        }
    }

    func retire() {
        isRetired = true
        closeIdle()
    }
}
