import Basics
import JOSE
import Synchronization
import Testing

@testable import Admission
@testable import Directory

@Suite("People: shown, erased, and deleted after their retention", .onEachDatabase)
struct PeopleTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    /// All text in the database, in all tables.
    private func text(_ directory: Directory) async throws -> String {
        try await directory.storage.read { database in
            try ["event", "registration", "stay", "delivery"].flatMap { table in
                try database.rows("SELECT * FROM \(table)").map { "\($0.values)" }
            }.joined(separator: "\n")
        }
    }

    @Test(
        "A person is erased everywhere except at another company; counts stay, and links are refused after a restart"
    )
    func erased() async throws {
        let removals = Mutex(0)
        let (event, kim) = try await database.withDirectory { directory in
            directory.onDeletion { removal in
                if case .person("acme", "kim@x.example") = removal { removals.withLock { $0 += 1 } }
            }
            try await directory.makeWebhook(.registrationCreated)
            let event = try await directory.makeEvent()
            let foreign = try await directory.makeEvent(company: "globex")
            let kim = try await directory.makeRegistration("Kim@x.example", name: "Kimberly", for: event)
            let other = try await directory.makeRegistration("other@x.example", for: event)
            _ = try await directory.makeRegistration("kim@x.example", name: "Kept", for: foreign)
            _ = try await directory.update(event.uid, .event, company: "acme") {
                $0.presenters = ["KIM@x.example", "ann"]
            }
            let (stay, others) = (
                session(1, event: event, registration: kim, since: start),
                session(2, event: event, registration: other, since: start)
            )
            try await directory.record([
                .arrived(stay), .arrived(others), .departed(stay, .left, at: start + 60_000),
            ])
            let person = try await directory.person(email: "kim@X.example", company: "acme")
            #expect(person.registrations.map(\.registration.uid) == [kim.uid] && person.stays.count == 1)
            let erasure = try await directory.erasePerson(email: "kim@x.example", company: "acme")
            #expect(erasure == Erasure(registrations: 1, stays: 1, messages: 1, events: 1))
            #expect(removals.withLock { $0 } == 1)
            #expect(try await directory.erasePerson(email: "kim@x.example", company: "acme") == Erasure())
            let found = try await directory.report(of: event, now: start + 60_000)
            #expect(found.attended == 2 && found.totalMinutes == 2 && found.registered == 1)
            #expect(found.participants[0].name == nil && found.participants[0].registrationID != kim.uid)
            #expect(directory.view.event(event.uid)?.presenters == ["ann"])
            #expect(directory.view.isRemoved(kim, of: event) && !directory.view.isRemoved(other, of: event))
            let all = try await text(directory)
            for word in ["Kimberly", "Kim@x.example", "KIM@x.example"] { #expect(!all.contains(word)) }
            #expect(try await directory.person(email: "kim@x.example", company: "globex").registrations.count == 1)
            // A person who was erased may register again.
            _ = try await directory.makeRegistration("kim@x.example", for: event)
            return (event, kim)
        }
        let view = DirectoryView()
        let directory = try database.open(view)
        #expect(view.isRemoved(kim, of: event))
        await directory.close()
    }

    @Test("Who is erased is taken out of lists that have changed since the search, too, and once")
    func changedLists() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            _ = try await directory.update(event.uid, .event, company: "acme") {
                $0.presenters = ["kim@x.example", "ann"]
            }
            let mentions = try await directory.mentions(of: "kim@x.example", company: "acme")
            #expect(mentions.map(\.presenters) == [[0]])
            _ = try await directory.update(event.uid, .event, company: "acme") {
                ($0.presenters, $0.organizers) = (["ann", " KIM@x.example"], ["bob@x.example"])
            }
            for isListed in [true, false] {
                let isUnlisted = try await directory.writer.write { database, effects in
                    try directory.unlist("kim@x.example", from: mentions[0], database, &effects)
                }
                #expect(isUnlisted == isListed)
                let fields = try await directory.event(event.uid, .event, company: "acme")?.fields
                #expect(fields?.presenters == ["ann"] && fields?.organizers == ["bob@x.example"])
                let record = directory.view.event(event.uid)
                #expect(record?.presenters == ["ann"] && record?.organizers == ["bob@x.example"])
            }
        }
    }

    @Test("Removed, ended or undelivered data is deleted after its retention, and its tokens stay refused")
    func purged() async throws {
        let day: Milliseconds = 86_400_000
        let retention = Retention(stays: 400 * day, removed: 30 * day, webhooks: 7 * day)
        let (event, removedEvent, kim) = try await database.withDirectory { directory in
            try await directory.makeWebhook(.eventCreated)
            let event = try await directory.makeEvent("Kept")
            let gone = try await directory.makeEvent("Gone")
            let kim = try await directory.makeRegistration("kim@x.example", name: "Kimberly", for: event)
            _ = try await directory.makeRegistration("ann@x.example", name: "Annabel", for: gone)
            let stay = session(1, event: event, registration: kim, since: start)
            let open = session(2, event: event, since: start)
            try await directory.record([.arrived(stay), .arrived(open), .departed(stay, .left, at: start)])
            _ = try await directory.removeRegistration(
                .email("kim@x.example"),
                of: event.uid,
                .event,
                company: "acme"
            )
            _ = try await directory.remove(gone.uid, .event, company: "acme")
            database.clock.advance(7 * day)
            #expect(try await directory.purge(retention) == Purge())
            database.clock.advance(1)
            #expect(try await directory.purge(retention) == Purge(messages: 2))
            database.clock.advance(23 * day)
            #expect(try await directory.purge(retention) == Purge(registrations: 2, events: 1))
            database.clock.advance(370 * day)
            #expect(try await directory.purge(retention) == Purge(stays: 1))
            #expect(try await directory.purge(retention) == Purge())
            let all = try await text(directory)
            for word in ["Kimberly", "kim@", "Annabel", "ann@", "Gone"] { #expect(!all.contains(word)) }
            return (event, gone, kim)
        }
        let view = DirectoryView()
        let directory = try database.open(view)
        #expect(view.isRemoved(kim, of: event) && view.isRemoved(removedEvent))
        await directory.close()
    }
}
