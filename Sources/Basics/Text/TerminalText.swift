/// Makes text from outside safe for a terminal: the author of a token, a name or a file must not be able to end a line,
/// move the cursor, set the title or change the direction of a line.
package enum TerminalText {
    /// Text whose active characters are escaped.
    package static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            if isActive(scalar) { escaped += escape(scalar) } else { escaped.unicodeScalars.append(scalar) }
        }
        return escaped
    }

    /// A character in the form `\\u001b`, which JSON reads as the same character.
    package static func escape(_ scalar: Unicode.Scalar) -> String {
        String(scalar).utf16.map { unit in
            let digits = String(unit, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
        }.joined()
    }

    /// Whether a terminal does more than show this character: control characters (C0, DEL, C1), line separators and
    /// characters that change the writing direction.
    package static func isActive(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        // The category format includes bidirectional controls, zero-width characters and tags.
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
