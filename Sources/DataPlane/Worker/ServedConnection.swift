import Admission
import Basics

/// A connection that may be closed to make room for another.
protocol IdleConnection: AnyObject {
    /// How long the connection has been idle. `nil` if it is busy, or if the client has not taken all output.
    var idleness: Idleness? { get }

    /// Closes the connection, which must be idle.
    func closeIdle()
}

/// A client's connection from the point of view of its event loop's worker.
protocol ServedConnection: IdleConnection {
    /// - Parameter place: given up when the connection is closed.
    init(
        worker: Worker,
        listener: ListenerRole,
        address: ClientAddress,
        share: AddressShare?,
        place: ConnectionPlace?,
        isSecure: Bool
    )

    /// Starts the connection: the client may send.
    func begin()

    /// Ends the exchanges of these sessions.
    func end(_ endings: [SessionID: Worker.EndedSession])

    /// Lets exchanges finish, then closes.
    func drain()

    /// Ends the connection because the time to drain is over.
    func endDrain()
}

/// How long a client's connection has been idle. The lowest value will be missed least.
struct Idleness: Comparable {
    /// Whether it was ever used.
    let wasUsed: Bool
    /// In monotonic milliseconds.
    let since: Int64

    /// How long to leave idle connections alone, in milliseconds: an unused one may be about to be used, and a used one
    /// may be for longer.
    private static let patience: (unused: Int64, used: Int64) = (1000, 10_000)

    /// Whether it has been idle for long enough to make room for another.
    func isOver(at now: Int64) -> Bool { now - since >= (wasUsed ? Self.patience.used : Self.patience.unused) }

    static func < (left: Idleness, right: Idleness) -> Bool {
        (left.wasUsed ? 1 : 0, left.since) < (right.wasUsed ? 1 : 0, right.since)
    }
}
