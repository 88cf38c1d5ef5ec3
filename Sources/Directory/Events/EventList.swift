package import Admission
package import Basics

/// Where an event stands in time. A list has the events in this order.
package enum EventStatus: String, Sendable, CaseIterable {
    case live
    case upcoming
    /// It has ended.
    case past
}

/// Which of a company's events a list has.
package struct EventFilter: Sendable {
    /// The moment that decides which events are over. It is the same for all pages of a list, so that none moves.
    package var moment: Milliseconds
    package var status: EventStatus?
    /// Leaves out events that end before.
    package var from: Milliseconds?
    /// Leaves out events that start after.
    package var to: Milliseconds?
    /// What names must contain.
    package var text: String?

    package init(moment: Milliseconds) { self.moment = moment }

    fileprivate var statuses: [EventStatus] { status.map { [$0] } ?? EventStatus.allCases }
}

/// The position after which a list of events continues.
package struct EventCursor: Sendable, Equatable {
    package var status: EventStatus
    /// When the event starts, or ends if it is past.
    package var time: Milliseconds
    package var uid: String

    package init(status: EventStatus, time: Milliseconds, uid: String) {
        self.status = status
        self.time = time
        self.uid = uid
    }

    /// - Parameter moment: decides whether the event is over.
    package init(_ event: Event, at moment: Milliseconds) {
        status = event.fields.endsAt <= moment ? .past : event.fields.startsAt <= moment ? .live : .upcoming
        time = status == .past ? event.fields.endsAt : event.fields.startsAt
        uid = event.uid
    }
}

/// A page of a company's events.
package struct EventPage: Sendable {
    package let events: [Event]
    /// Whether the list continues.
    package let hasMore: Bool
    /// The number of events on all pages.
    package let total: Int
}

/// All entries of a list, by their row ids, in its order. Little memory for many entries, which are read later.
package struct ListedRows: Sendable {
    package let ids: [Int64]
    /// The number of entries of the list, also of those before the position that was asked for.
    package let total: Int

    /// Row ids as an SQL argument, for `json_each`.
    static func argument(_ ids: some Sequence<Int64>) -> String { "[\(ids.map(String.init).joined(separator: ","))]" }
}

extension Directory {
    /// A page of the company's events: first those under way and to come, soonest first, then those that are over,
    /// latest first.
    package func events(
        of company: String,
        _ kind: EventKind,
        _ filter: EventFilter,
        limit: Int,
        after: EventCursor? = nil
    ) async throws -> EventPage {
        try await storage.read { database in
            let list = EventList(company: company, kind: kind, filter: filter)
            // The first page of a search reads each event once.
            let readsAll = filter.text != nil && after == nil
            let ids = try list.ids(limit: readsAll ? .max : limit + 1, after: after, database)
            return EventPage(
                events: try Self.events(ids.prefix(limit), of: company, database),
                hasMore: ids.count > limit,
                total: readsAll ? ids.count : try list.count(database)
            )
        }
    }

    /// The rows of all events of a list, in its order.
    package func eventRows(
        of company: String,
        _ kind: EventKind,
        _ filter: EventFilter,
        after: EventCursor? = nil
    ) async throws -> ListedRows {
        try await storage.read { database in
            let list = EventList(company: company, kind: kind, filter: filter)
            let ids = try list.ids(limit: .max, after: after, database)
            return ListedRows(ids: ids, total: after == nil ? ids.count : try list.count(database))
        }
    }

    /// The events of these rows in this order, except those that were deleted meanwhile.
    package func events(inRows ids: ArraySlice<Int64>, of company: String) async throws -> [Event] {
        try await storage.read { try Self.events(ids, of: company, $0) }
    }

    private static func events(_ ids: ArraySlice<Int64>, of company: String, _ database: Database) throws -> [Event] {
        let rows = try database.rows(
            """
            SELECT * FROM event
            WHERE id IN (SELECT value FROM json_each(?)) AND company = ? AND removed_at IS NULL
            """,
            [ListedRows.argument(ids), company]
        )
        var events: [Int64: Event] = [:]
        for row in rows { events[row["id"]] = try Event(row) }
        return ids.compactMap { events[$0] }
    }
}

/// A list of events as queries, one for each ``EventStatus``: each begins at its position in an index, however many
/// events there are.
private struct EventList {
    let company: String
    let kind: EventKind
    let filter: EventFilter

    /// Sorts after every uid.
    private static let lastUID = "~"

    /// - Parameter limit: the most ids; `.max` for all.
    func ids(limit: Int, after: EventCursor?, _ database: Database) throws -> [Int64] {
        var ids: [Int64] = []
        let statuses = filter.statuses.drop { status in after.map { $0.status != status } ?? false }
        for status in statuses where ids.count < limit {
            ids += try self.ids(
                status,
                limit: limit - ids.count,
                after: after?.status == status ? after : nil,
                database
            )
        }
        return ids
    }

    private func ids(
        _ status: EventStatus,
        limit: Int,
        after: EventCursor?,
        _ database: Database
    ) throws -> [Int64] {
        let moment = filter.moment
        let (index, condition, order): (String, String, String)
        let position: Arguments
        switch status {
        case .live:
            // Whatever has not ended is found first, and what has started among it without reading the events.
            index = "event_by_end"
            condition = "ends_at > ? AND starts_at <= ? AND (starts_at, uid) > (?, ?)"
            // Not in the order of another index, which would find all that have ever started.
            order = "starts_at + 0, uid"
            position = [moment, moment, after?.time ?? .min, after?.uid ?? ""]
        case .upcoming:
            index = "event_by_start"
            condition = "(starts_at, uid) > (?, ?)"
            order = "starts_at, uid"
            let after = after.flatMap { $0.time > moment ? $0 : nil }
            position = [after?.time ?? moment, after?.uid ?? Self.lastUID]
        case .past:
            index = "event_by_end"
            condition = "(ends_at, uid) < (?, ?)"
            order = "ends_at DESC, uid DESC"
            let after = after.flatMap { $0.time <= moment ? $0 : nil }
            position = [after?.time ?? moment, after?.uid ?? Self.lastUID]
        }
        func sql(_ columns: String) -> String {
            """
            SELECT \(columns) FROM event INDEXED BY \(index)
            WHERE company = ? AND kind = ? AND removed_at IS NULL AND \(condition)\(filtering)
            ORDER BY \(order) LIMIT ?
            """
        }
        let arguments = owner + position + filters
        guard let text else { return try database.values(sql("id"), arguments + [limit]) }
        return Array(try rows(named: text, sql("id, name"), arguments + [Int.max], database).prefix(limit))
    }

    /// The rows whose names contain a text.
    private func rows(
        named text: String,
        _ sql: String,
        _ arguments: Arguments,
        _ database: Database
    ) throws -> [Int64] {
        var ids: [Int64] = []
        try database.forEach(sql, arguments) { if SearchText.contains($0[1], text) { ids.append($0[0]) } }
        return ids
    }

    /// The number of events on all pages.
    func count(_ database: Database) throws -> Int {
        let moment = filter.moment
        let (condition, position): (String, Arguments) =
            switch filter.status {
            case nil: ("", [])
            case .live: (" AND ends_at > ? AND starts_at <= ?", [moment, moment])
            case .upcoming: (" AND ends_at > ? AND starts_at > ?", [moment, moment])
            case .past: (" AND ends_at <= ?", [moment])
            }
        let arguments = owner + position + filters
        func sql(_ columns: String) -> String {
            """
            SELECT \(columns) FROM event INDEXED BY event_by_end
            WHERE company = ? AND kind = ? AND removed_at IS NULL\(condition)\(filtering)
            """
        }
        guard let text else { return try database.value(sql("count(*)"), arguments) ?? 0 }
        return try rows(named: text, sql("id, name"), arguments, database).count
    }

    private var owner: Arguments { [company, kind.rawValue] }

    /// What names must contain, as names are compared.
    private var text: String? { filter.text.map(foldedIdentity) }

    /// The conditions of the filters that are given but for the text. The index has all that they need.
    private var filtering: String {
        (filter.from == nil ? "" : " AND ends_at >= ?") + (filter.to == nil ? "" : " AND starts_at <= ?")
    }

    private var filters: Arguments {
        Arguments([filter.from, filter.to].compactMap { $0 })
    }
}
