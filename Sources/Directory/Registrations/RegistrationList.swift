package import Admission
import Basics
import GRDB

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

    /// What finds the registrations.
    fileprivate var index: String {
        if email == nil { return "registration_by_event" }
        return state == .active ? "registration_by_email" : "registration_by_person"
    }

    fileprivate var condition: String {
        // One that was erased has no e-mail.
        let isKept = state == .active ? "removed_at IS NULL" : "removed_at IS NOT NULL AND email <> ''"
        return isKept + (email == nil ? "" : " AND folded_email = ?")
            + (text == nil ? "" : " AND (instr(folded_email, ?) > 0 OR holds(name, ?))")
    }

    fileprivate var arguments: StatementArguments {
        let email = email.map(foldedIdentity)
        let text = text.map(foldedIdentity)
        return StatementArguments([email, text, text].compactMap { $0 })
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
        try await pool.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            let rows = try Row.fetchAll(
                database.cachedStatement(sql: Self.listSQL("*", filter)),
                arguments: [stored.id, after ?? 0] + filter.arguments + [limit + 1]
            )
            return RegistrationPage(
                event: stored.event,
                registrations: try rows.prefix(limit).map { try Registration($0) },
                next: rows.count > limit ? rows[limit - 1]["id"] : nil,
                total: try Self.count(filter, event: stored.id, database)
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
        try await pool.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            let ids = try Int64.fetchAll(
                database.cachedStatement(sql: Self.listSQL("id", filter)),
                arguments: [stored.id, after ?? 0] + filter.arguments + [-1]
            )
            let total = after == nil ? ids.count : try Self.count(filter, event: stored.id, database)
            return (stored.event, ListedRows(ids: ids, total: total))
        }
    }

    /// The registrations of these rows in this order, except those whose state has changed meanwhile.
    package func registrations(
        inRows ids: ArraySlice<Int64>,
        _ state: RegistrationState
    ) async throws -> [Registration] {
        var filter = RegistrationFilter()
        filter.state = state
        let condition = filter.condition
        return try await pool.read { database in
            let rows = try Row.fetchCursor(
                database.cachedStatement(
                    sql: """
                        SELECT * FROM registration WHERE id IN (SELECT value FROM json_each(?)) AND \(condition)
                        """
                ),
                arguments: [ListedRows.argument(ids)]
            )
            var registrations: [Int64: Registration] = [:]
            while let row = try rows.next() { registrations[row["id"]] = try Registration(row) }
            return ids.compactMap { registrations[$0] }
        }
    }

    /// A list in the order of creation. Begins at its position in an index, unless the e-mail finds it.
    private static func listSQL(_ columns: String, _ filter: RegistrationFilter) -> String {
        """
        SELECT \(columns) FROM registration INDEXED BY \(filter.index)
        WHERE event = ? AND id > ? AND \(filter.condition) ORDER BY id LIMIT ?
        """
    }

    private static func count(_ filter: RegistrationFilter, event: Int64, _ database: Database) throws -> Int {
        try Int.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT count(*) FROM registration INDEXED BY \(filter.index)
                    WHERE event = ? AND \(filter.condition)
                    """
            ),
            arguments: [event] + filter.arguments
        ) ?? 0
    }
}
