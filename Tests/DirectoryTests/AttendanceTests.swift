import Admission
import Basics
import JOSE
import Testing

@testable import Directory

@Suite("Attendance: who was there, for how long, and how many at a time", .onEachDatabase)
struct AttendanceTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    static let minute: Milliseconds = 60_000
    /// The start of a minute.
    static let origin = start - start % minute

    static func at(_ minutes: Double) -> Milliseconds { origin + Milliseconds(minutes * 60_000) }

    func attendance(_ event: Event, _ directory: Directory, at minutes: Double) async throws
        -> AttendanceReport
    {
        try await directory.report(of: event, now: Self.at(minutes))
    }

    /// A person's stay in minutes; `nil` if still there.
    struct Visit: Sendable {
        let user: String
        let from: Double
        let to: Double?
        var ending: SessionEnding = .left

        init(_ user: String, _ from: Double, _ to: Double?, _ ending: SessionEnding = .left) {
            self.user = user
            self.from = from
            self.to = to
            self.ending = ending
        }
    }

    func record(_ visits: [Visit], _ event: Event, _ directory: Directory) async throws {
        for (index, visit) in visits.enumerated() {
            let session = session(
                UInt64(index + 1),
                event: event,
                userID: visit.user,
                since: Self.at(visit.from)
            )
            try await directory.record([.arrived(session)])
            if let to = visit.to { try await directory.record([.departed(session, visit.ending, at: Self.at(to))]) }
        }
    }

    struct Presence: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let visits: [Visit]
        /// By user.
        let minutes: [String: Double]
        let peak: Int
        /// Minutes from the origin, and the number of viewers.
        let concurrency: [[Int]]
    }

    static let presences = [
        Presence(testDescription: "nobody", visits: [], minutes: [:], peak: 0, concurrency: []),
        Presence(
            testDescription: "one, within a minute",
            visits: [Visit("a", 0.25, 0.75)],
            minutes: ["a": 0.5],
            peak: 1,
            concurrency: [[0, 1]]
        ),
        Presence(
            testDescription: "one, on the minute: the minute that begins at the end is not one of presence",
            visits: [Visit("a", 0, 2)],
            minutes: ["a": 2],
            peak: 1,
            concurrency: [[0, 1], [1, 1]]
        ),
        Presence(
            testDescription: "one, in overlapping, nested and touching stays: counted once",
            visits: [Visit("a", 0, 3), Visit("a", 1, 2), Visit("a", 2.5, 4), Visit("a", 4, 5)],
            minutes: ["a": 5],
            peak: 1,
            concurrency: [[0, 1], [1, 1], [2, 1], [3, 1], [4, 1]]
        ),
        Presence(
            testDescription: "one, with a pause: the minutes between are left out",
            visits: [Visit("a", 0.5, 1.5), Visit("a", 4.5, 5.5)],
            minutes: ["a": 2],
            peak: 1,
            concurrency: [[0, 1], [1, 1], [4, 1], [5, 1]]
        ),
        Presence(
            testDescription: "two who overlap",
            visits: [Visit("a", 0, 3), Visit("b", 1.5, 4.5)],
            minutes: ["a": 3, "b": 3],
            peak: 2,
            concurrency: [[0, 1], [1, 2], [2, 2], [3, 1], [4, 1]]
        ),
        Presence(
            testDescription: "one goes as the other comes: never two",
            visits: [Visit("a", 0, 1.5), Visit("b", 1.5, 3)],
            minutes: ["a": 1.5, "b": 1.5],
            peak: 1,
            concurrency: [[0, 1], [1, 1], [2, 1]]
        ),
        Presence(
            testDescription: "three who go at once, on the minute",
            visits: [Visit("a", 0, 1), Visit("b", 0, 1), Visit("c", 0, 1)],
            minutes: ["a": 1, "b": 1, "c": 1],
            peak: 3,
            concurrency: [[0, 3]]
        ),
        Presence(
            testDescription: "three who come and go at once on the minute while one stays",
            visits: [Visit("a", 0, 3), Visit("b", 1, 2), Visit("c", 1, 2), Visit("d", 1, 2)],
            minutes: ["a": 3, "b": 1, "c": 1, "d": 1],
            peak: 4,
            concurrency: [[0, 1], [1, 4], [2, 1]]
        ),
        Presence(
            testDescription: "open stays count to now, which is minute 6",
            visits: [Visit("a", 0, 1), Visit("a", 3, nil), Visit("b", 5, nil)],
            minutes: ["a": 4, "b": 1],
            peak: 2,
            concurrency: [[0, 1], [3, 1], [4, 1], [5, 2]]
        ),
        Presence(
            testDescription: "a stay that ends before it began, by a clock that was put back, counts nothing",
            visits: [Visit("a", 2, 1), Visit("b", 0, 3)],
            minutes: ["a": 0, "b": 3],
            peak: 1,
            concurrency: [[0, 1], [1, 1], [2, 1]]
        ),
    ]

    @Test("Minutes, peak and minutes of presence", arguments: presences)
    func presence(presence: Presence) async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            try await record(presence.visits, event, directory)
            let found = try await attendance(event, directory, at: 6)
            #expect(found.attended == presence.minutes.count)
            for participant in found.participants {
                #expect(participant.minutes == presence.minutes[participant.userID ?? ""])
            }
            #expect(found.totalMinutes == presence.minutes.values.reduce(0, +))
            #expect(found.averageMinutes == found.totalMinutes / Double(max(found.attended, 1)))
            #expect(found.peakConcurrent == presence.peak)
            #expect(
                found.concurrency.map { [Int(($0.minute - Self.origin) / Self.minute), $0.viewers] }
                    == presence.concurrency
            )
        }
    }

    @Test("Random stays, recorded in any order, are the same as counting every second")
    func againstCounting() async throws {
        var state: UInt64 = 7
        func random(_ bound: UInt64) -> Int64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int64(state >> 33 % bound)
        }
        try await database.withDirectory { directory in
            for _ in 0..<30 {
                let event = try await directory.makeEvent()
                var visits: [(session: LiveSession, leftAt: Milliseconds?)] = []
                for index in 0..<8 {
                    let from = Self.origin + random(300) * 1000
                    let user = "u\(random(4))"
                    let visit = session(UInt64(index), event: event, userID: user, since: from)
                    visits.append((visit, index == 0 ? nil : from + random(200) * 1000))
                }
                // As they happen; a part of them is written later than others.
                let departures = visits.compactMap { visit in visit.leftAt.map { (visit.session, $0) } }
                var changes: [(at: Milliseconds, SessionChange)] =
                    visits.map { ($0.session.since, .arrived($0.session)) }
                    + departures.map { ($1, .departed($0, .left, at: $1)) }
                changes.sort { $0.at < $1.at }
                for part in [changes.prefix(5), changes.dropFirst(5)] { try await directory.record(part.map(\.1)) }
                let now = Self.origin + 600_000
                let found = try await directory.report(of: event, now: now)
                var seconds: [String: Int] = [:]
                var minutes: [Int: Int] = [:]
                for second in 0..<600 {
                    let moment = Self.origin + Int64(second) * 1000
                    let present = Set(
                        visits.filter { $0.session.since <= moment && moment < $0.leftAt ?? now }
                            .map(\.session.viewer.userID)
                    )
                    for user in present { seconds[user, default: 0] += 1 }
                    if !present.isEmpty { minutes[second / 60] = max(minutes[second / 60] ?? 0, present.count) }
                }
                for participant in found.participants {
                    let expected = seconds[participant.userID ?? ""] ?? 0
                    // A lower bound, where stays with pauses in them overlap.
                    #expect(Int((participant.minutes * 60).rounded()) <= expected)
                }
                #expect(Int((found.totalMinutes * 60).rounded()) == seconds.values.reduce(0, +))
                #expect(found.peakConcurrent == minutes.values.max() ?? 0)
                let expected = minutes.sorted { $0.key < $1.key }.map { [$0.key, $0.value] }
                #expect(
                    found.concurrency.map { [Int(($0.minute - Self.origin) / Self.minute), $0.viewers] } == expected
                )
            }
        }
    }

    @Test("Joins, replaced sessions, first and last moment, role and metadata of each person")
    func participants() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration(
                "kim@x.example",
                metadata: [JSONMember("seat", .number(4))],
                for: event
            )
            _ = try await directory.makeRegistration("absent@x.example", for: event)
            let first = session(1, event: event, registration: kim, since: Self.at(0))
            let second = session(2, event: event, registration: kim, role: .attendee, since: Self.at(2))
            let raised = session(2, event: event, registration: kim, role: .host, since: Self.at(2))
            let user = session(3, event: event, userID: "u9", role: .host, since: Self.at(1))
            try await directory.record([
                .arrived(first), .arrived(user), .arrived(second), .departed(first, .replaced, at: Self.at(2)),
            ])
            var found = try await attendance(event, directory, at: 3)
            #expect(found.registered == 2 && found.attended == 2)
            #expect(found.participants.map(\.registrationID) == [kim.uid, nil])
            #expect(found.participants.map(\.userID) == [nil, "u9"])
            let there = found.participants[0]
            #expect(there.joins == 2 && there.replaced == 1 && there.minutes == 3 && there.lastLeave == nil)
            #expect(there.role == "attendee" && there.email == kim.email)
            #expect(found.participants.map(\.metadata) == ["{\"seat\":4}", nil])
            #expect(there.firstJoin == Self.at(0))
            // Made a host meanwhile; then gone; and back with the same session, which is not another join.
            try await directory.record([.departed(raised, .lapsed, at: Self.at(4))])
            try await directory.record([.arrived(raised), .departed(raised, .left, at: Self.at(5))])
            let before = found
            found = try await attendance(event, directory, at: 9)
            #expect(found.participants[0].role == "host" && found.participants[0].joins == 2)
            #expect(found.participants[0].lastLeave == Self.at(5))
            _ = try await directory.removeRegistration(
                .email("kim@x.example"),
                of: event.uid,
                .event,
                company: "acme"
            )
            found = try await attendance(event, directory, at: 9)
            #expect(found.registered == 1 && found.attended == 2)
            #expect(found.participants[0].name == "Kim")
            let late = try await directory.participants(before.people[0..<1], of: before.attendance)
            #expect(found.participants[0].metadata == nil && late[0].metadata == nil)
        }
    }

    @Test("A user's id is its bytes: two that only look the same are two people; a registration is not a user")
    func people() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("kim@x.example", for: event)
            try await directory.record([
                .arrived(session(1, event: event, userID: "\u{E9}", since: Self.at(0))),
                .arrived(session(2, event: event, userID: "e\u{301}", since: Self.at(0))),
                .arrived(session(3, event: event, registration: kim, since: Self.at(0))),
                .arrived(session(4, event: event, userID: kim.uid, since: Self.at(0))),
            ])
            #expect(try await attendance(event, directory, at: 1).attended == 4)
        }
    }

    @Test("A session that ends twice, or was never there, changes nothing")
    func oddEnds() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let stay = session(1, event: event, since: Self.at(0))
            try await directory.record([])
            try await directory.record([
                .departed(stay, .left, at: Self.at(1)), .arrived(stay), .departed(stay, .left, at: Self.at(2)),
                .departed(stay, .replaced, at: Self.at(3)),
            ])
            let found = try await attendance(event, directory, at: 9)
            #expect(found.participants.map(\.minutes) == [2] && found.participants.map(\.replaced) == [0])
        }
    }

    @Test("After a crash, open stays end at the last pulse; a stay that began after it has no length", .ofFiles)
    func crash() async throws {
        let copy = try TestDatabase()
        let event = try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            database.clock.advance(Self.at(0) - start)
            try await record([Visit("a", 0, nil), Visit("b", 1, 2)], event, directory)
            database.clock.advance(5 * Self.minute)
            try await directory.beat()
            database.clock.advance(Self.minute)
            try await record([Visit("c", 6, nil)], event, directory)
            try run("sh", "-c", "cp \"$1\"/gateway.sqlite* \"$2\"", "sh", database.folder, copy.folder)
            return event
        }
        copy.clock.advance(100 * Self.minute)
        try await copy.withDirectory { directory in
            let found = try await attendance(event, directory, at: 100)
            #expect(found.participants.map(\.minutes) == [5, 1, 0])
            #expect(found.participants.map(\.lastLeave) == [Self.at(5), Self.at(2), Self.at(6)])
        }
    }

    @Test("A gateway that stops regularly ends open stays at that moment")
    func stop() async throws {
        let event = try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            try await directory.beat()
            try await record([Visit("a", 0, nil)], event, directory)
            database.clock.advance(Self.at(7) - start)
            return event
        }
        try await database.withDirectory { directory in
            let found = try await attendance(event, directory, at: 100)
            #expect(found.participants.map(\.minutes) == [7])
        }
    }

    @Test("The drop-off has the share of those who had not left for good, at each tenth of the event that has come")
    func dropOff() async throws {
        try await database.withDirectory { directory in
            // An hour from the origin on.
            let event = try await directory.makeEvent(startsAt: Self.origin)
            #expect(try await attendance(event, directory, at: 70).dropOff.isEmpty)
            let visits = [
                Visit("early", -9, -1), Visit("short", 0, 6), Visit("returning", 1, 3), Visit("returning", 20, 31),
                Visit("late", 50, 60), Visit("open", 2, nil),
            ]
            try await record(visits, event, directory)
            let found = try await attendance(event, directory, at: 70)
            #expect(found.dropOff.map(\.moment) == (0...10).map { Self.at(Double($0) * 6) })
            #expect(
                found.dropOff.map { Int(($0.share * 5).rounded()) } == [4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 2]
            )
            // Of an event that is under way, what is to come is left out.
            #expect(try await attendance(event, directory, at: 13).dropOff.count == 3)
        }
    }

    @Test("Each person counts once for where they first joined from, and no longer once they are erased")
    func sources() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("kim@x.example", for: event)
            let (phone, desk) = (
                ArrivalSource(device: .mobile, browser: .safari, site: "www.x.example"),
                ArrivalSource(device: .desktop, browser: .chrome, site: ArrivalSource.otherSite)
            )
            let stays = [
                session(1, event: event, registration: kim, since: Self.at(0), source: phone),
                // Soon after, which makes it one row; and much later.
                session(2, event: event, registration: kim, since: Self.at(1.5), source: desk),
                session(3, event: event, registration: kim, since: Self.at(30), source: desk),
                session(4, event: event, userID: "a", since: Self.at(0), source: desk),
                session(5, event: event, userID: "b", since: Self.at(0), source: desk),
                session(6, event: event, userID: "c", since: Self.at(0)),
            ]
            for stay in stays {
                try await directory.record([.arrived(stay), .departed(stay, .left, at: stay.since + Self.minute)])
            }
            func words() async throws -> [String] {
                let found = try await attendance(event, directory, at: 40)
                return found.devices.map { "\($0.source.device ?? "-") \($0.source.browser ?? "-") \($0.attended)" }
                    + found.sites.map { "\($0.source.site ?? "-") \($0.attended)" }
            }
            #expect(
                try await words() == [
                    "desktop chrome 2", "- - 1", "mobile safari 1", "other 2", "- 1", "www.x.example 1",
                ]
            )
            let shown = try await directory.person(email: "kim@x.example", company: "acme").stays
            #expect(shown.map(\.source.device) == ["mobile", "desktop"])
            _ = try await directory.erasePerson(email: "kim@x.example", company: "acme")
            #expect(try await words() == ["- - 2", "desktop chrome 2", "- 2", "other 2"])
        }
    }
}
