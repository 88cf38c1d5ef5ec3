import Admission
import Basics

/// Repairs tokens in links that mail programs, trackers and people have mangled. A repaired token is judged like any
/// other, so that only what was signed gets in.
extension Span<UInt8> {
    /// The token of a link before it was mangled. Decodes percent-encoding, removes white space, soft line breaks
    /// ([RFC 2045 section 6.7](https://www.rfc-editor.org/rfc/rfc2045#section-6.7)), invisible characters and whatever
    /// else outside ASCII, and keeps what then looks like a token: without a bracket, quote or equals sign before it, and
    /// without what begins at the first character that no token has, such as another question mark, or at a last full stop.
    func linkToken(_ range: Range<Int>) -> [UInt8] {
        var token: [UInt8] = []
        token.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let (byte, count) = decoded(at: position, before: range.upperBound)
            position += count
            if byte.isOfToken {
                token.append(byte)
            } else if byte == UInt8(ascii: "="), isLineEnd(position..<range.upperBound) {
                // A soft line break. The rest of it is noise.
            } else if !byte.isNoise, !(token.isEmpty && byte.isOpening) {
                break
            }
        }
        while token.count > 1, token.last == UInt8(ascii: ".") { token.removeLast() }
        if Self.isEqualsSign(token.span, at: 0) { token.removeFirst(2) }
        return token
    }

    /// The join code of a link before it was mangled, in the same way. Returns `nil` if it is none.
    func linkJoinCode(_ range: Range<Int>) -> JoinCode? {
        let text = linkToken(range)
        if let code = JoinCode(text.span) { return code }
        return text.starts(with: "3D".utf8) ? JoinCode(text.span.extracting(droppingFirst: 2)) : nil
    }

    /// Whether only blanks stand before the next end of a line.
    private func isLineEnd(_ range: Range<Int>) -> Bool {
        var position = range.lowerBound
        while position < range.upperBound {
            let (byte, count) = decoded(at: position, before: range.upperBound)
            if byte == .carriageReturn || byte == .lineFeed { return true }
            guard byte == .space || byte == .tab || byte == UInt8(ascii: "+") else { return false }
            position += count
        }
        return false
    }

    /// The part of `range` that is the link's token unchanged. Returns `nil` if the token needs repair.
    func unbrokenLinkToken(_ range: Range<Int>) -> Range<Int>? {
        var end = range.lowerBound
        while end < range.upperBound, self[end].isOfToken { end += 1 }
        if end < range.upperBound {
            let byte = self[end]
            let isDropped = byte.isNoise || byte == .percent || byte == UInt8(ascii: "=") || end == range.lowerBound
            guard !isDropped else { return nil }
        }
        while end > range.lowerBound + 1, self[end - 1] == UInt8(ascii: ".") { end -= 1 }
        guard !Self.isEqualsSign(self, at: range.lowerBound) || end < range.lowerBound + 4 else { return nil }
        return range.lowerBound..<end
    }

    /// Whether an equals sign as mail programs encode it (`=3D`, whose own sign was the query's) stands before a token,
    /// which begins with the Base64 of `{"`.
    private static func isEqualsSign(_ bytes: Span<UInt8>, at start: Int) -> Bool {
        start + 4 <= bytes.count && bytes.equals("3Dey", in: start..<start + 4)
    }

    /// Whether the predicate holds for the percent-decoded value, or for the value before it was mangled.
    func isEither(_ value: Range<Int>, _ isTrue: (Span<UInt8>) -> Bool) -> Bool {
        if isTrue(percentDecoded(value).span) { return true }
        return unbrokenLinkToken(value) != value && isTrue(linkToken(value).span)
    }
}

extension UInt8 {
    /// Whether the byte occurs in tokens and join codes.
    fileprivate var isOfToken: Bool { isBase64URL || self == UInt8(ascii: ".") }

    /// Whether the byte opens a bracket or a quotation, or stands between a name and a value.
    fileprivate var isOpening: Bool { "<([{\"'=".utf8.contains(self) }

    /// Whether the byte may have been inserted anywhere. Forms encode a blank as a plus sign.
    fileprivate var isNoise: Bool {
        switch self {
        case .space, .tab, .carriageReturn, .lineFeed, UInt8(ascii: "+"), 0x80...: true
        default: false
        }
    }
}
