package import Basics

/// A decision on a shared lease.
enum LeaseDecision<Result> {
    case settled(Result)
    /// The result counts once the store has agreed to the claim, which the caller sends.
    case claimed(LeaseRequest, Result)
    /// Another claim for this lease is under way: decide again after it.
    case waiting
}

extension LeaseDecision: Sendable where Result: Sendable {}

/// A claim that was decided on and is yet to be sent, with ``LeaseTable/send(_:_:)``.
package struct LeaseClaim: Equatable, Sendable {
    package let request: LeaseRequest
    /// What the exchange goes on with once the store has agreed. `nil` if there is more to decide: then the outcome is
    /// `.again`.
    package let admitted: Admission.Admitted?
}

/// What became of a claim, for whoever waited for it.
package enum LeaseOutcome: Equatable, Sendable {
    /// The claim's verdict counts.
    case agreed
    /// Decide again. Do so a few times only: a lease that many want may be another one each time.
    case again
    /// It was agreed to, and another node has ended the session since.
    case lost(SessionEnding)
    /// The store did not answer, or too many wait for it.
    case tryAgain
}

/// Gets the outcome once, at once or on a thread of the store, with no lock held.
package typealias LeaseOutcomeHandler = @Sendable (LeaseOutcome) -> Void

/// The clocks by which a node keeps shared leases.
package struct LeaseClocks: Sendable {
    /// The time of day.
    package let wall: @Sendable () -> Milliseconds
    /// A clock that runs evenly and counts the time in which the machine sleeps, as `CLOCK_BOOTTIME` does.
    package let steady: @Sendable () -> Milliseconds

    package init(wall: @escaping @Sendable () -> Milliseconds, steady: @escaping @Sendable () -> Milliseconds) {
        self.wall = wall
        self.steady = steady
    }
}
