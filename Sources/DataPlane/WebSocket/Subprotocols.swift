/// The subprotocols that a WebSocket handshake offers
/// ([RFC 6455 section 1.9](https://www.rfc-editor.org/rfc/rfc6455#section-1.9)).
///
/// One of them may carry a viewer's token, as `gateway-token.` followed by the token, or a socket ticket, as
/// `gateway-session.` followed by the ticket. It is not forwarded. If the upstream chooses no other subprotocol, the
/// gateway chooses this one, since browsers require one of those that they offered.
enum Subprotocols {
    private static let prefix: StaticString = "gateway-token."
    private static let ticketPrefix: StaticString = "gateway-session."

    /// Calls `body` with each name, in order.
    static func forEach(_ bytes: Span<UInt8>, in value: Range<Int>, _ body: (Range<Int>) -> Void) {
        bytes.forEachPart(of: value, separatedBy: UInt8(ascii: ",")) { name in
            if !name.isEmpty { body(name) }
        }
    }

    /// The token in a name, if it has one.
    static func token(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Range<Int>? { rest(bytes, name, after: prefix) }

    /// The socket ticket in a name, if it has one.
    static func socketTicket(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Range<Int>? {
        rest(bytes, name, after: ticketPrefix)
    }

    private static func rest(_ bytes: Span<UInt8>, _ name: Range<Int>, after prefix: StaticString) -> Range<Int>? {
        let start = name.lowerBound + prefix.utf8CodeUnitCount
        guard start < name.upperBound, bytes.equals(prefix, ignoringCaseIn: name.lowerBound..<start) else { return nil }
        return start..<name.upperBound
    }
}
