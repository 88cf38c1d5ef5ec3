import Basics
import Foundation
import GRDB
import Testing

@testable import Admission
@testable import Directory

@Suite("Stays: a viewer or a clock can cost only a bounded part of attendance", .onEachDatabase)
struct StayTests {
    let database: TestDatabase
    private static let minute: Milliseconds = 60_000

    init() throws { database = try TestDatabase() }

    private func attendance(_ event: Event, _ directory: Directory, now: Milliseconds) async throws -> AttendanceReport
    {
        try await directory.report(of: event, now: now)
    }

    private func rows(_ directory: Directory) async throws -> Int {
        try await directory.storage.read { try $0.value("SELECT count(*) FROM stay", as: Int.self) ?? 0 }
    }

    @Test("Attack: thousands of joins with one token are one row, which counts them, and add no minutes")
    func manyJoins() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("kim@x.example", for: event)
            let count = 3_000
            var changes: [SessionChange] = []
            // Each takes the lease of the one before; the last one leaves.
            for index in 0..<count {
                let moment = start + Milliseconds(index) * 1000
                changes.append(
                    .arrived(session(UInt64(index + 1), event: event, registration: kim, since: moment))
                )
                guard index > 0 else { continue }
                let before = session(UInt64(index), event: event, registration: kim, since: moment - 1000)
                changes.append(.departed(before, .replaced, at: moment))
            }
            let last = session(UInt64(count), event: event, registration: kim, since: start)
            changes.append(.departed(last, .left, at: start + Milliseconds(count) * 1000))
            try await directory.record(changes)
            #expect(try await rows(directory) == 1)
            let found = try await attendance(event, directory, now: start).participants
            #expect(found.map(\.joins) == [count] && found.map(\.replaced) == [count - 1])
            #expect(found.map(\.minutes) == [Double(count) / 60])
        }
    }

    @Test("Stays less than a minute apart are one, without the time between; later ones, and other viewers', are not")
    func gaps() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let other = try await directory.makeEvent("other")
            let kim = try await directory.makeRegistration("kim@x.example", for: event)
            var number: UInt64 = 0
            func stay(_ event: Event, _ user: String, _ registration: Registration?, _ from: Int64, _ to: Int64)
                async throws
            {
                number += 1
                let session = session(
                    number,
                    event: event,
                    registration: registration,
                    userID: user,
                    since: start + from * 1000
                )
                try await directory.record([.arrived(session), .departed(session, .left, at: start + to * 1000)])
            }
            try await stay(event, "u", nil, 0, 60)
            try await stay(event, "u", nil, 120, 180)
            #expect(try await rows(directory) == 1)
            try await stay(event, "u", nil, 241, 301)
            try await stay(event, "v", nil, 60, 90)
            try await stay(other, "u", nil, 60, 90)
            try await stay(event, kim.uid, nil, 60, 90)
            try await stay(event, "", kim, 60, 90)
            #expect(try await rows(directory) == 6)
            let found = try await attendance(event, directory, now: start).participants
            #expect(found.map(\.minutes) == [3, 0.5, 0.5, 0.5] && found[0].joins == 3)
            #expect(found[0].lastLeave == start + 301_000)
        }
    }

    @Test("Attack: a token's user id with a zero byte; this stay and others are recorded")
    func zeroByte() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let people = ["u\u{0}1", "u2"].enumerated().map { number, id in
                session(UInt64(number), event: event, userID: id, since: start)
            }
            try await directory.record(people.map { .arrived($0) })
            #expect(try await rows(directory) == 2)
        }
    }

    @Test("Tabs that overlap are one stay once they are closed, for as long as somebody was there")
    func tabs() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let (one, two) = (session(1, event: event, since: start), session(2, event: event, since: start + 60_000))
            try await directory.record([
                .arrived(one), .arrived(two), .departed(one, .left, at: start + 120_000),
            ])
            #expect(try await rows(directory) == 2)
            try await directory.record([.departed(two, .left, at: start + 180_000)])
            #expect(try await rows(directory) == 1)
            #expect(try await attendance(event, directory, now: start).participants.map(\.minutes) == [3])
        }
    }

    @Test("Attack: stays from 1970, and endless ones, count from a day before the event to a day after it")
    func oddClocks() async throws {
        try await database.withDirectory { directory in
            let origin = AttendanceTests.origin
            let event = try await directory.makeEvent(startsAt: origin)
            let old = session(1, event: event, userID: "old", since: 0)
            let ahead = session(2, event: event, userID: "ahead", since: start * 4)
            let late = session(3, event: event, userID: "late", since: origin)
            try await directory.record([.arrived(old), .arrived(ahead), .arrived(late)])
            let found = try await attendance(event, directory, now: start * 2)
            let day = 24 * 60.0
            #expect(found.participants.map(\.minutes) == [2 * day + 60, 0, day + 60])
            #expect(found.totalMinutes == 3 * day + 120)
            #expect(found.concurrency.count <= 2 * Int(day) + 61 && found.peakConcurrent == 2)
        }
    }

    @Test("An event of a hundred years has no more moments than one of two weeks")
    func longEvent() async throws {
        try await database.withDirectory { directory in
            var fields = fields()
            fields.endsAt = start + 100 * 365 * 86_400_000
            let event = try await directory.create(.event, fields: fields, company: "acme", creator: "acme")
            try await directory.record([.arrived(session(1, event: event, since: start))])
            let found = try await attendance(event, directory, now: fields.endsAt)
            #expect(found.concurrency.count <= 20_161 && found.concurrencyStep > 1000)
            #expect(found.participants.map(\.minutes) == [Double(fields.endsAt - start) / 60_000])
        }
    }

    @Test("A database of the first version keeps its messages' order and its stays", .ofFiles)
    func firstVersion() async throws {
        let pool = try DatabasePool(path: database.path)
        try Migrations.migrator.migrate(pool, upTo: "1 directory")
        let (uid, hook) = (UUIDText.random(), UUIDText.random())
        try await pool.write { database in
            try database.execute(
                sql: """
                    INSERT INTO event (uid, company, creator, kind, name, starts_at, ends_at, timezone, type, presenters,
                        organizers, registration_mode, metadata, created_at)
                    VALUES (?, 'acme', 'acme', 'event', 'Old', ?, ?, 'UTC', 'Virtual', '[]', '[]', 0, '{}', 0);
                    """,
                arguments: [uid, start, start + 3_600_000]
            )
            try database.execute(
                sql: "INSERT INTO webhook VALUES (?, 'acme', NULL, 'event.created', 'https://x.example', 's', 0)",
                arguments: [hook]
            )
            for name in ["Kim@X.example", "b"] {
                try database.execute(
                    sql: """
                        INSERT INTO delivery (webhook, event, message, created_at, due_at) VALUES (?, ?, ?, 0, 0)
                        """,
                    arguments: [hook, uid, "{\"data\":{\"email\":\"\(name)\"}}"]
                )
                try database.execute(
                    sql: """
                        INSERT INTO stay (session, company, event, user, email, role, joined_at, left_at, ending)
                        VALUES (?1, 'acme', ?2, 'u', ?1, 'attendee', ?3, ?3 + 60000, 'replaced')
                        """,
                    arguments: [name, uid, start]
                )
            }
        }
        try pool.close()
        try await database.withDirectory { directory in
            let heads = try await directory.dueDeliveries(at: start)
            #expect(heads.count == 1 && heads[0].message.contains("Kim"))
            #expect(try await directory.takeDeliveries(at: start).count == 2)
            let event = try #require(try await directory.event(uid, .event, company: "acme"))
            #expect(try await directory.sumUpEarlierStays() == 2)
            let found = try await attendance(event, directory, now: start).participants
            #expect(found.map(\.minutes) == [1] && found.map(\.joins) == [2] && found.map(\.replaced) == [2])
            let folded = try await directory.storage.read {
                try $0.values("SELECT folded_email FROM stay", as: String.self)
            }
            #expect(folded == ["kim@x.example", "b"])
        }
    }
}
