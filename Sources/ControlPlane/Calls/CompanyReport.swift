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
                Call.Parameter(name: "from", schema: .moment, description: "Leaves out events that end before."),
                Call.Parameter(
                    name: "to",
                    schema: .moment,
                    description: "Leaves out events that start after. Not before `from`."
                ),
                PageRequest.limitParameter(byDefault: defaultLimit),
                PageRequest.cursorParameter(digits: EventCursor.digits),
            ],
            success: Call.Success(
                schema: .list(schema),
                description: "A page of the list, with the figures of each event from its beginning to now",
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

    private static let schema = Schema.named(
        "EventReport",
        .object([
            Schema.Member(name: "eventId", schema: .uuid, isRequired: true),
            Schema.Member(name: "eventName", schema: .anyText, isRequired: true),
            Schema.Member(name: "startDate", schema: .nullable(.moment), isRequired: true),
            Schema.Member(name: "endDate", schema: .nullable(.moment), isRequired: true),
            Schema.Member(name: "registered", schema: AttendanceJSON.count, isRequired: true),
            Schema.Member(name: "attended", schema: AttendanceJSON.count, isRequired: true),
            Schema.Member(name: "peakConcurrent", schema: AttendanceJSON.count, isRequired: true),
            Schema.Member(name: "totalMinutes", schema: .number, isRequired: true),
            Schema.Member(name: "averageMinutes", schema: .number, isRequired: true),
        ])
    )

    private static func answer(_ incoming: Incoming, _ tenant: Tenant) async throws -> Answer {
        let (page, query, directory, now) =
            (PageRequest(incoming), incoming.query, incoming.directory, incoming.plane.now)
        let kind = query.text("kind").flatMap(EventKind.init(rawValue:)) ?? .event
        let (moment, cursor) = try EventCursor.read(page, now: now)
        var filter = EventFilter(moment: moment)
        (filter.from, filter.to) = (
            query.text("from").flatMap(RFC3339.parse), query.text("to").flatMap(RFC3339.parse)
        )
        if let from = filter.from, let to = filter.to, to < from { throw Fault.field("to", "must not be before from") }
        let shown = try await directory.events(
            of: tenant.id,
            kind,
            filter,
            limit: page.limit ?? defaultLimit,
            after: cursor
        )
        var values: [JSONValue] = []
        for event in shown.events {
            // One that was deleted meanwhile is left out.
            let attendance = try await directory.attendance(of: event.uid, kind, company: tenant.id, now: now, limit: 0)
            if let attendance { values.append(.object(AttendanceJSON.figures(attendance))) }
        }
        let last = shown.hasMore ? shown.events.last : nil
        return page.answer(
            values,
            total: shown.total,
            next: last.map { EventCursor($0, at: moment).text(at: moment) }
        )
    }
}
