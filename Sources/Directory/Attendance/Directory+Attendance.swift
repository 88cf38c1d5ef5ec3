package import Admission
package import Basics
import GRDB

extension Directory {
    /// The people who were at an event. Returns `nil` if the company has no such event.
    ///
    /// Registrations' metadata may be large; ask for it in parts with ``metadata(of:in:)``.
    package func attendance(
        of uid: String,
        _ kind: EventKind,
        company: String,
        now: Milliseconds,
        within span: AttendanceSpan = .all
    ) async throws -> EventAttendance? {
        try await pool.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            let rows = try Row.fetchCursor(
                database,
                sql: "SELECT * FROM stay WHERE company = ? AND event = ? AND joined_at < ? ORDER BY joined_at, id",
                arguments: [company, uid, span.range.upperBound]
            )
            // Read one at a time, so that only people take memory.
            var sweep = AttendanceSweep(of: stored.event, now: now, within: span)
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

    /// The metadata of some participants' registrations: the JSON text of an object for each, or `nil` if there is none
    /// or it no longer exists.
    ///
    /// It is read as it is now and in parts, so that nothing is held while an answer is written to a slow client. A
    /// person who was removed or erased since the attendance was read has none.
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
