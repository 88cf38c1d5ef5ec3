/// Whether a request is a browser's navigation, which gets pages instead of problem documents.
enum Navigation {
    /// Whether what there is of a head that is no good looks like one: by its first fields that tell.
    static func mayBeOne(_ bytes: Span<UInt8>) -> Bool {
        var isGet = false
        var takesPages: Bool?
        var start = 0
        while start < bytes.count {
            let end = bytes.firstIndex(of: .lineFeed, from: start, to: bytes.count) ?? bytes.count
            let isWhole = end > start && bytes[end - 1] == .carriageReturn
            let line = bytes.trimming(start..<(isWhole ? end - 1 : end))
            if start == 0 {
                isGet = bytes.begins("get ", ignoringCaseIn: line) || bytes.begins("head ", ignoringCaseIn: line)
                guard isGet || bytes.begins("post ", ignoringCaseIn: line) else { return false }
            } else if let value = bytes.value(of: "sec-fetch-mode:", in: line) {
                return bytes.equals("navigate", ignoringCaseIn: value)
            } else if takesPages == nil, let value = bytes.value(of: "accept:", in: line) {
                takesPages = isPageAccepted(bytes, value)
            }
            start = end + 1
        }
        return isGet && takesPages ?? false
    }

    static func isOne(_ bytes: Span<UInt8>, _ block: FieldBlock, method: Method) -> Bool {
        guard method == .get || method == .head || method == .post else { return false }
        if let mode = block.first(.secFetchMode) { return bytes.equals("navigate", ignoringCaseIn: mode) }
        guard method != .post, let accept = block.first(.accept) else { return false }
        return isPageAccepted(bytes, accept)
    }

    private static func isPageAccepted(_ bytes: Span<UInt8>, _ accept: Range<Int>) -> Bool {
        var start = accept.lowerBound
        while start < accept.upperBound {
            let end = bytes.firstIndex(of: UInt8(ascii: ","), from: start, to: accept.upperBound) ?? accept.upperBound
            let semicolon = bytes.firstIndex(of: UInt8(ascii: ";"), from: start, to: end) ?? end
            if bytes.equals("text/html", ignoringCaseIn: bytes.trimming(start..<semicolon)) { return true }
            start = end + 1
        }
        return false
    }
}

extension Span<UInt8> {
    /// Whether a range begins with a text in lower case, whatever its own case.
    fileprivate func begins(_ text: StaticString, ignoringCaseIn range: Range<Int>) -> Bool {
        let end = range.lowerBound + text.utf8CodeUnitCount
        return end <= range.upperBound && equals(text, ignoringCaseIn: range.lowerBound..<end)
    }

    /// The value of a field line, where it has that name.
    fileprivate func value(of name: StaticString, in line: Range<Int>) -> Range<Int>? {
        guard begins(name, ignoringCaseIn: line) else { return nil }
        return trimming(line.lowerBound + name.utf8CodeUnitCount..<line.upperBound)
    }
}
