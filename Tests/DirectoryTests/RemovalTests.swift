import Basics
import JOSE
import Testing

@testable import Admission
@testable import Directory

@Suite("Removals in the database", .onEachDatabase)
struct RemovalTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private func viewer(_ user: String, of event: String, company: String = "acme", email: String? = nil) -> Viewer {
        Viewer(
            kind: .embed,
            company: company,
            event: event,
            eventSpecific: true,
            userID: user,
            email: email,
            validity: Validity(expires: nil, notBefore: nil, issuedAt: nil)
        )
    }

    private func isRemoved(_ viewer: Viewer, _ directory: Directory) -> Bool {
        directory.view.standing(of: viewer)?.barrier(at: database.clock.now)?.refusal == .viewerRemoved
    }

    @Test("A removal survives a restart, even for an event that the directory does not know, until it is lifted")
    func restart() async throws {
        let kim = RemovedPerson(.email, "Kim@x.example")
        let (event, removal) = try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let removal = try await directory.remove(kim, from: event.uid, company: "acme", until: nil, reason: "rude")
            _ = try await directory.remove(
                RemovedPerson(.user, "u2"),
                from: "elsewhere",
                company: "globex",
                until: start + 1000,
                reason: nil
            )
            return (event.uid, removal)
        }
        try await database.withDirectory { directory in
            let all = try await directory.removals(company: "acme", event: event)
            #expect(all == [removal] && all[0].person.text == "Kim@x.example" && all[0].reason == "rude")
            #expect(try await directory.removals(company: nil, event: nil).count == 2)
            #expect(isRemoved(viewer("u1", of: event, email: "kim@X.example"), directory))
            #expect(!isRemoved(viewer("u1", of: event), directory))
            #expect(isRemoved(viewer("u2", of: "elsewhere", company: "globex"), directory))
            #expect(!isRemoved(viewer("u2", of: "elsewhere"), directory))
            for (company, event) in [("globex", event), ("acme", "elsewhere")] {
                #expect(try await directory.lift(removal.id, company: company, event: event) == nil)
            }
            #expect(try await directory.lift(removal.id, company: "acme", event: event) == removal)
            #expect(try await directory.lift(removal.id, company: "acme", event: event) == nil)
            #expect(!isRemoved(viewer("u1", of: event, email: "kim@x.example"), directory))
        }
        try await database.withDirectory { directory in
            let none = try await directory.removals(company: "acme", event: nil)
            #expect(none.isEmpty)
            #expect(!isRemoved(viewer("u1", of: event, email: "kim@x.example"), directory))
        }
    }

    @Test("A session that was ended is known after a restart, until it would have expired anyway")
    func endedSessions() async throws {
        var policy = SessionPolicy()
        policy.maxLifetime = 1000
        let ids = [UInt64.max, 7].map { SessionID(joinedAt: start, random0: $0, random1: 1) }
        try await database.withDirectory { directory in
            for _ in 0..<2 { try await directory.keep(ids.map { EndedSession($0, policy) }) }
            #expect(ids.allSatisfy { directory.view.hasEnded($0, at: start) })
        }
        try await database.withDirectory { directory in
            let other = SessionID(joinedAt: start, random0: 8, random1: 1)
            #expect(ids.allSatisfy { directory.view.hasEnded($0, at: start + 999) })
            #expect(!directory.view.hasEnded(other, at: start) && !directory.view.hasEnded(ids[0], at: start + 1000))
            database.clock.advance(1000)
            let week: Milliseconds = 7 * 86_400_000
            _ = try await directory.purge(Retention(stays: week, removed: week, webhooks: week))
            #expect(try database.query("SELECT count(*) FROM ended_session") == "0")
            #expect(!directory.view.hasEnded(ids[0], at: start))
        }
    }

    @Test("A person removed twice has one removal, until the later time, and webhooks are told")
    func again() async throws {
        try await database.withDirectory { directory in
            _ = try await directory.createWebhook(
                [.viewerRemoved],
                endpoint: "https://x.example",
                event: nil,
                company: "acme"
            )
            let event = try await directory.makeEvent()
            let first = try await directory.remove(
                RemovedPerson(.email, "kim@x.example"),
                from: event.uid,
                company: "acme",
                until: start + 1000,
                reason: nil
            )
            let again = try await directory.remove(
                RemovedPerson(.email, "KIM@x.example"),
                from: event.uid,
                company: "acme",
                until: nil,
                reason: "again"
            )
            #expect(again.id == first.id && again.createdAt == first.createdAt)
            #expect(try await directory.removals(company: "acme", event: event.uid) == [again])
            let messages = try await directory.takeDeliveries(at: start)
            #expect(messages.count == 2)
            #expect(messages.allSatisfy { $0.message.contains("viewer.removed") && $0.message.contains(first.id) })
        }
    }

    @Test("Ended removals are not listed, do not count, and are deleted; a deleted event deletes its removals")
    func purged() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            for (user, until) in [("u1", start + 1000), ("u2", nil)] as [(String, Milliseconds?)] {
                let person = RemovedPerson(.user, user)
                _ = try await directory.remove(person, from: event.uid, company: "acme", until: until, reason: nil)
            }
            #expect(isRemoved(viewer("u1", of: event.uid), directory))
            database.clock.advance(1000)
            #expect(!isRemoved(viewer("u1", of: event.uid), directory))
            #expect(try await directory.removals(company: "acme", event: nil).map(\.person.text) == ["u2"])
            let week: Milliseconds = 7 * 86_400_000
            let purge = try await directory.purge(Retention(stays: week, removed: week, webhooks: week))
            #expect(purge?.removals == 1)
            #expect(try database.query("SELECT person FROM removal") == "u2")
            #expect(isRemoved(viewer("u2", of: event.uid), directory))
            #expect(try await directory.remove(event.uid, .event, company: "acme"))
            #expect(try database.query("SELECT count(*) FROM removal") == "0")
        }
    }

    @Test("Attack: more removals than an event may have are refused, and change nothing; ended ones make room")
    func limit() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            try await directory.writer.write { database, _ in
                for number in 0..<Removal.maxPerEvent {
                    try database.execute(
                        """
                        INSERT INTO removal (id, company, event, kind, person, identity, until, created_at)
                        VALUES (?, 'acme', ?, 'user', ?, ?, ?, 0)
                        """,
                        ["\(number)", event.uid, "u\(number)", "u\(number)", start + 1000]
                    )
                }
            }
            func remove(_ user: String, from event: String) async throws {
                let person = RemovedPerson(.user, user)
                _ = try await directory.remove(person, from: event, company: "acme", until: nil, reason: nil)
            }
            await #expect(throws: RemovalFault.eventIsFull) { try await remove("new", from: event.uid) }
            #expect(!isRemoved(viewer("new", of: event.uid), directory))
            try await remove("u7", from: event.uid)
            try await remove("new", from: "other")
            database.clock.advance(1000)
            try await remove("new", from: event.uid)
            #expect(try database.query("SELECT count(*) FROM removal WHERE event = '\(event.uid)'") == "2")
        }
    }

    @Test("A person's removals are shown and erased with the person, by e-mail, registration and user id")
    func erased() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("kim@x.example", for: event)
            let stay = LiveSession(
                id: SessionID(joinedAt: start, random0: 1, random1: 1),
                key: SubjectKey(high: 1, low: 1),
                viewer: viewer("u-kim", of: event.uid, email: "Kim@x.example"),
                event: event.uid,
                role: .attendee,
                since: start
            )
            try await directory.record([.arrived(stay)])
            let people = [
                RemovedPerson(.email, "KIM@x.example"), RemovedPerson(.user, "Kim@X.example"),
                RemovedPerson(.registration, kim.uid), RemovedPerson(.user, "u-kim"), RemovedPerson(.user, "other"),
            ]
            for person in people {
                for company in ["acme", "globex"] {
                    _ = try await directory.remove(person, from: event.uid, company: company, until: nil, reason: nil)
                }
            }
            let shown = try await directory.person(email: "kim@x.example", company: "acme").removals
            #expect(shown.map(\.person.text) == ["KIM@x.example", "Kim@X.example", kim.uid, "u-kim"])
            let erasure = try await directory.erasePerson(email: "kim@x.example", company: "acme")
            #expect(erasure.removals == 4)
            #expect(try await directory.removals(company: "acme", event: nil).map(\.person.text) == ["other"])
            #expect(try await directory.removals(company: "globex", event: nil).count == 5)
            #expect(!isRemoved(viewer("u-kim", of: event.uid), directory))
            #expect(isRemoved(viewer("other", of: event.uid), directory))
        }
    }
}
