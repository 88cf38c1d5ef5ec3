/// A registration's short name for e-mails and calendars. Anyone who knows it may join.
///
/// Twelve characters of Crockford's alphabet: 60 random bits. Case is ignored, and letters outside the alphabet are
/// read as the digits that they resemble.
package struct JoinCode: Hashable, Sendable {
    /// The code's value, in the low 60 bits.
    package let bits: UInt64

    /// The length of the text in characters.
    package static let length = 12
    private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// - Parameter bits: random; the low 60 are used.
    package init(bits: UInt64) { self.bits = bits & (1 << 60 - 1) }

    /// Reads a code. Returns `nil` if the text is not one. Ignores the hyphens and spaces that people insert.
    package init?(_ text: Span<UInt8>) {
        guard text.count <= 2 * Self.length else { return nil }
        var bits: UInt64 = 0
        var count = 0
        for index in text.indices {
            if text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: " ") { continue }
            guard count < Self.length, let digit = Self.digit(text[index]) else { return nil }
            bits = bits << 5 | UInt64(digit)
            count += 1
        }
        guard count == Self.length else { return nil }
        self.bits = bits
    }

    package var text: String {
        let characters = (0..<Self.length).map { Self.alphabet[Int(bits >> UInt64(5 * (Self.length - 1 - $0)) & 31)] }
        return String(decoding: characters, as: UTF8.self)
    }

    private static func digit(_ character: UInt8) -> Int? {
        let upper = character >= UInt8(ascii: "a") && character <= UInt8(ascii: "z") ? character - 32 : character
        return switch upper {
        case UInt8(ascii: "O"): 0
        case UInt8(ascii: "I"), UInt8(ascii: "L"): 1
        default: alphabet.firstIndex(of: upper)
        }
    }
}
