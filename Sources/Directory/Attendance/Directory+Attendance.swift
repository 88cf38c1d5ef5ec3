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
            // One at a time, so that only people take memory.
            var sweep = AttendanceSweep(of: stored.event, now: now)
            while let row = try rows.next() { sweep.add(Stay(row)) }
            return sweep.attendance(
                registered: registered,
                metadata: try Self.metadata(ofAttendeesOf: stored, database)
            )
        }
    }

    /// What the registrations of those who came were given, as JSON text.
    private static func metadata(ofAttendeesOf event: Stored, _ database: Database) throws -> [ExactText: String] {
        var metadata: [ExactText: String] = [:]
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT uid, metadata FROM registration WHERE event = ? AND removed_at IS NULL
                AND uid IN (SELECT registration FROM stay WHERE company = ? AND event = ?)
                """,
            arguments: [event.id, event.event.company, event.event.uid]
        )
        while let row = try rows.next() { metadata[ExactText(row[0])] = row[1] }
        return metadata
    }
}
