/// The subprotocols that a WebSocket handshake offers
/// ([RFC 6455 section 1.9](https://www.rfc-editor.org/rfc/rfc6455#section-1.9)). One of them may carry a viewer's token:
/// `gateway-token.` and the token. It is not forwarded; where the upstream chooses no other one it is the one that is
/// chosen, since browsers insist on one of those that they offered.
enum Subprotocols {
    private static let prefix: StaticString = "gateway-token."

    /// Each name, in order.
    static func forEach(_ bytes: Span<UInt8>, in value: Range<Int>, _ body: (Range<Int>) -> Void) {
        var start = value.lowerBound
        while start < value.upperBound {
            let end = bytes.firstIndex(of: UInt8(ascii: ","), from: start, to: value.upperBound) ?? value.upperBound
            let name = bytes.trimming(start..<end)
            if !name.isEmpty { body(name) }
            start = end + 1
        }
    }

    /// The token that a name carries.
    static func token(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Range<Int>? {
        let start = name.lowerBound + prefix.utf8CodeUnitCount
        guard start < name.upperBound, bytes.equals(prefix, ignoringCaseIn: name.lowerBound..<start) else { return nil }
        return start..<name.upperBound
    }
}
