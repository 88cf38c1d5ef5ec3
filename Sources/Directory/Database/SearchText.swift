import Admission
import Basics

/// Looks for a text in names: ignores case, and the ways in which Unicode can write the same letter.
enum SearchText {
    /// Whether a text in any form contains another, which is in the form of ``foldedIdentity(_:)``.
    static func contains(_ text: String, _ sought: String) -> Bool {
        containsASCII(text, sought) ?? containsBytes(foldedIdentity(text), sought)
    }

    /// The same for a text of ASCII, without a copy of it: nearly all are. Returns `nil` for others.
    private static func containsASCII(_ text: String, _ sought: String) -> Bool? {
        let (text, sought) = (text.utf8Span.span, sought.utf8Span.span)
        var isFound = sought.isEmpty
        for start in text.indices {
            guard text[start] < 0x80 else { return nil }
            if !isFound, text.count - start >= sought.count { isFound = begins(text, at: start, with: sought) }
        }
        return isFound
    }

    /// Whether ASCII in any case has lower-case text at an index.
    private static func begins(_ text: Span<UInt8>, at start: Int, with sought: Span<UInt8>) -> Bool {
        for index in sought.indices where lowercase(text[start + index]) != sought[index] { return false }
        return true
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// Compares bytes. Both texts are short: their product bounds the time.
    private static func containsBytes(_ text: String, _ sought: String) -> Bool {
        let (text, sought) = (text.utf8Span.span, sought.utf8Span.span)
        guard sought.count <= text.count else { return false }
        for start in 0...(text.count - sought.count)
        where text.extracting(start..<start + sought.count).hasSameBytes(as: sought) {
            return true
        }
        return false
    }
}
