import JOSE

/// What the data plane knows of a registration: enough to make its token.
package struct RegisteredPerson: Sendable, Equatable {
    /// UUIDs in lower case.
    package let event: String
    package let registration: String
    package let name: String
    package let email: String
    package let registeredAt: Milliseconds

    package init(event: String, registration: String, name: String, email: String, registeredAt: Milliseconds) {
        self.event = event
        self.registration = registration
        self.name = name
        self.email = email
        self.registeredAt = registeredAt
    }
}

/// A ``RegisteredPerson`` in one piece of memory: there may be a million of them.
struct PackedPerson: Sendable {
    /// Event and registration of 16 bytes each, when, the length of the name, name, e-mail.
    private let bytes: [UInt8]

    /// Nil where an id is no UUID.
    init?(_ person: RegisteredPerson) {
        guard let event = UUIDText.parse(person.event), let registration = UUIDText.parse(person.registration) else {
            return nil
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(42 + person.name.utf8.count + person.email.utf8.count)
        for word in [event.high, event.low, registration.high, registration.low] {
            appendBigEndian(word, count: 8, to: &bytes)
        }
        appendBigEndian(UInt64(bitPattern: person.registeredAt), count: 8, to: &bytes)
        let name = person.name.utf8.prefix(Int(UInt16.max))
        appendBigEndian(UInt64(name.count), count: 2, to: &bytes)
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: person.email.utf8)
        self.bytes = bytes
    }

    var unpacked: RegisteredPerson {
        let nameEnd = 42 + Int(bytes[40]) << 8 + Int(bytes[41])
        return RegisteredPerson(
            event: UUIDText.format(high: bigEndianWord(bytes.span, at: 0), low: bigEndianWord(bytes.span, at: 8)),
            registration: UUIDText.format(
                high: bigEndianWord(bytes.span, at: 16),
                low: bigEndianWord(bytes.span, at: 24)
            ),
            name: String(decoding: bytes[42..<nameEnd], as: UTF8.self),
            email: String(decoding: bytes[nameEnd...], as: UTF8.self),
            registeredAt: Milliseconds(bitPattern: bigEndianWord(bytes.span, at: 32))
        )
    }
}

/// UUIDs as text and as 128 bits ([RFC 9562](https://www.rfc-editor.org/rfc/rfc9562)).
package enum UUIDText {
    /// A random one, version 4.
    package static func random() -> String {
        let high = SystemRandom.word() & ~0xF000 | 0x4000
        let low = SystemRandom.word() & ~(3 << 62) | 2 << 62
        return format(high: high, low: low)
    }

    /// In lower case.
    package static func format(high: UInt64, low: UInt64) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append(UInt8(ascii: "-")) }
            let word = index < 16 ? high : low
            let nibble = UInt8(word >> UInt64(60 - 4 * (index & 15)) & 15)
            text.append(nibble < 10 ? nibble + UInt8(ascii: "0") : nibble - 10 + UInt8(ascii: "a"))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bits of a UUID; nil unless the text is one in lower case.
    package static func parse(_ text: String) -> (high: UInt64, low: UInt64)? {
        let characters = text.utf8Span.span
        guard characters.count == 36 else { return nil }
        guard let high = word(characters, 0..<18), let low = word(characters, 18..<36) else { return nil }
        return (high, low)
    }

    /// Half of a UUID's digits, with the hyphens where they belong.
    private static func word(_ characters: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        var word: UInt64 = 0
        for index in range {
            let character = characters[index]
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard character == UInt8(ascii: "-") else { return nil }
                continue
            }
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): word = word << 4 | UInt64(character - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): word = word << 4 | UInt64(character - UInt8(ascii: "a") + 10)
            default: return nil
            }
        }
        return word
    }
}
