/// UUIDs as text and as 128 bits ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562)).
package enum UUIDText {
    /// Returns a random UUID, version 4.
    package static func random() -> String {
        let high = SystemRandom.word() & ~0xF000 | 0x4000
        let low = SystemRandom.word() & ~(3 << 62) | 2 << 62
        return format(high: high, low: low)
    }

    /// Returns the text in lower case.
    package static func format(high: UInt64, low: UInt64) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append(UInt8(ascii: "-")) }
            text.append(Hexadecimal.digit(index & 15, of: index < 16 ? high : low))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Returns the bits of a UUID, or `nil` unless the text is one in lower case.
    package static func parse(_ text: String) -> (high: UInt64, low: UInt64)? {
        let characters = text.utf8Span.span
        guard characters.count == 36 else { return nil }
        guard let high = word(characters, 0..<18), let low = word(characters, 18..<36) else { return nil }
        return (high, low)
    }

    /// Returns half of a UUID's digits. Requires the hyphens at their positions.
    private static func word(_ characters: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        var word: UInt64 = 0
        for index in range {
            let character = characters[index]
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard character == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let digit = character.hexValue, character == character.lowercased else { return nil }
            word = word << 4 | UInt64(digit)
        }
        return word
    }
}
