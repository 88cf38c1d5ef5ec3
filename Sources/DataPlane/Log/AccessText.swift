import Basics

// Copies texts of a request for the access log, without what may be a secret.

extension [UInt8] {
    /// In bytes. A longer run of name characters is not a name but a key to something.
    fileprivate static let maxWord = 64
    /// In bytes. A longer run is none if it holds the start of a token.
    fileprivate static let maxTokenStart = 32

    /// Appends a path and the names of its query's members. Leaves out their values: they may be tokens or personal
    /// data.
    ///
    /// - Parameters:
    ///   - limit: the most bytes that are written, but for the last one's escape.
    ///   - hasQuery: whether the query is written at all.
    mutating func append(target bytes: Span<UInt8>, upTo limit: Int, hasQuery: Bool = true) {
        if bytes.count <= limit, bytes.isShownAsTarget {
            append(bytes)
            return
        }
        let end = count + limit
        var (isValue, isInQuery, index) = (false, false, 0)
        while index < bytes.count, count < end {
            let byte = bytes[index]
            if isValue, byte != UInt8(ascii: "&") {
                index += 1
                continue
            }
            isValue = false
            if !hasQuery, byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") { return }
            if let next = appendMask(bytes, at: index) {
                index = next
                continue
            }
            // Some readers would not take other bytes for text.
            if byte < 0x20 || byte >= 0x7f { append(percentEncoded: byte) } else { append(byte) }
            if byte == UInt8(ascii: "?") { isInQuery = true }
            if byte == UInt8(ascii: "="), isInQuery {
                isValue = true
                append(UInt8(ascii: "*"))
            }
            index += 1
        }
    }

    /// Appends up to `limit` bytes of a text as they are, but for what may be a token.
    mutating func append(masked bytes: Span<UInt8>, upTo limit: Int) {
        if bytes.count <= limit, !bytes.hasLongWord {
            append(bytes)
            return
        }
        let end = count + limit
        var index = 0
        while index < bytes.count, count < end {
            if let next = appendMask(bytes, at: index) {
                index = next
            } else {
                append(bytes[index])
                index += 1
            }
        }
    }

    /// Appends `*` for a run that begins at `start` and may be a token or a ticket, even where a broken link has
    /// misplaced it.
    ///
    /// - Returns: the end of the run; `nil` if there is none.
    @inline(__always)
    private mutating func appendMask(_ bytes: Span<UInt8>, at start: Int) -> Int? {
        guard bytes[start].isTokenText, start == 0 || !bytes[start - 1].isTokenText else { return nil }
        var (end, isToken) = (start, false)
        while end < bytes.count, bytes[end].isTokenText {
            // Every JSON Web Token starts like this: its header begins with `{"`.
            if end + 3 <= bytes.count, bytes.equals("eyJ", in: end..<end + 3) { isToken = true }
            end += 1
        }
        guard end - start > (isToken ? Self.maxTokenStart : Self.maxWord) else { return nil }
        append(UInt8(ascii: "*"))
        return end
    }
}

extension Span<UInt8> {
    /// Whether a run of name characters is long enough that masking could change it.
    fileprivate var hasLongWord: Bool {
        let length = [UInt8].maxTokenStart + 1
        var start = 0
        while start + length <= count {
            // From the end: a character that ends a run there rules out all runs that begin before it.
            var index = start + length - 1
            while index >= start, self[index].isTokenText { index -= 1 }
            if index < start { return true }
            start = index + 1
        }
        return false
    }

    /// Whether a target is logged as it is. It has no query, and nothing to mask or to encode.
    fileprivate var isShownAsTarget: Bool {
        isPlain && firstIndex(of: UInt8(ascii: "?"), from: 0, to: count) == nil
            && firstIndex(of: UInt8(ascii: "#"), from: 0, to: count) == nil && !hasLongWord
    }

    /// Whether masking could change the text: it is long, or a part of it begins like a token.
    var mayHoldToken: Bool {
        if count > [UInt8].maxWord { return true }
        for index in indices.dropLast(2) where self[index] == UInt8(ascii: "e") {
            if equals("eyJ", in: index..<index + 3) { return true }
        }
        return false
    }
}
