import Basics
import Dispatch
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@testable import Admission
@testable import Directory

@Suite("Nodes that share a database, in any order and after any interruption, know the same", .onServer)
struct NodeOrderTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    /// What random changes are about.
    private final class Things: Sendable {
        private struct Content {
            var events: [Event] = []
            var registrations: [(Registration, Event)] = []
            var removals: [Removal] = []
            var webhooks: [Webhook] = []
            var numbers: SplitMix64
        }
        private let content: Mutex<Content>

        init(seed: UInt64) { content = Mutex(Content(numbers: SplitMix64(seed: seed))) }

        func number(_ limit: Int) -> Int { content.withLock { Int.random(in: 0..<limit, using: &$0.numbers) } }

        func add(_ event: Event) { content.withLock { $0.events.append(event) } }
        func add(_ registration: Registration, _ event: Event) {
            content.withLock { $0.registrations.append((registration, event)) }
        }
        func add(_ removal: Removal) { content.withLock { $0.removals.append(removal) } }
        func add(_ webhook: Webhook) { content.withLock { $0.webhooks.append(webhook) } }

        /// Mostly one of a few, so that nodes change the same ones.
        var event: Event? { content.withLock { $0.events.suffix(4).randomElement(using: &$0.numbers) } }
        var registration: (Registration, Event)? {
            content.withLock { $0.registrations.suffix(6).randomElement(using: &$0.numbers) }
        }
        var removal: Removal? { content.withLock { $0.removals.suffix(4).randomElement(using: &$0.numbers) } }
        var webhook: Webhook? { content.withLock { $0.webhooks.suffix(4).randomElement(using: &$0.numbers) } }
    }

    private func person(_ things: Things) -> String { "p\(things.number(12))@x.example" }

    private func change(_ a: Directory, _ things: Things) async throws {
        guard let event = things.event, things.number(20) > 0 else {
            return things.add(try await a.makeEvent("Launch \(things.number(1000))"))
        }
        let (uid, company, number) = (event.uid, event.company, things.number(1000))
        switch things.number(13) {
        case 0, 1:
            let people = [person(things), person(things)]
            _ = try await a.update(uid, .event, company: company) { fields in
                fields.name = "Launch \(number)"
                fields.presenters = people
            }
        case 2 where number < 200: _ = try await a.remove(uid, .event, company: company)
        case 2, 3, 4:
            let one = NewRegistration(name: "Kim \(number)", email: person(things), metadata: [])
            if case .registered(let new, _) = try await a.register(one, for: uid, .event, company: company) {
                things.add(new, event)
            }
        case 5, 6:
            guard let (one, event) = things.registration else { return }
            let changes = RegistrationChanges(name: "Kim \(number)")
            _ = try await a.changeRegistration(.id(one.uid), of: event.uid, .event, company: company, changes)
        case 7:
            guard let (one, event) = things.registration else { return }
            _ = try await a.removeRegistration(.id(one.uid), of: event.uid, .event, company: company)
        case 8:
            let person = RemovedPerson(.email, person(things))
            let until = number < 500 ? nil : start + Milliseconds(number)
            things.add(try await a.remove(person, from: uid, company: company, until: until, reason: nil))
        case 9:
            guard let removal = things.removal else { return }
            _ = try await a.lift(removal.id, company: company, event: nil)
        case 10: try await a.keep([EndedSession(bits: UInt64(number), until: start + Milliseconds(number))])
        case 11 where number < 300:
            let types: [WebhookType] = [.eventUpdated, .registrationCreated]
            things.add(try await a.createWebhook(types, endpoint: "https://x.example", event: nil, company: company))
        case 11:
            guard let webhook = things.webhook else { return }
            if number < 400 { _ = try await a.removeWebhook(webhook.id, company: company) }
            if number > 800 { _ = try await a.rotateSecret(of: webhook.id, company: company) }
            let change = WebhookChange(endpoint: "https://x.example/\(number)", isOn: number % 2 == 0)
            _ = try await a.changeWebhook(webhook.id, company: company, change)
        default:
            if number < 100 { _ = try await a.erasePerson(email: person(things), company: company) }
            let id = "company-\(number % 5)"
            if number % 4 == 0 { _ = try await a.removeCompany(id, keepsData: true) }
            if try await a.changeCompany(id, { $0.name = "\(number)" }) == nil {
                // Another node may make it at the same time.
                try? await a.create(StoredCompany(id: id, name: "new", createdAt: start))
            }
        }
    }

    @Test("All write at once, hundreds of random changes each, mostly to the same things", arguments: [1, 2, 3])
    func random(seed: UInt64) async throws {
        let things = Things(seed: seed)
        try await database.withNodes(3) { nodes in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for node in nodes {
                    // Several at a time, so that some share a transaction.
                    for _ in 0..<5 {
                        group.addTask { for _ in 0..<100 { try await change(node.directory, things) } }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await database.agreement(of: nodes))
            #expect(nodes[0].content.count > 100)
        }
    }

    @Test("A node's own change does not overwrite what another one changes after it")
    func last() async throws {
        try await database.withNodes { nodes in
            let event = try await nodes[0].directory.makeEvent()
            let kim = try await nodes[0].directory.makeRegistration("kim@x.example", for: event)
            #expect(try await database.agreement(of: nodes))
            for round in 0..<50 {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (index, node) in nodes.enumerated() {
                        group.addTask {
                            let changes = RegistrationChanges(name: "\(index) \(round)")
                            _ = try await node.directory.changeRegistration(
                                .id(kim.uid),
                                of: event.uid,
                                .event,
                                company: "acme",
                                changes
                            )
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await database.agreement(of: nodes))
        }
    }

    @Test("A look that has read something before the node itself wrote takes no effect")
    func late() async throws {
        try await database.withNodes(follow: false) { nodes in
            let (a, b) = (nodes[0].directory, nodes[1].directory)
            let event = try await a.makeEvent()
            let rename: @Sendable (Directory, String) async throws -> Void = { directory, name in
                _ = try await directory.update(event.uid, .event, company: "acme") { $0.name = name }
            }
            try await rename(a, "first")
            let hasRead = Atomic(false)
            let mayEnd = DispatchSemaphore(value: 0)
            let look = Task.detached {
                try b.writer.look { body in
                    let step = try b.storage.read(body)
                    if !hasRead.exchange(true, ordering: .acquiringAndReleasing) { mayEnd.wait() }
                    return step
                }
            }
            try await waitUntil("the look has read") { hasRead.load(ordering: .acquiring) }
            try await rename(b, "second")
            mayEnd.signal()
            try await look.value
            #expect(b.view.event(event.uid)?.name == "second")
        }
    }

    @Test("A write that is on disk, although its end was not answered, takes effect with the next one")
    func unanswered() async throws {
        let storage = ForgetfulStorage(try StorageLocation(database.path).open())
        let clock = database.clock
        let directory = try Directory(
            storage,
            view: DirectoryView(),
            keepsStays: false,
            uptime: { clock.uptime },
            clock: { clock.now }
        )
        let event = try await directory.makeEvent()
        storage.forgets.store(true, ordering: .relaxed)
        await #expect(throws: ForgetfulStorage.NoAnswer.self) {
            try await directory.remove(event.uid, .event, company: "acme")
        }
        storage.forgets.store(false, ordering: .relaxed)
        #expect(directory.view.event(event.uid) != nil)
        _ = try await directory.makeEvent()
        #expect(directory.view.isRemoved(event))
        await directory.close()
    }

    @Test("A database of the version before this one gets its log")
    func migrated() async throws {
        _ = try database.query("DROP TABLE change")
        _ = try database.query("DELETE FROM migration WHERE id = 3")
        try await database.withNodes { nodes in
            _ = try await nodes[0].directory.makeEvent()
            #expect(try await database.agreement(of: nodes))
        }
    }

    @Test("A node whose connections are ended while another one writes catches up")
    func ended() async throws {
        let database = database
        try await database.withNodes(1) { nodes in
            let a = nodes[0].directory
            let event = try await a.makeEvent()
            let others = try database.query("SELECT pid FROM pg_stat_activity").split(separator: "\n")
            let b = try TestNode(database.path, database.clock, "other")
            for round in 0..<3 {
                let writing = Task {
                    for person in 0..<30 {
                        _ = try await a.makeRegistration("p\(round)-\(person)@x.example", for: event)
                    }
                }
                _ = try database.query(
                    """
                    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND pid NOT IN (\(others.joined(separator: ", ")))
                    """
                )
                try await writing.value
                #expect(try await database.agreement(of: nodes + [b]))
            }
            await b.close()
        }
    }

    @Test("A server that is restarted while nodes follow: they go on, and know the same")
    func restarted() async throws {
        let server = try PostgreSQLServer()
        let (uri, clock) = (try server.newDatabase(), TestClock())
        let nodes = [try TestNode(uri, clock, "a"), try TestNode(uri, clock, "b")]
        let event = try await nodes[0].directory.makeEvent()
        try server.restart()
        let kim = try await nodes[0].directory.makeRegistration("kim@x.example", for: event)
        try await waitUntil("the other one knows") { nodes[1].directory.view.person(for: kim.joinCode) != nil }
        #expect(nodes[0].content == nodes[1].content)
        for node in nodes { await node.close() }
    }

    @Test("A node that was away for longer than the log reaches back reads everything anew")
    func cut() async throws {
        try await database.withNodes(follow: false) { nodes in
            let (a, b) = (nodes[0].directory, nodes[1])
            let (gone, event) = (try await a.makeEvent(), try await a.makeEvent())
            let kim = try await a.makeRegistration("kim@x.example", for: event)
            try await a.create(StoredCompany(id: "globex", name: "Globex", createdAt: start))
            _ = try await a.createWebhook(
                [.eventCreated],
                endpoint: "https://x.example",
                event: nil,
                company: "acme"
            )
            // It looks when it writes.
            _ = try await b.directory.makeEvent()
            #expect(b.directory.view.person(for: kim.joinCode) != nil)
            _ = try await a.remove(gone.uid, .event, company: "acme")
            _ = try await a.removeRegistration(.id(kim.uid), of: event.uid, .event, company: "acme")
            _ = try await a.removeCompany("globex", keepsData: true)
            let webhook = try #require(a.allWebhooks.first)
            _ = try await a.removeWebhook(webhook.id, company: "acme")
            _ = try await a.makeEvent()
            _ = try database.query("UPDATE change SET at = 0 WHERE seq < (SELECT max(seq) FROM change)")
            try a.storage.write { try ChangeLog.trim($0) }
            #expect(try database.query("SELECT what <> '[]' FROM change ORDER BY seq") == "0\n1")
            try b.directory.follow()
            #expect(try await database.agreement(of: nodes))
            #expect(b.deletions == nodes[0].deletions.union(["unknown"]) && b.deletions.count == 3)
            #expect(b.directory.view.event(gone.uid) == nil && b.directory.allWebhooks.isEmpty)
        }
    }

    @Test("A log that is not the one that a node has followed, as after a fail-over, makes it read everything anew")
    func replaced() async throws {
        try await database.withNodes(follow: false) { nodes in
            let event = try await nodes[0].directory.makeEvent()
            _ = try await nodes[1].directory.makeEvent()
            // The same number, for something else.
            _ = try database.query("UPDATE event SET name = 'Another' WHERE uid = '\(event.uid)'")
            _ = try database.query("UPDATE change SET mark = mark + 1")
            for node in nodes { _ = try await node.directory.makeEvent() }
            #expect(nodes[1].directory.view.event(event.uid)?.name == "Another")
            try nodes[1].directory.follow()
            #expect(try await database.agreement(of: nodes))
        }
    }

    @Test("A node far behind catches up in steps, and before it writes itself")
    func far() async throws {
        try await database.withNodes(follow: false) { nodes in
            let (a, b) = (nodes[0].directory, nodes[1].directory)
            let event = try await a.makeEvent()
            let people = (0..<1500).map { NewRegistration(name: "Kim", email: "p\($0)@x.example", metadata: []) }
            _ = try await a.register(people, for: event.uid, .event, company: "acme", isAtomic: true)
            _ = try await b.makeEvent()
            #expect(try await database.agreement(of: nodes))
            _ = try await a.remove(event.uid, .event, company: "acme")
            try b.follow()
            #expect(try await database.agreement(of: nodes))
        }
    }

    @Test("Rows of the log older than an hour are deleted by writes; the last of them stays, without its content")
    func trimmed() async throws {
        try await database.withNodes { nodes in
            let a = nodes[0].directory
            let event = try await a.makeEvent()
            _ = try await a.makeEvent()
            _ = try database.query("UPDATE change SET at = at - 3600001")
            let people = (0..<600).map { NewRegistration(name: "Kim", email: "p\($0)@x.example", metadata: []) }
            _ = try await a.register(people, for: event.uid, .event, company: "acme", isAtomic: true)
            #expect(try database.query("SELECT count(*), sum(CAST(what = '[]' AS int)) FROM change") == "601|1")
            #expect(try await database.agreement(of: nodes))
            #expect(!nodes[1].deletions.contains("unknown"), "it was there all the time")
        }
    }

    @Test("A node that is closed, or forgotten, follows no more, and leaves no connection")
    func closed() async throws {
        let database = database
        let listeners = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        do {
            let node = try TestNode(database.path, database.clock)
            await node.close()
        }
        _ = try Directory(database: database.path, isShared: true, uptime: { 0 }, clock: { start }).follow()
        try await waitUntil("only this connection is left") { (try? database.query(listeners)) == "1" }
    }
}

/// A database whose answers to writes are lost while it ``forgets``.
private final class ForgetfulStorage: Storage {
    struct NoAnswer: Error {}

    private let storage: any Storage
    let forgets = Atomic(false)

    init(_ storage: any Storage) { self.storage = storage }

    func read<Value>(_ body: (Database) throws -> Value) throws -> Value { try storage.read(body) }

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await storage.read(body)
    }

    func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
        let value = try storage.write(body)
        if forgets.load(ordering: .relaxed) { throw NoAnswer() }
        return value
    }

    func fill(_ body: (Database) throws -> Void) throws { try storage.fill(body) }

    var hasChangeLog: Bool { storage.hasChangeLog }

    var isShared: Bool { storage.isShared }

    func follow(
        as process: String,
        leading: @escaping @Sendable (Bool) -> Void,
        look: @escaping @Sendable (ChangeFollower.Read) throws -> Void
    ) throws {
        try storage.follow(as: process, leading: leading, look: look)
    }

    func leases(as node: NodeNumber) throws -> (any LeaseStorage)? { try storage.leases(as: node) }

    var openings: Int { storage.openings }

    func keepOpen() async throws { try await storage.keepOpen() }

    var groupSize: Int { storage.groupSize }

    func forgetDeleted() async { await storage.forgetDeleted() }

    var missingFiles: [String] { storage.missingFiles }

    func words(_ error: any Error) -> String { storage.words(error) }

    func close() async { await storage.close() }
}
