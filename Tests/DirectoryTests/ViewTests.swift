import Basics
import JOSE
import Synchronization
import Testing

@testable import Admission
@testable import Directory

@Suite(
    "The view: every commit is in memory before the caller has its answer, and again after a restart",
    .onEachDatabase
)
struct ViewTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    @Test("A networking hub without dates has no end, also after a restart")
    func openHub() async throws {
        let uid = try await database.withDirectory { directory in
            var hub = fields("Lounge")
            (hub.startsAt, hub.endsAt) = (EventFields.always.lowerBound, EventFields.always.upperBound)
            hub.extras = [JSONMember("whitelabel", .object([]))]
            let event = try await directory.create(.networking, fields: hub, company: "acme", creator: "acme")
            #expect(event.closesAt == nil && !event.fields.hasDates)
            #expect(try #require(directory.view.event(event.uid)).closesAt == nil)
            return event.uid
        }
        try await database.withDirectory { directory in
            #expect(try #require(directory.view.event(uid)).closesAt == nil)
            let event = try #require(try await directory.event(uid, .networking, company: "acme"))
            #expect(!event.fields.hasDates)
            #expect(event.fields.extras == [JSONMember("whitelabel", .object([]))])
        }
    }

    @Test("An event is in the view when it is created, changed and deleted")
    func events() async throws {
        try await database.withDirectory { directory in
            let view = directory.view
            let event = try await directory.makeEvent()
            #expect(view.event(event.uid)?.company == "acme")
            #expect(view.event(event.uid)?.closesAt == event.fields.endsAt + 86_400_000)
            #expect(view.event(event.uid)?.name == event.fields.name)
            #expect(view.event(event.uid)?.startsAt == event.fields.startsAt)
            _ = try await directory.update(event.uid, .event, company: "acme") { fields in
                fields.presenters = [" Kim@Acme.example "]
                fields.organizers = ["u7"]
                fields.secondJoin = .refuse
                fields.doorsOpen = 10
            }
            #expect(view.event(event.uid)?.doors == Doors(opensAt: event.fields.startsAt - 600_000))
            #expect(view.event(event.uid)?.presenters == ["kim@acme.example"])
            #expect(view.event(event.uid)?.organizers == ["u7"])
            #expect(view.event(event.uid)?.secondJoin == .refuse)
            let copy = try #require(
                try await directory.clone(event.uid, .event, company: "acme", creator: "acme") { $0.name = "Again" }
            )
            #expect(view.event(copy.uid)?.presenters == ["kim@acme.example"])
            #expect(try await directory.remove(event.uid, .event, company: "acme"))
            #expect(view.event(event.uid) == nil && view.isRemoved(event))
            #expect(view.event(copy.uid) != nil)
        }
    }

    @Test("A registration's join code is in the view when it is made, and gone when it or its event is deleted")
    func registrations() async throws {
        try await database.withDirectory { directory in
            let view = directory.view
            let event = try await directory.makeEvent()
            let first = try await directory.makeRegistration("a@x.example", for: event)
            let second = try await directory.makeRegistration("b@x.example", for: event)
            let person = try #require(view.person(for: first.joinCode))
            #expect(person.registration == first.uid && person.event == event.uid && person.email == "a@x.example")
            #expect(person.registeredAt == start)
            let removed = try await directory.removeRegistration(
                .email("A@X.example"),
                of: event.uid,
                .event,
                company: "acme"
            )
            #expect(removed == true)
            #expect(view.person(for: first.joinCode) == nil && view.isRemoved(first, of: event))
            #expect(view.person(for: second.joinCode) != nil && !view.isRemoved(second, of: event))
            _ = try await directory.remove(event.uid, .event, company: "acme")
            #expect(view.person(for: second.joinCode) == nil)
        }
    }

    @Test("A change that is rolled back changes neither the database nor the view")
    func thrownChange() async throws {
        struct Refused: Error {}
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            await #expect(throws: Refused.self) {
                try await directory.update(event.uid, .event, company: "acme") { fields in
                    fields.presenters = ["kim"]
                    throw Refused()
                }
            }
            #expect(directory.view.event(event.uid)?.presenters == [])
            #expect(try await directory.event(event.uid, .event, company: "acme") == event)
        }
    }

    @Test("A change affects only its own entry in the view")
    func onlyWhatChanged() async throws {
        try await database.withDirectory { directory in
            let view = directory.view
            let (kept, changed) = (try await directory.makeEvent("kept"), try await directory.makeEvent("changed"))
            let registration = try await directory.makeRegistration("a@x.example", for: changed)
            // Set in the view behind the directory's back: a write that rebuilt the view would undo it.
            view.set(EventRecord(company: "marked"), for: kept.uid)
            let code = JoinCode(bits: 77)
            let marked = RegisteredPerson(
                event: kept.uid,
                registration: kept.uid,
                name: "marked",
                email: "m@x.example",
                registeredAt: 1
            )
            view.set(marked, for: code)
            _ = try await directory.update(changed.uid, .event, company: "acme") { $0.presenters = ["kim"] }
            _ = try await directory.makeRegistration("b@x.example", for: changed)
            _ = try await directory.removeRegistration(.email("a@x.example"), of: changed.uid, .event, company: "acme")
            _ = try await directory.remove(changed.uid, .event, company: "acme")
            #expect(view.event(kept.uid)?.company == "marked")
            #expect(view.person(for: code) == marked)
            #expect(view.person(for: registration.joinCode) == nil)
        }
    }

    @Test("A restart gives the same view: events, deleted ones, join codes, deleted registrations, second join")
    func restart() async throws {
        struct Before: Sendable {
            var kept: Event
            var gone: Event
            var registrations: [Registration]
            var removed: Registration
            var ofGone: Registration
        }
        let before = try await database.withDirectory { directory in
            let kept = try await directory.makeEvent()
            let updated = try #require(
                try await directory.update(kept.uid, .event, company: "acme") { fields in
                    fields.presenters = ["Kim@acme.example"]
                    fields.organizers = ["u7"]
                    fields.secondJoin = .ask
                    fields.doorsOpen = 15
                    fields.doorsClose = 2
                }
            )
            let gone = try await directory.makeEvent("gone", .networking, company: "globex")
            var registrations: [Registration] = []
            for index in 0..<50 {
                registrations.append(
                    try await directory.makeRegistration("p\(index)@x.example", name: "Ünal \(index) 😀", for: kept)
                )
            }
            let removed = registrations.remove(at: 25)
            let ofGone = try await directory.makeRegistration("g@x.example", for: gone)
            _ = try await directory.removeRegistration(.email(removed.email), of: kept.uid, .event, company: "acme")
            _ = try await directory.remove(gone.uid, .networking, company: "globex")
            return Before(
                kept: updated,
                gone: gone,
                registrations: registrations,
                removed: removed,
                ofGone: ofGone
            )
        }
        try await database.withDirectory { directory in
            let view = directory.view
            let record = try #require(view.event(before.kept.uid))
            #expect(record.company == "acme" && record.secondJoin == .ask)
            #expect(record.presenters == ["kim@acme.example"] && record.organizers == ["u7"])
            #expect(record.closesAt == before.kept.closesAt)
            let (startsAt, endsAt) = (before.kept.fields.startsAt, before.kept.fields.endsAt)
            #expect(record.doors == Doors(opensAt: startsAt - 900_000, closesAt: endsAt + 120_000))
            #expect(view.isRemoved(before.gone))
            for registration in before.registrations {
                let person = RegisteredPerson(
                    event: before.kept.uid,
                    registration: registration.uid,
                    name: registration.name,
                    email: registration.email,
                    registeredAt: registration.registeredAt
                )
                #expect(view.person(for: registration.joinCode) == person)
                #expect(!view.isRemoved(registration, of: before.kept))
            }
            #expect(view.person(for: before.removed.joinCode) == nil)
            #expect(view.isRemoved(before.removed, of: before.kept))
            #expect(view.person(for: before.ofGone.joinCode) == nil)
            #expect(try await directory.event(before.kept.uid, .event, company: "acme") == before.kept)
        }
    }

    @Test("A deletion's handler finds it in the view already, and runs before the caller has its answer")
    func removalHandler() async throws {
        let heard = Mutex<[String]>([])
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let registration = try await directory.makeRegistration("a@x.example", for: event)
            let subject = SubjectKey(registration: registration.uid, event: event.uid, company: "acme")
            directory.onDeletion { [view = directory.view] removal in
                let line =
                    switch removal {
                    case .event(let company, let uid): "event \(company) \(uid == event.uid) \(view.isRemoved(event))"
                    case .registration(let key):
                        "registration \(key == subject) \(view.isRemoved(subject)) "
                            + "\(view.person(for: registration.joinCode) == nil)"
                    case .person, .viewer, .session, .unknown: "another"
                    }
                heard.withLock { $0.append(line) }
            }
            _ = try await directory.removeRegistration(.email("b@x.example"), of: event.uid, .event, company: "acme")
            _ = try await directory.remove(event.uid, .event, company: "globex")
            #expect(heard.withLock { $0 }.isEmpty)
            _ = try await directory.removeRegistration(.email("a@x.example"), of: event.uid, .event, company: "acme")
            #expect(heard.withLock { $0 } == ["registration true true true"])
            _ = try await directory.remove(event.uid, .event, company: "acme")
            #expect(heard.withLock { $0.last } == "event acme true true")
        }
    }
}
