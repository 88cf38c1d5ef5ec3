import Admission

/// The client's side of an exchange: an HTTP/1 connection, or one stream of an HTTP/2 connection.
protocol ClientStream: AnyObject {
    var worker: Worker { get }
    var listener: ListenerRole { get }
    var address: ClientAddress { get }
    /// What counts against the client's address; nil where it has none, or stands for many clients.
    var share: AddressShare? { get }
    /// Whether the client has come over TLS.
    var isSecure: Bool { get }
    /// Whether the protocol itself tells where a body ends, so that the exchange adds no framing of its own.
    var framesBodies: Bool { get }

    /// Whether the client takes what is written at once, or nearly.
    var isWritable: Bool { get }

    /// Bytes that wait for the client to read them.
    var unsentBytes: Int { get }

    /// Bytes that do not wait any more, counted in the same way, since some moment.
    var takenBytes: Int { get }

    // MARK: The response

    /// Sends an interim response, a whole head in the form of HTTP/1.
    func interim(_ head: ByteBuffer)

    /// Begins the final response with its head in the form of HTTP/1. What is returned is written before the body.
    func begin(_ head: ByteBuffer) -> ByteBuffer?

    func write(_ bytes: Span<UInt8>)

    /// Writes `first`, and `second` behind it.
    func write(_ first: Span<UInt8>, _ second: Span<UInt8>)

    /// Has these field lines follow the body, where the protocol frames bodies.
    func trailers(_ lines: ByteBuffer)

    /// The response has been written. A connection goes on with the next request, or ends.
    func responseEnded(keepAlive: Bool)

    /// Whether an answer given now must be the connection's last.
    func closesAfterAnswer(isRequestComplete: Bool) -> Bool

    // MARK: The request's body

    func pauseReading()
    func resumeReading()

    // MARK: Tunnels and ends

    /// From now on bytes pass as they come; those that came behind the handshake first.
    func becomeTunnel()

    /// Sends the end of what a tunnel is sent; the client may still send.
    func finishSending()

    /// Ends a tunnel once what was written has gone out.
    func closeAfterFlush()

    /// Ends a tunnel once what was written has gone out, or this many milliseconds have passed.
    func closeAfterFlush(within time: Int64)

    /// Ends at once: the client must not take what it has for a whole response.
    func abort()

    /// The same for a client that is too slow, or sends what nobody may: nothing is kept for it, not by the system either.
    func sever()
}
