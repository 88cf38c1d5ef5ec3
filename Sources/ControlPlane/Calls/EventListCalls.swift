import Admission
import Basics
import Directory
import HTTPTypes

/// Lists a company's events or networking hubs.
struct EventListCalls {
    let kind: EventKind

    var calls: [Call] { [list] }

    private var list: Call {
        Call(
            method: .get,
            path: "/api/v1/company/{companyId}/\(kind == .event ? "events" : "networking")",
            id: kind == .event ? "listEvents" : "listNetworkingHubs",
            summary: """
                The company's \(kind.noun)s: those under way and to come, soonest first, then those that are over, latest \
                first
                """,
            tag: "Company",
            query: filters + (kind == .event ? EventSpan.parameters : [])
                + [PageRequest.limitParameter, PageRequest.cursorParameter(digits: EventCursor.digits)],
            success: Call.Success(
                schema: .list(EventJSON.schema(kind)),
                description: "The list, or a page of it",
                isPage: true
            ),
            faults: [404],
            cost: .pageOrAll,
            handler: .company { [kind] incoming, tenant in
                try incoming.checkOwnCompany(tenant)
                return try await Self.answer(kind, incoming, tenant)
            }
        )
    }

    private var filters: [Call.Parameter] {
        [
            Call.Parameter(
                name: "status",
                schema: .choice(EventStatus.allCases.map(\.rawValue)),
                description: "Only those under way (`live`), to come, or over, when the first page was asked for."
            ),
            Call.Parameter(
                name: "from",
                schema: .momentOrDay,
                description: "Leaves out \(kind.noun)s that end before. A date alone means the start of the day in UTC."
            ),
            Call.Parameter(
                name: "to",
                schema: .momentOrDay,
                description: """
                    Leaves out \(kind.noun)s that start after. Not before `from`. A date alone means the start of the day in UTC.
                    """
            ),
            PageRequest.searchParameter("Only those whose name contains this text."),
        ]
    }

    private static func answer(_ kind: EventKind, _ incoming: Incoming, _ tenant: Tenant) async throws -> Answer {
        let (page, query, directory, snapshot) =
            (PageRequest(incoming), incoming.query, incoming.directory, incoming.snapshot)
        let (moment, cursor) = try EventCursor.read(page, now: incoming.plane.now)
        var filter = EventFilter(moment: moment)
        filter.status = query.text("status").flatMap(EventStatus.init(rawValue:))
        (filter.from, filter.to) = try EventSpan.read(query, at: moment)
        filter.text = query.text("q")
        guard let limit = page.limit else {
            let rows = try await directory.eventRows(of: tenant.id, kind, filter, after: cursor)
            return try await PageRequest.answer(rows) { ids in
                try await directory.events(inRows: ids, of: tenant.id).map { EventJSON.value($0, snapshot) }
            }
        }
        let shown = try await directory.events(of: tenant.id, kind, filter, limit: limit, after: cursor)
        let last = shown.hasMore ? shown.events.last : nil
        return page.answer(
            shown.events.map { EventJSON.value($0, snapshot) },
            total: shown.total,
            next: last.map { EventCursor($0, at: moment).text(at: moment) }
        )
    }
}

/// The span of time whose events a list has. The platform that the API comes from has names of its own for it, each of
/// which leaves out what our `from` and `to` leave out.
enum EventSpan {
    private static let day: Milliseconds = 86_400_000
    /// The names of spans that end now, with their length.
    private static let presets: [(name: String, length: Milliseconds)] = [
        ("lastDay", day), ("last7days", 7 * day), ("last30days", 30 * day),
    ]

    static let parameters: [Call.Parameter] =
        [
            Call.Parameter(name: "startDate", schema: .momentOrDay, description: "The same as `from`."),
            Call.Parameter(name: "endDate", schema: .momentOrDay, description: "The same as `to`."),
        ]
        + presets.map { preset in
            Call.Parameter(
                name: preset.name,
                schema: .boolean,
                description: """
                    If true, leaves out events that end before the last \(preset.length / day * 24) hours or start after \
                    now. Not together with another span of time.
                    """
            )
        } + [
            Call.Parameter(
                name: "includeSubCompanies",
                schema: .boolean,
                description: "Without effect: companies have no others within them."
            )
        ]

    /// - Parameter moment: what counts as now.
    static func read(
        _ query: Members,
        at moment: Milliseconds
    ) throws(Fault) -> (from: Milliseconds?, to: Milliseconds?) {
        var problems = Problems()
        let chosen = presets.filter { query.bool($0.name) ?? false }
        for (name, other) in [("startDate", "from"), ("endDate", "to")] where query.has(name) && query.has(other) {
            problems.add(name, "means the same as \(other): give one of them")
        }
        if let first = chosen.first {
            for preset in chosen.dropFirst() { problems.add(preset.name, "cannot be combined with \(first.name)") }
            for name in ["startDate", "endDate", "from", "to"] where query.has(name) {
                problems.add(name, "cannot be combined with \(first.name)")
            }
        }
        try problems.check()
        if let preset = chosen.first { return (moment - preset.length, moment) }
        func time(_ names: [String]) -> (name: String, moment: Milliseconds)? {
            names.lazy.compactMap { name in query.text(name).flatMap(Text.momentOrDay).map { (name, $0) } }.first
        }
        let (from, to) = (time(["from", "startDate"]), time(["to", "endDate"]))
        if let from, let to, from.moment > to.moment {
            problems.add(from.name, "must not be after \(to.name)")
            problems.add(to.name, "must not be before \(from.name)")
            try problems.check()
        }
        return (from?.moment, to?.moment)
    }
}

extension EventCursor {
    /// The length of its text.
    static let digits = 66
    /// The moments that a cursor may have: those of four-digit years.
    private static let moments: ClosedRange<Milliseconds> = 0...253_402_300_799_999

    /// The position as hexadecimal digits.
    ///
    /// - Parameter moment: decides which events are over, on all pages.
    func text(at moment: Milliseconds) -> String {
        let place = "0\(EventStatus.allCases.firstIndex(of: status) ?? 0)"
        let times = [moment, time].map { Hexadecimal.text(UInt64(bitPattern: $0)) }.joined()
        return place + times + uid.filter { $0 != "-" }
    }

    /// Where a page of a list begins, and the moment that decides which events are over.
    static func read(_ page: PageRequest, now: Milliseconds) throws(Fault) -> (moment: Milliseconds, EventCursor?) {
        guard let text = page.cursor else { return (now, nil) }
        guard let place = read(text) else { throw PageRequest.cursorFault }
        return place
    }

    private static func read(_ text: String) -> (moment: Milliseconds, EventCursor)? {
        let words = stride(from: 2, to: digits, by: 16).compactMap { UInt64(text.dropFirst($0).prefix(16), radix: 16) }
        guard words.count == 4, let place = Int(text.prefix(2), radix: 16), place < EventStatus.allCases.count,
            moments.contains(Milliseconds(bitPattern: words[0]))
        else { return nil }
        let cursor = EventCursor(
            status: EventStatus.allCases[place],
            time: Milliseconds(bitPattern: words[1]),
            uid: UUIDText.format(high: words[2], low: words[3])
        )
        return (Milliseconds(bitPattern: words[0]), cursor)
    }
}
