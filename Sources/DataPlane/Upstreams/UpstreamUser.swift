/// The user of an upstream connection for one request: the exchange.
///
/// The connection reports the response in this order: interim heads, the head, the body, trailers, the end. It reports
/// nothing more once the user has released it.
protocol UpstreamUser: AnyObject {
    /// What the connection's descriptor counts as.
    var descriptorUse: DescriptorBudget.Use { get }

    /// The same for requests that should get the same server. `nil` if there are no such.
    var balanceKey: UInt64? { get }

    /// Whether it belongs to a session that exists already.
    var hasSession: Bool { get }

    /// Whether the request's method is safe, so that nothing is lost if it is not answered.
    var isSafe: Bool { get }

    /// Whether the request is a HEAD, whose response has no body.
    var isForHead: Bool { get }

    // MARK: The connection

    /// A connection has to be waited for.
    func upstreamAwaited()

    /// A connection is being opened.
    func upstreamConnecting(_ connection: UpstreamConnection)

    /// The connection is ready for the request.
    func upstreamConnected(_ connection: UpstreamConnection)

    /// There will be no response, or no more of it.
    func upstreamFailed(_ fault: UpstreamFault)

    /// The connection accepts more bytes.
    func upstreamBecameWritable()

    // MARK: The response

    /// An interim response arrived. Its head is in ``UpstreamPools/responseHead``.
    func interimResponse(_ bytes: Span<UInt8>)

    /// Whether a 101, whose head is in ``UpstreamPools/responseHead``, answers the request's handshake.
    func isHandshakeAnswer(_ bytes: Span<UInt8>) -> Bool

    /// The response's head arrived. It is in ``UpstreamPools/responseHead``.
    func responseHead(_ bytes: Span<UInt8>)

    func responseBody(_ bytes: Span<UInt8>)

    /// - Throws: a fault if the bytes are not field lines.
    func responseTrailers(_ bytes: Span<UInt8>) throws(HeadFault)

    /// The response is complete.
    func responseEnded()

    /// Everything from one read of the connection was handed on.
    func flushToClient()

    // MARK: A tunnel

    func tunnelToClient(_ bytes: Span<UInt8>)

    /// The upstream will send no more.
    func upstreamEndedTunnel()

    /// The connection is gone.
    func tunnelEnded()
}
