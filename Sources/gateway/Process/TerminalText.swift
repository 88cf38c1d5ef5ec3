/// Text from outside as a terminal may show it: whoever made a token or a name must not move the cursor, set the title or
/// turn the order of a line about.
enum TerminalText {
    /// The text with control characters (C0, DEL, C1), separators of lines and what changes the direction of writing as
    /// `\\u001b`.
    static func escaped(_ text: String) -> String {
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            guard isActive(scalar) else {
                escaped.append(scalar)
                continue
            }
            let digits = String(scalar.value, radix: 16)
            escaped.append(
                contentsOf: "\\u\(String(repeating: "0", count: max(0, 4 - digits.utf8.count)))\(digits)".unicodeScalars
            )
        }
        return String(escaped)
    }

    private static func isActive(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        // Formats hold the bidirectional controls, zero-width characters and tags.
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
