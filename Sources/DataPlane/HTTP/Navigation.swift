/// Recognizes a browser's navigation, which gets pages instead of problem documents.
enum Navigation {
    /// Whether what is left of a broken head looks like a navigation, by the first fields that tell. When in doubt a person
    /// sees the answer to a GET: of one whose address was too long, nothing else was read.
    static func mayBeOne(_ bytes: Span<UInt8>) -> Bool {
        var isGet = false
        var takesPages: Bool?
        var isFirst = true
        var start = 0
        while let line = bytes.nextLine(&start) {
            if isFirst {
                isFirst = false
                if bytes.firstIndex(of: .lineFeed, from: 0, to: bytes.count) == nil {
                    return bytes.begins("get ", ignoringCaseIn: line)
                }
                isGet = bytes.begins("get ", ignoringCaseIn: line) || bytes.begins("head ", ignoringCaseIn: line)
                guard isGet || bytes.begins("post ", ignoringCaseIn: line) else { return false }
            } else if let value = bytes.value(of: "sec-fetch-mode:", in: line) {
                return bytes.equals("navigate", ignoringCaseIn: value)
            } else if takesPages == nil, let value = bytes.value(of: "accept:", in: line) {
                takesPages = isPageAccepted(bytes.extracting(value))
            }
        }
        return isGet && takesPages ?? false
    }

    /// The place among `tags` of the language that fits best, as far as what is left of a broken head tells.
    static func language(_ bytes: Span<UInt8>, among tags: [[UInt8]]) -> Int {
        var choice = LanguageChoice(among: tags)
        var start = 0
        while let line = bytes.nextLine(&start) {
            if let value = bytes.value(of: "accept-language:", in: line) { choice.read(bytes.extracting(value)) }
        }
        return choice.place
    }

    /// Whether a request is a navigation, by its `Sec-Fetch-Mode` and `Accept`.
    static func isOne(_ method: Method, mode: Span<UInt8>?, accept: Span<UInt8>?) -> Bool {
        guard method == .get || method == .head || method == .post else { return false }
        if let mode { return mode.equals("navigate", ignoringCaseIn: 0..<mode.count) }
        guard method != .post, let accept else { return false }
        return isPageAccepted(accept)
    }

    private static func isPageAccepted(_ accept: Span<UInt8>) -> Bool {
        var start = 0
        while start < accept.count {
            let end = accept.firstIndex(of: UInt8(ascii: ","), from: start, to: accept.count) ?? accept.count
            let semicolon = accept.firstIndex(of: UInt8(ascii: ";"), from: start, to: end) ?? end
            if accept.equals("text/html", ignoringCaseIn: accept.trimming(start..<semicolon)) { return true }
            start = end + 1
        }
        return false
    }
}

extension Span<UInt8> {
    /// The line that begins at `start`, without its end and the space around it. Moves `start` to the next one. Returns
    /// `nil` at the end.
    fileprivate func nextLine(_ start: inout Int) -> Range<Int>? {
        guard start < count else { return nil }
        let end = firstIndex(of: .lineFeed, from: start, to: count) ?? count
        let isWhole = end > start && self[end - 1] == .carriageReturn
        let line = trimming(start..<(isWhole ? end - 1 : end))
        start = end + 1
        return line
    }

    /// Whether a range begins with `text`, ignoring case. `text` is in lower case.
    fileprivate func begins(_ text: StaticString, ignoringCaseIn range: Range<Int>) -> Bool {
        let end = range.lowerBound + text.utf8CodeUnitCount
        return end <= range.upperBound && equals(text, ignoringCaseIn: range.lowerBound..<end)
    }

    /// The value of a field line. Returns `nil` if the line has another name.
    fileprivate func value(of name: StaticString, in line: Range<Int>) -> Range<Int>? {
        guard begins(name, ignoringCaseIn: line) else { return nil }
        return trimming(line.lowerBound + name.utf8CodeUnitCount..<line.upperBound)
    }
}
