import Basics
import JOSE
import Testing

@testable import Admission
@testable import Directory

@Suite("Events: stored as entered, listed by their start", .onEachDatabase)
struct EventTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private func all(_ directory: Directory, limit: Int = 3, then: (Int) async throws -> Void = { _ in }) async throws
        -> [String]
    {
        var names: [String] = []
        var cursor: EventCursor?
        var round = 0
        while true {
            let filter = EventFilter(moment: start)
            let page = try await directory.events(of: "acme", .event, filter, limit: limit, after: cursor)
            names += page.events.map(\.fields.name)
            guard let last = page.events.last, page.hasMore else { return names }
            cursor = EventCursor(last, at: start)
            round += 1
            try await then(round)
        }
    }

    @Test("Events come soonest first, and simultaneous ones in a fixed order")
    func order() async throws {
        try await database.withDirectory { directory in
            for index in [3, 1, 4, 1, 5, 9, 2, 6, 5, 3] {
                _ = try await directory.makeEvent("\(index)", startsAt: start + Int64(index))
            }
            let names = try await all(directory)
            #expect(names == ["1", "1", "2", "3", "3", "4", "5", "5", "6", "9"])
            let uids = try await directory.eventIDs(of: "acme")
            let page = try await directory.events(of: "acme", .event, EventFilter(moment: start), limit: 100)
            #expect(page.events.map(\.uid) == uids && page.total == 10)
        }
    }

    @Test("Pages keep their place while events are added and deleted")
    func pages() async throws {
        try await database.withDirectory { directory in
            for index in 10..<20 { _ = try await directory.makeEvent("\(index)", startsAt: start + Int64(index)) }
            let names = try await all(directory) { round in
                guard round == 1 else { return }
                // Add one before the place and one after it, and delete the one at it.
                _ = try await directory.makeEvent("before", startsAt: start)
                _ = try await directory.makeEvent("after", startsAt: start + 15)
                let uid = try await directory.eventIDs(of: "acme")[3]
                _ = try await directory.remove(uid, .event, company: "acme")
            }
            #expect(Set(names).count == names.count)
            #expect(Set(names) == Set((10..<20).map(String.init) + ["after"]))
        }
    }

    @Test("A span of time includes everything under way in it, ends included")
    func span() async throws {
        try await database.withDirectory { directory in
            _ = try await directory.makeEvent("an hour")
            func found(_ from: Milliseconds?, _ to: Milliseconds?) async throws -> Int {
                var filter = EventFilter(moment: start)
                (filter.from, filter.to) = (from, to)
                let page = try await directory.events(of: "acme", .event, filter, limit: 10)
                #expect(page.total == page.events.count)
                return page.total
            }
            let end = start + 3_600_000
            for (from, to, count) in [
                (nil, nil, 1), (end, nil, 1), (end + 1, nil, 0), (nil, start, 1), (nil, start - 1, 0),
                (start + 1, end - 1, 1), (start, end, 1),
            ] as [(Milliseconds?, Milliseconds?, Int)] {
                #expect(try await found(from, to) == count)
            }
        }
    }

    @Test("The two kinds have separate lists, and an id of one is unknown in the other")
    func kinds() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent("webinar")
            let hub = try await directory.makeEvent("hub", .networking)
            #expect(try await directory.eventIDs(of: "acme") == [event.uid])
            #expect(try await directory.event(hub.uid, .event, company: "acme") == nil)
            #expect(try await directory.event(hub.uid, .networking, company: "acme") == hub)
            #expect(try await !directory.remove(hub.uid, .event, company: "acme"))
            let hubs = try await directory.events(of: "acme", .networking, EventFilter(moment: start), limit: 10)
            #expect(hubs.events == [hub])
        }
    }

    @Test("Every field comes back unchanged, now and after a restart")
    func fields() async throws {
        var all = DirectoryTests.fields("Launch")
        all.picture = "https://x.example/p.png"
        all.type = .liveStreamInPerson
        all.networkingHub = UUIDText.random()
        all.presenters = ["Kim@acme.example", "u1"]
        all.organizers = [" o@acme.example"]
        all.isRegistrationModeEnabled = true
        all.secondJoin = .ask
        all.doorsOpen = 10
        all.doorsClose = 0
        all.page = [JSONMember("accent", .string("#1d4ed8"))]
        all.metadata = [JSONMember("a", .array([.null, .bool(true), .number(1.5), .object([])]))]
        let entered = all
        let event = try await database.withDirectory { directory in
            let event = try await directory.create(.event, fields: entered, company: "acme", creator: "key-1")
            #expect(event.fields == entered && event.createdAt == start && event.creator == "key-1")
            #expect(try await directory.event(event.uid, .event, company: "acme") == event)
            return event
        }
        try await database.withDirectory { directory in
            #expect(try await directory.event(event.uid, .event, company: "acme") == event)
            #expect(directory.view.event(event.uid)?.page == entered.page)
            let emptied = try await directory.update(event.uid, .event, company: "acme") { fields in
                fields = DirectoryTests.fields("Launch")
            }
            #expect(emptied?.fields == DirectoryTests.fields("Launch"))
            #expect(try await directory.event(event.uid, .event, company: "acme") == emptied)
        }
    }

    @Test("Changes of an event at the same time all take effect")
    func together() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let people = Set((0..<20).map { "u\($0)" })
            await withDiscardingTaskGroup { group in
                for person in people {
                    group.addTask {
                        _ = try? await directory.update(event.uid, .event, company: "acme") {
                            $0.presenters.append(person)
                        }
                    }
                }
            }
            let presenters = try await directory.event(event.uid, .event, company: "acme")?.fields.presenters
            #expect(presenters?.count == 20 && Set(presenters ?? []) == people)
        }
    }

    @Test("While a change is being made, others can write; if the event was changed meanwhile, it is made again")
    func changedMeanwhile() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            var calls = 0
            let changed = try await directory.update(event.uid, .event, company: "acme") { fields in
                calls += 1
                if calls == 1 {
                    try directory.storage.write { try $0.execute("UPDATE event SET presenters = '[\"kim\"]'") }
                }
                fields.name += "!"
            }
            #expect(calls == 2)
            #expect(changed?.fields.name == "Launch!" && changed?.fields.presenters == ["kim"])
            #expect(try await directory.event(event.uid, .event, company: "acme") == changed)
            #expect(directory.view.event(event.uid)?.presenters == ["kim"])
            let gone = try await directory.update(event.uid, .event, company: "acme") { fields in
                try directory.storage.write { try $0.execute("UPDATE event SET removed_at = 1") }
                fields.name = "Gone"
            }
            #expect(gone == nil)
        }
    }

    @Test("A clone is a new event with the old one's fields and the changes; the old one stays")
    func clone() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            _ = try await directory.update(event.uid, .event, company: "acme") { $0.presenters = ["kim"] }
            _ = try await directory.makeRegistration("a@x.example", for: event)
            database.clock.advance(1000)
            let copy = try #require(
                try await directory.clone(event.uid, .event, company: "acme", creator: "acme") { $0.name = "Again" }
            )
            #expect(copy.uid != event.uid && copy.fields.name == "Again" && copy.fields.presenters == ["kim"])
            #expect(copy.createdAt == start + 1000)
            #expect(try await directory.page(of: copy).registrations.isEmpty)
            #expect(try await directory.event(event.uid, .event, company: "acme")?.fields.name == "Launch")
        }
    }
}
