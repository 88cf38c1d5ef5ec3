import Admission
import Basics
import GRDB
import Testing

@testable import Directory

/// What reports are made of.
extension AttendanceTests {
    @Test("Attendance is read in pages, and by a span of time, which knows who was away in it")
    func pages() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            var visits = (0..<7).map { Visit("u\($0)", Double($0), 60) }
            visits += [Visit("back", 0, 2), Visit("back", 100, 102)]
            try await record(visits, event, directory)
            func page(_ limit: Int?, _ last: Int64?, _ span: AttendanceSpan = .all) async throws -> EventAttendance {
                try #require(
                    try await directory.attendance(
                        of: event.uid,
                        .event,
                        company: "acme",
                        now: Self.at(120),
                        within: span,
                        limit: limit,
                        after: last
                    )
                )
            }
            let whole = try await page(nil, nil)
            #expect(whole.people.count == 8 && !whole.hasMore)
            for span in [AttendanceSpan.all, AttendanceSpan(from: Self.at(0), to: Self.at(110))] {
                let first = try await page(5, nil, span)
                let second = try await page(5, first.people.last, span)
                #expect(first.people + second.people == whole.people && first.hasMore && !second.hasMore)
                #expect(first.attended == 8 && second.attended == 8 && first.totalMinutes == second.totalMinutes)
            }
            let middle = AttendanceSpan(from: Self.at(30), to: Self.at(40))
            let found = try await directory.report(of: event, now: Self.at(120), within: middle)
            #expect(found.attended == 7 && found.participants.allSatisfy { $0.minutes == 10 })
            #expect(found.totalMinutes == 70 && found.peakConcurrent == 7 && found.concurrency.count == 10)
            #expect(try await page(0, nil).people.isEmpty)
        }
    }

    @Test("Stays that an earlier version wrote are added to the sums before they are reported")
    func earlierStays() async throws {
        let event = try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let visits = [Visit("a", 0, 3), Visit("b", 1, 4), Visit("a", 10, 12)]
            try await record(visits, event, directory)
            let before = try await attendance(event, directory, at: 20)
            // As a database is that has no sums yet.
            try await directory.pool.write { database in
                for table in ["attendee", "attendance_minute", "attendance_source", "attendance"] {
                    try database.execute(sql: "DELETE FROM \(table)")
                }
                try database.execute(sql: "UPDATE stay SET attendee = NULL")
            }
            let after = try await attendance(event, directory, at: 20)
            #expect(after.attended == 2 && after.totalMinutes == before.totalMinutes && after.totalMinutes == 8)
            #expect(after.peakConcurrent == 2 && after.concurrency.map(\.viewers) == before.concurrency.map(\.viewers))
            #expect(after.participants.map(\.minutes) == before.participants.map(\.minutes))
            return event
        }
        try await database.withDirectory { directory in
            let found = try await attendance(event, directory, at: 20)
            #expect(found.attended == 2)
        }
    }

    @Test("What is purged leaves the sums, and those who are still there stay in them")
    func purge() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let visits = [Visit("gone", 0, 3), Visit("there", 1, nil), Visit("later", 600, 601)]
            try await record(visits, event, directory)
            database.clock.advance(Self.at(700) - start)
            try await directory.beat()
            let retention = Retention(stays: 200 * Self.minute, removed: 1 << 40, webhooks: 1 << 40)
            // Whether the time of day is trusted is another test's.
            guard try await directory.purge(retention) != nil else {
                Issue.record("not purged")
                return
            }
            let found = try await attendance(event, directory, at: 700)
            #expect(found.participants.map(\.userID) == ["there", "later"] && found.attended == 2)
            #expect(found.peakConcurrent == 2 && found.concurrency.first?.viewers == 1)
            #expect(found.concurrency.first?.minute == Self.at(4) && found.totalMinutes == 697)
            let rows = try await directory.pool.read { database in
                try Int.fetchOne(database, sql: "SELECT count(*) FROM attendance_minute")
            }
            #expect(rows == 2)
            _ = try await directory.remove(event.uid, .event, company: "acme")
            database.clock.advance(1 << 41)
            try await directory.purgeAttendance(of: event.uid, company: "acme")
            let left = try await directory.pool.read { database in
                try ["attendee", "attendance_minute", "attendance_source", "attendance"].map {
                    try Int.fetchOne(database, sql: "SELECT count(*) FROM \($0)")
                }
            }
            #expect(left == [0, 0, 0, 0])
        }
    }
}
