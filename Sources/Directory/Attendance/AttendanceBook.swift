import Admission
import Basics
import Foundation
import GRDB

/// Keeps the sums of attendance while stays begin and end, so that no report needs to read all stays.
///
/// Each person at an event is an attendee, who is there from the first of several sessions that overlap to the end of the
/// last. What they change in the event's minutes is collected, and stored by ``write()``.
struct AttendanceBook {
    private struct Minute: Hashable {
        let attendance: Int64
        let begins: Milliseconds
    }

    private let database: Database
    private var minutes: [Minute: AttendanceMinute] = [:]

    init(_ database: Database) { self.database = database }

    /// Notes that a stay has begun. Returns its attendee.
    mutating func arrive(_ stay: Stay) throws -> Int64 {
        let attendance = try attendance(of: stay.event, stay.company)
        let isRegistered = stay.registration != nil
        let known = try Row.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT id, sessions, leaves_at FROM attendee
                    WHERE attendance = ? AND is_registered = ? AND person = ?
                    """
            ),
            arguments: [attendance, isRegistered, stay.registration ?? stay.user]
        )
        guard let known else {
            change(1, attendance, at: stay.joinedAt)
            let source = try source(stay.source, of: attendance)
            try database.cachedStatement(
                sql: """
                    INSERT INTO attendee (attendance, is_registered, person, joined_at, leaves_at, sessions, source)
                    VALUES (?1, ?2, ?3, ?4, ?4, 1, ?5)
                    """
            ).execute(
                arguments: [attendance, isRegistered, stay.registration ?? stay.user, stay.joinedAt, source]
            )
            return database.lastInsertedRowID
        }
        let (id, sessions, leavesAt): (Int64, Int, Milliseconds) = (known[0], known[1], known[2])
        var until = leavesAt
        if sessions == 0 {
            // Whoever comes back before having left has not left.
            until = max(leavesAt, stay.joinedAt)
            change(1, attendance, at: until)
            leave(-1, attendance, at: leavesAt)
        }
        try database.cachedStatement(
            sql: """
                UPDATE attendee SET sessions = sessions + 1, joined_at = min(joined_at, ?), leaves_at = ? WHERE id = ?
                """
        ).execute(arguments: [stay.joinedAt, until, id])
        return id
    }

    /// Notes that a stay of an attendee has ended.
    mutating func depart(_ attendee: Int64, at moment: Milliseconds) throws {
        let row = try Row.fetchOne(
            database.cachedStatement(
                sql: """
                    UPDATE attendee SET sessions = sessions - 1, leaves_at = max(leaves_at, ?)
                    WHERE id = ? AND sessions > 0 RETURNING attendance, sessions, leaves_at
                    """
            ),
            arguments: [moment, attendee]
        )
        guard let row, (row[1] as Int) == 0 else { return }
        change(-1, row[0], at: row[2])
        leave(1, row[0], at: row[2])
    }

    /// Notes that all stays have ended.
    mutating func departAll(at moment: Milliseconds) throws {
        let present = try Row.fetchAll(
            database,
            sql: """
                SELECT attendance, max(leaves_at, ?), count(*) FROM attendee WHERE sessions > 0 GROUP BY 1, 2
                """,
            arguments: [moment]
        )
        for row in present {
            change(-(row[2] as Int), row[0], at: row[1])
            leave(row[2], row[0], at: row[1])
        }
        try database.execute(
            sql: "UPDATE attendee SET sessions = 0, leaves_at = max(leaves_at, ?) WHERE sessions > 0",
            arguments: [moment]
        )
    }

    /// Replaces an attendee who is erased by a nameless stand-in.
    func erase(_ attendee: Int64, as standIn: String) throws {
        let attendance = try Int64.fetchOne(
            database,
            sql: "SELECT attendance FROM attendee WHERE id = ?",
            arguments: [attendee]
        )
        guard let attendance else { return }
        try database.execute(
            sql: "UPDATE attendee SET person = ?, source = ? WHERE id = ?",
            arguments: [standIn, try source(StoredSource(), of: attendance), attendee]
        )
    }

    /// Stores the changes of minutes.
    mutating func write() throws {
        for (minute, changes) in minutes {
            var sum = changes
            let stored = try Row.fetchOne(
                database.cachedStatement(
                    sql: "SELECT seconds, presence, gone FROM attendance_minute WHERE attendance = ? AND begins_at = ?"
                ),
                arguments: [minute.attendance, minute.begins]
            )
            if let stored {
                sum.add(AttendanceMinute(bytes: [UInt8](stored[0] as Data), presence: stored[1], gone: stored[2]))
            }
            try database.cachedStatement(
                sql: """
                    INSERT OR REPLACE INTO attendance_minute
                    (attendance, begins_at, net, top, presence, gone, seconds) VALUES (?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(
                arguments: [
                    minute.attendance, minute.begins, sum.net, sum.top, sum.presence, sum.gone, Data(sum.bytes),
                ]
            )
        }
        minutes = [:]
    }

    /// Notes that people came, or, if there are less than none, went.
    private mutating func change(_ count: Int, _ attendance: Int64, at moment: Milliseconds) {
        let (minute, time) = Self.minute(attendance, moment)
        minutes[minute, default: AttendanceMinute()].add(count, at: time)
    }

    /// Notes that people left, or, if there are less than none, that they have come back after they had left.
    private mutating func leave(_ count: Int, _ attendance: Int64, at moment: Milliseconds) {
        minutes[Self.minute(attendance, moment).minute, default: AttendanceMinute()].leave(count)
    }

    private static func minute(_ attendance: Int64, _ moment: Milliseconds) -> (minute: Minute, time: Milliseconds) {
        let time = max(moment, 0) % AttendanceMinute.length
        return (Minute(attendance: attendance, begins: max(moment, 0) - time), time)
    }

    private func attendance(of event: String, _ company: String) throws -> Int64 {
        let known = try Int64.fetchOne(
            database.cachedStatement(sql: "SELECT id FROM attendance WHERE company = ? AND event = ?"),
            arguments: [company, event]
        )
        if let known { return known }
        try database.execute(
            sql: "INSERT INTO attendance (company, event) VALUES (?, ?)",
            arguments: [company, event]
        )
        return database.lastInsertedRowID
    }

    private func source(_ source: StoredSource, of attendance: Int64) throws -> Int64 {
        let arguments: StatementArguments = [attendance, source.device, source.browser, source.site]
        let known = try Int64.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT id FROM attendance_source
                    WHERE attendance = ? AND device IS ? AND browser IS ? AND site IS ?
                    """
            ),
            arguments: arguments
        )
        if let known { return known }
        try database.cachedStatement(
            sql: "INSERT INTO attendance_source (attendance, device, browser, site) VALUES (?, ?, ?, ?)"
        ).execute(arguments: arguments)
        return database.lastInsertedRowID
    }
}
