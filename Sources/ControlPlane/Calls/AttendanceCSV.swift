import Admission
import Basics
import Directory

/// Participants as a table.
enum AttendanceCSV: AttendanceForm {
    private static let columns = [
        "userId", "registrationId", "name", "email", "role", "metadata", "firstJoin", "lastLeave", "minutes", "joins",
        "replaced",
    ]

    static let mediaType = Table.mediaType
    static let ending = ""

    /// For the document: the names of the columns.
    static let example = columns.joined(separator: ",") + "\r\n"

    static func beginning(_ attendance: EventAttendance) -> [UInt8] {
        var text: [UInt8] = []
        Table.append(columns, to: &text)
        return text
    }

    static func append(_ participant: EventAttendance.Participant, isFirst: Bool, to text: inout [UInt8]) {
        Table.append(
            [
                participant.userID ?? "", participant.registrationID ?? "", participant.name ?? "",
                participant.email ?? "", participant.role, participant.metadata ?? "",
                Timestamp.text(participant.firstJoin),
                participant.lastLeave.map(Timestamp.text) ?? "",
                Table.cell(.number(AttendanceJSON.rounded(participant.minutes))),
                String(participant.joins), String(participant.replaced),
            ],
            to: &text
        )
    }
}
