import Basics
import JOSE
import Testing

@testable import Admission
@testable import Directory

@Suite("Registrations change, and are found by what they are now", .onEachDatabase)
struct RegistrationChangeTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private func change(
        _ registration: Registration,
        of event: Event,
        _ changes: RegistrationChanges,
        _ directory: Directory
    ) async throws -> ChangeOutcome {
        try await directory.changeRegistration(
            .id(registration.uid),
            of: event.uid,
            .event,
            company: "acme",
            changes
        )
    }

    @Test("Name, e-mail and metadata change, also in the data plane's view, and are the same after a restart")
    func changes() async throws {
        let (event, kim) = try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("kim@x.example", for: event)
            let changes = RegistrationChanges(
                name: "Kimberly",
                email: "kimberly@x.example",
                metadata: [JSONMember("seat", .string("1A"))]
            )
            guard case .changed(let changed, _, let members) = try await change(kim, of: event, changes, directory)
            else { throw NotRegistered() }
            #expect(members == [.name, .email, .metadata])
            #expect(changed.uid == kim.uid && changed.joinCode == kim.joinCode && changed.name == "Kimberly")
            #expect(changed.registeredAt == kim.registeredAt)
            #expect(directory.view.person(for: kim.joinCode) == changed.person(at: event.uid))
            guard case .changed(changed, _, []) = try await change(kim, of: event, changes, directory) else {
                throw NotRegistered()
            }
            #expect(try await directory.page(of: event).registrations == [changed])
            // The old e-mail is free again.
            _ = try await directory.makeRegistration("kim@x.example", for: event)
            return (event, changed)
        }
        try await database.withDirectory { directory in
            #expect(directory.view.person(for: kim.joinCode) == kim.person(at: event.uid))
            let found = try await directory.registration(.id(kim.uid), of: event.uid, .event, company: "acme")
            #expect(found?.0 == kim)
        }
    }

    @Test("An e-mail of somebody else at the event is refused, however it is written; one's own is not")
    func taken() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let (kim, ann) = (
                try await directory.makeRegistration("kim@x.example", for: event),
                try await directory.makeRegistration("ann@x.example", for: event)
            )
            let outcome = try await change(kim, of: event, RegistrationChanges(email: "ANN@x.example"), directory)
            guard case .taken = outcome else { throw NotRegistered() }
            let own = try await change(kim, of: event, RegistrationChanges(email: "KIM@x.example"), directory)
            guard case .changed(let changed, _, [.email]) = own else { throw NotRegistered() }
            #expect(changed.email == "KIM@x.example")
            #expect(try await directory.page(of: event).registrations == [changed, ann])
            _ = try await directory.removeRegistration(.id(ann.uid), of: event.uid, .event, company: "acme")
            let free = try await change(kim, of: event, RegistrationChanges(email: "ann@x.example"), directory)
            guard case .changed(_, _, [.email]) = free else { throw NotRegistered() }
            let gone = try await change(ann, of: event, RegistrationChanges(name: "A"), directory)
            guard case .none = gone else { throw NotRegistered() }
        }
    }

    @Test("Filters of the list: by e-mail, by a text, by state; each on pages of any size, with the number of all")
    func filters() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            for (name, email) in [
                ("Zoë", "z@x.example"), ("Ann", "ann@x.example"), ("Joann", "j@x.example"), ("Bo", "bo@ann.example"),
            ] {
                _ = try await directory.makeRegistration(email, name: name, for: event)
            }
            _ = try await directory.removeRegistration(.email("bo@ann.example"), of: event.uid, .event, company: "acme")
            func names(_ change: (inout RegistrationFilter) -> Void) async throws -> [String] {
                var filter = RegistrationFilter()
                change(&filter)
                var names: [String] = []
                var next: Int64?
                repeat {
                    let page = try #require(
                        try await directory.registrations(
                            of: event.uid,
                            .event,
                            company: "acme",
                            filter,
                            limit: 1,
                            after: next
                        )
                    )
                    names += page.registrations.map(\.name)
                    next = page.next
                    if next == nil { #expect(page.total == names.count) }
                } while next != nil
                let (_, rows) = try #require(
                    try await directory.registrationRows(of: event.uid, .event, company: "acme", filter, after: nil)
                )
                let whole = try await directory.registrations(inRows: rows.ids[...], filter.state)
                #expect(whole.map(\.name) == names && rows.total == names.count)
                return names
            }
            #expect(try await names { _ in } == ["Zoë", "Ann", "Joann"])
            #expect(try await names { $0.email = " ANN@x.example" } == ["Ann"])
            #expect(try await names { $0.text = "ANN" } == ["Ann", "Joann"])
            #expect(try await names { $0.text = "ZOE\u{308}" } == ["Zoë"])
            #expect(try await names { $0.text = "@X." } == ["Zoë", "Ann", "Joann"])
            #expect(try await names { $0.state = .removed } == ["Bo"])
            #expect(try await names { ($0.state, $0.text) = (.removed, "bo@ann") } == ["Bo"])
            #expect(try await names { ($0.state, $0.email) = (.removed, "ann@x.example") } == [])
            _ = try await directory.erasePerson(email: "bo@ann.example", company: "acme")
            #expect(try await names { $0.state = .removed } == [])
        }
    }

    @Test(
        "Many at once: each has an outcome; one who comes twice is known the second time; atomic ones are all or none"
    )
    func bulk() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let ann = try await directory.makeRegistration("ann@x.example", for: event)
            func register(_ people: [NewRegistration], isAtomic: Bool = false) async throws -> BulkOutcome {
                try await directory.register(people, for: event.uid, .event, company: "acme", isAtomic: isAtomic)
            }
            let many = (0..<250).map { NewRegistration(name: "N", email: "n\($0)@x.example") }
            guard case .done(let outcomes) = try await register(many + [many[3]]) else { throw NotRegistered() }
            #expect(outcomes.count == 251)
            guard case .known = outcomes[250], case .registered(let third, _) = outcomes[3] else {
                throw NotRegistered()
            }
            #expect(third.email == "n3@x.example")
            let mixed = [
                NewRegistration(name: "B", email: "b@x.example"), NewRegistration(name: "A", email: "ANN@x.example"),
                NewRegistration(name: "C", email: "c@x.example"), NewRegistration(name: "B", email: "B@x.example"),
            ]
            guard case .known([1, 3]) = try await register(mixed, isAtomic: true) else { throw NotRegistered() }
            #expect(try await directory.page(of: event, limit: 1000).total == 251)
            #expect(directory.view.person(for: ann.joinCode)?.name == "Kim")
            let resent = [
                mixed[0], NewRegistration(name: "Anna", email: "ANN@x.example", changesKnown: true), mixed[2],
            ]
            guard case .done(let all) = try await register(resent, isAtomic: true),
                case .known(let anna, _, changed: [.name]) = all[1]
            else { throw NotRegistered() }
            #expect(anna.uid == ann.uid && anna.name == "Anna" && anna.metadata == ann.metadata)
            #expect(directory.view.person(for: ann.joinCode)?.name == "Anna")
            guard case .done(let none) = try await register([]) else { throw NotRegistered() }
            #expect(none.isEmpty)
            let foreign = try await directory.register(
                many,
                for: event.uid,
                .event,
                company: "globex",
                isAtomic: false
            )
            guard case .noEvent = foreign else { throw NotRegistered() }
        }
    }

    @Test(
        "Whoever has another e-mail now is erased with all stays, also those from before and those under way"
    )
    func erasure() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("old@x.example", name: "Kimberly", for: event)
            let (before, under) = (
                session(1, event: event, registration: kim, since: start),
                session(2, event: event, registration: kim, since: start + 200_000)
            )
            try await directory.record([.arrived(before), .departed(before, .left, at: start + 60_000)])
            _ = try await change(kim, of: event, RegistrationChanges(email: "new@x.example"), directory)
            database.clock.advance(300_000)
            let found = try await directory.person(email: "new@x.example", company: "acme")
            #expect(found.registrations.map(\.registration.uid) == [kim.uid] && found.stays.count == 1)
            let erased = try await directory.erasePerson(email: "new@x.example", company: "acme")
            #expect(erased.registrations == 1 && erased.stays == 1)
            // It began before the erasure, with a token that has the old e-mail.
            try await directory.record([.arrived(under)])
        }
        #expect(try database.stored(["Kimberly", "old@x.example", "new@x.example"]) == [])
    }
}
