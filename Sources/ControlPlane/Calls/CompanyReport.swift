import Admission
import Basics
import Directory
import HTTPTypes

/// How well each of a company's events was attended.
enum CompanyReport {
    static let calls = [
        Call(
            method: .get,
            path: "/api/v1/company/{companyId}/analytics",
            id: "getCompanyAnalytics",
            summary: """
                How well each event was attended: those under way and to come, soonest first, then those that are over, \
                latest first
                """,
            tag: "Company",
            query: [
                Call.Parameter(
                    name: "kind",
                    schema: .choice(EventKind.allCases.map(\.rawValue)),
                    description: "`event` by default; `networking` has the networking hubs."
                ),
                Call.Parameter(
                    name: "from",
                    schema: .momentOrDay,
                    description: "Leaves out events that end before. \(aDate)"
                ),
                Call.Parameter(
                    name: "to",
                    schema: .momentOrDay,
                    description: "Leaves out events that start after. Not before `from`. \(aDate)"
                ),
                PageRequest.limitParameter(byDefault: defaultLimit),
                PageRequest.cursorParameter(digits: EventCursor.digits),
            ],
            success: Call.Success(
                schema: .list(schema),
                description: """
                    A page of the list, with the figures of each event from its beginning to now; with `Accept: text/csv` as a \
                    table
                    """,
                otherMediaType: "text/csv",
                otherExample: columns.joined(separator: ",") + "\r\n",
                isPage: true
            ),
            faults: [404],
            cost: .much,
            handler: .company { incoming, tenant in
                try incoming.checkOwnCompany(tenant)
                return try await answer(incoming, tenant)
            }
        )
    ]

    private static let defaultLimit = 100
    private static let aDate = "A date alone means the start of the day in UTC."

    private static let members = [
        Schema.Member(name: "eventId", schema: .uuid, isRequired: true),
        Schema.Member(name: "eventName", schema: .anyText, isRequired: true),
        Schema.Member(name: "startDate", schema: .nullable(.moment), isRequired: true),
        Schema.Member(name: "endDate", schema: .nullable(.moment), isRequired: true),
        Schema.Member(name: "registered", schema: AttendanceJSON.count, isRequired: true),
        Schema.Member(name: "attended", schema: AttendanceJSON.count, isRequired: true),
        Schema.Member(name: "peakConcurrent", schema: AttendanceJSON.count, isRequired: true),
        Schema.Member(name: "totalMinutes", schema: .number, isRequired: true),
        Schema.Member(name: "averageMinutes", schema: .number, isRequired: true),
    ]

    /// Those of the table.
    private static let columns = members.map(\.name)

    private static let schema = Schema.named("EventReport", .object(members))

    private static func answer(_ incoming: Incoming, _ tenant: Tenant) async throws -> Answer {
        let (page, query, directory, now) =
            (PageRequest(incoming), incoming.query, incoming.directory, incoming.plane.now)
        let kind = query.text("kind").flatMap(EventKind.init(rawValue:)) ?? .event
        let (moment, cursor) = try EventCursor.read(page, now: now)
        var filter = EventFilter(moment: moment)
        (filter.from, filter.to) = try EventSpan.read(query, at: moment)
        let shown = try await directory.events(
            of: tenant.id,
            kind,
            filter,
            limit: page.limit ?? defaultLimit,
            after: cursor
        )
        var reports: [[JSONMember]] = []
        for event in shown.events {
            // One that was deleted meanwhile is left out.
            let attendance = try await directory.attendance(of: event.uid, kind, company: tenant.id, now: now, limit: 0)
            if let attendance { reports.append(AttendanceJSON.figures(attendance)) }
        }
        var answer = Table.isWanted(incoming.head) ? table(reports) : Answer(.array(reports.map(JSONValue.object)))
        answer.fields[.vary] = "Accept"
        let last = shown.hasMore ? shown.events.last : nil
        page.describe(&answer, total: shown.total, next: last.map { EventCursor($0, at: moment).text(at: moment) })
        return answer
    }

    private static func table(_ reports: [[JSONMember]]) -> Answer {
        var text: [UInt8] = []
        Table.append(columns, to: &text)
        for report in reports { Table.append(columns.map { Table.cell(report[$0] ?? .null) }, to: &text) }
        return Answer(text, type: Table.mediaType)
    }
}
