/// What an exchange knows of its WebSocket, from the handshake to the end. An object of its own, since few exchanges
/// need one.
final class Upgrade {
    /// The answer that the upstream must give to the handshake's key. Empty once it has.
    var answer: [UInt8]
    /// The subprotocol that carried the viewer's token, as offered.
    var offeredSubprotocol: [UInt8] = []
    /// Set once the handshake is over.
    var tunnel: Tunnel?
    /// When its session was ended from outside, in monotonic milliseconds.
    var endedAt: Int64?
    /// When to check the tunnel next, in monotonic milliseconds.
    var looksAt = Int64.max
    /// When a draining tunnel's turn comes, in monotonic milliseconds.
    var drainsAt = Int64.max

    init(answer: [UInt8]) { self.answer = answer }
}
