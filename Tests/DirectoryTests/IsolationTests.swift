import Testing

@testable import Admission
@testable import Directory

@Suite("Companies: data of another company does not exist", .onEachDatabase)
struct IsolationTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    @Test("Every call with another company's name finds nothing, and changes nothing", arguments: EventKind.allCases)
    func everyCall(kind: EventKind) async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent("Launch", kind)
            let registration = try await directory.makeRegistration("a@x.example", for: event)
            try await directory.record([.arrived(session(1, event: event, since: start))])
            let webhook = try await directory.createWebhook(
                [.eventUpdated],
                endpoint: "https://x.example/",
                event: nil,
                company: "acme"
            )
            for other in ["globex", "ACME", "acme ", "", "acme' OR '1'='1"] {
                #expect(try await directory.event(event.uid, kind, company: other) == nil)
                let events = try await directory.events(of: other, kind, EventFilter(moment: start), limit: 10).events
                #expect(events.isEmpty)
                #expect(try await directory.eventIDs(of: other).isEmpty)
                let updated = try await directory.update(event.uid, kind, company: other) { $0.name = "theirs" }
                #expect(updated == nil)
                let copy = try await directory.clone(event.uid, kind, company: other, creator: other) { _ in }
                #expect(copy == nil)
                #expect(try await !directory.remove(event.uid, kind, company: other))
                let person = NewRegistration(name: "Kim", email: "b@x.example")
                let outcome = try await directory.register(person, for: event.uid, kind, company: other)
                guard case .noEvent = outcome else { throw NotRegistered() }
                let page = try await directory.registrations(
                    of: event.uid,
                    kind,
                    company: other,
                    limit: 10,
                    after: nil
                )
                #expect(page == nil)
                let removed = try await directory.removeRegistration(
                    .email("a@x.example"),
                    of: event.uid,
                    kind,
                    company: other
                )
                #expect(removed == nil)
                #expect(
                    try await directory.attendance(of: event.uid, kind, company: other, now: start, limit: 1) == nil
                )
                #expect(directory.webhooks(of: other).isEmpty)
                #expect(try await !directory.removeWebhook(webhook.id, company: other))
            }
            #expect(try await directory.event(event.uid, kind, company: "acme") == event)
            #expect(try await directory.page(of: event).registrations == [registration])
            #expect(directory.view.person(for: registration.joinCode) != nil)
            #expect(directory.webhooks(of: "acme") == [webhook])
            #expect(
                try await directory.attendance(of: event.uid, kind, company: "acme", now: start, limit: 1)?.attended
                    == 1
            )
        }
    }

    @Test("A webhook is told about its own company's events only")
    func webhooks() async throws {
        try await database.withDirectory { directory in
            for type in WebhookType.allCases {
                let endpoint = "https://x.example/"
                _ = try await directory.createWebhook([type], endpoint: endpoint, event: nil, company: "acme")
            }
            let theirs = try await directory.makeEvent(company: "globex")
            _ = try await directory.makeRegistration("a@x.example", for: theirs)
            let stay = session(1, event: theirs, since: start)
            try await directory.record([.arrived(stay), .departed(stay, .left, at: start + 1)])
            _ = try await directory.update(theirs.uid, .event, company: "globex") { $0.name = "New" }
            _ = try await directory.remove(theirs.uid, .event, company: "globex")
            #expect(try await directory.nextDelivery() == nil)
        }
    }
}
