import Basics
import JOSE

/// Words the log for what identity providers say.
enum SkippedKeys {
    private static let maxListed = 5
    private static let maxLength = 64

    /// The keys of a set that were skipped, and why. `nil` if there are none.
    static func text(_ skipped: [PublishedKeys.Skipped]) -> String? {
        guard !skipped.isEmpty else { return nil }
        var texts = skipped.prefix(maxListed).map { key in
            "\(key.id.map { "kid \(shown($0))" } ?? "one without kid"): \(key.reason)"
        }
        if skipped.count > maxListed { texts.append("and \(skipped.count - maxListed) more") }
        return texts.joined(separator: "; ")
    }

    /// A text from outside, quoted, without active characters, and cut.
    static func shown(_ text: String) -> String {
        let start = text.unicodeScalars.prefix(maxLength)
        var cut = ""
        cut.unicodeScalars.append(contentsOf: start)
        return "\"\(TerminalText.escaped(cut))\(start.endIndex < text.unicodeScalars.endIndex ? "…" : "")\""
    }
}
