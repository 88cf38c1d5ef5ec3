import Admission
import Basics
import Directory

/// Attendance in answers.
enum AttendanceJSON: AttendanceForm {
    static let schema = Schema.named(
        "Analytics",
        .object([
            Schema.Member(name: "eventId", schema: .uuid, isRequired: true),
            Schema.Member(name: "eventName", schema: .anyText, isRequired: true),
            Schema.Member(name: "startDate", schema: .nullable(.moment), isRequired: true),
            Schema.Member(name: "endDate", schema: .nullable(.moment), isRequired: true),
            Schema.Member(name: "registered", schema: count, isRequired: true),
            Schema.Member(name: "attended", schema: count, isRequired: true),
            Schema.Member(name: "peakConcurrent", schema: count, isRequired: true),
            Schema.Member(
                name: "totalMinutes",
                schema: .number,
                isRequired: true,
                description: """
                    Presence from a day before the event's start to a day after its end; in a networking hub without \
                    dates, from its creation to now.
                    """
            ),
            Schema.Member(name: "averageMinutes", schema: .number, isRequired: true),
            Schema.Member(
                name: "concurrencyStep",
                schema: count,
                isRequired: true,
                description: "How many minutes an entry of `concurrency` covers; more than 1 for long events."
            ),
            Schema.Member(
                name: "concurrency",
                schema: .list(.tuple([.moment, count]), upTo: 20_161),
                isRequired: true,
                description: """
                    Minutes with the most who were there at one time in them, from a day before the event's start to a \
                    day after its end; without those in which nobody was.
                    """
            ),
            Schema.Member(name: "participants", schema: .list(participant), isRequired: true),
        ])
    )

    private static let count = Schema.integer(0...1_000_000_000)

    private static let participant = Schema.named(
        "Participant",
        .object([
            Schema.Member(name: "userId", schema: .anyText, description: "Set for a viewer with an embed token."),
            Schema.Member(name: "registrationId", schema: .anyText, description: "Set for a registered viewer."),
            Schema.Member(name: "name", schema: .nullable(.anyText), isRequired: true),
            Schema.Member(name: "email", schema: .nullable(.anyText), isRequired: true),
            Schema.Member(name: "role", schema: .anyText, isRequired: true),
            Schema.Member(name: "metadata", schema: .document, isRequired: true),
            Schema.Member(name: "firstJoin", schema: .moment, isRequired: true),
            Schema.Member(
                name: "lastLeave",
                schema: .nullable(.moment),
                isRequired: true,
                description: "null: still there."
            ),
            Schema.Member(name: "minutes", schema: .number, isRequired: true),
            Schema.Member(name: "joins", schema: count, isRequired: true),
            Schema.Member(
                name: "replaced",
                schema: count,
                isRequired: true,
                description: "How often another join took the session's place."
            ),
        ])
    )

    static let mediaType = "application/json"
    static let ending = "]}"

    static func beginning(_ attendance: EventAttendance) -> [UInt8] {
        let fields = attendance.event.fields
        var text = JSONValue.object(
            [
                JSONMember("eventId", .string(attendance.event.uid)), JSONMember("eventName", .string(fields.name)),
            ] + fields.dates + [
                JSONMember("registered", .number(Double(attendance.registered))),
                JSONMember("attended", .number(Double(attendance.attended))),
                JSONMember("peakConcurrent", .number(Double(attendance.peakConcurrent))),
                JSONMember("totalMinutes", .number(rounded(attendance.totalMinutes))),
                JSONMember("averageMinutes", .number(rounded(attendance.averageMinutes))),
                JSONMember("concurrencyStep", .number(Double(attendance.concurrencyStep))),
            ]
        ).serialized()
        text.removeLast()
        text += ",\"concurrency\":[".utf8
        for (index, entry) in attendance.concurrency.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            let moment = JSONValue.string(Timestamp.text(entry.minute))
            text += JSONValue.array([moment, .number(Double(entry.viewers))]).serialized()
        }
        text += "],\"participants\":[".utf8
        return text
    }

    static func append(
        _ participant: EventAttendance.Participant,
        _ metadata: String?,
        isFirst: Bool,
        to text: inout [UInt8]
    ) {
        if !isFirst { text.append(UInt8(ascii: ",")) }
        var members: [JSONMember] = []
        if let user = participant.userID { members.append(JSONMember("userId", .string(user))) }
        if let registration = participant.registrationID {
            members.append(JSONMember("registrationId", .string(registration)))
        }
        members += [
            JSONMember("name", self.text(participant.name)), JSONMember("email", self.text(participant.email)),
            JSONMember("role", .string(participant.role)),
            JSONMember("firstJoin", .string(Timestamp.text(participant.firstJoin))),
            JSONMember("lastLeave", self.text(participant.lastLeave.map(Timestamp.text))),
            JSONMember("minutes", .number(rounded(participant.minutes))),
            JSONMember("joins", .number(Double(participant.joins))),
            JSONMember("replaced", .number(Double(participant.replaced))),
        ]
        text += JSONValue.object(members).serialized()
        text.removeLast()
        // This is JSON that the gateway wrote when the person registered.
        text += ",\"metadata\":".utf8
        text += (metadata ?? "{}").utf8
        text.append(UInt8(ascii: "}"))
    }

    private static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }

    /// Rounds to two decimals.
    static func rounded(_ minutes: Double) -> Double { (minutes * 100).rounded() / 100 }
}
