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
            Schema.Member(
                name: "dropOff",
                schema: .list(.tuple([.moment, .number]), upTo: 11),
                isRequired: true,
                description: """
                    The event's start and each tenth of its length that has come, with the share, from 0 to 1, of those \
                    who attended who had not left for good before that minute. Empty if it has no dates.
                    """
            ),
            Schema.Member(
                name: "devices",
                schema: .list(
                    .named(
                        "AttendedDevice",
                        .object([
                            Schema.Member(
                                name: "device",
                                schema: .nullable(.anyText),
                                isRequired: true,
                                description: "`desktop`, `mobile`, `tablet` or `other`; null if it is not known."
                            ),
                            Schema.Member(
                                name: "browser",
                                schema: .nullable(.anyText),
                                isRequired: true,
                                description:
                                    "`chrome`, `edge`, `firefox`, `opera`, `safari`, `samsung` or `other`; null if it is not known."
                            ),
                            Schema.Member(name: "attended", schema: count, isRequired: true),
                        ])
                    )
                ),
                isRequired: true,
                description:
                    "How many first joined with which, most first; with `from` or `to`, of those who first joined in that time. From the `User-Agent` when they joined, which is not kept."
            ),
            Schema.Member(
                name: "sites",
                schema: .list(
                    .named(
                        "AttendedSite",
                        .object([
                            Schema.Member(
                                name: "site",
                                schema: .nullable(.anyText),
                                isRequired: true,
                                description:
                                    "A host of the company's embed origins, `other` for all others; null if no page was named."
                            ),
                            Schema.Member(name: "attended", schema: count, isRequired: true),
                        ])
                    )
                ),
                isRequired: true,
                description: """
                    How many first joined from a page of which site, most first; with `from` or `to`, of those who first \
                    joined in that time.
                    """
            ),
            Schema.Member(
                name: "participants",
                schema: .list(participant),
                isRequired: true,
                description:
                    "Those of the page, about in the order of their first arrival. All other members are of the whole."
            ),
        ])
    )

    static let count = Schema.integer(0...1_000_000_000)

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

    /// What is said about an event without its people.
    static func figures(_ attendance: EventAttendance) -> [JSONMember] {
        let fields = attendance.event.fields
        return [
            JSONMember("eventId", .string(attendance.event.uid)), JSONMember("eventName", .string(fields.name)),
        ] + fields.dates + [
            JSONMember("registered", .number(Double(attendance.registered))),
            JSONMember("attended", .number(Double(attendance.attended))),
            JSONMember("peakConcurrent", .number(Double(attendance.peakConcurrent))),
            JSONMember("totalMinutes", .number(rounded(attendance.totalMinutes))),
            JSONMember("averageMinutes", .number(rounded(attendance.averageMinutes))),
        ]
    }

    static func beginning(_ attendance: EventAttendance) -> [UInt8] {
        let step = JSONMember("concurrencyStep", .number(Double(attendance.concurrencyStep)))
        var text = JSONValue.object(figures(attendance) + [step]).serialized()
        text.removeLast()
        append("concurrency", attendance.concurrency.map { ($0.minute, Double($0.viewers)) }, to: &text)
        append("dropOff", attendance.dropOff.map { ($0.moment, ($0.share * 10_000).rounded() / 10_000) }, to: &text)
        text += ",\"devices\":".utf8 + JSONValue.array(attendance.devices.map(device)).serialized()
        text += ",\"sites\":".utf8 + JSONValue.array(attendance.sites.map(site)).serialized()
        text += ",\"participants\":[".utf8
        return text
    }

    private static func device(_ source: StoredSource, _ attended: Int) -> JSONValue {
        .object([
            JSONMember("device", text(source.device)), JSONMember("browser", text(source.browser)),
            JSONMember("attended", .number(Double(attended))),
        ])
    }

    private static func site(_ source: StoredSource, _ attended: Int) -> JSONValue {
        .object([JSONMember("site", text(source.site)), JSONMember("attended", .number(Double(attended)))])
    }

    /// Appends a member with moments and what was then.
    private static func append(_ name: String, _ entries: [(Milliseconds, Double)], to text: inout [UInt8]) {
        text += ",\"\(name)\":[".utf8
        for (index, entry) in entries.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            text += JSONValue.array([.string(Timestamp.text(entry.0)), .number(entry.1)]).serialized()
        }
        text += "]".utf8
    }

    static func append(_ participant: EventAttendance.Participant, isFirst: Bool, to text: inout [UInt8]) {
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
        text += (participant.metadata ?? "{}").utf8
        text.append(UInt8(ascii: "}"))
    }

    private static func text(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }

    /// Rounds to two decimals.
    static func rounded(_ minutes: Double) -> Double { (minutes * 100).rounded() / 100 }
}
