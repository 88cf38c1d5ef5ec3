import Admission
import Basics
import Directory

/// Participants as a table ([RFC 4180](https://www.rfc-editor.org/rfc/rfc4180)).
enum AttendanceCSV: AttendanceForm {
    private static let columns = [
        "userId", "registrationId", "name", "email", "role", "metadata", "firstJoin", "lastLeave", "minutes", "joins",
        "replaced",
    ]

    static let mediaType = "text/csv; charset=utf-8; header=present"
    static let ending = ""

    /// For the document: the names of the columns.
    static let example = columns.joined(separator: ",") + "\r\n"

    static func beginning(_ attendance: EventAttendance) -> [UInt8] {
        var text: [UInt8] = []
        append(columns, to: &text)
        return text
    }

    static func append(_ participant: EventAttendance.Participant, isFirst: Bool, to text: inout [UInt8]) {
        let minutes = JSONValue.number(AttendanceJSON.rounded(participant.minutes)).serialized()
        append(
            [
                participant.userID ?? "", participant.registrationID ?? "", participant.name ?? "",
                participant.email ?? "", participant.role, participant.metadata ?? "",
                Timestamp.text(participant.firstJoin),
                participant.lastLeave.map(Timestamp.text) ?? "", String(decoding: minutes, as: UTF8.self),
                String(participant.joins), String(participant.replaced),
            ],
            to: &text
        )
    }

    private static func append(_ cells: [String], to text: inout [UInt8]) {
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
