import Basics
import GRDB

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
        let row = try Row.fetchOne(
            database.cachedStatement(
                sql: "SELECT id, known_since, present FROM attendance WHERE company = ? AND event = ?"
            ),
            arguments: [stored.event.company, stored.event.uid]
        )
        guard let row else {
            (sums, known) = (nil, (.min, 0))
            return
        }
        sums = row[0] as Int64
        known = (row[1], row[2])
    }

    func attendance(limit: Int?, after last: Int64?) throws -> EventAttendance {
        var sweep = ConcurrencySweep(
            of: stored.event,
            within: span,
            now: now,
            since: known.since,
            present: known.present
        )
        let all = try counts()
        let dropOff = try addMinutes(to: &sweep, attended: all.values.reduce(0, +))
        var people: [Int64]
        let sources: [StoredSource: Int]
        if span.isAll {
            sources = try self.sources(all)
            people = limit == 0 ? [] : try self.people(limit: limit, after: last)
        } else {
            let found = try peopleWithinSpan()
            sources = try self.sources(Dictionary(found.map { ($0.source, 1) }, uniquingKeysWith: +))
            people = found.map(\.id)
            if let last { people.removeAll { $0 <= last } }
        }
        let hasMore = limit.map { people.count > $0 } ?? false
        if let limit { people = Array(people.prefix(limit)) }
        return EventAttendance(
            event: stored.event,
            row: stored.id,
            span: span,
            now: now,
            registered: try registered(),
            attended: sources.values.reduce(0, +),
            totalMinutes: Double(sweep.total) / Double(AttendanceMinute.length),
            peakConcurrent: sweep.peak,
            concurrencyStep: Int(sweep.step / AttendanceMinute.length),
            concurrency: sweep.concurrency,
            dropOff: dropOff,
            sources: sources,
            people: people,
            hasMore: hasMore
        )
    }

    /// The first of the people, and one more than asked for if there are others.
    func people(limit: Int?, after last: Int64? = nil) throws -> [Int64] {
        try Int64.fetchAll(
            database.cachedStatement(
                sql: "SELECT id FROM attendee WHERE attendance = ? AND id > ? ORDER BY id LIMIT ?"
            ),
            arguments: [sums, last ?? 0, limit.map { $0 + 1 } ?? -1]
        )
    }

    /// Those who were there at some time within the span, with the rows of their sources. Stays are looked up only of
    /// those who came before it and left after it.
    private func peopleWithinSpan() throws -> [(id: Int64, source: Int64)] {
        let rows = try Row.fetchCursor(
            database.cachedStatement(
                sql: """
                    SELECT id, source FROM attendee WHERE attendance = ?1 AND joined_at < ?3
                    AND (sessions > 0 OR leaves_at >= ?2)
                    AND (joined_at >= ?2 OR sessions = 0 AND leaves_at < ?3 OR EXISTS (
                        SELECT 1 FROM stay WHERE attendee = attendee.id AND stay.joined_at < ?3
                        AND (left_at IS NULL OR left_at >= ?2)
                    ))
                    ORDER BY id
                    """
            ),
            arguments: [sums, span.range.lowerBound, span.range.upperBound]
        )
        var people: [(Int64, Int64)] = []
        while let row = try rows.next() { people.append((row[0], row[1])) }
        return people
    }

    /// Adds the minutes to a sweep. Returns the drop-off.
    private func addMinutes(
        to sweep: inout ConcurrencySweep,
        attended: Int
    ) throws -> [(moment: Milliseconds, share: Double)] {
        let minutes = try Row.fetchCursor(
            database.cachedStatement(
                sql: """
                    SELECT begins_at, net, top, presence, gone FROM attendance_minute
                    WHERE attendance = ? ORDER BY begins_at
                    """
            ),
            arguments: [sums]
        )
        var tenths = self.tenths[...]
        var gone = 0
        var shares: [(Milliseconds, Double)] = []
        while let minute = try minutes.next() {
            let begin: Milliseconds = minute[0]
            while let tenth = tenths.first, tenth < begin + AttendanceMinute.length {
                tenths.removeFirst()
                shares.append((tenth, Double(attended - gone)))
            }
            gone += minute[4]
            sweep.add(begin, net: minute[1], top: minute[2], presence: minute[3])
        }
        shares += tenths.map { ($0, Double(attended - gone)) }
        sweep.finish()
        guard attended > 0 else { return [] }
        return shares.map { ($0, min(max($1 / Double(attended), 0), 1)) }
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
        try Int.fetchOne(
            database.cachedStatement(sql: "SELECT registrations FROM registration_total WHERE event = ?"),
            arguments: [stored.id]
        ) ?? 0
    }

    /// The number of attendees by the rows of their sources.
    private func counts() throws -> [Int64: Int] {
        let rows = try Row.fetchAll(
            database.cachedStatement(
                sql: "SELECT id, attended FROM attendance_source WHERE attendance = ? AND attended > 0"
            ),
            arguments: [sums]
        )
        return Dictionary(rows.map { ($0[0] as Int64, $0[1] as Int) }, uniquingKeysWith: +)
    }

    private func sources(_ counts: [Int64: Int]) throws -> [StoredSource: Int] {
        let rows = try Row.fetchAll(
            database.cachedStatement(
                sql: "SELECT id, device, browser, site FROM attendance_source WHERE attendance = ?"
            ),
            arguments: [sums]
        )
        var sources: [StoredSource: Int] = [:]
        for row in rows {
            if let count = counts[row["id"]] { sources[StoredSource(row), default: 0] += count }
        }
        return sources
    }
}
