import Basics
import GatewayConfiguration
import Transport

/// One event loop's connections to the servers of one upstream.
final class UpstreamPool {
    let upstream: Upstream
    private unowned let all: UpstreamPools
    private let loop: EventLoop
    private let descriptors: DescriptorBudget
    private let counters: LoopCounters
    private var servers: [ServerPool]
    private var balancer: Balancer
    private var retryBudget: RetryBudget
    /// Whether exchanges take places of their servers, and may have to wait for one.
    private var takesPlaces: Bool
    private var waiting = WaitingLine()
    /// Runs while exchanges wait.
    private var timer: TimerHeap.ID?
    private var isServing = false
    /// Whether a reload has replaced the upstream. Then no connection is kept idle.
    private var isRetired = false

    private struct ServerPool {
        let server: UpstreamServer
        /// Most recently used last.
        var idle: ContiguousArray<UpstreamConnection> = []
    }

    /// How long to keep an idle connection, in milliseconds. Shorter than common servers do, so that few requests meet
    /// a connection that is just being closed.
    static let idleLifetime: Int64 = 30_000
    /// How often to look whether those who wait here can be served in another way than by a place that was left, such as
    /// by a server that has come back. Milliseconds.
    private static let waitInterval: Int64 = 100

    init(_ upstream: Upstream, among all: UpstreamPools) {
        self.upstream = upstream
        self.all = all
        (loop, descriptors, counters) = (all.loop, all.descriptors, all.counters)
        servers = upstream.servers.map { ServerPool(server: $0) }
        let settings = upstream.settings
        takesPlaces = settings.maxConnections > 0
        retryBudget = RetryBudget(percent: settings.maxRetryPercent, upstream.freeRetries)
        balancer = Balancer(
            settings.balance,
            settings.servers.map { .init(weight: $0.weight, isBackup: $0.isBackup, name: $0.address.text) }
        )
    }

    /// Gives `exchange` a connection: an idle one at once, or a new one later. Reports to the exchange through
    /// `upstreamConnected` or `upstreamFailed`.
    ///
    /// - Parameter tried: the servers that have failed this exchange, as a bit set.
    func acquire(for exchange: any UpstreamUser, tried: UInt64, allowsReuse: Bool) {
        // Nobody passes those who wait, here or on another event loop.
        guard !takesPlaces || !upstream.hasWaiting, attempt(for: exchange, tried: tried, allowsReuse: allowsReuse)
        else {
            wait(exchange, tried: tried, allowsReuse: allowsReuse)
            return
        }
    }

    /// Gives `exchange` a connection, or reports why there is none. Returns false if it has to wait.
    private func attempt(for exchange: any UpstreamUser, tried: UInt64, allowsReuse: Bool) -> Bool {
        let use = exchange.descriptorUse
        guard descriptors.begin(use) else {
            exchange.upstreamFailed(.shortage)
            return true
        }
        let now = loop.now
        var isFull = false
        guard let index = choose(tried, for: exchange, at: now, isFull: &isFull) else {
            descriptors.end(use)
            if isFull { return false }
            var fault: UpstreamFault?
            for index in servers.indices where UpstreamConnection.bit(of: index) & tried == 0 {
                switch servers[index].server.standing(at: now, mayTry: exchange.isSafe) {
                case .full: return false
                case .unresponsive: fault = .unresponsive
                case .drained: fault = fault ?? .drained
                case .up, .down: break
                }
            }
            exchange.upstreamFailed(fault ?? .connect(.failed))
            return true
        }
        let isTrial = servers[index].server.isOut(at: now)
        balancer.opened(index)
        if allowsReuse {
            while let connection = servers[index].idle.popLast() {
                guard connection.isUsable else { continue }
                connection.lease(to: exchange, use, isTrial: isTrial)
                exchange.upstreamConnected(connection)
                return true
            }
        }
        // If descriptors are short, first close an idle connection of any pool.
        guard !descriptors.isExhausted || all.closeOldestIdle() else {
            balancer.closed(index)
            if isTrial { servers[index].server.endTrial(at: now) }
            giveBack(servers[index].server)
            descriptors.end(use)
            descriptors.ranOut()
            exchange.upstreamFailed(.shortage)
            return true
        }
        connect(to: index, for: exchange, use, isTrial: isTrial)
        return true
    }

    /// The server for an exchange, where it has a place. Returns `nil` if all were tried, are full or unresponsive.
    ///
    /// - Parameter isFull: set to true if another exchange has taken the last place of a server meanwhile.
    private func choose(
        _ tried: UInt64,
        for exchange: any UpstreamUser,
        at now: Int64,
        isFull: inout Bool
    ) -> Int? {
        let key = balancer.needsKey ? exchange.balanceKey : nil
        let isSafe = exchange.isSafe
        var excluded = tried
        for _ in servers.indices {
            let index = balancer.choose(tried: excluded, key: key, random: &all.random) {
                servers[$0].server.standing(at: now, mayTry: isSafe)
            }
            guard let index else { return nil }
            let server = servers[index].server
            if !takesPlaces || server.places.take() {
                if server.admits(at: now) { return index }
                if takesPlaces { server.places.giveBack() }
            } else {
                isFull = true
            }
            excluded |= UpstreamConnection.bit(of: index)
        }
        return nil
    }

    private func connect(
        to index: Int,
        for exchange: any UpstreamUser,
        _ use: DescriptorBudget.Use,
        isTrial: Bool
    ) {
        let server = servers[index].server
        let connection = UpstreamConnection(pools: all, pool: self, serverIndex: index, server: server)
        descriptors.take()
        exchange.upstreamConnecting(connection)
        connection.lease(to: exchange, use, isTrial: isTrial)
        let dial = ServerDial(to: server, on: loop, resolver: all.resolver) { [self] outcome in
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

    /// Counts a request that is sent for the first time.
    func countRequest() { retryBudget.countRequest(at: loop.now) }

    /// Counts a request that is to be sent once more. Returns false if it must not be, for the sake of the servers.
    func takeRetry() -> Bool {
        let isAllowed = retryBudget.takeRetry(at: loop.now)
        if isAllowed { counters.retried(upstream.slot) } else { counters.withheldRetry(upstream.slot) }
        return isAllowed
    }

    /// Records the head of an answer.
    func answered(_ status: Int, over connection: UpstreamConnection) {
        let server = connection.server
        server.answered(at: loop.now)
        if status >= 500, upstream.settings.ejection.countsErrors {
            failed(connection, .status(status))
        } else if server.hasFailed {
            server.succeeded(at: loop.now, isTrial: connection.isTrial)
        }
    }

    /// Records what the server did wrong over `connection`, or instead of one.
    func failed(_ connection: UpstreamConnection, _ fault: ServerFault) {
        let server = connection.server
        if upstream.failed(server, fault, isTrial: connection.isTrial, at: loop.now) {
            counters.ejected(server.slot)
        }
    }

    /// Takes back a connection after its exchange. Keeps it if it is reusable.
    func release(_ connection: UpstreamConnection, serverIndex: Int, reusable: Bool) {
        balancer.closed(serverIndex)
        if connection.isTrial { connection.server.endTrial(at: loop.now) }
        giveBack(connection.server)
        guard reusable, !isRetired, !descriptors.isShort,
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

    /// Adds the present connections and waiting exchanges to `counts`.
    func count(into counts: inout LoopCounts) {
        let name = ExactText(upstream.settings.name)
        // After reloads, the places of its counters may be another's.
        if counts.labels.upstreams.names[upstream.slot] == name {
            counts.upstreams[upstream.slot * UpstreamRow.size + UpstreamRow.waiting] += waiting.count
        }
        for (pool, balanced) in zip(servers, balancer.servers) {
            let label = CounterLabels.Server(upstream: name, name: ExactText(pool.server.name))
            guard counts.labels.servers.names[pool.server.slot] == label else { continue }
            let row = pool.server.slot * ServerRow.size
            counts.servers[row + ServerRow.activeConnections] += balanced.open
            counts.servers[row + ServerRow.idleConnections] += pool.idle.count
        }
    }

    /// Stops keeping connections: a reload has replaced the upstream, or the process ends.
    func retire() {
        isRetired = true
        closeIdle()
        if !takesPlaces {
            takesPlaces = true
            for (pool, balanced) in zip(servers, balancer.servers) { pool.server.places.add(balanced.open) }
        }
        // The limit may be another.
        if !waiting.isEmpty { serveSoon() }
    }

    /// Whether any exchange has a connection or waits for one.
    var isUsed: Bool { !waiting.isEmpty || balancer.servers.contains { $0.open > 0 } }
}

// MARK: - Waiting for a place

extension UpstreamPool {
    private var id: ObjectIdentifier { ObjectIdentifier(self) }

    private func wait(_ exchange: any UpstreamUser, tried: UInt64, allowsReuse: Bool) {
        let pool = Confined(self, to: loop.mailbox)
        guard let entrance = upstream.beginWaiting(id, hasSession: exchange.hasSession, as: pool) else {
            return exchange.upstreamFailed(.busy)
        }
        let until = loop.now + upstream.settings.waitTimeout.milliseconds
        waiting.append(
            .init(exchange: exchange, tried: tried, allowsReuse: allowsReuse, rank: entrance.rank, until: until)
        )
        exchange.upstreamAwaited()
        if timer == nil { lookAgain() }
        if let loser = entrance.ousts {
            if loser.mailbox === loop.mailbox {
                loser.value.refuseOusted()
            } else {
                loser.mailbox.post { _ in loser.value.refuseOusted() }
            }
        }
        // A place may have been left before the others knew that somebody waits here.
        serveSoon()
    }

    /// Forgets an exchange that waits no more, if it does.
    func stopWaiting(_ exchange: any UpstreamUser) {
        if !waiting.isEmpty, let place = waiting.remove(exchange) { left(place) }
    }

    /// Refuses the last of those without a session that have lost their place to one that has one.
    func refuseOusted() {
        while upstream.hasOusted(id), let place = waiting.takeLastOther() { refuse(place) }
    }

    private func refuse(_ place: WaitingLine.Place) {
        left(place)
        place.exchange.upstreamFailed(.busy)
    }

    /// Tells the other pools that an exchange has left the line.
    private func left(_ place: WaitingLine.Place) {
        upstream.endWaiting(id, hasSession: place.comesFirst, first: waiting.rank(at: 0))
    }

    private func show(at index: Int) {
        if let rank = waiting.rank(at: index) { upstream.show(id, rank) }
    }

    private func lookAgain() {
        let left = waiting.nextDeadline.map { $0 - loop.now } ?? 0
        timer = loop.schedule(in: max(min(left, Self.waitInterval), 0)) { [self] in
            timer = nil
            // Those on other loops look by themselves.
            serve(after: .last)
            if !waiting.isEmpty, timer == nil { lookAgain() }
        }
    }

    /// Gives a server's place to who waits first.
    private func giveBack(_ server: UpstreamServer) {
        guard takesPlaces else { return }
        server.places.giveBack()
        guard upstream.hasWaiting else { return }
        if let rank = waiting.rank(at: 0), !upstream.callNext(besides: id, after: nil, before: rank) {
            serveSoon()
        } else if waiting.isEmpty {
            upstream.callNext(besides: id, after: nil)
        }
    }

    /// Serves those who wait once the exchange that leaves a place has ended.
    private func serveSoon() {
        guard !isServing else { return }
        isServing = true
        loop.schedule(in: 0) { [self] in
            isServing = false
            serve()
        }
    }

    /// Serves those who wait here as long as a server has a place for them and nobody on another event loop comes first.
    ///
    /// - Parameter floor: those up to it on other loops have had their turn.
    func serve(after floor: TurnRank? = nil) {
        while let late = waiting.takeLate(at: loop.now) { refuse(late) }
        var (index, floor) = (0, floor)
        while let rank = waiting.rank(at: index) {
            // It calls back: this loop goes on where it stands.
            if upstream.callNext(besides: id, after: floor, before: rank) { return }
            let place = waiting.take(at: index)
            if attempt(for: place.exchange, tried: place.tried, allowsReuse: place.allowsReuse) {
                left(place)
                continue
            }
            waiting.putBack(place, at: index)
            // Nobody else finds a place either, unless this one has tried the servers that have one.
            guard place.tried != 0 else { return show(at: 0) }
            floor = floor.map { max($0, rank) } ?? rank
            index += 1
            show(at: index)
        }
        show(at: 0)
        if upstream.hasWaiting { upstream.callNext(besides: id, after: floor) }
    }
}
