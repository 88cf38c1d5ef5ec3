import GatewayConfiguration
import Transport

/// One event loop's connections to the servers of one upstream.
final class UpstreamPool {
    let upstream: Upstream
    private unowned let worker: Worker
    private var servers: [ServerPool]
    /// A reload has replaced the upstream: nothing is kept idle any more.
    private var isRetired = false

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
        worker.site.descriptors.take()
        exchange.upstreamConnecting(connection)
        connection.lease(to: exchange, use)
        switch server.target {
        case .address(let address):
            open(connection, to: [address], within: server.connectTimeout)
        case .name(let host, let port):
            // A name server that stays silent has no more time than a server that does.
            connection.resolving = worker.loop.schedule(in: server.connectTimeout) {
                connection.resolving = nil
                connection.connectFailed(.dns)
                connection.endDescriptor()
            }
            let bound = Confined((self, connection, worker.loop.now), to: worker.loop.mailbox)
            worker.site.resolver.resolve(host, port: port, for: worker.loop.mailbox) { outcome, loop in
                let (pool, connection, startedAt) = bound.value
                guard let timer = connection.resolving.take() else { return }
                loop.cancel(timer)
                switch outcome {
                case .found(let addresses):
                    let left = connection.server.connectTimeout - (loop.now - startedAt)
                    pool.open(connection, to: addresses, within: left)
                case .failed:
                    connection.connectFailed(.dns)
                    connection.endDescriptor()
                }
            }
        }
    }

    private func open(_ connection: UpstreamConnection, to addresses: [NetworkAddress], within time: Int64) {
        let connector = Connector(to: addresses, within: time, on: worker.loop) { descriptor, address in
            if address.isIP { SocketOptions.upstream.set(on: descriptor) }
        } completion: { [self] outcome in
            switch outcome {
            case .connected(let descriptor, _):
                guard let peer = connection.server.peer else {
                    connection.opened(descriptor, tls: nil)
                    return
                }
                guard let stream = upstream.security?.stream(to: peer) else {
                    connection.connectFailed(.tls)
                    connection.endDescriptor()
                    return
                }
                connection.opened(descriptor, tls: stream)
            case .failed(let fault):
                // That we have no descriptor left says nothing of the server.
                connection.connectFailed(fault.isShortage ? nil : ConnectFault(fault))
                connection.endDescriptor()
            }
        }
        connection.opening = connector
        connector.start()
    }

    var serverCount: Int { servers.count }

    /// Takes back a connection whose exchange is over; it is kept when it may serve another.
    func release(_ connection: UpstreamConnection, serverIndex: Int, reusable: Bool) {
        servers[serverIndex].openExchanges -= 1
        guard reusable, !isRetired, !worker.site.descriptors.isShort,
            servers[serverIndex].idle.count < upstream.settings.maxIdlePerServer
        else {
            connection.stop()
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
            for connection in stale { connection.stop() }
        }
    }

    /// Since when the connection that has been idle longest is; nothing when none is.
    var idleSince: Int64? { servers.compactMap { $0.idle.first?.idleSince }.min() }

    /// Closes the connection that has been idle longest.
    func closeOldestIdle() {
        let oldest = servers.indices.filter { !servers[$0].idle.isEmpty }
            .min { servers[$0].idle[0].idleSince < servers[$1].idle[0].idleSince }
        if let oldest { servers[oldest].idle.removeFirst().stop() }
    }

    /// Closes every connection that nobody uses.
    func closeIdle() {
        for index in servers.indices {
            let idle = servers[index].idle
            servers[index].idle = []
            for connection in idle { connection.stop() }
        }
    }

    func retire() {
        isRetired = true
        closeIdle()
    }
}
