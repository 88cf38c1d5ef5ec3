import Basics
import JOSE
import Testing

@testable import Admission
@testable import Directory

@Suite("Registrations: one per e-mail", .onEachDatabase)
struct RegistrationTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private static func register(_ email: String, _ event: Event, _ directory: Directory) async throws -> (Bool, String)
    {
        let person = NewRegistration(name: email, email: email)
        switch try await directory.register(person, for: event.uid, event.kind, company: event.company) {
        case .registered(let registration, _): return (true, registration.uid)
        case .known(let registration, _, _): return (false, registration.uid)
        case .noEvent: throw NotRegistered()
        }
    }

    @Test("The same e-mail in any case from two tasks at once, 1,000 rounds: one registers, the other finds it")
    func race() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            // Twenty rounds at a time, which share transactions.
            for batch in 0..<50 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for round in batch * 20..<batch * 20 + 20 {
                        group.addTask {
                            async let a = Self.register("Kim.\(round)@Acme.example", event, directory)
                            async let b = Self.register("kIM.\(round)@aCME.EXAMPLE", event, directory)
                            let outcomes = [try await a, try await b]
                            #expect(outcomes.count { $0.0 } == 1, "round \(round)")
                            #expect(outcomes[0].1 == outcomes[1].1, "round \(round)")
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await directory.page(of: event, limit: 2000).registrations.count == 1000)
        }
    }

    @Test("A known e-mail gets the first registration back, unchanged, also after a restart")
    func known() async throws {
        let (event, first) = try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let metadata = [JSONMember("seat", .string("12A"))]
            return (event, try await directory.makeRegistration("kim@x.example", metadata: metadata, for: event))
        }
        database.clock.advance(1000)
        try await database.withDirectory { directory in
            let again = NewRegistration(name: "Another", email: " KIM@X.example ", metadata: [])
            let outcome = try await directory.register(again, for: event.uid, .event, company: "acme")
            guard case .known(let registration, let its, changed: []) = outcome else { throw NotRegistered() }
            #expect(registration == first && its == event)
        }
    }

    @Test("The Kelvin sign is not a k, and the same e-mail is another registration in another event")
    func lookAlikes() async throws {
        try await database.withDirectory { directory in
            let (event, other) = (try await directory.makeEvent(), try await directory.makeEvent("other"))
            let kim = try await directory.makeRegistration("kim@x.example", for: event)
            let kelvin = try await directory.makeRegistration("\u{212A}im@x.example", for: event)
            let elsewhere = try await directory.makeRegistration("kim@x.example", for: other)
            #expect(Set([kim.uid, kelvin.uid, elsewhere.uid]).count == 3)
        }
    }

    @Test("Attack: another spelling of a registered e-mail is not a second registration")
    func spellings() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let first = try await Self.register("jos\u{E9}@münchen.example", event, directory)
            for email in [
                "jose\u{301}@münchen.example", "JOS\u{C9}@mu\u{308}nchen.example", "josé@xn--mnchen-3ya.example",
            ] {
                #expect(try await Self.register(email, event, directory) == (false, first.1))
            }
            #expect(try await Self.register("jose@münchen.example", event, directory).0)
        }
    }

    @Test("An older database gets the canonical form; two people who become equal are both kept", .ofFiles)
    func migration() async throws {
        let (event, composed, other) = try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let composed = try await directory.makeRegistration("jos\u{E9}@x.example", for: event)
            return (event, composed, try await directory.makeRegistration("another@x.example", for: event))
        }
        for script in [
            "UPDATE registration SET email = 'jose\u{301}@x.example', folded_email = email WHERE uid = '\(other.uid)'",
            "UPDATE registration SET folded_email = 'old' WHERE uid = '\(composed.uid)'",
            "DELETE FROM grdb_migrations WHERE identifier = '2 canonical e-mails'",
        ] {
            _ = try database.query(script)
        }
        try await database.withDirectory { directory in
            let found = try await Self.register("JOSE\u{301}@x.example", event, directory)
            #expect(found == (false, composed.uid))
            #expect(try await directory.page(of: event).registrations.map(\.uid) == [composed.uid, other.uid])
            for person in [composed, other] {
                #expect(directory.view.person(for: person.joinCode)?.registration == person.uid)
            }
        }
    }

    @Test("A deleted person may register again, as somebody new: the old tokens stay refused")
    func again() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let first = try await directory.makeRegistration("kim@x.example", for: event)
            func remove() async throws -> Bool? {
                try await directory.removeRegistration(
                    .email("KIM@x.example"),
                    of: event.uid,
                    .event,
                    company: "acme"
                )
            }
            #expect(try await remove() == true)
            #expect(try await remove() == false)
            let second = try await directory.makeRegistration("kim@x.example", for: event)
            #expect(second.uid != first.uid && second.joinCode != first.joinCode)
            #expect(directory.view.isRemoved(first, of: event) && !directory.view.isRemoved(second, of: event))
            #expect(try await directory.page(of: event).registrations == [second])
        }
    }

    @Test("Nobody can register for an event that does not exist, is of another kind, or was deleted")
    func noEvent() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let person = NewRegistration(name: "Kim", email: "kim@x.example")
            for (uid, kind) in [(event.uid.uppercased(), EventKind.event), ("x", .event), (event.uid, .networking)] {
                let outcome = try await directory.register(person, for: uid, kind, company: "acme")
                guard case .noEvent = outcome else { throw NotRegistered() }
            }
            _ = try await directory.remove(event.uid, .event, company: "acme")
            let outcome = try await directory.register(person, for: event.uid, .event, company: "acme")
            guard case .noEvent = outcome else { throw NotRegistered() }
        }
    }

    @Test("Pages have no gap or repetition while people register and are deleted")
    func pages() async throws {
        try await database.withDirectory { directory in
            let (event, other) = (try await directory.makeEvent(), try await directory.makeEvent("other"))
            var expected: [String] = []
            for index in 0..<25 {
                expected.append(try await directory.makeRegistration("p\(index)@x.example", for: event).uid)
                // Registrations of other events lie in between.
                _ = try await directory.makeRegistration("p\(index)@x.example", for: other)
            }
            var seen: [String] = []
            var after: Int64?
            var round = 0
            repeat {
                let page = try await directory.page(of: event, limit: 7, after: after)
                #expect(page.event == event && page.registrations.count <= 7)
                seen += page.registrations.map(\.uid)
                after = page.next
                round += 1
                if round <= 2 {
                    let added = try await directory.makeRegistration("later\(round)@x.example", for: event)
                    expected.append(added.uid)
                }
                if round == 1 {
                    // Delete the last one of the page that was read, after which the next page starts.
                    _ = try await directory.removeRegistration(
                        .email(page.registrations[6].email),
                        of: event.uid,
                        .event,
                        company: "acme"
                    )
                }
            } while after != nil
            #expect(seen == expected)
            #expect(round == 4)
        }
    }

    @Test("A page that is exactly full is the last one", arguments: [0, 1, 5])
    func lastPage(count: Int) async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            for index in 0..<count { _ = try await directory.makeRegistration("p\(index)@x.example", for: event) }
            let page = try await directory.page(of: event, limit: max(count, 1))
            #expect(page.registrations.count == count && page.next == nil)
        }
    }
}
