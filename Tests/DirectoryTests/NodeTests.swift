import Basics
import TestSupport
import Testing

@testable import Admission
@testable import Directory

@Suite("Nodes that share a database: what one has written, all obey", .onServer)
struct NodeTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    @Test("Events, registrations and removals, with who is to be disconnected")
    func view() async throws {
        try await database.withNodes { nodes in
            let (a, b) = (nodes[0].directory, nodes[1])
            let event = try await a.makeEvent()
            let kim = try await a.makeRegistration("kim@x.example", for: event)
            #expect(try await database.agreement(of: nodes))
            #expect(b.directory.view.person(for: kim.joinCode)?.name == "Kim")
            _ = try await a.update(event.uid, .event, company: "acme") { $0.presenters = ["kim@x.example", "ann"] }
            let changes = RegistrationChanges(name: "Kimberly")
            _ = try await a.changeRegistration(.id(kim.uid), of: event.uid, .event, company: "acme", changes)
            #expect(try await database.agreement(of: nodes))
            #expect(b.directory.view.event(event.uid)?.presenters == ["kim@x.example", "ann"])
            #expect(b.directory.view.person(for: kim.joinCode)?.name == "Kimberly")
            let removal = try await a.remove(
                RemovedPerson(.email, "kim@x.example"),
                from: event.uid,
                company: "acme",
                until: nil,
                reason: nil
            )
            try await a.keep([EndedSession(bits: .max - 5, until: start + 1000)])
            #expect(try await database.agreement(of: nodes))
            #expect(b.content.contains { $0.utf8.starts(with: "removal \(event.uid)".utf8) })
            #expect(b.content.contains { $0.utf8.starts(with: "ended ".utf8) })
            _ = try await a.lift(removal.id, company: "acme", event: nil)
            _ = try await a.purgeRemovals(at: start + 1000)
            #expect(try await database.agreement(of: nodes))
            #expect(!b.content.contains { $0.utf8.starts(with: "ended ".utf8) })
            #expect(b.deletions.count == 2 && nodes[0].deletions.isEmpty)
            _ = try await a.removeRegistration(.id(kim.uid), of: event.uid, .event, company: "acme")
            #expect(try await database.agreement(of: nodes))
            #expect(b.directory.view.isRemoved(kim, of: event) && b.deletions.count == 3)
            _ = try await a.makeRegistration("other@x.example", for: event)
            _ = try await a.remove(event.uid, .event, company: "acme")
            #expect(try await database.agreement(of: nodes))
            #expect(b.directory.view.isRemoved(event) && b.deletions.count == 4)
            #expect(b.deletions.isSuperset(of: nodes[0].deletions) && nodes[0].deletions.count == 2)
        }
    }

    @Test("Webhooks, and that there is something to deliver")
    func webhooks() async throws {
        try await database.withNodes { nodes in
            let (a, b) = (nodes[0].directory, nodes[1])
            let webhook = try await a.createWebhook(
                [.registrationCreated],
                endpoint: "https://x.example",
                event: nil,
                company: "acme"
            )
            let event = try await a.makeEvent()
            #expect(try await database.agreement(of: nodes))
            #expect(b.takeCalls().isEmpty)
            _ = try await a.makeRegistration("kim@x.example", for: event)
            #expect(try await database.agreement(of: nodes))
            #expect(b.takeCalls() == ["messages \(webhook.id)"])
            let delivery = try #require(try await a.dueDeliveries(at: start).first)
            try await a.retry(delivery, at: start, reason: "it was refused")
            #expect(try await database.agreement(of: nodes))
            #expect(b.directory.allWebhooks.first?.lastError == "it was refused")
            try await a.finish(delivery)
            _ = try await a.rotateSecret(of: webhook.id, company: "acme")
            _ = try await a.switchWebhook(webhook.id, company: "acme", isOn: false)
            #expect(try await database.agreement(of: nodes))
            #expect(b.directory.allWebhooks.first?.isEnabled == false && b.takeCalls().isEmpty)
            _ = try await a.switchWebhook(webhook.id, company: "acme", isOn: true)
            #expect(try await database.agreement(of: nodes))
            #expect(b.takeCalls() == ["switched \(webhook.id)", "messages \(webhook.id)"])
            _ = try await a.redeliver(delivery.uid, to: webhook.id, company: "acme")
            #expect(try await database.agreement(of: nodes))
            #expect(b.takeCalls() == ["switched \(webhook.id)", "messages \(webhook.id)"])
            for _ in 0..<102 { try await a.makeWebhook(.registrationCreated) }
            _ = try await a.makeRegistration("other@x.example", for: event)
            #expect(try await database.agreement(of: nodes))
            #expect(b.takeCalls() == ["announcements"])
            database.clock.advance(2 * 86_400_000)
            try await a.purgeFormerSecrets(at: database.clock.now)
            _ = try await a.removeWebhook(webhook.id, company: "acme")
            #expect(try await database.agreement(of: nodes))
            #expect(b.directory.allWebhooks.count == 102)
        }
    }

    @Test("Companies")
    func companies() async throws {
        try await database.withNodes { nodes in
            let a = nodes[0].directory
            for id in ["globex", "initech"] {
                var company = StoredCompany(id: id, name: "Globex", createdAt: start)
                company.secrets = [
                    CompanySecret(id: "c1", form: .clientSecret, content: Array("secret".utf8), createdAt: start)
                ]
                try await a.create(company)
            }
            #expect(try await database.agreement(of: nodes))
            _ = try await a.changeCompany("globex") { company in
                company.suspendedAt = start
                company.secrets = []
            }
            _ = try await a.removeCompany("initech", keepsData: false)
            #expect(try await database.agreement(of: nodes))
            #expect(nodes[1].content.filter { $0.utf8.starts(with: "company ".utf8) }.count == 1)
            _ = try await a.removeCompany("globex", keepsData: true)
            #expect(try await database.agreement(of: nodes))
            #expect(!nodes[1].content.contains { $0.utf8.starts(with: "company ".utf8) })
        }
    }

    @Test("Erasures: who is there is disconnected, and no node writes them down later, nor does the log")
    func erasure() async throws {
        try await database.withNodes { nodes in
            let (a, b) = (nodes[0].directory, nodes[1])
            let event = try await a.makeEvent()
            let kim = try await a.makeRegistration("kim@x.example", name: "Kimberly", for: event)
            _ = try await a.update(event.uid, .event, company: "acme") { $0.organizers = ["Kim@x.example", "ann"] }
            #expect(try await database.agreement(of: nodes))
            _ = try await a.erasePerson(email: "kim@x.example", company: "acme")
            #expect(try database.stored(["kim@x.example", "Kim@x.example", "Kimberly"]) == [])
            // Without having looked before.
            let tokens = [
                session(1, event: event, userID: "kim@x.example", since: start),
                session(2, event: event, registration: kim, since: start),
            ]
            try await b.directory.record(tokens.map { .arrived($0) })
            #expect(try database.stored(["kim@x.example", "Kimberly", kim.uid]) == [kim.uid])
            #expect(try database.query("SELECT count(*) FROM stay WHERE registration = '\(kim.uid)'") == "0")
            #expect(try await database.agreement(of: nodes))
            #expect(b.directory.view.event(event.uid)?.organizers == ["ann"])
            #expect(b.deletions == nodes[0].deletions)
            #expect(b.deletions.contains { $0.contains("kim@x.example") })
        }
    }

    @Test("A write that fails leaves no change, neither alone nor in a group")
    func failed() async throws {
        try await database.withNodes { nodes in
            let (a, event) = (nodes[0].directory, try await nodes[0].directory.makeEvent())
            let before = try database.query("SELECT count(*) FROM change")
            let spoil: @Sendable () async throws -> String = {
                try await a.writer.write { database, effects in
                    effects.add(.event(event.uid)) { Issue.record("an effect of a write that failed") }
                    try database.execute("UPDATE event SET name = 'spoilt'")
                    throw GroupCommitTests.Refused()
                }
            }
            await #expect(throws: GroupCommitTests.Refused.self) { try await spoil() }
            #expect(try database.query("SELECT count(*) FROM change") == before)
            let outcomes = try await GroupCommitTests.asOneGroup(
                a,
                [spoil, { try await a.makeRegistration("kim@x.example", for: event).email }, spoil]
            )
            #expect(outcomes == ["failed: refused", "kim@x.example", "failed: refused"])
            #expect(try database.query("SELECT count(*) - 1 FROM change") == before)
            #expect(try await database.agreement(of: nodes))
        }
    }

    @Test("A gateway that shares the database with nobody is kept out by those that do, and keeps them out")
    func alone() async throws {
        try await database.withNodes(1) { _ in #expect(database.fault()?.contains("another gateway") == true) }
        try await database.withDirectory { _ in
            let fault = #expect(throws: DirectoryFault.self) { _ = try TestNode(database.path, database.clock) }
            #expect(fault?.description.contains("another gateway") == true)
        }
    }
}
