import Basics
import JOSE

/// The key of an opening handshake, and the answer to it
/// ([RFC 6455 section 4](https://www.rfc-editor.org/rfc/rfc6455#section-4)).
enum Handshake {
    /// 16 bytes in Base64.
    private static let keyLength = 24
    /// Appended to the key before hashing (section 1.3).
    private static let accepted: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// Makes a key for the gateway's own handshake.
    static func makeKey() -> [UInt8] { Base64.encode(SystemRandom.bytes(16).span) }

    /// Whether this is the Base64 form of 16 bytes.
    static func isKey(_ bytes: Span<UInt8>) -> Bool {
        guard bytes.count == keyLength, bytes[22] == UInt8(ascii: "="), bytes[23] == UInt8(ascii: "=") else {
            return false
        }
        for index in 0..<22 {
            let byte = bytes[index]
            guard byte.isLetterOrDigit || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "/") else {
                return false
            }
        }
        return true
    }

    /// The `Sec-WebSocket-Accept` that proves that the server has read this key.
    static func accept(_ key: Span<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(key.count + accepted.utf8CodeUnitCount)
        for index in key.indices { text.append(key[index]) }
        text.append(contentsOf: accepted.description.utf8)
        return Base64.encode(SHA1.hash(text.span).span)
    }
}
