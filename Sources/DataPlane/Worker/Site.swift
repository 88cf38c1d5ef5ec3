import Admission
import GatewayConfiguration
import JOSE
import NIOCore
import Synchronization

/// What all event loops share: the current snapshot, admission with its leases, limits and the log.
final class Site: Sendable {
    let admission: Admission
    let leases: LeaseTable
    let directory: DirectoryView
    let signer: SessionSigner
    /// Signs identity assertions.
    let assertionKey: Key
    let accessLog: AccessLog
    let joins = AttemptLimiter()
    let badTokens = AttemptLimiter()
    let connections = Atomic<Int>(0)
    private let current: Mutex<Snapshot>
    private let draining = Atomic<Bool>(false)
    private let everyWorker = Mutex<[NIOLoopBound<Worker>]>([])

    init(
        snapshot: Snapshot,
        directory: DirectoryView,
        cookieKey: [UInt8],
        assertionKey: Key,
        accessLog: AccessLog
    ) {
        current = Mutex(snapshot)
        self.directory = directory
        self.assertionKey = assertionKey
        self.accessLog = accessLog
        signer = SessionSigner(secret: cookieKey)
        leases = LeaseTable(startedAt: Clock().wall, seed: SystemRandom.word())
        admission = Admission(leases: leases, directory: directory, signer: signer)
    }

    var snapshot: Snapshot { current.withLock { $0 } }
    var isDraining: Bool { draining.load(ordering: .relaxed) }

    /// Whether load balancers should send viewers here.
    var isReady: Bool {
        let now = Clock().monotonic
        return !isDraining && snapshot.upstreams.allSatisfy { $0.hasHealthyServer(at: now) }
    }

    func register(_ worker: Worker) {
        everyWorker.withLock { $0.append(NIOLoopBound(worker, eventLoop: worker.loop)) }
    }

    /// Runs `body` on every event loop with its worker.
    func forEachWorker(_ body: @escaping @Sendable (Worker) -> Void) {
        for bound in everyWorker.withLock({ $0 }) { bound.eventLoop.execute { body(bound.value) } }
    }

    /// Ends a session's exchanges on all loops.
    func end(_ session: SessionID, reason: Refusal) {
        forEachWorker { $0.end(Worker.EndedSession(session: session, reason: reason)) }
    }

    /// Ends sessions for good, and their exchanges on all loops.
    func end(_ sessions: [LiveSession], _ ending: SessionEnding, reason: Refusal) {
        guard !sessions.isEmpty else { return }
        let now = Clock().wall
        for session in sessions { admission.end(session, ending, now: now) }
        forEachWorker { worker in
            for session in sessions { worker.end(Worker.EndedSession(session: session.id, reason: reason)) }
        }
    }

    func adopt(_ snapshot: Snapshot) {
        current.withLock { $0 = snapshot }
        forEachWorker { $0.adopt(snapshot) }
    }

    func drain() {
        draining.store(true, ordering: .relaxed)
        forEachWorker { $0.drain() }
    }
}
