package import Admission
import Basics

/// Whether a registration is valid.
package enum RegistrationState: String, Sendable, CaseIterable {
    case active
    /// Deleted, and kept for a while.
    case removed
}

/// Which of an event's registrations a list has.
package struct RegistrationFilter: Sendable {
    package var state = RegistrationState.active
    /// The person's e-mail, compared by ``foldedIdentity(_:)``.
    package var email: String?
    /// What the name or the e-mail must contain.
    package var text: String?

    package init() {}

    /// What finds the registrations, but for the text.
    fileprivate var index: String {
        if email == nil { return "registration_by_event" }
        return state == .active ? "registration_by_email" : "registration_by_person"
    }

    fileprivate var condition: String {
        // One that was erased has no e-mail.
        let isKept = state == .active ? "removed_at IS NULL" : "removed_at IS NOT NULL AND email <> ''"
        return isKept + (email == nil ? "" : " AND folded_email = ?")
    }

    fileprivate var arguments: Arguments {
        Arguments([email.map(foldedIdentity)].compactMap { $0 })
    }
}

/// A page of an event's registrations.
package struct RegistrationPage: Sendable {
    package let event: Event
    package let registrations: [Registration]
    /// Where the list continues; `nil` at its end.
    package let next: Int64?
    /// The number of registrations on all pages.
    package let total: Int
}

extension Directory {
    /// The registrations of an event in the order of their creation. Returns `nil` if the company has no such event.
    ///
    /// - Parameter after: the `next` of the previous page.
    package func registrations(
        of uid: String,
        _ kind: EventKind,
        company: String,
        _ filter: RegistrationFilter = RegistrationFilter(),
        limit: Int,
        after: Int64?
    ) async throws -> RegistrationPage? {
        try await storage.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            let rows = try Self.rows(filter, event: stored.id, after: after, limit: limit + 1, database)
            return RegistrationPage(
                event: stored.event,
                registrations: try Self.registrations(rows.ids.prefix(limit), filter.state, database),
                next: rows.ids.count > limit ? rows.ids[limit - 1] : nil,
                total: rows.total
            )
        }
    }

    /// The rows of all registrations of a list, in its order, and the event. Returns `nil` if the company has no such
    /// event.
    package func registrationRows(
        of uid: String,
        _ kind: EventKind,
        company: String,
        _ filter: RegistrationFilter,
        after: Int64?
    ) async throws -> (Event, ListedRows)? {
        try await storage.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            return (stored.event, try Self.rows(filter, event: stored.id, after: after, limit: .max, database))
        }
    }

    /// The registrations of these rows in this order, except those whose state has changed meanwhile.
    package func registrations(
        inRows ids: ArraySlice<Int64>,
        _ state: RegistrationState
    ) async throws -> [Registration] {
        try await storage.read { try Self.registrations(ids, state, $0) }
    }

    private static func registrations(
        _ ids: ArraySlice<Int64>,
        _ state: RegistrationState,
        _ database: Database
    ) throws -> [Registration] {
        var filter = RegistrationFilter()
        filter.state = state
        let rows = try database.rows(
            """
            SELECT * FROM registration
            WHERE id IN (SELECT value FROM json_each(?)) AND \(filter.condition)
            """,
            [ListedRows.argument(ids)]
        )
        var registrations: [Int64: Registration] = [:]
        for row in rows { registrations[row["id"]] = try Registration(row) }
        return ids.compactMap { registrations[$0] }
    }

    /// The rows of a list from a position on, and the number of all of its rows. A search reads each row once.
    ///
    /// - Parameter limit: the most ids; `.max` for all.
    private static func rows(
        _ filter: RegistrationFilter,
        event: Int64,
        after: Int64?,
        limit: Int,
        _ database: Database
    ) throws -> ListedRows {
        guard filter.text != nil || after == nil && limit == .max else {
            return ListedRows(
                ids: try database.values(
                    listSQL(filter, "id"),
                    [event, after ?? 0] + filter.arguments + [limit]
                ),
                total: try count(filter, event: event, database)
            )
        }
        let all = try all(filter, event: event, database)
        return ListedRows(ids: Array(all.drop { $0 <= after ?? 0 }.prefix(limit)), total: all.count)
    }

    /// The rows of a whole list.
    private static func all(_ filter: RegistrationFilter, event: Int64, _ database: Database) throws -> [Int64] {
        let arguments = [event, 0] + filter.arguments + [Int.max]
        guard let text = filter.text.map(foldedIdentity) else {
            return try database.values(listSQL(filter, "id"), arguments)
        }
        var ids: [Int64] = []
        try database.forEach(listSQL(filter, "id, folded_email, name"), arguments) { row in
            if SearchText.contains(row[1], text) || SearchText.contains(row[2], text) { ids.append(row[0]) }
        }
        return ids
    }

    /// A list in the order of creation. Begins at its position in an index, unless the e-mail finds it.
    private static func listSQL(_ filter: RegistrationFilter, _ columns: String) -> String {
        """
        SELECT \(columns) FROM registration INDEXED BY \(filter.index)
        WHERE event = ? AND id > ? AND \(filter.condition) ORDER BY id LIMIT ?
        """
    }

    private static func count(_ filter: RegistrationFilter, event: Int64, _ database: Database) throws -> Int {
        try database.value(
            """
            SELECT count(*) FROM registration INDEXED BY \(filter.index)
            WHERE event = ? AND \(filter.condition)
            """,
            [event] + filter.arguments,
            as: Int.self
        ) ?? 0
    }
}
