import Basics

extension UUIDText {
    /// Whether a text reads as a UUID, but not in the directory's spelling. An upstream may then take it for an event
    /// that the directory knows under another name.
    ///
    /// Reads as leniently as any parser that upstreams may use. Java's takes groups of any length and digits of any
    /// script; .NET's takes upper case, parentheses and `{0x…,0x…}`; Python's takes `urn:`, `uuid:`, hyphens anywhere
    /// and underscores; PostgreSQL's takes braces; Go's takes any byte on either side; SQL Server's takes anything
    /// after 36 bytes. Decodes what an upstream may decode once more.
    static func isRespelled(_ text: String) -> Bool {
        if parse(text) != nil { return false }
        var symbols = symbols(of: text)
        for word in ["urn:", "uuid:"] { symbols.removeAll(of: Array(word.utf8)) }
        // One parser skips a sign, a space or an underscore; another reads it like a leading zero.
        let filled = symbols.map { $0 == filler || $0 == UInt8(ascii: "x") ? UInt8(ascii: "0") : $0 }
        symbols.removeAll(of: [filler])
        symbols.removeAll(of: Array("0x".utf8))
        return isUUID(symbols) || isUUID(filled)
    }

    private static func isUUID(_ symbols: [UInt8]) -> Bool {
        if hasHyphens(symbols[...]) || symbols.count == 38 && hasHyphens(symbols[1...]) { return true }
        let groups = symbols.split(separator: hyphen, omittingEmptySubsequences: false)
        guard groups.allSatisfy({ $0.allSatisfy(isDigit) }) else { return false }
        return groups.reduce(0) { $0 + $1.count } == 32 || groups.count == 5 && !groups.contains(where: \.isEmpty)
    }

    private static let hyphen = UInt8(ascii: "-")
    /// Stands for a character that a parser skips.
    private static let filler = UInt8(ascii: " ")

    /// Whether it starts with 32 digits in groups of 8, 4, 4, 4 and 12.
    private static func hasHyphens(_ symbols: ArraySlice<UInt8>) -> Bool {
        guard symbols.count >= 36 else { return false }
        return symbols.prefix(36).enumerated().allSatisfy { offset, symbol in
            [8, 13, 18, 23].contains(offset) ? symbol == hyphen : isDigit(symbol)
        }
    }

    private static func isDigit(_ symbol: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(symbol)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(symbol)
    }

    /// A text's characters as a lenient parser distinguishes them: in lower case, with digits of any script as `0`,
    /// every dash as a hyphen, and no brackets or quotes.
    private static func symbols(of text: String) -> [UInt8] {
        String(decoding: fullyDecoded(Array(text.utf8)), as: UTF8.self).unicodeScalars.compactMap { scalar in
            switch scalar {
            case "A"..."Z": return UInt8(truncatingIfNeeded: scalar.value | 0x20)
            case "a"..."z", "0"..."9", ":": return UInt8(truncatingIfNeeded: scalar.value)
            case "+", "_": return filler
            case "'", "\"", ",", "<", ">": return nil
            // Full-width letters.
            case "\u{ff21}"..."\u{ff26}", "\u{ff41}"..."\u{ff46}": return UInt8(ascii: "a")
            default: break
            }
            switch scalar.properties.generalCategory {
            case .decimalNumber: return UInt8(ascii: "0")
            case .dashPunctuation: return hyphen
            case .control, .format, .spaceSeparator, .lineSeparator, .paragraphSeparator: return filler
            case .openPunctuation, .closePunctuation: return nil
            // Database collations skip marks, and compare a letter or number by its base character.
            case .nonspacingMark, .spacingMark, .enclosingMark: return nil
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .letterNumber,
                .otherNumber:
                return UInt8(ascii: "a")
            // Not a digit in any parser.
            default: return UInt8(ascii: "?")
            }
        }
    }

    /// Undoes percent-encoding until none is left.
    private static func fullyDecoded(_ text: [UInt8]) -> [UInt8] {
        var decoded: [UInt8] = []
        for byte in text {
            decoded.append(byte)
            // A decoded byte may complete another escape.
            while decoded.count >= 3, decoded[decoded.count - 3] == UInt8(ascii: "%"),
                let high = decoded[decoded.count - 2].hexValue, let low = decoded[decoded.count - 1].hexValue
            {
                decoded.removeLast(3)
                decoded.append(high << 4 | low)
            }
        }
        return decoded
    }
}

extension [UInt8] {
    /// Removes every occurrence of a word, including those that a removal creates.
    fileprivate mutating func removeAll(of word: [UInt8]) {
        var rest: [UInt8] = []
        for byte in self {
            rest.append(byte)
            if rest.suffix(word.count).elementsEqual(word) { rest.removeLast(word.count) }
        }
        self = rest
    }
}
