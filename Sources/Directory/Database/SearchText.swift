import Admission
import Basics
import GRDB

/// Looks for a text in names: ignores case, and the ways in which Unicode can write the same letter.
enum SearchText {
    /// In SQL, `holds(text, sought)`: whether a text contains another, which is in the form of ``foldedIdentity(_:)``.
    static let function = DatabaseFunction("holds", argumentCount: 2, pure: true) { values in
        guard let text = String.fromDatabaseValue(values[0]), let sought = String.fromDatabaseValue(values[1]) else {
            return false
        }
        return contains(foldedIdentity(text), sought)
    }

    /// Compares bytes. Both texts are short: their product bounds the time.
    private static func contains(_ text: String, _ sought: String) -> Bool {
        let (text, sought) = (text.utf8Span.span, sought.utf8Span.span)
        guard sought.count <= text.count else { return false }
        for start in 0...(text.count - sought.count)
        where text.extracting(start..<start + sought.count).hasSameBytes(as: sought) {
            return true
        }
        return false
    }
}
