import Admission
import Basics
import Directory
import HTTPTypes
import Synchronization

/// The calls about who was at an event, and who is there now.
struct AttendanceCalls {
    let kind: EventKind

    var calls: [Call] { [analytics, sessions, endSession] }

    private var analytics: Call {
        Call(
            method: .get,
            path: "\(kind.path)/{id}/analytics",
            id: "get\(kind.operationNoun)Analytics",
            summary: "Who was there, and for how long",
            tag: kind.tag,
            query: ReportSpan.parameters + [
                Call.Parameter(
                    name: "limit",
                    schema: .integer(1...1000),
                    description: """
                        The most participants to return, with a `Link` to the others; \(Self.defaultLimit) by default, and all \
                        of them in a table. With `from` or `to`, a page may have fewer, or none, and still a `Link`.
                        """
                ),
                PageRequest.cursorParameter(digits: 15),
            ],
            success: Call.Success(
                schema: AttendanceJSON.schema,
                description: "The attendance; with `Accept: text/csv` its participants as a table",
                otherMediaType: "text/csv",
                otherExample: AttendanceCSV.example,
                isPage: true
            ),
            faults: [404],
            cost: .much,
            handler: .company { [kind] incoming, tenant in
                let (page, isTable) = (PageRequest(incoming), Table.isWanted(incoming.head))
                let attendance = try await incoming.directory.attendance(
                    of: try incoming.eventID(),
                    kind,
                    company: tenant.id,
                    now: incoming.plane.now,
                    within: try ReportSpan.read(incoming.query),
                    limit: page.limit ?? Self.defaultLimit,
                    after: page.cursor.flatMap { Int64($0, radix: 16) }
                )
                guard let attendance else { throw Fault.notFound }
                let isWhole = isTable && page.limit == nil
                let participants = ParticipantParts(attendance, isWhole: isWhole, incoming.directory)
                let form: any AttendanceForm.Type = isTable ? AttendanceCSV.self : AttendanceJSON.self
                var answer = try await Self.answer(attendance, participants, form)
                answer.fields[.vary] = "Accept"
                let last = isWhole ? nil : attendance.page.next
                let next = last.map { String(Hexadecimal.text(UInt64(bitPattern: $0)).dropFirst()) }
                page.describe(&answer, total: attendance.attended, next: next)
                return answer
            }
        )
    }

    /// How many participants a report has by default.
    fileprivate static let defaultLimit = 1000

    /// Answers with the attendance. Participants are read while the answer is written, or at once if there are few.
    private static func answer(
        _ attendance: EventAttendance,
        _ participants: ParticipantParts,
        _ form: any AttendanceForm.Type
    ) async throws -> Answer {
        let hasBegun = PageRequest.Begun()
        let further = Further(weight: attendance.page.people.count * MemoryLayout<Int64>.size) { _ in
            guard let part = try await participants.next() else { return nil }
            var text: [UInt8] = []
            for participant in part.participants {
                form.append(participant, isFirst: !hasBegun.set(), to: &text)
            }
            return part.isLast ? text + form.ending.utf8 : text
        }
        var answer = Answer(form.beginning(attendance), type: form.mediaType)
        if participants.areFew { answer.body += try await further.piece(0) ?? [] } else { answer.further = further }
        return answer
    }

    private var sessions: Call {
        Call(
            method: .get,
            path: "\(kind.path)/{id}/sessions",
            id: "list\(kind.operationNoun)Sessions",
            summary: "Who is there now, in the order of arrival",
            tag: kind.tag,
            success: Call.Success(schema: .list(SessionJSON.schema), description: "The live sessions"),
            faults: [404],
            cost: .list,
            handler: .company { [kind] incoming, tenant in
                let live = try await Self.live(kind, incoming, tenant)
                return Answer(.array(live.map(SessionJSON.value)))
            }
        )
    }

    private var endSession: Call {
        Call(
            method: .delete,
            path: "\(kind.path)/{id}/sessions/{session}",
            id: "end\(kind.operationNoun)Session",
            summary: "Ends a session for good; its viewer may join with another one, unless a removal keeps them out",
            tag: kind.tag,
            success: Call.Success(status: 204, description: "It has ended"),
            faults: [404],
            handler: .company { [kind] incoming, tenant in
                let name = incoming.parameters[1]
                let session = try await Self.live(kind, incoming, tenant).first { $0.name.hasSameBytes(as: name) }
                guard let session else { throw Fault.notFound }
                try await incoming.plane.kick(session)
                return .nothing
            }
        )
    }

    static func live(
        _ kind: EventKind,
        _ incoming: Incoming,
        _ tenant: Tenant
    ) async throws -> [LiveSession] {
        let uid = try incoming.eventID()
        guard try await incoming.directory.event(uid, kind, company: tenant.id) != nil else { throw Fault.notFound }
        return incoming.plane.sessions.list(company: tenant.id, event: uid)
    }
}

/// A report's participants, part by part.
private final class ParticipantParts: Sendable {
    /// How many are read and written at a time.
    private static let size = 200

    private let attendance: EventAttendance
    private let isWhole: Bool
    private let directory: Directory
    private let rest: Mutex<AttendancePage?>

    /// - Parameter isWhole: whether the pages behind the attendance's own are wanted too.
    init(_ attendance: EventAttendance, isWhole: Bool, _ directory: Directory) {
        (self.attendance, self.isWhole, self.directory) = (attendance, isWhole, directory)
        var page = attendance.page
        if !isWhole { page.next = nil }
        rest = Mutex(page)
    }

    /// Whether the first part is the only one.
    var areFew: Bool { attendance.page.people.count <= Self.size && (!isWhole || attendance.page.next == nil) }

    /// The next part; `nil` after the last. Call one after the other.
    func next() async throws -> (participants: [EventAttendance.Participant], isLast: Bool)? {
        guard var page = rest.withLock({ $0 }) else { return nil }
        while page.people.isEmpty, let last = page.next {
            page = try await directory.people(of: attendance, limit: AttendanceCalls.defaultLimit, after: last)
        }
        let part = page.people.prefix(Self.size)
        page.people.removeFirst(part.count)
        let isLast = page.people.isEmpty && page.next == nil
        rest.withLock { [page] in $0 = isLast ? nil : page }
        return (try await directory.participants(part, of: attendance), isLast)
    }
}

/// The span of time that a report is about.
enum ReportSpan {
    static let parameters = [
        Call.Parameter(
            name: "from",
            schema: .momentOrDay,
            description: """
                Leaves out what was before this minute: who left earlier, and the minutes until then. A date alone means the \
                start of the day in UTC.
                """
        ),
        Call.Parameter(
            name: "to",
            schema: .momentOrDay,
            description: """
                Leaves out what was after this minute. After `from`. A date alone means the start of the day in UTC.
                """
        ),
    ]

    static func read(_ query: Members) throws(Fault) -> AttendanceSpan {
        func time(_ name: String) -> Milliseconds? { query.text(name).flatMap(Text.momentOrDay) }
        let (from, to) = (time("from"), time("to"))
        if let from, let to, to <= from { throw Fault.field("to", "must be after from") }
        return AttendanceSpan(from: from, to: to).inMinutes
    }
}

/// A format of attendance, written in parts: a beginning, the participants, an ending.
protocol AttendanceForm: SendableMetatype {
    static var mediaType: String { get }
    /// Everything before the participants.
    static func beginning(_ attendance: EventAttendance) -> [UInt8]
    static func append(_ participant: EventAttendance.Participant, isFirst: Bool, to text: inout [UInt8])
    static var ending: String { get }
}

/// Live sessions in answers.
enum SessionJSON {
    static let schema = Schema.named(
        "Session",
        .object([
            Schema.Member(name: "session", schema: .anyText, isRequired: true),
            Schema.Member(name: "userId", schema: .anyText, isRequired: true),
            Schema.Member(name: "registrationId", schema: .anyText),
            Schema.Member(name: "name", schema: .nullable(.anyText), isRequired: true),
            Schema.Member(name: "email", schema: .nullable(.anyText), isRequired: true),
            Schema.Member(name: "role", schema: .choice(Role.allCases.map(\.name)), isRequired: true),
            Schema.Member(name: "joinedAt", schema: .moment, isRequired: true),
            Schema.Member(
                name: "leased",
                schema: .boolean,
                isRequired: true,
                description: "Whether its viewer may have only one session."
            ),
        ])
    )

    static func value(_ session: LiveSession) -> JSONValue {
        let viewer = session.viewer
        var members = [
            JSONMember("session", .string(session.name)), JSONMember("userId", .string(viewer.userID)),
        ]
        if let registration = viewer.registration {
            members.append(JSONMember("registrationId", .string(registration)))
        }
        return .object(
            members + [
                JSONMember("name", viewer.name.map(JSONValue.string) ?? .null),
                JSONMember("email", viewer.email.map(JSONValue.string) ?? .null),
                JSONMember("role", .string(session.role.name)),
                JSONMember("joinedAt", .string(Timestamp.text(session.id.joinedAt))),
                JSONMember("leased", .bool(session.isLeased)),
            ]
        )
    }
}
