import Basics

/// Reads an event's attendance from its sums.
struct AttendanceReading {
    private static let tenths: Milliseconds = 10

    private let stored: Stored
    private let now: Milliseconds
    private let span: AttendanceSpan
    private let database: Database
    /// The row of the event's sums; `nil` if nobody was there.
    private let sums: Int64?
    /// Since when minutes are known, and how many were there at that time.
    private let known: (since: Milliseconds, present: Int)

    /// - Parameter span: in whole minutes.
    init(_ stored: Stored, now: Milliseconds, within span: AttendanceSpan, _ database: Database) throws {
        (self.stored, self.now, self.span, self.database) = (stored, now, span, database)
        let row = try database.row(
            "SELECT id, known_since, present FROM attendance WHERE company = ? AND event = ?",
            [stored.event.company, stored.event.uid]
        )
        guard let row else {
            (sums, known) = (nil, (.min, 0))
            return
        }
        sums = row[0] as Int64
        known = (row[1], row[2])
    }

    func attendance(limit: Int, after last: Int64?) throws -> EventAttendance {
        var sweep = ConcurrencySweep(
            of: stored.event,
            within: span,
            now: now,
            since: known.since,
            present: known.present
        )
        let all = try sources()
        let total = all.values.reduce(0, +)
        let (dropOff, goneBefore) = try addMinutes(to: &sweep, attended: total)
        let attended = span.isAll ? total : min(max(total - goneBefore - (try countOfAbsent()), 0), total)
        return EventAttendance(
            event: stored.event,
            row: stored.id,
            span: span,
            now: now,
            registered: try registered(),
            attended: attended,
            totalMinutes: Double(max(sweep.total, 0)) / Double(AttendanceMinute.length),
            peakConcurrent: sweep.peak,
            concurrencyStep: Int(sweep.step / AttendanceMinute.length),
            concurrency: sweep.concurrency,
            dropOff: dropOff,
            sources: span.isAll ? all : try sourcesOfNewcomers(),
            page: attended == 0 || limit == 0 ? AttendancePage() : try page(limit: limit, after: last)
        )
    }

    /// Some of those who were there at some time within the span.
    func page(limit: Int, after last: Int64?) throws -> AttendancePage {
        let end = try database.value(
            "SELECT id FROM attendee WHERE attendance = ? AND id > ? ORDER BY id LIMIT 1 OFFSET ?",
            [sums, last ?? 0, AttendancePage.maxExamined - 1],
            as: Int64.self
        )
        // Stays are looked up only of those who came before the span and left after it.
        let people = try database.values(
            """
            SELECT id FROM attendee WHERE attendance = ?1 AND id > ?2 AND id <= ?3
            AND joined_at < ?5 AND (sessions > 0 OR leaves_at >= ?4)
            AND (joined_at >= ?4 OR sessions = 0 AND leaves_at < ?5 OR EXISTS (
                SELECT 1 FROM stay WHERE attendee = attendee.id AND stay.joined_at < ?5
                AND (left_at IS NULL OR left_at >= ?4)
            ))
            ORDER BY id LIMIT ?6
            """,
            [sums, last ?? 0, end ?? .max, span.range.lowerBound, span.range.upperBound, limit + 1],
            as: Int64.self
        )
        guard people.count > limit else { return AttendancePage(people: people, next: end) }
        return AttendancePage(people: Array(people.prefix(limit)), next: people[limit - 1])
    }

    /// How many were not there within the span, without those who had left for good before it: they came later, or were
    /// away for all of it.
    private func countOfAbsent() throws -> Int {
        let (from, to) = (span.range.lowerBound, span.range.upperBound)
        return try database.value(
            """
            SELECT (
                SELECT CAST(coalesce(sum(people), 0) AS BIGINT) FROM attendance_newcomer
                WHERE source IN (SELECT id FROM attendance_source WHERE attendance = ?1) AND begins_at >= ?3
            ) + (
                SELECT CAST(coalesce(sum(people), 0) AS BIGINT) FROM attendance_gap
                WHERE attendance = ?1 AND left_at < ?2 AND came_at >= ?3
            )
            """,
            [sums, from, to],
            as: Int.self
        ) ?? 0
    }

    /// Adds the minutes to a sweep. Returns the drop-off, and how many had left for good before the span.
    private func addMinutes(
        to sweep: inout ConcurrencySweep,
        attended: Int
    ) throws -> (dropOff: [(moment: Milliseconds, share: Double)], goneBefore: Int) {
        let minutes = try database.rows(
            """
            SELECT begins_at, net, top, presence, gone FROM attendance_minute
            WHERE attendance = ? ORDER BY begins_at
            """,
            [sums]
        )
        var tenths = self.tenths[...]
        var (gone, goneBefore) = (0, 0)
        var shares: [(Milliseconds, Double)] = []
        for minute in minutes {
            let begin: Milliseconds = minute[0]
            while let tenth = tenths.first, tenth < begin + AttendanceMinute.length {
                tenths.removeFirst()
                shares.append((tenth, Double(attended - gone)))
            }
            gone += minute[4]
            if begin < span.range.lowerBound { goneBefore = gone }
            sweep.add(begin, net: minute[1], top: minute[2], presence: minute[3])
        }
        shares += tenths.map { ($0, Double(attended - gone)) }
        sweep.finish()
        guard attended > 0 else { return ([], goneBefore) }
        return (shares.map { ($0, min(max($1 / Double(attended), 0), 1)) }, goneBefore)
    }

    /// The event's start and each tenth of it that has come and lies within the span.
    private var tenths: [Milliseconds] {
        let fields = stored.event.fields
        guard fields.hasDates else { return [] }
        let length = max(fields.endsAt - fields.startsAt, 0)
        return (0...Self.tenths).map { tenth in
            // Without overflow for an event of any length.
            fields.startsAt + length / Self.tenths * tenth + length % Self.tenths * tenth / Self.tenths
        }.filter { $0 <= now && span.range.contains($0) }
    }

    private func registered() throws -> Int {
        try database.value("SELECT registrations FROM registration_total WHERE event = ?", [stored.id], as: Int.self)
            ?? 0
    }

    /// From where how many attendees came.
    private func sources() throws -> [StoredSource: Int] {
        Self.counts(
            try database.rows(
                "SELECT device, browser, site, attended AS people FROM attendance_source WHERE attendance = ?",
                [sums]
            )
        )
    }

    /// From where how many came who were there for the first time within the span.
    private func sourcesOfNewcomers() throws -> [StoredSource: Int] {
        Self.counts(
            try database.rows(
                """
                SELECT device, browser, site, CAST(coalesce((
                    SELECT sum(people) FROM attendance_newcomer
                    WHERE source = attendance_source.id AND begins_at >= ? AND begins_at < ?
                ), 0) AS BIGINT) AS people
                FROM attendance_source WHERE attendance = ?
                """,
                [span.range.lowerBound, span.range.upperBound, sums]
            )
        )
    }

    private static func counts(_ rows: [Row]) -> [StoredSource: Int] {
        let counts = rows.map { (StoredSource($0), $0["people"] as Int) }.filter { $1 > 0 }
        return Dictionary(counts, uniquingKeysWith: +)
    }
}
