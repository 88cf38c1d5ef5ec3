package import Admission
import GRDB

extension Directory {
    /// Who was at an event; nil where the company has no such event.
    ///
    /// What registrations were given may be much, and is asked for in parts with ``metadata(of:in:)``.
    package func attendance(
        of uid: String,
        _ kind: EventKind,
        company: String,
        now: Milliseconds
    ) async throws -> EventAttendance? {
        try await pool.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            let rows = try Row.fetchCursor(
                database,
                sql: "SELECT * FROM stay WHERE company = ? AND event = ? ORDER BY joined_at, id",
                arguments: [company, uid]
            )
            // One at a time, so that only people take memory.
            var sweep = AttendanceSweep(of: stored.event, now: now)
            while let row = try rows.next() { sweep.add(Stay(row)) }
            let registrations = try Row.fetchCursor(
                database,
                sql: "SELECT id, uid FROM registration WHERE event = ? AND removed_at IS NULL",
                arguments: [stored.id]
            )
            while let row = try registrations.next() { sweep.add(registration: row[1], row: row[0]) }
            return sweep.attendance(row: stored.id)
        }
    }

    /// What the registrations of some participants were given, as the JSON text of an object, one for each of them; nil
    /// where there is none, or not any more.
    ///
    /// It is read as it is now, a part at a time, so that nothing is held while an answer is written to a slow client. Who
    /// was removed or erased since the attendance was read has none.
    package func metadata(of part: Range<Int>, in attendance: EventAttendance) async throws -> [String?] {
        try await pool.read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT metadata FROM registration WHERE id = ? AND event = ? AND removed_at IS NULL"
            )
            return try attendance.participants[part].map { participant in
                guard let row = participant.row else { return nil }
                return try String.fetchOne(statement, arguments: [row, attendance.row])
            }
        }
    }
}
