package import Admission
package import Basics

/// An event's attendance cannot be reported yet: stays that an earlier version wrote are being added to its sums.
package struct AttendanceIsBehind: Error {}

extension Directory {
    /// How many people were at an event, with a part of them. Returns `nil` if the company has no such event.
    ///
    /// Takes no longer for many stays than for few. Participants' data may be large; ask for it in parts with
    /// ``participants(_:of:)``.
    ///
    /// - Parameters:
    ///   - span: leaves out what was before and after.
    ///   - limit: the most people.
    ///   - last: the attendee after whom the people begin.
    /// - Throws: ``AttendanceIsBehind``.
    package func attendance(
        of uid: String,
        _ kind: EventKind,
        company: String,
        now: Milliseconds,
        within span: AttendanceSpan = .all,
        limit: Int,
        after last: Int64? = nil
    ) async throws -> EventAttendance? {
        try await storage.read { database in
            guard let stored = try Stored.event(uid, kind, company: company, database) else { return nil }
            guard try !AttendanceBook.isBehind(uid, company, database) else { throw AttendanceIsBehind() }
            return try AttendanceReading(stored, now: now, within: span.inMinutes, database)
                .attendance(limit: limit, after: last)
        }
    }

    /// Further people of an attendance, as they are now.
    package func people(
        of attendance: EventAttendance,
        limit: Int,
        after last: Int64?
    ) async throws -> AttendancePage {
        try await storage.read { database in
            let stored = Stored(id: attendance.row, event: attendance.event)
            return try AttendanceReading(stored, now: attendance.now, within: attendance.span, database)
                .page(limit: limit, after: last)
        }
    }

    /// The data of some of the people of an attendance.
    ///
    /// It is read as it is now and in parts, so that nothing is held while an answer is written to a slow client. A
    /// person who was removed or erased since the attendance was read has no metadata or name.
    package func participants(
        _ people: ArraySlice<Int64>,
        of attendance: EventAttendance
    ) async throws -> [EventAttendance.Participant] {
        try await storage.read { database in
            try Self.participants(
                people,
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
        let stays = try database.rows(
            """
            SELECT * FROM stay WHERE attendee IN (SELECT value FROM json_each(?))
            AND joined_at < ? AND coalesce(left_at, ?) >= ? ORDER BY attendee, joined_at, id
            """,
            [
                ListedRows.argument(people), span.range.upperBound, Milliseconds.max, span.range.lowerBound,
            ]
        )
        for stay in stays { list.add(Stay(stay), of: stay["attendee"]) }
        let metadata = "SELECT metadata FROM registration WHERE event = ? AND uid = ? AND removed_at IS NULL"
        return try list.participants { try database.value(metadata, [stored.id, $0]) }
    }

    /// Adds stays to the sums that an earlier version has written without them, in parts, so that no write waits for all
    /// of it. Until an event's are added, it has no report.
    ///
    /// Event by event, since its stays must be added in the order in which they began.
    ///
    /// - Returns: the number of stays that were added.
    @discardableResult
    package func sumUpEarlierStays() async throws -> Int {
        var count = 0
        while try await storage.read({ database in
            try database.value("SELECT EXISTS (SELECT 1 FROM stay WHERE attendee IS NULL)", as: Bool.self) ?? false
        }) {
            try Task.checkCancellation()
            count += try await writer.write { database, _ in try Self.sumUpPart(database) }
        }
        return count
    }

    /// How many stays are added at once.
    private static let sumPart = 500

    private static func sumUpPart(_ database: Database) throws -> Int {
        var book = AttendanceBook(database)
        let rows = try database.rows(
            """
            SELECT * FROM stay INDEXED BY stay_without_attendee WHERE attendee IS NULL
            ORDER BY company, event, joined_at LIMIT \(sumPart)
            """
        )
        for row in rows {
            let stay = Stay(row)
            let attendee = try book.arrive(stay)
            if let leftAt = stay.leftAt { try book.depart(attendee, at: leftAt, away: stay.away) }
            try database.execute("UPDATE stay SET attendee = ? WHERE id = ?", [attendee, row["id"] as Int64])
        }
        try book.write()
        return rows.count
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
        let old = try await storage.read { database in
            try database.values(
                """
                SELECT id FROM attendance WHERE EXISTS (
                    SELECT 1 FROM attendance_minute WHERE attendance = attendance.id AND begins_at < ?
                )
                """,
                [begin],
                as: Int64.self
            )
        }
        for id in old {
            _ = try await inParts(
                """
                DELETE FROM attendance_gap WHERE (attendance, left_at, came_at) IN (
                    SELECT attendance, left_at, came_at FROM attendance_gap WHERE attendance = ? AND came_at < ?
                    LIMIT \(Self.part)
                )
                """,
                [id, begin]
            )
            while try await writer.write({ database, _ in try Self.purgeMinutes(of: id, before: begin, database) }) {}
        }
    }

    /// Deletes a part of the minutes before a moment. Those who came in them and are still there count on. Returns false
    /// if there are no more.
    private static func purgeMinutes(of id: Int64, before moment: Milliseconds, _ database: Database) throws -> Bool {
        let minutes = try database.rows(
            """
            SELECT begins_at, net FROM attendance_minute WHERE attendance = ? AND begins_at < ?
            ORDER BY begins_at LIMIT \(part)
            """,
            [id, moment]
        )
        guard let last = minutes.last else {
            try database.execute(
                """
                DELETE FROM attendance WHERE id = ?1
                AND NOT EXISTS (SELECT 1 FROM attendee WHERE attendance = ?1)
                AND NOT EXISTS (SELECT 1 FROM attendance_minute WHERE attendance = ?1)
                """,
                [id]
            )
            return false
        }
        try database.execute(
            "UPDATE attendance SET present = present + ?, known_since = ? WHERE id = ?",
            [
                minutes.reduce(0) { $0 + ($1[1] as Int) }, (last[0] as Milliseconds) + AttendanceMinute.length, id,
            ]
        )
        try database.execute(
            "DELETE FROM attendance_minute WHERE attendance = ? AND begins_at <= ?",
            [id, last[0] as Milliseconds]
        )
        return true
    }

    /// Deletes the stays and the sums of an event. Returns the number of stays.
    func purgeAttendance(of uid: String, company: String) async throws -> Int {
        var count = try await inParts(
            """
            DELETE FROM stay WHERE id IN (
                SELECT id FROM stay WHERE company = ? AND event = ? AND attendee IS NULL LIMIT \(Self.part)
            )
            """,
            [company, uid]
        )
        let attendance = try await storage.read { database in
            try database.value(
                "SELECT id FROM attendance WHERE company = ? AND event = ?",
                [company, uid],
                as: Int64.self
            )
        }
        guard let attendance else { return count }
        while true {
            try Task.checkCancellation()
            let stays = try await writer.write { database, _ in try Self.purgeAttendees(of: attendance, database) }
            guard let stays else { break }
            count += stays
        }
        for (table, id) in [("attendance_minute", "begins_at"), ("attendance_gap", "left_at, came_at")] {
            _ = try await inParts(
                """
                DELETE FROM \(table) WHERE attendance = ?1 AND (\(id)) IN (
                    SELECT \(id) FROM \(table) WHERE attendance = ?1 LIMIT \(Self.part)
                )
                """,
                [attendance]
            )
        }
        _ = try await writer.write { database, _ in
            try database.execute("DELETE FROM attendance WHERE id = ?", [attendance])
        }
        return count
    }

    /// Deletes some attendees with their stays. Returns the number of stays; `nil` if there was nobody.
    private static func purgeAttendees(of attendance: Int64, _ database: Database) throws -> Int? {
        let people = try database.values(
            "SELECT id FROM attendee WHERE attendance = ? LIMIT \(part)",
            [attendance],
            as: Int64.self
        )
        guard !people.isEmpty else { return nil }
        let arguments: Arguments = [ListedRows.argument(people)]
        let these = "IN (SELECT value FROM json_each(?))"
        let count = try database.execute("DELETE FROM stay WHERE attendee \(these)", arguments)
        try database.execute("DELETE FROM attendee WHERE id \(these)", arguments)
        return count
    }
}
