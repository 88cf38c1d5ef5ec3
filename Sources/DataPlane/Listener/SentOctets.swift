import NIOCore

/// What a connection has been sent, as its socket counts it: over TLS, the octets of records.
///
/// What waits for the client is counted by the socket. Only the same count says how much of it the client has taken: a
/// record is several times larger than the few octets that it may hold.
struct SentOctets {
    private var clear = 0
    private var tls: TLSHandler?

    /// Begins to count for a handler that was added to a connection.
    mutating func begin(_ context: ChannelHandlerContext, isSecure: Bool) {
        tls = isSecure ? try? context.pipeline.syncOperations.handler(type: TLSHandler.self) : nil
    }

    /// This many octets were written to the next handler.
    mutating func add(_ count: Int) { clear += count }

    var count: Int { tls?.sentBytes ?? clear }
}
