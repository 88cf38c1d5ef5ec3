/// Tokens in links that mail programs, trackers and people have handled. What is mended is judged like any other token, so
/// that nothing is let in but what was signed.
extension Span<UInt8> {
    /// The token of a link as it was before: percent-decoded, without white space and soft line breaks
    /// ([RFC 2045 section 6.7](https://www.rfc-editor.org/rfc/rfc2045#section-6.7)) in it, without a second question mark
    /// and what follows it, and without what else was taken along from behind it, such as a full stop or a bracket.
    func linkToken(_ range: Range<Int>) -> [UInt8] {
        var token: [UInt8] = []
        token.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let (byte, count) = decoded(at: position, before: range.upperBound)
            position += count
            switch byte {
            case UInt8(ascii: "?"):
                position = range.upperBound
            // A blank as forms write it is a plus sign.
            case .space, .tab, UInt8(ascii: "+"):
                break
            case .carriageReturn, .lineFeed:
                if token.last == UInt8(ascii: "=") { token.removeLast() }
            default:
                token.append(byte)
            }
        }
        while token.count > 1, let last = token.last, !last.isBase64URL { token.removeLast() }
        return token
    }

    /// The part of `range` that is the same; nil where the bytes do not hold it as it is.
    func unbrokenLinkToken(_ range: Range<Int>) -> Range<Int>? {
        let (start, limit) = (range.lowerBound, range.upperBound)
        guard firstIndex(of: .percent, from: start, to: limit) == nil,
            firstIndex(of: UInt8(ascii: "+"), from: start, to: limit) == nil
        else { return nil }
        var end = firstIndex(of: UInt8(ascii: "?"), from: start, to: limit) ?? limit
        while end > start + 1, !self[end - 1].isBase64URL { end -= 1 }
        return start..<end
    }

    /// Whether something is true of a value as it was sent, percent-decoded, or as it was before it was broken on its way.
    func isEither(_ value: Range<Int>, _ isTrue: (Span<UInt8>) -> Bool) -> Bool {
        if isTrue(percentDecoded(value).span) { return true }
        return unbrokenLinkToken(value) != value && isTrue(linkToken(value).span)
    }
}
