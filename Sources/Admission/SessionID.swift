/// Milliseconds since 1970.
package typealias Milliseconds = Int64

/// One session's name: when it joined, and 128 random bits.
///
/// Sessions of one lease are ordered by it; the random bits make the order total.
package struct SessionID: Hashable, Sendable, Comparable {
    package let joinedAt: Milliseconds
    package let random0: UInt64
    package let random1: UInt64

    package init(joinedAt: Milliseconds, random0: UInt64, random1: UInt64) {
        self.joinedAt = joinedAt
        self.random0 = random0
        self.random1 = random1
    }

    /// What the session is called towards the upstream, in lists and in logs: part of its id, and too little of it to
    /// pass for it.
    package var name: String {
        let digits = String(random0, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    package static func < (a: SessionID, b: SessionID) -> Bool {
        if a.joinedAt != b.joinedAt { return a.joinedAt < b.joinedAt }
        if a.random0 != b.random0 { return a.random0 < b.random0 }
        return a.random1 < b.random1
    }

    /// Equality without an early exit: the random bits are what a holder proves itself with.
    package static func == (a: SessionID, b: SessionID) -> Bool {
        UInt64(bitPattern: a.joinedAt ^ b.joinedAt) | (a.random0 ^ b.random0) | (a.random1 ^ b.random1) == 0
    }
}

/// The MAC over a session id and its subject, cut to 128 bits.
package struct SessionTag: Equatable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Equality in constant time.
    package static func == (a: SessionTag, b: SessionTag) -> Bool {
        (a.high ^ b.high) | (a.low ^ b.low) == 0
    }
}

/// A session id as a client sent it: well formed, and not yet proven.
///
/// Its text is unpadded base64url of 7 bytes joined-at, 16 random and 16 of the tag: 39 bytes fill 52 characters without
/// a bit left over, so every session has exactly one spelling.
package struct PresentedSession: Equatable, Sendable {
    /// Characters of its text.
    package static let length = 52

    package let id: SessionID
    package let tag: SessionTag

    package init(id: SessionID, tag: SessionTag) {
        self.id = id
        self.tag = tag
    }

    /// Reads a session's text; nil unless it is one. Allocates nothing.
    package init?(text: Span<UInt8>) {
        guard text.count == Self.length else { return nil }
        var digits = InlineArray<52, UInt8>(repeating: 0)
        var invalid: UInt8 = 0
        for index in 0..<52 {
            let digit = base64Digit(text[index])
            invalid |= digit
            digits[index] = digit
        }
        guard invalid < 64 else { return nil }
        var bytes = InlineArray<40, UInt8>(repeating: 0)
        for group in 0..<13 {
            let bits =
                UInt32(digits[4 * group]) << 18 | UInt32(digits[4 * group + 1]) << 12
                | UInt32(digits[4 * group + 2]) << 6 | UInt32(digits[4 * group + 3])
            // One byte further on, so that joined-at fills its word from the low end.
            bytes[3 * group + 1] = UInt8(truncatingIfNeeded: bits >> 16)
            bytes[3 * group + 2] = UInt8(truncatingIfNeeded: bits >> 8)
            bytes[3 * group + 3] = UInt8(truncatingIfNeeded: bits)
        }
        id = SessionID(
            joinedAt: Milliseconds(bigEndianWord(bytes.span, at: 0)),
            random0: bigEndianWord(bytes.span, at: 8),
            random1: bigEndianWord(bytes.span, at: 16)
        )
        tag = SessionTag(high: bigEndianWord(bytes.span, at: 24), low: bigEndianWord(bytes.span, at: 32))
    }

    /// The text that `init(text:)` reads.
    package var text: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(39)
        appendBigEndian(UInt64(bitPattern: id.joinedAt), count: 7, to: &bytes)
        for word in [id.random0, id.random1, tag.high, tag.low] { appendBigEndian(word, count: 8, to: &bytes) }
        var text: [UInt8] = []
        text.reserveCapacity(Self.length)
        for group in 0..<13 {
            let bits =
                UInt32(bytes[3 * group]) << 16 | UInt32(bytes[3 * group + 1]) << 8 | UInt32(bytes[3 * group + 2])
            for shift: UInt32 in [18, 12, 6, 0] { text.append(base64Character(UInt8(bits >> shift & 63))) }
        }
        return text
    }
}

/// A base64url character's six bits, or 128 for any other octet: selects instead of branches, for vector code.
@inline(__always)
private func base64Digit(_ character: UInt8) -> UInt8 {
    var digit: UInt8 = 128
    digit = character &- 65 < 26 ? character &- 65 : digit
    digit = character &- 97 < 26 ? character &- 71 : digit
    digit = character &- 48 < 10 ? character &+ 4 : digit
    digit = character == 45 ? 62 : digit
    digit = character == 95 ? 63 : digit
    return digit
}

private func base64Character(_ digit: UInt8) -> UInt8 {
    switch digit {
    case 0..<26: digit + 65
    case 26..<52: digit + 71
    case 52..<62: digit - 4
    case 62: 45
    default: 95
    }
}
