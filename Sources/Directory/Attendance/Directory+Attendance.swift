package import Admission
package import Basics
import GRDB

extension Directory {
    /// How many people were at an event, with a part of them. Returns `nil` if the company has no such event.
    ///
    /// Takes no longer for many stays than for few; only a `span` is searched for those who were there in it. Their data
    /// may be large; ask for it in parts with ``participants(_:of:)``.
    ///
    /// - Parameters:
    ///   - span: leaves out what was before and after.
    ///   - limit: the most people; `nil` for all.
    ///   - last: the attendee after whom the people begin.
    package func attendance(
        of uid: String,
        _ kind: EventKind,
        company: String,
        now: Milliseconds,
        within span: AttendanceSpan = .all,
        limit: Int? = nil,
        after last: Int64? = nil
    ) async throws -> EventAttendance? {
        try await sumUpEarlierStays()
        return try await pool.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            return try AttendanceReading(stored, now: now, within: span.inMinutes, database)
                .attendance(limit: limit, after: last)
        }
    }

    /// Some of the people of an attendance.
    ///
    /// They are read as they are now and in parts, so that nothing is held while an answer is written to a slow client.
    /// A person who was removed or erased since the attendance was read has no metadata or name.
    package func participants(
        _ part: Range<Int>,
        of attendance: EventAttendance
    ) async throws -> [EventAttendance.Participant] {
        try await pool.read { database in
            try Self.participants(
                attendance.people[part],
                of: Stored(id: attendance.row, event: attendance.event),
                within: attendance.span,
                now: attendance.now,
                database
            )
        }
    }

    static func participants(
        _ people: ArraySlice<Int64>,
        of stored: Stored,
        within span: AttendanceSpan,
        now: Milliseconds,
        _ database: Database
    ) throws -> [EventAttendance.Participant] {
        let window = ConcurrencySweep.window(of: stored.event, within: span, now: now)
        var list = ParticipantList(window: window, now: now)
        let stays = try Row.fetchCursor(
            database.cachedStatement(
                sql: """
                    SELECT * FROM stay WHERE attendee IN (SELECT value FROM json_each(?))
                    AND joined_at < ? AND ifnull(left_at, ?) >= ? ORDER BY attendee, joined_at, id
                    """
            ),
            arguments: [
                ListedRows.argument(people), span.range.upperBound, Milliseconds.max, span.range.lowerBound,
            ]
        )
        while let stay = try stays.next() { list.add(Stay(stay), of: stay["attendee"]) }
        let metadata = try database.cachedStatement(
            sql: "SELECT metadata FROM registration WHERE event = ? AND uid = ? AND removed_at IS NULL"
        )
        return try list.participants { try String.fetchOne(metadata, arguments: [stored.id, $0]) }
    }

    /// Adds the stays to the sums that an earlier version has written without them, in parts.
    func sumUpEarlierStays() async throws {
        while try await pool.read({ database in
            try Bool.fetchOne(database, sql: "SELECT EXISTS (SELECT 1 FROM stay WHERE attendee IS NULL)") ?? false
        }) {
            try await writer.write { database, _ in
                var book = AttendanceBook(database)
                let rows = try Row.fetchAll(
                    database,
                    sql: "SELECT * FROM stay WHERE attendee IS NULL ORDER BY joined_at LIMIT \(AttendanceJournal.part)"
                )
                let update = try database.cachedStatement(sql: "UPDATE stay SET attendee = ? WHERE id = ?")
                for row in rows {
                    let stay = Stay(row)
                    let attendee = try book.arrive(stay)
                    if let leftAt = stay.leftAt { try book.depart(attendee, at: leftAt) }
                    try update.execute(arguments: [attendee, row["id"] as Int64])
                }
                try book.write()
            }
        }
    }

    /// Deletes the sums of what ended before a moment.
    func purgeAttendance(before moment: Milliseconds) async throws {
        _ = try await inParts(
            """
            DELETE FROM attendee WHERE id IN (
                SELECT id FROM attendee WHERE sessions = 0 AND leaves_at < ? ORDER BY leaves_at LIMIT \(Self.part)
            )
            """,
            [moment]
        )
        let begin = moment - moment % AttendanceMinute.length
        let old = try await pool.read { database in
            try Int64.fetchAll(
                database,
                sql: """
                    SELECT id FROM attendance WHERE EXISTS (
                        SELECT 1 FROM attendance_minute WHERE attendance = attendance.id AND begins_at < ?
                    )
                    """,
                arguments: [begin]
            )
        }
        for id in old {
            while try await writer.write({ database, _ in try Self.purgeMinutes(of: id, before: begin, database) }) {}
        }
    }

    /// Deletes a part of the minutes before a moment. Those who came in them and are still there count on. Returns false
    /// if there are no more.
    private static func purgeMinutes(of id: Int64, before moment: Milliseconds, _ database: Database) throws -> Bool {
        let minutes = try Row.fetchAll(
            database,
            sql: """
                SELECT begins_at, net FROM attendance_minute WHERE attendance = ? AND begins_at < ?
                ORDER BY begins_at LIMIT \(part)
                """,
            arguments: [id, moment]
        )
        guard let last = minutes.last else {
            try database.execute(
                sql: """
                    DELETE FROM attendance WHERE id = ?1
                    AND NOT EXISTS (SELECT 1 FROM attendee WHERE attendance = ?1)
                    AND NOT EXISTS (SELECT 1 FROM attendance_minute WHERE attendance = ?1)
                    """,
                arguments: [id]
            )
            return false
        }
        try database.execute(
            sql: "UPDATE attendance SET present = present + ?, known_since = ? WHERE id = ?",
            arguments: [
                minutes.reduce(0) { $0 + ($1[1] as Int) }, (last[0] as Milliseconds) + AttendanceMinute.length, id,
            ]
        )
        try database.execute(
            sql: "DELETE FROM attendance_minute WHERE attendance = ? AND begins_at <= ?",
            arguments: [id, last[0] as Milliseconds]
        )
        return true
    }

    /// Deletes the sums of an event.
    func purgeAttendance(of uid: String, company: String) async throws {
        let own = "SELECT id FROM attendance WHERE company = ? AND event = ?"
        for (table, id) in [("attendee", "id"), ("attendance_minute", "attendance, begins_at")] {
            _ = try await inParts(
                """
                DELETE FROM \(table) WHERE (\(id)) IN (
                    SELECT \(id) FROM \(table) WHERE attendance = (\(own)) LIMIT \(Self.part)
                )
                """,
                [company, uid]
            )
        }
        try await writer.write { database, _ in
            try database.execute(
                sql: "DELETE FROM attendance WHERE company = ? AND event = ?",
                arguments: [company, uid]
            )
        }
    }
}
