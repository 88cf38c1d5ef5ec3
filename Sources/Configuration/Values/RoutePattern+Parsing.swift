import Basics

extension RoutePattern {
    /// Reads a pattern such as `/event/{event}/**`. Does not match paths.
    package init(parsing text: String) throws(ValueFault) {
        guard text.hasPrefix("/") else { throw ValueFault("\(quoted(text)) must begin with /") }
        var words = text.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        let takesRest = words.last == "**"
        if takesRest || words == [""] { words.removeLast() }
        var segments: [Segment] = []
        for (index, word) in words.enumerated() {
            if word.isEmpty, index == words.count - 1, !takesRest {
                throw ValueFault("\(quoted(text)) must not end in /; /** takes what follows")
            }
            let segment = try Self.segment(word, of: text)
            if segment == .event, segments.contains(.event) {
                throw ValueFault("\(quoted(text)) has {event} more than once")
            }
            segments.append(segment)
        }
        if segments.first == .literal(".gateway") {
            throw ValueFault("\(quoted(text)): /.gateway/ is the gateway's own")
        }
        self.init(text: text, segments: segments, takesRest: takesRest)
    }

    package var namesEvent: Bool { segments.contains(.event) }

    private static func segment(_ word: String, of text: String) throws(ValueFault) -> Segment {
        if word == "{event}" { return .event }
        switch word {
        case "": throw ValueFault("\(quoted(text)) has an empty segment")
        case ".", "..": throw ValueFault("\(quoted(text)) has a dot segment")
        case "**": throw ValueFault("\(quoted(text)): ** may only stand at the end")
        default: break
        }
        if word.contains("{event}") { throw ValueFault("\(quoted(text)): {event} must be a whole segment") }
        if word.utf8.contains(where: { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }) {
            throw ValueFault("\(quoted(text)): only {event} may stand in braces")
        }
        if word.utf8.contains(UInt8(ascii: "*")) {
            throw ValueFault("\(quoted(text)): * may only stand at the end, as /**")
        }
        if word.utf8.contains(UInt8(ascii: "%")) {
            throw ValueFault("\(quoted(text)): write characters as they are, not encoded")
        }
        guard word.utf8.allSatisfy({ $0.isPathCharacter }) else {
            throw ValueFault("\(quoted(text)) holds a character that does not belong in a path")
        }
        return .literal(word)
    }
}

extension UInt8 {
    /// pchar of RFC 3986 section 3.3 (https://www.rfc-editor.org/rfc/rfc3986#section-3.3), without percent-encoding.
    fileprivate var isPathCharacter: Bool { isLetterOrDigit || "-._~!$&'()+,;=:@".utf8.contains(self) }
}
