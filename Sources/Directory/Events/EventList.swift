package import Admission
package import Basics
import GRDB

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
        try await pool.read { database in
            let list = EventList(company: company, kind: kind, filter: filter)
            // The first page of a search reads each event once.
            let readsAll = filter.text != nil && after == nil
            let ids = try list.ids(limit: readsAll ? -1 : limit + 1, after: after, database)
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
        try await pool.read { database in
            let list = EventList(company: company, kind: kind, filter: filter)
            let ids = try list.ids(limit: -1, after: after, database)
            return ListedRows(ids: ids, total: after == nil ? ids.count : try list.count(database))
        }
    }

    /// The events of these rows in this order, except those that were deleted meanwhile.
    package func events(inRows ids: ArraySlice<Int64>, of company: String) async throws -> [Event] {
        try await pool.read { try Self.events(ids, of: company, $0) }
    }

    private static func events(_ ids: ArraySlice<Int64>, of company: String, _ database: Database) throws -> [Event] {
        let rows = try Row.fetchCursor(
            database.cachedStatement(
                sql: """
                    SELECT * FROM event
                    WHERE id IN (SELECT value FROM json_each(?)) AND company = ? AND removed_at IS NULL
                    """
            ),
            arguments: [ListedRows.argument(ids), company]
        )
        var events: [Int64: Event] = [:]
        while let row = try rows.next() { events[row["id"]] = try Event(row) }
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

    /// - Parameter limit: the most ids; negative for all.
    func ids(limit: Int, after: EventCursor?, _ database: Database) throws -> [Int64] {
        var ids: [Int64] = []
        let statuses = filter.statuses.drop { status in after.map { $0.status != status } ?? false }
        for status in statuses where limit < 0 || ids.count < limit {
            let left = limit < 0 ? -1 : limit - ids.count
            ids += try self.ids(status, limit: left, after: after?.status == status ? after : nil, database)
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
        let position: StatementArguments
        switch status {
        case .live:
            // Whatever has not ended is found first, and what has started among it without reading the events.
            index = "event_by_end"
            condition = "ends_at > ? AND starts_at <= ? AND (starts_at, uid) > (?, ?)"
            order = "starts_at, uid"
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
        let statement = try database.cachedStatement(
            sql: """
                SELECT id FROM event INDEXED BY \(index)
                WHERE company = ? AND kind = ? AND removed_at IS NULL AND \(condition)\(filtering)
                ORDER BY \(order) LIMIT ?
                """
        )
        return try Int64.fetchAll(statement, arguments: owner + position + filters + [limit])
    }

    /// The number of events on all pages.
    func count(_ database: Database) throws -> Int {
        let moment = filter.moment
        let (condition, position): (String, StatementArguments) =
            switch filter.status {
            case nil: ("", [])
            case .live: (" AND ends_at > ? AND starts_at <= ?", [moment, moment])
            case .upcoming: (" AND ends_at > ? AND starts_at > ?", [moment, moment])
            case .past: (" AND ends_at <= ?", [moment])
            }
        let statement = try database.cachedStatement(
            sql: """
                SELECT count(*) FROM event INDEXED BY event_by_end
                WHERE company = ? AND kind = ? AND removed_at IS NULL\(condition)\(filtering)
                """
        )
        return try Int.fetchOne(statement, arguments: owner + position + filters) ?? 0
    }

    private var owner: StatementArguments { [company, kind.rawValue] }

    /// The conditions of the filters that are given. Only the last needs more than the index.
    private var filtering: String {
        (filter.from == nil ? "" : " AND ends_at >= ?") + (filter.to == nil ? "" : " AND starts_at <= ?")
            + (filter.text == nil ? "" : " AND holds(name, ?)")
    }

    private var filters: StatementArguments {
        StatementArguments([filter.from, filter.to].compactMap { $0 })
            + StatementArguments([filter.text.map(foldedIdentity)].compactMap { $0 })
    }
}
