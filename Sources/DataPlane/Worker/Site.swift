import Admission
import Basics
import GatewayConfiguration
import JOSE
import Logging
import Synchronization
import Transport

/// The state shared by all event loops: the current snapshot, admission with its leases, limits and the log.
final class Site: Sendable {
    let admission: Admission
    let leases: LeaseTable
    let directory: DirectoryView
    private let removalKeeper: Mutex<any RemovalKeeper>
    /// Seals sessions and tickets.
    let seal: SessionSeal
    let cookieSeal: CookieSeal
    let usedTickets = UsedTickets()
    /// Signs identity assertions.
    let assertionKey: Key
    let accessLog: LogOutput
    let spans: SpanExporter
    let logger: Logger
    let joins = AttemptLimiter()
    let failures = AttemptLimiter()
    let badSignatures = SignatureAllowance.makeLimiter()
    let requestRates = AddressRates()
    let connectionRates = AddressRates()
    /// Connected clients that are known, without those of the admin listener.
    private let namedConnections = Atomic<Int>(0)
    /// Connections of proxies that have yet to name their client.
    private let unnamedConnections = Atomic<Int>(0)
    private let adminConnections = Atomic<Int>(0)
    let connectionCounts = ConnectionCounts()
    let descriptors: DescriptorBudget
    let turnedAway = TurnedAway()
    let overload = Overload()
    /// The memory that the system allows the process, in bytes; `nil` for any amount.
    private let memoryQuota = MemoryQuota.ofSystem()
    let scrapes = Scrapes()
    /// Reads what metrics show of the control API; `nil` without one.
    let controlReader = Handler<(@Sendable () async -> ControlReading)?>(nil)
    /// Answers the operator's calls about companies; `nil` without the control API.
    let companyCalls = Handler<(@Sendable (OperatorCall) async -> OperatorAnswer)?>(nil)
    /// Answers requests to the console; `nil` before there is one.
    let consoleCalls = Handler<(@Sendable (ConsoleCall) async -> ConsoleAnswer)?>(nil)
    let missedKeys = MissedKeys()
    /// Keeps the fetched key sets over a restart. `nil` if nothing does.
    let keySetStore: KeySetStore?
    let reloads: Mutex<Vitals.Reloads>
    /// Files that have changed and cannot be used.
    let unusableFiles = Mutex(Vitals.UnusableFiles())
    /// When the process began, in milliseconds since 1970.
    let startedAt = WallClock.now()
    /// The version of the program.
    let version: String
    private let current: Mutex<Snapshot>
    /// Locked while settings are replaced. Event loops never wait for it.
    private let adoption = Mutex(())
    /// The keys of each `jwks_url` that was fetched, without those that never were. The lock is held while a snapshot is made.
    private let fetchedKeys = Mutex<[KeySetURL: [Key]]>([:])
    private let draining = Atomic<Bool>(false)
    /// Whether another process is about to serve the control API.
    let isControlPaused = Atomic<Bool>(false)
    private let endings = Atomic<UInt64>(0)
    let resolver: Resolver
    /// Reads answers to ACME's challenges.
    let challengeFiles = FileThread("challenges")
    private let everyWorker = Mutex<[Confined<Worker>]>([])

    init(
        snapshot: Snapshot,
        directory: DirectoryView,
        cookieKey: [UInt8],
        assertionKey: Key,
        accessLog: LogOutput,
        logger: Logger,
        descriptors: DescriptorBudget,
        keySetStore: KeySetStore? = nil,
        resolver: Resolver = Resolver(),
        version: String = ""
    ) {
        self.keySetStore = keySetStore
        self.resolver = resolver
        self.version = version
        reloads = Mutex(Vitals.Reloads(startedAt: startedAt))
        self.descriptors = descriptors
        current = Mutex(snapshot)
        self.directory = directory
        removalKeeper = Mutex(RemovalMemory(view: directory) { WallClock.now() })
        self.assertionKey = assertionKey
        self.accessLog = accessLog
        spans = SpanExporter(resolver: resolver, descriptors: descriptors, logger: logger, version: version)
        self.logger = logger
        seal = SessionSeal(secret: cookieKey)
        cookieSeal = CookieSeal(secret: cookieKey)
        leases = LeaseTable(startedAt: WallClock.now(), seed: SystemRandom.word())
        admission = Admission(leases: leases, directory: directory)
    }

    /// Stores removals: the directory, or the memory of the process if there is none.
    var removals: any RemovalKeeper {
        get { removalKeeper.withLock { $0 } }
        set { removalKeeper.withLock { $0 = newValue } }
    }

    /// Ends sessions for good.
    ///
    /// - Parameter filter: how they were selected, for the log.
    /// - Throws: an error if the ended sessions could not be stored. They have ended anyway.
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

    /// Ends the sessions that a removal covers. Once it is lifted, they may come back.
    func sendAway(_ removal: Removal, by way: InterventionWay) {
        Intervention(way: way, logger: logger).removed(removal, sessions: end(removal))
    }

    /// Takes a server out for an operator, or lets it serve again.
    func drain(_ server: UpstreamServer, of upstream: String, _ isDrained: Bool) {
        guard server.drain(isDrained) else { return }
        logger.notice("upstream \(upstream): \(server.name) is \(isDrained ? "drained" : "ready"), says an operator")
    }

    /// Ends the sessions that a removal covers, and returns how many.
    @discardableResult
    func end(_ removal: Removal) -> Int {
        let sessions = admission.sessions.all(where: removal.applies)
        end(sessions, .ended, mayReturn: true, reason: .viewerRemoved)
        return sessions.count
    }

    var snapshot: Snapshot { current.withLock { $0 } }
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// Whether load balancers should send viewers here. False while draining, and while every upstream that viewers
    /// need is down.
    var isReady: Bool {
        let (now, needed) = (MonotonicClock.now(), snapshot.viewerUpstreams)
        return !isDraining && (needed.isEmpty || needed.contains { $0.hasHealthyServer(at: now) })
    }

    /// All connections but those of the admin listener.
    var viewerConnections: Int {
        namedConnections.load(ordering: .relaxed) + unnamedConnections.load(ordering: .relaxed)
    }

    /// All connections, including those of the admin listener.
    var connections: Int { viewerConnections + adminConnections.load(ordering: .relaxed) }

    /// Counts a client unless the limit is reached. The admin listener has its own share, so that it answers when the
    /// others are full.
    ///
    /// - Parameters:
    ///   - isNamed: false for a proxy's connection that has yet to name its client. It is counted beside the clients and
    ///     makes none of them close, since its client may be beyond a limit of its own. Once that is known, call
    ///     ``name(limit:makesRoom:)``.
    ///   - makesRoom: closes another viewer's connection, or one like this that has yet to name its client, if possible.
    func enter(_ role: ListenerRole, limit: Int, isNamed: Bool = true, makesRoom: () -> Bool = { false }) -> Bool {
        let isWithin: Bool
        switch role {
        case .admin:
            let count = adminConnections.wrappingAdd(1, ordering: .relaxed).newValue
            isWithin = count <= DescriptorBudget.adminConnections
        case .viewers:
            descriptors.take()
            if isNamed {
                isWithin = enterNamed(limit, makesRoom)
            } else {
                let free = descriptors.connections(of: limit) - namedConnections.load(ordering: .relaxed)
                let count = unnamedConnections.wrappingAdd(1, ordering: .relaxed).newValue
                isWithin = count <= max(free, 0) + descriptors.unnamedConnections || makesRoom()
            }
        }
        if !isWithin { leave(role, isNamed: isNamed) }
        return isWithin
    }

    /// Counts a connection as its client's from now on, whether or not the client may stay.
    ///
    /// - Returns: whether it may: the limit is not reached, or another client makes room.
    func name(limit: Int, makesRoom: () -> Bool) -> Bool {
        // Counted at any moment: a drain waits for it.
        defer { unnamedConnections.wrappingSubtract(1, ordering: .relaxed) }
        return enterNamed(limit, makesRoom)
    }

    private func enterNamed(_ limit: Int, _ makesRoom: () -> Bool) -> Bool {
        let count = namedConnections.wrappingAdd(1, ordering: .relaxed).newValue
        return count <= descriptors.connections(of: limit) || makesRoom()
    }

    /// Undoes `enter`.
    func leave(_ role: ListenerRole, isNamed: Bool = true) {
        switch role {
        case .admin: adminConnections.wrappingSubtract(1, ordering: .relaxed)
        case .viewers:
            if isNamed {
                namedConnections.wrappingSubtract(1, ordering: .relaxed)
            } else {
                unnamedConnections.wrappingSubtract(1, ordering: .relaxed)
            }
            descriptors.giveBack()
        }
    }

    /// The resident memory in bytes beyond which viewers without a session must wait; 0 if there is no limit.
    func memoryLimit(_ limits: LimitSettings) -> Int { limits.memoryLimit ?? (memoryQuota ?? 0) / 10 * 9 }

    func register(_ worker: Worker) {
        everyWorker.withLock { $0.append(Confined(worker, to: worker.loop.mailbox)) }
    }

    /// Runs `body` on every event loop with its worker.
    func forEachWorker(_ body: @escaping @Sendable (Worker) -> Void) {
        for bound in everyWorker.withLock({ $0 }) { bound.mailbox.post { _ in body(bound.value) } }
    }

    /// Runs `body` on the loop that does what one loop does for all.
    ///
    /// - Returns: false if the loop has ended; then `body` never runs.
    @discardableResult
    func runOnFirstWorker(_ body: @escaping @Sendable (Worker) -> Void) -> Bool {
        guard let first = everyWorker.withLock({ $0.first }) else { return false }
        return first.mailbox.post { _ in body(first.value) }
    }

    /// What each event loop has counted. Leaves out loops that have ended.
    func loopCounts() async -> [LoopCounts] {
        let all = everyWorker.withLock { $0 }
        return await withTaskGroup(of: LoopCounts?.self) { group in
            for bound in all { group.addTask { await bound.mailbox.run { _ in bound.value.counts } } }
            return await group.reduce(into: []) { counts, more in if let more { counts.append(more) } }
        }
    }

    /// How many endings of sessions there were. Read before a request is admitted, it tells which endings are later.
    var endingCount: UInt64 { endings.load(ordering: .relaxed) }

    /// Ends a session's exchanges on all loops. Its lease has ended before.
    func end(_ session: SessionID, reason: Refusal) {
        let number = endings.add(1, ordering: .relaxed).newValue
        let ended = Worker.EndedSession(session: session, reason: reason, since: MonotonicClock.now(), number: number)
        forEachWorker { $0.end(ended) }
    }

    /// Ends sessions, and their exchanges on all loops.
    ///
    /// - Parameter mayReturn: whether they may come back by themselves once nothing else keeps them out. Otherwise they
    ///   have ended for good.
    func end(_ sessions: [LiveSession], _ ending: SessionEnding, mayReturn: Bool = false, reason: Refusal) {
        guard !sessions.isEmpty else { return }
        let (now, since) = (WallClock.now(), MonotonicClock.now())
        for session in sessions { admission.end(session, ending, mayReturn: mayReturn, now: now) }
        let number = endings.add(1, ordering: .relaxed).newValue
        forEachWorker { worker in
            for session in sessions {
                worker.end(Worker.EndedSession(session: session.id, reason: reason, since: since, number: number))
            }
        }
    }

    /// Replaces the settings. Returns once every event loop uses them.
    ///
    /// - Parameter change: makes them from those in effect, which nobody else replaces meanwhile. If it returns `nil` or
    ///   throws, they stay.
    func adopt<Fault>(_ change: (_ running: Settings) throws(Fault) -> Settings?) async throws(Fault) {
        let isChanged = try adoption.withLock { _ throws(Fault) -> Bool in
            let previous = snapshot
            guard let settings = try change(previous.settings) else { return false }
            fetchedKeys.withLock { keys in
                // What was fetched from a URL that goes must not come back with it.
                let gone = Set(previous.keySetURLs).subtracting(settings.companies.flatMap(\.keySetURLs))
                keys = keys.filter { !gone.contains($0.key) }
                let next = Snapshot(settings: settings, fetchedKeys: keys, previous: snapshot)
                current.withLock { $0 = next }
                leases.setRules(settings.control.sharing, sessions: next.rules.sessions)
            }
            return true
        }
        guard isChanged else { return }
        for bound in everyWorker.withLock({ $0 }) {
            // A loop that accepts no more messages uses no snapshot at all.
            _ = await bound.mailbox.run { [self] _ in bound.value.adopt(snapshot) }
        }
    }

    /// Replaces the keys that were fetched.
    ///
    /// - Parameter fetched: the keys of each `jwks_url`.
    func adopt(_ fetched: [KeySetURL: [Key]]) {
        fetchedKeys.withLock { keys in
            keys = fetched
            let next = Snapshot(settings: snapshot.settings, fetchedKeys: fetched, previous: snapshot)
            current.withLock { $0 = next }
        }
        forEachWorker { [self] in $0.adopt(snapshot) }
    }

    /// The keys of each `jwks_url`.
    var fetchedKeySets: [KeySetURL: [Key]] { fetchedKeys.withLock { $0 } }

    /// The key sets of a company.
    func keySetURLs(of company: String) -> [KeySetURL] {
        snapshot.company(company)?.keySetURLs ?? []
    }

    /// A token names a key that none of these sets has: they may have to be fetched again.
    ///
    /// - Returns: whether that happens now, so that the request may wait for it.
    func missKeys(_ urls: [KeySetURL], at now: Int64) -> Bool {
        let outlook = missedKeys.miss(urls, at: now)
        if !outlook.asksFor.isEmpty { runOnFirstWorker { $0.keySets?.fetchAfterMiss(outlook.asksFor) } }
        return outlook.mayWait
    }

    /// A key set was fetched or could not be. Every loop has the keys.
    func keyFetchEnded(_ url: KeySetURL) { forEachWorker { $0.keyWaits.fetchEnded(url) } }

    /// Makes readiness fail.
    func announceDrain() { draining.store(true, ordering: .relaxed) }

    /// - Parameter isReplaced: whether another process accepts connections on the same sockets.
    func drain(isReplaced: Bool = false) { forEachWorker { $0.drain(isReplaced: isReplaced) } }
}
