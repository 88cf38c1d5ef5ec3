package import Admission
import GRDB
import JOSE

extension Directory {
    /// Who was at an event; nil where the company has no such event.
    package func attendance(
        of uid: String,
        _ kind: EventKind,
        company: String,
        now: Milliseconds
    ) async throws -> EventAttendance? {
        try await pool.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            let registered =
                try Int.fetchOne(
                    database,
                    sql: "SELECT count(*) FROM registration WHERE event = ? AND removed_at IS NULL",
                    arguments: [stored.id]
                ) ?? 0
            let rows = try Row.fetchCursor(
                database,
                sql: "SELECT * FROM stay WHERE company = ? AND event = ? ORDER BY joined_at, id",
                arguments: [company, uid]
            )
            let stays = try Array(rows.map { Stay($0) })
            return EventAttendance(
                stored.event,
                registered: registered,
                stays: stays,
                metadata: try Self.metadata(ofAttendeesOf: stored, database),
                now: now
            )
        }
    }

    /// What the registrations of those who came were given.
    private static func metadata(ofAttendeesOf event: Stored, _ database: Database) throws -> [String: [JSONMember]] {
        var metadata: [String: [JSONMember]] = [:]
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT uid, metadata FROM registration WHERE event = ? AND removed_at IS NULL
                AND uid IN (SELECT registration FROM stay WHERE company = ? AND event = ?)
                """,
            arguments: [event.id, event.event.company, event.event.uid]
        )
        while let row = try rows.next() { metadata[row[0]] = try JSONText.members(row[1]) }
        return metadata
    }
}

extension Stay {
    init(_ row: Row) {
        session = row["session"]
        registration = row["registration"]
        user = row["user"]
        name = row["name"]
        email = row["email"]
        role = row["role"]
        joinedAt = row["joined_at"]
        leftAt = row["left_at"]
        ending = row["ending"]
    }
}
