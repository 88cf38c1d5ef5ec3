import Basics
import JOSE
import Testing

@testable import Admission
@testable import Directory

@Suite("Lists of events: what matters now comes first, and nothing is lost", .onEachDatabase)
struct EventListTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private static let hour: Milliseconds = 3_600_000

    /// The names of all pages.
    private func names(_ directory: Directory, _ filter: EventFilter, limit: Int) async throws -> [String] {
        var names: [String] = []
        var cursor: EventCursor?
        while true {
            let page = try await directory.events(of: "acme", .event, filter, limit: limit, after: cursor)
            names += page.events.map(\.fields.name)
            guard let last = page.events.last, page.hasMore else {
                #expect(page.total == names.count)
                return names
            }
            cursor = EventCursor(last, at: filter.moment)
        }
    }

    /// Makes events that begin so many hours after now; each lasts an hour, unless it has another length.
    private func fill(_ directory: Directory) async throws {
        let events: [(String, Int64, Int64)] = [
            ("last year", -9000, 1), ("soon", 1, 1), ("yesterday", -24, 1), ("all day", -8, 16), ("now", 0, 1),
            ("just over", -1, 1), ("tomorrow", 24, 1), ("long, just over", -100, 99), ("soon, too", 1, 1),
        ]
        for (name, begin, length) in events {
            var fields = fields(name, startsAt: start + begin * Self.hour)
            fields.endsAt = fields.startsAt + length * Self.hour
            _ = try await directory.create(.event, fields: fields, company: "acme", creator: "acme")
        }
    }

    @Test("Those under way and to come are first, soonest first, then those that are over, latest first; on pages too")
    func order() async throws {
        try await database.withDirectory { directory in
            try await fill(directory)
            let filter = EventFilter(moment: start)
            let all = try await names(directory, filter, limit: 100)
            #expect(Array(all[..<2]) == ["all day", "now"])
            #expect(Set(all[2..<4]) == ["soon", "soon, too"])
            #expect(all[4] == "tomorrow")
            #expect(Array(all[7...]) == ["yesterday", "last year"])
            #expect(Set(all[5..<7]) == ["just over", "long, just over"])
            for limit in 1...9 { #expect(try await names(directory, filter, limit: limit) == all) }
            let rows = try await directory.eventRows(of: "acme", .event, filter)
            #expect(try await directory.events(inRows: rows.ids[...], of: "acme").map(\.fields.name) == all)
            #expect(rows.total == 9)
            #expect(try await directory.events(inRows: rows.ids[...], of: "globex").isEmpty)
        }
    }

    @Test("Each event has one status, and the statuses together are the whole list", arguments: [-5, -1, 0, 1, 2, 30])
    func statuses(hours: Int64) async throws {
        try await database.withDirectory { directory in
            try await fill(directory)
            var filter = EventFilter(moment: start + hours * Self.hour)
            let all = try await names(directory, filter, limit: 100)
            var parts: [String] = []
            for status in EventStatus.allCases {
                filter.status = status
                parts += try await names(directory, filter, limit: 2)
            }
            #expect(parts == all && all.count == 9)
        }
    }

    @Test(
        "A text is found anywhere in the name, whatever its case and form",
        arguments: [("OVER", 2), ("é", 1), ("E\u{301}TE\u{301}", 1), ("%", 1), ("", 6), ("nothing", 0), ("straße", 1)]
    )
    func texts(text: String, count: Int) async throws {
        try await database.withDirectory { directory in
            for name in ["It is over", "Overture", "Fête de l'ÉTÉ", "100%", "Straßenfest", "other things"] {
                _ = try await directory.makeEvent(name)
            }
            var filter = EventFilter(moment: start)
            filter.text = text
            #expect(try await names(directory, filter, limit: 1).count == count)
        }
    }

    @Test("A whole list that is read later leaves out what was deleted meanwhile")
    func deleted() async throws {
        try await database.withDirectory { directory in
            let events = [try await directory.makeEvent("a"), try await directory.makeEvent("b")]
            let rows = try await directory.eventRows(of: "acme", .event, EventFilter(moment: start))
            _ = try await directory.remove(events[0].uid, .event, company: "acme")
            #expect(try await directory.events(inRows: rows.ids[...], of: "acme") == [events[1]])
        }
    }

    @Test("Attack: 100,000 events; a page takes no longer for them, wherever it is")
    func many() async throws {
        try await database.withDirectory { directory in
            _ = try await directory.makeEvent("now")
            _ = try await directory.makeEvent("soon", startsAt: start + Self.hour)
            // In parts: a busy server takes its time.
            for first in stride(from: 1, to: 100_000, by: 10_000) {
                _ = try database.query(
                    """
                    INSERT INTO event (uid, company, creator, kind, name, starts_at, ends_at, timezone, type, presenters,
                        organizers, registration_mode, metadata, created_at)
                    WITH RECURSIVE number (n) AS (
                        VALUES (CAST(\(first) AS BIGINT)) UNION ALL SELECT n + 1 FROM number WHERE n < \(first + 9_999)
                    )
                    SELECT 'u' || n, 'acme', 'acme', 'event', 'Event ' || n, \(start) + (n * 7919 % 100000 - 90000) * 60000,
                        \(start) + (n * 7919 % 100000 - 89970) * 60000, 'UTC', 'Virtual', '[]', '[]', 0, '{}', 0 FROM number
                    """
                )
            }
            let filter = EventFilter(moment: start)
            var times: [Duration] = []
            var cursor: EventCursor?
            for _ in 0..<20 {
                let began = ContinuousClock.now
                let page = try await directory.events(of: "acme", .event, filter, limit: 100, after: cursor)
                times.append(ContinuousClock.now - began)
                #expect(page.total == 100_002 && page.events.count == 100)
                cursor = EventCursor(try #require(page.events.last), at: start)
            }
            // Far into those that are over.
            cursor = EventCursor(status: .past, time: start - 80_000 * 60_000, uid: "~")
            let began = ContinuousClock.now
            #expect(
                try await directory.events(of: "acme", .event, filter, limit: 100, after: cursor).events.count == 100
            )
            times.append(ContinuousClock.now - began)
            // The machine may do other things, so this is compared with reading all of them, which takes a second.
            let beganAll = ContinuousClock.now
            let all = try await directory.events(of: "acme", .event, filter, limit: 100_002)
            let whole = ContinuousClock.now - beganAll
            #expect(all.events.count == 100_002)
            #expect(try #require(times.min()) * 5 < whole, "\(times) of \(whole)")
        }
    }
}
