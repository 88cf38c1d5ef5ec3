import Admission
import Basics
import Transport

/// The client's side of an exchange: an HTTP/1 connection, or one stream of an HTTP/2 connection.
protocol ClientStream: AnyObject {
    var worker: Worker { get }
    var listener: ListenerRole { get }
    var address: ClientAddress { get }
    /// Counts what the client's address uses. `nil` if the client has no address, or one that stands for many clients.
    var share: AddressShare? { get }
    /// Whether the client connected over TLS.
    var isSecure: Bool { get }
    /// The TLS of the client's connection. `nil` for plaintext.
    var tls: TLSStream? { get }
    /// Whether the protocol itself marks the end of a body, so that the exchange adds no framing.
    var framesBodies: Bool { get }

    /// When the first byte of the request arrived, in monotonic milliseconds.
    var requestedAt: Int64 { get }

    /// Whether the client keeps up with what is written.
    var isWritable: Bool { get }

    /// Bytes waiting for the client to read them.
    var unsentBytes: Int { get }

    /// Bytes that the client has taken since some fixed moment, counted like ``unsentBytes``.
    var takenBytes: Int { get }

    // MARK: The response

    /// Sends an interim response: a whole head in HTTP/1 form.
    func interim(_ head: ByteBuffer)

    /// Starts the final response with its head in HTTP/1 form. Write the returned bytes before the body.
    func begin(_ head: ByteBuffer) -> ByteBuffer?

    func write(_ bytes: Span<UInt8>)

    /// Writes `first`, then `second`.
    func write(_ first: Span<UInt8>, _ second: Span<UInt8>)

    /// Sends these field lines after the body, if the protocol frames bodies.
    func trailers(_ lines: ByteBuffer)

    /// Ends the response. The connection continues with the next request or ends.
    func responseEnded(keepAlive: Bool)

    /// Whether an answer given now must be the connection's last.
    func closesAfterAnswer(isRequestComplete: Bool) -> Bool

    // MARK: The request's body

    func pauseReading()
    func resumeReading()

    // MARK: Tunnels and ends

    /// Passes bytes on as they arrive from now on, starting with those that followed the handshake.
    func becomeTunnel()

    /// Ends the sending side of a tunnel. The client may still send.
    func finishSending()

    /// Ends a tunnel once everything written was sent.
    func closeAfterFlush()

    /// Ends a tunnel once everything written was sent, or after this many milliseconds.
    func closeAfterFlush(within time: Int64)

    /// Ends at once, so that the client does not take a partial response for a whole one.
    func abort()

    /// Ends at once for a client that is too slow or abusive. Discards everything that waits for it, in the kernel too.
    func sever()
}
