import Admission
import GatewayConfiguration
import JOSE
import Logging
import Synchronization
import Transport

/// What all event loops share: the current snapshot, admission with its leases, limits and the log.
final class Site: Sendable {
    let admission: Admission
    let leases: LeaseTable
    let directory: DirectoryView
    private let removalKeeper: Mutex<any RemovalKeeper>
    /// Seals sessions and tickets.
    let seal: SessionSeal
    let usedTickets = UsedTickets()
    /// Signs identity assertions.
    let assertionKey: Key
    let accessLog: LogOutput
    let logger: Logger
    let joins = AttemptLimiter()
    let failures = AttemptLimiter()
    let badSignatures = SignatureAllowance.makeLimiter()
    /// Clients that are connected, those of the admin listener too.
    let connections = Atomic<Int>(0)
    let adminConnections = Atomic<Int>(0)
    let connectionCounts = ConnectionCounts()
    let descriptors: DescriptorBudget
    let turnedAway = TurnedAway()
    private let current: Mutex<Snapshot>
    private let draining = Atomic<Bool>(false)
    let resolver: Resolver
    private let everyWorker = Mutex<[Confined<Worker>]>([])

    init(
        snapshot: Snapshot,
        directory: DirectoryView,
        cookieKey: [UInt8],
        assertionKey: Key,
        accessLog: LogOutput,
        logger: Logger,
        descriptors: DescriptorBudget,
        resolver: Resolver = Resolver()
    ) {
        self.resolver = resolver
        self.descriptors = descriptors
        current = Mutex(snapshot)
        self.directory = directory
        removalKeeper = Mutex(RemovalMemory(view: directory) { Clock().wall })
        self.assertionKey = assertionKey
        self.accessLog = accessLog
        self.logger = logger
        seal = SessionSeal(secret: cookieKey)
        leases = LeaseTable(startedAt: Clock().wall, seed: SystemRandom.word())
        admission = Admission(leases: leases, directory: directory)
    }

    /// Keeps removals: the directory, or the memory of the process where there is none.
    var removals: any RemovalKeeper {
        get { removalKeeper.withLock { $0 } }
        set { removalKeeper.withLock { $0 = newValue } }
    }

    /// Ends sessions for good.
    ///
    /// - Parameter filter: what they were chosen by, for the log.
    /// - Throws: they are over, and it could not be kept.
    func kick(
        _ sessions: [LiveSession],
        by way: InterventionWay,
        chosenBy filter: [ExactText: String] = [:]
    ) async throws {
        end(sessions, .ended, reason: .viewerRemoved)
        Intervention(way: way, logger: logger).ended(sessions, chosenBy: filter)
        let policy = snapshot.rules.sessions
        try await removals.keep(sessions.map { EndedSession($0.id, policy) })
    }

    /// Ends the sessions that a removal is about. When it is lifted, they may come back.
    func sendAway(_ removal: Removal, by way: InterventionWay) {
        let sessions = admission.sessions.all(where: removal.applies)
        end(sessions, .ended, mayReturn: true, reason: .viewerRemoved)
        Intervention(way: way, logger: logger).removed(removal, sessions: sessions.count)
    }

    var snapshot: Snapshot { current.withLock { $0 } }
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// Whether load balancers should send viewers here: not while draining, nor when every upstream that viewers need is
    /// down.
    var isReady: Bool {
        let (now, needed) = (Clock().monotonic, snapshot.viewerUpstreams)
        return !isDraining && (needed.isEmpty || needed.contains { $0.hasHealthyServer(at: now) })
    }

    var viewerConnections: Int {
        connections.load(ordering: .relaxed) - adminConnections.load(ordering: .relaxed)
    }

    /// Counts a client, unless as many as may be are connected. The admin listener has a share of its own, so that it
    /// answers when the others are full.
    ///
    /// - Parameter makesRoom: closes another viewer's connection, if it can.
    func enter(_ role: ListenerRole, limit: Int, makesRoom: () -> Bool = { false }) -> Bool {
        let all = connections.wrappingAdd(1, ordering: .relaxed).newValue
        let isWithin: Bool
        switch role {
        case .admin:
            let count = adminConnections.wrappingAdd(1, ordering: .relaxed).newValue
            isWithin = count <= DescriptorBudget.adminConnections
        case .viewers:
            descriptors.take()
            isWithin =
                all - adminConnections.load(ordering: .relaxed) <= descriptors.connections(of: limit) || makesRoom()
        }
        if !isWithin { leave(role) }
        return isWithin
    }

    /// Takes back what `enter` has counted.
    func leave(_ role: ListenerRole) {
        connections.wrappingSubtract(1, ordering: .relaxed)
        switch role {
        case .admin: adminConnections.wrappingSubtract(1, ordering: .relaxed)
        case .viewers: descriptors.giveBack()
        }
    }

    func register(_ worker: Worker) {
        everyWorker.withLock { $0.append(Confined(worker, to: worker.loop.mailbox)) }
    }

    /// Runs `body` on every event loop with its worker.
    func forEachWorker(_ body: @escaping @Sendable (Worker) -> Void) {
        for bound in everyWorker.withLock({ $0 }) { bound.mailbox.post { _ in body(bound.value) } }
    }

    /// Ends a session's exchanges on all loops.
    func end(_ session: SessionID, reason: Refusal) {
        forEachWorker { $0.end(Worker.EndedSession(session: session, reason: reason)) }
    }

    /// Ends sessions, and their exchanges on all loops.
    ///
    /// - Parameter mayReturn: whether they may come back by themselves, once nothing else keeps them out; otherwise they
    ///   are over for good.
    func end(_ sessions: [LiveSession], _ ending: SessionEnding, mayReturn: Bool = false, reason: Refusal) {
        guard !sessions.isEmpty else { return }
        let now = Clock().wall
        for session in sessions { admission.end(session, ending, mayReturn: mayReturn, now: now) }
        forEachWorker { worker in
            for session in sessions { worker.end(Worker.EndedSession(session: session.id, reason: reason)) }
        }
    }

    /// Returns when every event loop goes by the snapshot.
    func adopt(_ snapshot: Snapshot) async {
        current.withLock { $0 = snapshot }
        for bound in everyWorker.withLock({ $0 }) {
            await withCheckedContinuation { continuation in
                let isPosted = bound.mailbox.post { _ in
                    bound.value.adopt(snapshot)
                    continuation.resume()
                }
                // A loop that takes no more work goes by nothing at all.
                if !isPosted { continuation.resume() }
            }
        }
    }

    func drain() {
        draining.store(true, ordering: .relaxed)
        forEachWorker { $0.drain() }
    }
}
