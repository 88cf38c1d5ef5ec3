import Admission

/// A client's connection as its event loop's worker sees it.
protocol ServedConnection: AnyObject {
    /// Since when it has nothing to do; nil while it has, or where the client has not taken everything.
    var idleness: Idleness? { get }

    /// Ends it, which has nothing to do.
    func closeIdle()

    /// Ends the exchanges of those sessions.
    func end(_ reasons: [SessionID: Refusal])

    /// Lets exchanges finish and closes afterwards.
    func drain()

    /// The time for that is over.
    func endDrain()
}

/// For how long a client's connection has had nothing to do; the first in order is missed least.
struct Idleness: Comparable {
    /// Whether it has ever been used.
    let wasUsed: Bool
    /// Monotonic milliseconds.
    let since: Int64

    /// A connection that was never used may be about to be, one that was used may still be for longer. Milliseconds.
    private static let patience: (unused: Int64, used: Int64) = (1000, 10_000)

    /// Whether it has lasted long enough for the connection to make room for another.
    func isOver(at now: Int64) -> Bool { now - since >= (wasUsed ? Self.patience.used : Self.patience.unused) }

    static func < (left: Idleness, right: Idleness) -> Bool {
        (left.wasUsed ? 1 : 0, left.since) < (right.wasUsed ? 1 : 0, right.since)
    }
}
