import Basics
import HTTPTypes

/// Tables of text ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)), safe to open as a spreadsheet.
enum Table {
    static let mediaType = "text/csv; charset=utf-8; header=present"

    /// Whether a client prefers a table over JSON.
    static func isWanted(_ head: HTTPRequest) -> Bool {
        let types = ListText.parts(head.headerFields[.accept] ?? "", separator: ",")
            .map { $0.prefix { $0 != UInt8(ascii: ";") } }
        func names(_ type: StaticString) -> Bool { types.contains { $0.elementsEqual(type.description.utf8) } }
        return names("text/csv") && !names("application/json")
    }

    /// The cell of a JSON value: a text or number as it is, and nothing for `null`.
    static func cell(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .null: ""
        default: String(decoding: value.serialized(), as: UTF8.self)
        }
    }

    static func append(_ cells: [String], to text: inout [UInt8]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            append(cell, to: &text)
        }
        text += "\r\n".utf8
    }

    /// A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    private static func append(_ cell: String, to text: inout [UInt8]) {
        let isFormula = mayBeFormula(cell)
        // Spreadsheets of some languages divide lines at semicolons, others at tabs.
        let needsQuotes = cell.utf8.contains { "\",;\t\r\n".utf8.contains($0) }
        if needsQuotes { text.append(UInt8(ascii: "\"")) }
        if isFormula { text.append(UInt8(ascii: "'")) }
        for byte in cell.utf8 {
            if byte == UInt8(ascii: "\"") { text.append(byte) }
            text.append(byte)
        }
        if needsQuotes { text.append(UInt8(ascii: "\"")) }
    }

    /// Whether a spreadsheet may take a cell, or what it takes for a cell within it, for a formula
    /// ([OWASP, CSV injection](https://owasp.org/www-community/attacks/CSV_Injection)).
    static func mayBeFormula(_ cell: String) -> Bool {
        var isAtStart = true
        for scalar in cell.unicodeScalars {
            switch scalar {
            case ";", "\t", "\r", "\n": isAtStart = true
            case "=", "+", "-", "@", "\u{FF1D}", "\u{FF0B}", "\u{FF0D}", "\u{FF20}":
                if isAtStart { return true }
            default:
                // Spaces and invisible characters are skipped, as spreadsheets skip them.
                isAtStart =
                    isAtStart && (scalar.properties.isWhitespace || scalar.properties.isDefaultIgnorableCodePoint)
            }
        }
        return false
    }
}
