import Basics
import Synchronization

/// A lease table's way to the store that it shares with other nodes.
final class LeaseLink: Sendable {
    let store: any LeaseStore
    let node: NodeNumber
    let clocks: LeaseClocks
    /// With what addresses are hashed.
    let addressSeed: UInt64
    private let onClosing: @Sendable (SubjectKey, SessionID, SessionEnding) -> Void
    private let answered: Atomic<Milliseconds>
    private let failed = Atomic<Milliseconds>(.min)
    private let waiters = Atomic<Int>(0)
    private let maxWaiters: Int

    init(
        _ store: any LeaseStore,
        _ node: NodeNumber,
        _ clocks: LeaseClocks,
        addressSeed: UInt64,
        maxWaiters: Int,
        onClosing: @escaping @Sendable (SubjectKey, SessionID, SessionEnding) -> Void
    ) {
        self.store = store
        self.node = node
        self.clocks = clocks
        self.addressSeed = addressSeed
        self.maxWaiters = maxWaiters
        self.onClosing = onClosing
        answered = Atomic(clocks.steady())
    }

    var steady: Milliseconds { clocks.steady() }

    /// Now, by both clocks.
    var moment: Moment { Moment(wall: clocks.wall(), steady: steady) }

    var reach: Reach {
        let failed = failed.load(ordering: .relaxed)
        return Reach(answered: answered.load(ordering: .relaxed), failed: failed == .min ? nil : failed)
    }

    /// A claim that was sent at `moment` was answered.
    func hasReached(at moment: Milliseconds) {
        answered.max(moment, ordering: .relaxed)
        failed.store(.min, ordering: .relaxed)
    }

    /// A claim was given up at `moment`.
    func hasFailed(at moment: Milliseconds) { failed.store(moment, ordering: .relaxed) }

    /// Makes room for one more that waits. Returns false if there is none.
    func addWaiter() -> Bool {
        guard waiters.add(1, ordering: .relaxed).newValue <= maxWaiters else {
            waiters.subtract(1, ordering: .relaxed)
            return false
        }
        return true
    }

    /// Does what was decided under the locks. Call with none held.
    func carryOut(_ effects: LeaseEffects) {
        for closing in effects.closings { onClosing(closing.key, closing.session, closing.ending) }
        if effects.resumedWaiters > 0 { waiters.subtract(effects.resumedWaiters, ordering: .relaxed) }
        for (handler, outcome) in effects.outcomes { handler(outcome) }
        if !effects.requests.isEmpty { store.send(effects.requests) }
    }
}

/// What follows from a change of shared leases, and is done once no lock is held.
struct LeaseEffects {
    var requests: [LeaseRequest] = []
    var closings: [(key: SubjectKey, session: SessionID, ending: SessionEnding)] = []
    var outcomes: [(handler: LeaseOutcomeHandler, outcome: LeaseOutcome)] = []
    /// How many of them only waited for another's claim.
    var resumedWaiters = 0
}
