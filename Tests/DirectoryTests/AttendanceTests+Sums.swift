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
            func page(_ limit: Int, _ last: Int64?, _ span: AttendanceSpan = .all) async throws -> EventAttendance {
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
            let whole = try await page(8, nil)
            #expect(whole.page.people.count == 8 && whole.page.next == nil)
            for span in [AttendanceSpan.all, AttendanceSpan(from: Self.at(0), to: Self.at(110))] {
                let first = try await page(5, nil, span)
                let second = try await page(5, first.page.next, span)
                #expect(first.page.people + second.page.people == whole.page.people)
                #expect(first.page.people.count == 5 && second.page.next == nil)
                #expect(first.attended == 8 && second.attended == 8 && first.totalMinutes == second.totalMinutes)
            }
            let middle = AttendanceSpan(from: Self.at(30), to: Self.at(40))
            let found = try await directory.report(of: event, now: Self.at(120), within: middle)
            #expect(found.attended == 7 && found.participants.allSatisfy { $0.minutes == 10 })
            #expect(found.totalMinutes == 70 && found.peakConcurrent == 7 && found.concurrency.count == 10)
            #expect(try await page(0, nil).page.people.isEmpty)
        }
    }

    /// All that has sums, in the order in which they can be deleted.
    private static let tables = [
        "attendee", "attendance_minute", "attendance_gap", "attendance_newcomer", "attendance_source", "attendance",
    ]

    /// Makes the database one of an earlier version, which has no sums.
    private func removeSums(_ directory: Directory) async throws {
        try directory.storage.write { database in
            for table in Self.tables {
                try database.execute("DELETE FROM \(table)")
            }
            try database.execute("UPDATE stay SET attendee = NULL")
        }
    }

    @Test("Stays that an earlier version wrote come into the sums; until then there is no report, and no wrong one")
    func earlierStays() async throws {
        let event = try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let other = try await directory.makeEvent("other")
            let visits = [Visit("a", 0, 3), Visit("b", 1, 4), Visit("a", 10, 12), Visit("open", 11, nil)]
            try await record(visits, event, directory)
            let before = try await attendance(event, directory, at: 20)
            try await removeSums(directory)
            await #expect(throws: AttendanceIsBehind.self) { try await attendance(event, directory, at: 20) }
            // Others' reports do not wait.
            try await record([Visit("c", 0, 5)], other, directory)
            #expect(try await attendance(other, directory, at: 20).totalMinutes == 5)
            // Meanwhile people come and go: those who are known, and others.
            let again = session(90, event: event, userID: "a", since: Self.at(14))
            let new = session(91, event: event, userID: "new", since: Self.at(16))
            try await directory.record([.arrived(again), .departed(again, .left, at: Self.at(16)), .arrived(new)])
            await #expect(throws: AttendanceIsBehind.self) { try await attendance(event, directory, at: 20) }
            #expect(try await directory.sumUpEarlierStays() == 6)
            let open = session(4, event: event, userID: "open", since: Self.at(11))
            try await directory.record([
                .departed(open, .left, at: Self.at(17)), .departed(new, .left, at: Self.at(17)),
            ])
            let after = try await attendance(event, directory, at: 20)
            #expect(before.totalMinutes == 8 + 9 && after.totalMinutes == 8 + 2 + 6 + 1)
            #expect(after.attended == 4 && after.peakConcurrent == 2)
            #expect(after.participants.map(\.minutes) == [7, 3, 6, 1])
            #expect(after.concurrency.prefix(5).map(\.viewers) == before.concurrency.prefix(5).map(\.viewers))
            return event
        }
        try await database.withDirectory { directory in
            let count = try await directory.sumUpEarlierStays()
            #expect(count == 0)
            #expect(try await attendance(event, directory, at: 20).attended == 4)
        }
    }

    @Test("Sums of a version that had only a part of them are made anew", .ofFiles)
    func earlierSums() async throws {
        let pool = try DatabasePool(path: database.path)
        try Migrations.migrator.migrate(pool, upTo: "21 sums of attendance")
        let uid = UUIDText.random()
        try await pool.write { database in
            try database.execute(
                sql: """
                    INSERT INTO event (uid, company, creator, kind, name, starts_at, ends_at, timezone, type, presenters,
                        organizers, registration_mode, metadata, created_at)
                        VALUES ('\(uid)', 'acme', 'acme', 'event', 'Old', \(Self.origin), \(Self.origin) + 3600000, 'UTC', 'Virtual', '[]', '[]', 0, '{}', 0);
                    INSERT INTO attendance (id, company, event) VALUES (5, 'acme', '\(uid)');
                    INSERT INTO attendance_source (id, attendance) VALUES (6, 5);
                    INSERT INTO attendee VALUES (7, 5, 0, 'a', \(Self.origin), \(Self.origin) + 120000, 0, 6);
                    INSERT INTO attendance_minute VALUES (5, \(Self.origin), 9, 9, 9, 9, x'');
                    INSERT INTO stay (session, company, event, user, role, joined_at, left_at, ending, attendee)
                        VALUES ('s', 'acme', '\(uid)', 'a', 'attendee', \(Self.origin), \(Self.origin) + 120000, 'left', 7);
                    """
            )
        }
        try pool.close()
        try await database.withDirectory { directory in
            let event = try #require(try await directory.event(uid, .event, company: "acme"))
            #expect(try await directory.sumUpEarlierStays() == 1)
            let found = try await attendance(event, directory, at: 20)
            #expect(found.attended == 1 && found.totalMinutes == 2 && found.devices.map(\.attended) == [1])
            let later = AttendanceSpan(from: Self.at(3), to: nil)
            #expect(try await directory.report(of: event, now: Self.at(20), within: later).attended == 0)
        }
    }

    @Test("Of an earlier version's stay with pauses, the pauses are not counted")
    func earlierPauses() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            try await record([Visit("a", 0, 3), Visit("a", 3.5, 6), Visit("b", 0, 1)], event, directory)
            try await removeSums(directory)
            try await directory.sumUpEarlierStays()
            let found = try await attendance(event, directory, at: 20)
            #expect(found.totalMinutes == 6.5 && found.participants.map(\.minutes) == [5.5, 1])
        }
    }

    @Test("An event's end is announced once its attendance is known; others' ends do not wait")
    func announcement() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let other = try await directory.makeEvent("other")
            try await directory.makeWebhook(.eventEnded)
            try await record([Visit("a", 0, 3)], event, directory)
            try await removeSums(directory)
            database.clock.advance(3_600_000)
            try await directory.announceDates()
            let early = try await directory.takeDeliveries(at: database.clock.now).map(\.message)
            #expect(early.map { $0.contains(other.uid) } == [true])
            try await directory.sumUpEarlierStays()
            try await directory.announceDates()
            let late = try await directory.takeDeliveries(at: database.clock.now).map(\.message)
            #expect(late.map { $0.contains(event.uid) && $0.contains("\"participantCount\":1") } == [true])
        }
    }

    @Test("A part of the time has exactly those who were there in it, whatever it is")
    func spans() async throws {
        var state: UInt64 = 11
        func random(_ bound: UInt64) -> Int64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64(state >> 33 % bound)
        }
        try await database.withDirectory { directory in
            for round in 0..<12 {
                let event = try await directory.makeEvent()
                var visits: [Visit] = []
                for index in 0..<24 {
                    let from = random(40 * 60)
                    let to = index == 0 ? nil : Double(from + random(15 * 60)) / 60
                    visits.append(Visit("u\(round) \(random(9))", Double(from) / 60, to))
                }
                visits.sort { $0.from < $1.from }
                let sessions = visits.enumerated().map { index, visit in
                    let number = UInt64(100 * round + index + 1)
                    return session(number, event: event, userID: visit.user, since: Self.at(visit.from))
                }
                var changes: [(at: Milliseconds, SessionChange)] = []
                for (visit, session) in zip(visits, sessions) {
                    changes.append((session.since, .arrived(session)))
                    if let to = visit.to { changes.append((Self.at(to), .departed(session, .left, at: Self.at(to)))) }
                }
                // As they happen, or each visit as a whole.
                if round % 2 == 0 { changes.sort { $0.at < $1.at } }
                try await directory.record(changes.map(\.1))
                for _ in 0..<30 {
                    let from = random(50)
                    let to = from + 1 + random(10)
                    let span = AttendanceSpan(from: Self.at(Double(from)), to: Self.at(Double(to)))
                    let found = try await directory.report(of: event, now: Self.at(70), within: span)
                    let there = Set(
                        visits.filter { $0.from < Double(to) && $0.to ?? 70 >= Double(from) }.map(\.user)
                    )
                    #expect(found.attended == there.count)
                    #expect(Set(found.participants.compactMap(\.userID)) == there)
                    let first = Dictionary(visits.map { ($0.user, $0.from) }, uniquingKeysWith: min)
                    let new = first.values.filter { (Double(from)..<Double(to)).contains($0) }.count
                    #expect(found.devices.map(\.attended) == (new > 0 ? [new] : []))
                }
            }
        }
    }

    @Test("A page ends after so many people were examined, and says where the next one begins")
    func manyAway() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            try await record([Visit("first", 0, 1), Visit("last", 0, 60)], event, directory)
            // Many who leave early, between the two.
            try directory.storage.write { database in
                try database.execute("UPDATE attendee SET id = 1000000 WHERE person = 'last'")
                try database.execute(
                    """
                    WITH RECURSIVE number (n) AS (VALUES (CAST(2 AS BIGINT)) UNION ALL SELECT n + 1 FROM number WHERE n < \(3 * AttendancePage.maxExamined))
                    INSERT INTO attendee
                    SELECT n, attendance, 0, 'early ' || n, joined_at, leaves_at, 0, source
                    FROM number JOIN attendee ON attendee.person = 'first'
                    """
                )
                try database.execute("UPDATE stay SET attendee = 1000000 WHERE \"user\" = 'last'")
            }
            let span = AttendanceSpan(from: Self.at(30), to: Self.at(40))
            let found = try #require(
                try await directory.attendance(
                    of: event.uid,
                    .event,
                    company: "acme",
                    now: Self.at(70),
                    within: span,
                    limit: 1000
                )
            )
            var (pages, next) = ([found.page.people], found.page.next)
            while let last = next, pages.count < 9 {
                let page = try await directory.people(of: found, limit: 1000, after: last)
                pages.append(page.people)
                next = page.next
            }
            #expect(pages == [[], [], [], [1_000_000]])
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
            let rows = try await directory.storage.read { database in
                try database.value("SELECT count(*) FROM attendance_minute", as: Int.self)
            }
            #expect(rows == 2)
            _ = try await directory.remove(event.uid, .event, company: "acme")
            database.clock.advance(1 << 41)
            #expect(try await directory.purgeAttendance(of: event.uid, company: "acme") == 2)
            let left = try await directory.storage.read { database in
                try Self.tables.map {
                    try database.value("SELECT count(*) FROM \($0)", as: Int.self)
                }
            }
            #expect(left == Self.tables.map { _ in 0 })
        }
    }
}
