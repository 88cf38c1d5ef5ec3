import Admission
import NIOCore

/// The client's side of an exchange: an HTTP/1 connection, or one stream of an HTTP/2 connection.
///
/// A base class and not a protocol: the exchange calls it several times for each request.
class ClientStream {
    final let worker: Worker
    final let listener: ListenerRole
    final let address: ClientAddress
    /// What counts against the client's address; nil where it has none, or stands for many clients.
    final let share: AddressShare?
    /// Whether the client has come over TLS.
    final let isSecure: Bool
    /// Whether the protocol itself tells where a body ends, so that the exchange adds no framing of its own.
    final let framesBodies: Bool
    /// Whether the client takes what is written at once, or nearly.
    final var isWritable = true

    init(
        worker: Worker,
        listener: ListenerRole,
        address: ClientAddress,
        share: AddressShare?,
        isSecure: Bool,
        framesBodies: Bool
    ) {
        self.worker = worker
        self.listener = listener
        self.address = address
        self.share = share
        self.isSecure = isSecure
        self.framesBodies = framesBodies
    }

    /// Octets that wait for the client to read them.
    var unsentBytes: Int { 0 }

    /// Octets that do not wait any more, counted in the same way, since some moment.
    var takenBytes: Int { 0 }

    // MARK: The response

    /// Sends an interim response, a whole head in the form of HTTP/1.
    func interim(_ head: ByteBuffer) {}

    /// Begins the final response with its head in the form of HTTP/1. What is returned is written before the body.
    func begin(_ head: ByteBuffer) -> ByteBuffer? { head }

    func write(_ buffer: ByteBuffer) {}

    /// Has these field lines follow the body, where the protocol frames bodies.
    func trailers(_ lines: ByteBuffer) {}

    func flush() {}

    /// The response has been written. A connection goes on with the next request, or ends.
    func responseEnded(keepAlive: Bool) {}

    /// Whether an answer given now must be the connection's last.
    func closesAfterAnswer(isRequestComplete: Bool) -> Bool { false }

    // MARK: The request's body

    func pauseReading() {}
    func resumeReading() {}

    // MARK: Tunnels and ends

    /// From now on octets pass as they come; those that came behind the handshake first.
    func becomeTunnel() {}

    /// Sends the end of what a tunnel is sent; the client may still send.
    func finishSending() { closeAfterFlush() }

    /// Ends a tunnel once what was written has gone out.
    func closeAfterFlush() {}

    /// Ends a tunnel once what was written has gone out, or this many milliseconds have passed.
    func closeAfterFlush(within time: Int64) { closeAfterFlush() }

    /// Ends at once: the client must not take what it has for a whole response.
    func abort() {}

    /// The same for a client that is too slow, or sends what nobody may: nothing is kept for it, not by the system either.
    func sever() { abort() }
}

/// A client's connection as its event loop's worker sees it.
protocol ServedConnection: AnyObject {
    /// Since when it has nothing to do; nil while it has, or where the client has not taken everything.
    var idleness: Idleness? { get }

    /// Ends it, which has nothing to do.
    func closeIdle()

    /// The deadline that was set for its slot has passed.
    func deadlinePassed()

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
