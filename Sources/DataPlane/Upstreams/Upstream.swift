import Basics
import GatewayConfiguration
import Synchronization
import Transport

/// A group of interchangeable servers.
final class Upstream: Sendable {
    let settings: UpstreamSettings
    let servers: [UpstreamServer]
    let responseTimeout: Int64
    let host: HostLine
    /// How to verify https servers. `nil` if there are none.
    let security: TLSClientContext?
    /// The place of its counters.
    let slot: Int
    /// How many servers may be ejected at a time because of their answers.
    private let maxEjected: Int
    private let line: Line
    /// Taken by the retries of all event loops.
    let freeRetries = FreeRetries()
    /// Held while it is decided whether to eject a server.
    private let ejecting = Mutex<Void>(())

    /// The exchanges that wait for a server, in the pools of all event loops. Those that wait when a reload replaces the
    /// upstream keep their turn.
    private final class Line: Sendable {
        let turns: Mutex<TurnOrder<Confined<UpstreamPool>>>
        /// How many pools there are in which exchanges wait.
        let pools = Atomic<Int>(0)

        init(limit: Int) { turns = Mutex(TurnOrder(limit: limit)) }
    }

    /// - Parameters:
    ///   - labels: include its name and those of its servers.
    ///   - former: the upstream of that name until now. What an operator has drained there stays drained.
    ///   - places: of servers until now. They are taken over, with the limit of these settings.
    init(
        _ settings: UpstreamSettings,
        _ labels: CounterLabels,
        former: Upstream? = nil,
        places: [CounterLabels.Server: ServerPlaces] = [:]
    ) {
        self.settings = settings
        line = former?.line ?? Line(limit: settings.maxWaiting)
        line.turns.withLock { $0.limit = settings.maxWaiting }
        slot = labels.upstreams[ExactText(settings.name)]
        security =
            settings.servers.contains { $0.isSecure }
            ? TLSClientContext(authorities: settings.authorities, certifiedKey: settings.certifiedKey) : nil
        let ejection = settings.ejection
        let rules = ServerRecord.Rules(
            ejectAfter: ejection.after,
            ejectTime: ejection.time.milliseconds,
            maxEjectTime: ejection.maxTime.milliseconds
        )
        let count = settings.servers.count
        maxEjected = ejection.maxPercent == 0 ? 0 : min(max(count * ejection.maxPercent / 100, 1), count - 1)
        servers = settings.servers.map { server in
            let label = CounterLabels.Server(upstream: ExactText(settings.name), name: ExactText(server.address.text))
            return UpstreamServer(
                server,
                connectTimeout: settings.connectTimeout,
                responseTimeout: settings.responseTimeout,
                hostLine: settings.host == .upstream ? HostLine.bytes(server.authority ?? "") : [],
                serverName: settings.serverName,
                resolveInterval: settings.resolveInterval,
                slowStart: settings.slowStart,
                maxConnections: settings.maxConnections,
                places: places[label] ?? ServerPlaces(),
                rules: rules,
                isDrained: former?.servers.first { $0.name.hasSameBytes(as: server.address.text) }?.isDrained ?? false,
                slot: labels.servers[label]
            )
        }
        host =
            switch settings.host {
            case .preserve: .client
            case .upstream: .server
            case .name(let name): .fixed(HostLine.bytes(name))
            }
        responseTimeout = settings.responseTimeout.milliseconds
    }

    /// Whether any server is up, or may be.
    func hasHealthyServer(at now: Int64) -> Bool { servers.contains { $0.isPromising(at: now) } }

    // MARK: Turns

    /// Whether exchanges wait in any pool.
    var hasWaiting: Bool { line.pools.load(ordering: .sequentiallyConsistent) > 0 }

    /// Lets an exchange of a pool wait. Returns `nil` if it may not, because enough do.
    ///
    /// Once it waits, the pool that the result names calls ``UpstreamPool/refuseOusted()``.
    func beginWaiting(
        _ id: ObjectIdentifier,
        hasSession: Bool,
        as pool: Confined<UpstreamPool>
    ) -> TurnOrder<Confined<UpstreamPool>>.Entrance? {
        line.turns.withLock { turns in
            defer { line.pools.store(turns.count, ordering: .sequentiallyConsistent) }
            return turns.enter(id, hasSession: hasSession, as: pool)
        }
    }

    /// Undoes ``beginWaiting(_:hasSession:as:)``.
    ///
    /// - Parameter first: of those that wait there still.
    func endWaiting(_ id: ObjectIdentifier, hasSession: Bool, first: TurnRank?) {
        line.turns.withLock { turns in
            turns.leave(id, hasSession: hasSession, first: first)
            line.pools.store(turns.count, ordering: .sequentiallyConsistent)
        }
    }

    /// Tells the other pools whose turn it is in one.
    func show(_ id: ObjectIdentifier, _ rank: TurnRank) { line.turns.withLock { $0.show(id, rank) } }

    /// Whether an exchange of a pool has lost its place to one of a session.
    func hasOusted(_ id: ObjectIdentifier) -> Bool { line.turns.withLock { $0.hasOusted(id) } }

    /// Lets the next pool serve those who wait there, if a server has a place.
    ///
    /// - Parameters:
    ///   - id: the pool that calls, which is not called.
    ///   - floor: those up to it have had their turn.
    ///   - rank: calls only a pool that comes before it.
    /// - Returns: whether there is such a pool.
    @discardableResult
    func callNext(besides id: ObjectIdentifier, after floor: TurnRank?, before rank: TurnRank? = nil) -> Bool {
        let first = line.turns.withLock { $0.first(besides: id, after: floor) }
        guard let next = first, rank.map({ next.rank < $0 }) ?? true else { return false }
        let pool = next.member
        if servers.contains(where: { !$0.isFull }) { pool.mailbox.post { _ in pool.value.serve(after: floor) } }
        return true
    }

    /// Records a failure of one of the servers. Returns whether that ejected it.
    ///
    /// - Parameter isTrial: whether the request was sent although the server was left out.
    func failed(_ server: UpstreamServer, _ fault: ServerFault, isTrial: Bool, at now: Int64) -> Bool {
        ejecting.withLock { _ in
            let others = servers.count { $0 !== server && $0.isOut(at: now) }
            return server.failed(fault, isTrial: isTrial, at: now, mayEject: others < maxEjected)
        }
    }
}

/// The `Host` line of requests to an upstream.
enum HostLine: Sendable {
    /// The client's own authority.
    case client
    /// The chosen server's ``UpstreamServer/hostLine``, added once the server is known.
    case server
    case fixed([UInt8])

    static func bytes(_ authority: String) -> [UInt8] { Array("Host: \(authority)\r\n".utf8) }
}
