/// A close frame made by the gateway ([RFC 6455 section 5.5.1](https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1)).
struct CloseFrame: Equatable {
    /// Status code 1001, "going away". Sent to the upstream, whatever happened to the client.
    static let goingAway = CloseFrame(code: 1001)

    let code: UInt16
    /// Helps to debug the other end.
    let reason: String

    /// A control frame's payload has at most 125 bytes, two of which are the code.
    private static let maxReason = 123
    private static let start: UInt8 = 0x88
    private static let maskBit: UInt8 = 0x80

    init(code: UInt16, reason: String = "") {
        self.code = code
        var reason = reason
        while reason.utf8.count > Self.maxReason { reason.removeLast() }
        self.reason = reason
    }

    /// Writes it in the form of a server.
    func write(to buffer: inout ByteBuffer) {
        buffer.write([Self.start, UInt8(2 + reason.utf8.count), UInt8(code >> 8), UInt8(truncatingIfNeeded: code)])
        buffer.write(reason)
    }

    /// Writes it in the form of a client.
    ///
    /// - Parameter mask: an unpredictable number.
    func write(to buffer: inout ByteBuffer, mask: UInt32) {
        let key: InlineArray<4, UInt8> = [
            UInt8(truncatingIfNeeded: mask >> 24), UInt8(truncatingIfNeeded: mask >> 16),
            UInt8(truncatingIfNeeded: mask >> 8), UInt8(truncatingIfNeeded: mask),
        ]
        buffer.write([Self.start, Self.maskBit | UInt8(2 + reason.utf8.count)])
        buffer.write(key.span)
        buffer.write(UInt8(code >> 8) ^ key[0])
        buffer.write(UInt8(truncatingIfNeeded: code) ^ key[1])
        var index = 2
        for byte in reason.utf8 {
            buffer.write(byte ^ key[index & 3])
            index += 1
        }
    }
}
