import Admission
import Basics

/// Keeps the sums of attendance while stays begin and end, so that no report needs to read all stays.
///
/// Each person at an event is an attendee, who is there from the first of several sessions that overlap to the end of the
/// last. What they change in the event's minutes is collected, and stored by ``write()``.
struct AttendanceBook {
    private struct Minute: Hashable {
        let attendance: Int64
        let begins: Milliseconds
    }

    private struct EventName: Hashable {
        let event: ExactText
        let company: ExactText
    }

    /// Minutes between which people were away, by their beginnings.
    private struct Gap: Hashable {
        let attendance: Int64
        let leftAt: Milliseconds
        let cameAt: Milliseconds
    }

    /// Those who came for the first time in a minute from a source.
    private struct Newcomers: Hashable {
        let source: Int64
        let begins: Milliseconds
    }

    private struct Source: Hashable {
        let attendance: Int64
        let device: ExactText?
        let browser: ExactText?
        let site: ExactText?
    }

    private let database: Database
    private var minutes: [Minute: AttendanceMinute] = [:]
    private var gaps: [Gap: Int] = [:]
    private var newcomers: [Newcomers: Int] = [:]
    /// The rows of events and of sources that were looked up.
    private var attendances: [EventName: Int64] = [:]
    private var sources: [Source: Int64] = [:]
    /// What ``isBehind(_:_:)`` has found.
    private var behind: [EventName: Bool] = [:]

    init(_ database: Database) { self.database = database }

    /// Whether an event has stays that an earlier version wrote and that are not in the sums yet.
    mutating func isBehind(_ event: String, _ company: String) throws -> Bool {
        let name = EventName(event: ExactText(event), company: ExactText(company))
        if let known = behind[name] { return known }
        let found = try Self.isBehind(event, company, database)
        behind[name] = found
        return found
    }

    static func isBehind(_ event: String, _ company: String, _ database: Database) throws -> Bool {
        try database.value(
            """
            SELECT EXISTS (
                SELECT 1 FROM stay INDEXED BY stay_without_attendee
                WHERE company = ? AND event = ? AND attendee IS NULL
            )
            """,
            [company, event],
            as: Bool.self
        ) ?? false
    }

    /// Notes that a stay has begun. Returns its attendee.
    ///
    /// Stays of an event must be noted in the order in which they began: those of an earlier version first.
    mutating func arrive(_ stay: Stay) throws -> Int64 {
        let attendance = try attendance(of: stay.event, stay.company)
        let (isRegistered, person) = (stay.registration != nil, stay.registration ?? stay.user)
        let source = try source(stay.source, of: attendance)
        let added: Int64? = try database.value(
            """
            INSERT INTO attendee (attendance, is_registered, person, joined_at, leaves_at, sessions, source)
            VALUES (?1, ?2, ?3, ?4, ?4, 1, ?5) ON CONFLICT (attendance, is_registered, person) DO NOTHING RETURNING id
            """,
            [attendance, isRegistered, person, stay.joinedAt, source]
        )
        if let added {
            change(1, attendance, at: stay.joinedAt)
            let begins = Self.minute(attendance, stay.joinedAt).minute.begins
            newcomers[Newcomers(source: source, begins: begins), default: 0] += 1
            return added
        }
        let known = try database.row(
            """
            SELECT id, sessions, leaves_at, joined_at FROM attendee
            WHERE attendance = ? AND is_registered = ? AND person = ?
            """,
            [attendance, isRegistered, person]
        )
        guard let known else { throw DirectoryFault(description: "an attendee who was just found is not there") }
        let (id, sessions, leavesAt): (Int64, Int, Milliseconds) = (known[0], known[1], known[2])
        // What is stored moves to the earlier minute.
        if stay.joinedAt < known[3] { try write() }
        var until = leavesAt
        if sessions == 0 {
            // Whoever comes back before having left has not left.
            until = max(leavesAt, stay.joinedAt)
            change(1, attendance, at: until)
            leave(-1, attendance, at: leavesAt)
            let (left, came) = (Self.minute(attendance, leavesAt).minute, Self.minute(attendance, until).minute)
            if came.begins - left.begins > AttendanceMinute.length {
                gaps[Gap(attendance: attendance, leftAt: left.begins, cameAt: came.begins), default: 0] += 1
            }
        }
        try database.execute(
            """
            UPDATE attendee SET sessions = sessions + 1, joined_at = iif(joined_at > ?1, ?1, joined_at), leaves_at = ?2
                WHERE id = ?3
            """,
            [stay.joinedAt, until, id]
        )
        return id
    }

    /// Notes that a stay of an attendee has ended.
    ///
    /// - Parameter away: for how long its viewer was away in it. It is taken from the time of the minute in which the stay
    ///   ends, since it is not known when that was.
    mutating func depart(_ attendee: Int64, at moment: Milliseconds, away: Milliseconds = 0) throws {
        let row = try database.row(
            """
            UPDATE attendee SET sessions = sessions - 1, leaves_at = iif(leaves_at < ?1, ?1, leaves_at)
            WHERE id = ?2 AND sessions > 0 RETURNING attendance, sessions, leaves_at
            """,
            [moment, attendee]
        )
        guard let row else { return }
        if away > 0 { minutes[Self.minute(row[0], moment).minute, default: AttendanceMinute()].pause(away) }
        guard (row[1] as Int) == 0 else { return }
        change(-1, row[0], at: row[2])
        leave(1, row[0], at: row[2])
    }

    /// Notes that all stays of a node that are open end.
    mutating func departAll(of node: String, at moment: Milliseconds) throws {
        let ended = """
            (
                SELECT attendee AS id, count(*) AS stays FROM stay
                WHERE left_at IS NULL AND node = ?2 AND attendee IS NOT NULL GROUP BY 1
            ) AS ended
            """
        // Whoever is also at another node stays there.
        let rows = try database.rows(
            """
            SELECT attendance, iif(leaves_at < ?1, ?1, leaves_at), count(*)
            FROM attendee JOIN \(ended) ON ended.id = attendee.id
            WHERE sessions > 0 AND sessions <= stays GROUP BY 1, 2
            """,
            [moment, node]
        )
        for row in rows {
            change(-(row[2] as Int), row[0], at: row[1])
            leave(row[2], row[0], at: row[1])
        }
        try database.execute(
            """
            UPDATE attendee SET sessions = iif(sessions > stays, sessions - stays, 0),
                leaves_at = iif(leaves_at < ?1, ?1, leaves_at)
            FROM \(ended) WHERE ended.id = attendee.id AND sessions > 0
            """,
            [moment, node]
        )
    }

    /// Replaces an attendee who is erased by a nameless stand-in.
    mutating func erase(_ attendee: Int64, as standIn: String) throws {
        let attendance = try database.value("SELECT attendance FROM attendee WHERE id = ?", [attendee], as: Int64.self)
        guard let attendance else { return }
        try database.execute(
            "UPDATE attendee SET person = ?, source = ? WHERE id = ?",
            [standIn, try source(StoredSource(), of: attendance), attendee]
        )
    }

    /// Stores the changes of minutes.
    mutating func write() throws {
        for (gap, people) in gaps {
            try database.execute(
                """
                INSERT INTO attendance_gap (attendance, left_at, came_at, people) VALUES (?, ?, ?, ?)
                ON CONFLICT (attendance, left_at, came_at) DO UPDATE SET people = attendance_gap.people + excluded.people
                """,
                [gap.attendance, gap.leftAt, gap.cameAt, people]
            )
        }
        gaps = [:]
        for (key, people) in newcomers {
            try database.execute(
                """
                INSERT INTO attendance_newcomer (source, begins_at, people) VALUES (?, ?, ?)
                ON CONFLICT (source, begins_at) DO UPDATE SET people = attendance_newcomer.people + excluded.people
                """,
                [key.source, key.begins, people]
            )
            try database.execute(
                "UPDATE attendance_source SET attended = attended + ? WHERE id = ?",
                [people, key.source]
            )
        }
        newcomers = [:]
        for (minute, changes) in minutes {
            var sum = changes
            let stored = try database.row(
                "SELECT seconds, presence, gone FROM attendance_minute WHERE attendance = ? AND begins_at = ?",
                [minute.attendance, minute.begins]
            )
            if let stored {
                sum.add(AttendanceMinute(bytes: stored[0], presence: stored[1], gone: stored[2]))
            }
            try database.execute(
                """
                INSERT INTO attendance_minute
                (attendance, begins_at, net, top, presence, gone, seconds) VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (attendance, begins_at) DO UPDATE SET (net, top, presence, gone, seconds)
                    = (excluded.net, excluded.top, excluded.presence, excluded.gone, excluded.seconds)
                """,
                [
                    minute.attendance, minute.begins, sum.net, sum.top, sum.presence, sum.gone, sum.bytes,
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

    private mutating func attendance(of event: String, _ company: String) throws -> Int64 {
        let name = EventName(event: ExactText(event), company: ExactText(company))
        if let known = attendances[name] { return known }
        let row: Int64 =
            try database.value("SELECT id FROM attendance WHERE company = ? AND event = ?", [company, event])
            ?? database.insert("INSERT INTO attendance (company, event) VALUES (?, ?)", [company, event])
        attendances[name] = row
        return row
    }

    private mutating func source(_ source: StoredSource, of attendance: Int64) throws -> Int64 {
        let key = Source(
            attendance: attendance,
            device: source.device.map { ExactText($0) },
            browser: source.browser.map { ExactText($0) },
            site: source.site.map { ExactText($0) }
        )
        if let known = sources[key] { return known }
        let arguments: Arguments = [attendance, source.device, source.browser, source.site]
        let row: Int64 =
            try database.value(
                """
                SELECT id FROM attendance_source WHERE attendance = ? AND device IS NOT DISTINCT FROM ?
                    AND browser IS NOT DISTINCT FROM ? AND site IS NOT DISTINCT FROM ?
                """,
                arguments
            )
            ?? database.insert(
                "INSERT INTO attendance_source (attendance, device, browser, site) VALUES (?, ?, ?, ?)",
                arguments
            )
        sources[key] = row
        return row
    }
}
