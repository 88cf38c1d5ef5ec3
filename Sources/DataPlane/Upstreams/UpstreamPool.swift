import Basics
import GatewayConfiguration
import Transport

/// One event loop's connections to the servers of one upstream.
final class UpstreamPool {
    let upstream: Upstream
    private unowned let all: UpstreamPools
    private var servers: [ServerPool]
    /// Whether a reload has replaced the upstream. Then no connection is kept idle.
    private var isRetired = false

    private struct ServerPool {
        let server: UpstreamServer
        /// Most recently used last.
        var idle: ContiguousArray<UpstreamConnection> = []
        var openExchanges = 0
    }

    /// How long to keep an idle connection, in milliseconds. Shorter than common servers do, so that few requests meet
    /// a connection that is just being closed.
    static let idleLifetime: Int64 = 30_000

    init(_ upstream: Upstream, among all: UpstreamPools) {
        self.upstream = upstream
        self.all = all
        servers = upstream.servers.map { ServerPool(server: $0) }
    }

    /// Gives `exchange` a connection: an idle one at once, or a new one later. Reports to the exchange through
    /// `upstreamConnected` or `upstreamFailed`.
    ///
    /// - Parameter tried: the servers that have failed this exchange, as a bit set.
    func acquire(for exchange: any UpstreamUser, tried: UInt64, allowsReuse: Bool) {
        let (descriptors, use) = (all.descriptors, exchange.descriptorUse)
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
        // If descriptors are short, first close an idle connection of any pool.
        guard !descriptors.isExhausted || all.closeOldestIdle() else {
            servers[index].openExchanges -= 1
            descriptors.end(use)
            descriptors.ranOut()
            exchange.upstreamFailed(.shortage)
            return
        }
        connect(to: index, for: exchange, use)
    }

    /// The server with the fewest open exchanges on this loop. Chooses a failing server only if no other is left.
    private func leastBusy(tried: UInt64) -> Int? {
        let now = all.loop.now
        var best: Int?
        var bestKey = (1, Int.max)
        // Start at a random offset to spread equal choices.
        let offset = servers.count > 1 ? Int(all.random.next() % UInt64(servers.count)) : 0
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

    private func connect(to index: Int, for exchange: any UpstreamUser, _ use: DescriptorBudget.Use) {
        let server = servers[index].server
        let connection = UpstreamConnection(pools: all, pool: self, serverIndex: index, server: server)
        all.descriptors.take()
        exchange.upstreamConnecting(connection)
        connection.lease(to: exchange, use)
        let dial = ServerDial(to: server, on: all.loop, resolver: all.resolver) { [self] outcome in
            switch outcome {
            case .connected(let descriptor): connected(connection, descriptor)
            case .failed(let fault):
                connection.connectFailed(fault)
                connection.endDescriptor()
            }
        }
        connection.opening = dial
        dial.start()
    }

    private func connected(_ connection: UpstreamConnection, _ descriptor: Descriptor) {
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
    }

    var serverCount: Int { servers.count }

    /// Takes back a connection after its exchange. Keeps it if it is reusable.
    func release(_ connection: UpstreamConnection, serverIndex: Int, reusable: Bool) {
        servers[serverIndex].openExchanges -= 1
        guard reusable, !isRetired, !all.descriptors.isShort,
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

    /// Closes connections that have been idle for too long.
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

    /// When the connection that has been idle longest became idle. `nil` if none is idle.
    var idleSince: Int64? { servers.compactMap { $0.idle.first?.idleSince }.min() }

    /// Closes the connection that has been idle longest.
    func closeOldestIdle() {
        let oldest = servers.indices.filter { !servers[$0].idle.isEmpty }
            .min { servers[$0].idle[0].idleSince < servers[$1].idle[0].idleSince }
        if let oldest { servers[oldest].idle.removeFirst().stop() }
    }

    /// Closes all idle connections.
    func closeIdle() {
        for index in servers.indices {
            let idle = servers[index].idle
            servers[index].idle = []
            for connection in idle { connection.stop() }
        }
    }

    /// Adds the present connections to `counts`.
    func count(into counts: inout LoopCounts) {
        for pool in servers {
            let row = pool.server.slot * ServerRow.size
            counts.servers[row + ServerRow.activeConnections] += pool.openExchanges
            counts.servers[row + ServerRow.idleConnections] += pool.idle.count
        }
    }

    func retire() {
        isRetired = true
        closeIdle()
    }
}
