package import Basics

/// What happens to joins while the shared store does not answer.
package enum StoreLoss: String, Sendable, CaseIterable {
    /// The viewer is asked to try again.
    case refuse
    /// The viewer is let in, and the lease is settled when the store is back; the later session stays.
    case admit
}

/// The rules of leases that several gateways share; times in milliseconds.
package struct SharingPolicy: Sendable, Equatable {
    package var onStoreLoss: StoreLoss = .refuse
    /// How long sessions go on after the store has last agreed to them.
    package var grace: Milliseconds = 600_000
    /// How long a claim counts unless it is renewed. A claim whose answer was given up may have been carried out for a
    /// session that nobody has; it is soon over. Must be longer than the wait for an answer and the time between
    /// renewals together.
    package var trial: Milliseconds = 5000
    /// How long a viewer is refused because of what the store said before.
    package var freshness: Milliseconds = 1000
    package init() {}
}

/// A moment on a node's two clocks.
struct Moment {
    /// The time of day, which may be wrong and may be set.
    var wall: Milliseconds
    /// Runs evenly, also while the machine sleeps. It measures how long the store's word holds.
    var steady: Milliseconds
}

/// How a node has reached the store lately, by its steady clock.
struct Reach: Hashable {
    /// When it sent the last claim that was answered, for whichever registration.
    var answered: Milliseconds
    /// When it last gave a claim up.
    var failed: Milliseconds?

    /// Whether the store is known to be away. That has to be fresh.
    func isAway(at now: Moment, _ sharing: SharingPolicy) -> Bool {
        failed.map { now.steady < after($0, sharing.trial) } ?? false
    }
}
