import JOSE

/// What a lease belongs to and a session id is bound to: one registration or one user, in one event of one company.
///
/// It is the first 128 bits of SHA-256 over the length-prefixed parts, so no choice of ids makes two subjects equal.
package struct SubjectKey: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// - Parameter id: the registration for a registration token, the user id for an embed token.
    package init(kind: ViewerKind, company: String, event: Span<UInt8>, id: String) {
        var text: [UInt8] = [kind == .registration ? 1 : 2]
        text.reserveCapacity(13 + company.utf8.count + event.count + id.utf8.count)
        Self.append(company.utf8Span.span, to: &text)
        Self.append(event, to: &text)
        Self.append(id.utf8Span.span, to: &text)
        let hash = SHA256.hash(text.span)
        high = bigEndianWord(hash.span, at: 0)
        low = bigEndianWord(hash.span, at: 8)
    }

    /// Sixteen bytes.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        appendBigEndian(high, count: 8, to: &bytes)
        appendBigEndian(low, count: 8, to: &bytes)
        return bytes
    }

    /// The position of a session in the lease table if the subject may have several: its own random bits distinguish it
    /// from the others.
    func own(of session: SessionID) -> SubjectKey {
        SubjectKey(high: high ^ session.random0, low: low ^ session.random1)
    }

    private static func append(_ part: Span<UInt8>, to text: inout [UInt8]) {
        appendBigEndian(UInt64(part.count), count: 4, to: &text)
        for index in part.indices { text.append(part[index]) }
    }
}

/// Reads eight bytes as a big-endian number.
func bigEndianWord(_ bytes: Span<UInt8>, at start: Int) -> UInt64 {
    var word: UInt64 = 0
    for index in start..<start + 8 { word = word << 8 | UInt64(bytes[index]) }
    return word
}

/// Appends the low `count` bytes of a number, big-endian.
func appendBigEndian(_ word: UInt64, count: Int, to bytes: inout [UInt8]) {
    for index in (0..<count).reversed() { bytes.append(UInt8(truncatingIfNeeded: word >> (8 * UInt64(index)))) }
}
