import Dispatch
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import Admission
@testable import Directory

@Suite("Group commit: many writes in one transaction, each with its own fate", .onEachDatabase)
struct GroupCommitTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    /// Runs writes as one group: they gather in order behind a write that waits for the last of them.
    static func asOneGroup(
        _ directory: Directory,
        _ writes: [@Sendable () async throws -> String]
    ) async throws -> [String] {
        let gate = DispatchSemaphore(value: 0)
        let isHeld = Atomic(false)
        let first = Task {
            try await directory.writer.write { _, _ in
                isHeld.store(true, ordering: .releasing)
                gate.wait()
            }
        }
        // Once more than is waited for, which lets the directory be closed if this fails.
        defer { gate.signal() }
        try await waitUntil("the first write is held") { isHeld.load(ordering: .acquiring) }
        var tasks: [Task<String, Never>] = []
        for write in writes {
            tasks.append(
                Task {
                    do { return try await write() } catch { return "failed: \(error)" }
                }
            )
            try await waitUntil("the write waits") { directory.writer.waitingCount >= tasks.count }
        }
        gate.signal()
        try await first.value
        var outcomes: [String] = []
        for task in tasks { outcomes.append(await task.value) }
        return outcomes
    }

    struct Refused: Error, CustomStringConvertible {
        let description = "refused"
    }

    @Test("Metrics count a group as one transaction, and messages until they are delivered")
    func reading() async throws {
        try await database.withDirectory { directory in
            _ = try await directory.createWebhook(
                [.eventCreated],
                endpoint: "https://x.example/",
                event: nil,
                company: "acme"
            )
            let before = await directory.read()
            #expect(before.waitingMessages == 0 && before.oldestMessage == nil && before.waitingWrites == 0)
            let make: @Sendable () async throws -> String = { try await directory.makeEvent().uid }
            _ = try await Self.asOneGroup(directory, [make, make, make])
            let after = await directory.read()
            // The write that held the others back, and their group.
            #expect(after.commits.successes == before.commits.successes + 2)
            #expect(after.commits.failures == 0 && after.commits.microseconds > before.commits.microseconds)
            #expect(after.waitingMessages == 3 && after.oldestMessage == start)
            let webhook = try #require(directory.allWebhooks.first)
            _ = try await directory.switchWebhook(webhook.id, company: "acme", isOn: false)
            let silent = await directory.read()
            #expect(silent.waitingMessages == 3 && silent.oldestMessage == nil)
            _ = try await directory.switchWebhook(webhook.id, company: "acme", isOn: true)
            #expect(await directory.read().oldestMessage == start)
            try directory.storage.write { database in
                try database.execute(
                    """
                    INSERT INTO company (id, name, embed_origins, issuers, audiences, created_at, changed_at,
                        suspended_at) VALUES ('acme', '', '[]', '[]', '[]', 0, 0, 0)
                    """
                )
            }
            #expect(await directory.read().oldestMessage == nil)
            _ = try await directory.takeDeliveries(at: start)
            #expect(await directory.read().waitingMessages == 0)
        }
    }

    @Test("A write that fails, by itself or in the database, does not undo the others in its group")
    func savepoints() async throws {
        let database = database
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let outcomes = try await Self.asOneGroup(
                directory,
                [
                    { try await directory.makeRegistration("a@x.example", for: event).email },
                    {
                        try await directory.writer.write { database, _ in
                            try database.execute("UPDATE event SET presenters = '[\"nobody\"]'")
                            throw Refused()
                        }
                    },
                    {
                        try await directory.writer.write { database, effects in
                            effects.add { Issue.record("an effect of a write that failed") }
                            try database.execute("UPDATE event SET name = 'spoilt'")
                            try database.execute("INSERT INTO event (uid) VALUES ('x')")
                            return ""
                        }
                    },
                    { try await directory.makeRegistration("b@x.example", for: event).email },
                ]
            )
            #expect(outcomes[0] == "a@x.example" && outcomes[3] == "b@x.example")
            #expect(outcomes[1] == "failed: refused")
            #expect(outcomes[2].lowercased().contains("null"))
            #expect(try database.query("SELECT email FROM registration ORDER BY id") == "a@x.example\nb@x.example")
            #expect(try database.query("SELECT name, presenters FROM event") == "Launch|[]")
            #expect(directory.view.event(event.uid)?.presenters == [])
        }
    }

    @Test("If the database rolls back a whole transaction, all its writes fail, and the view has none of them")
    func abortedTransaction() async throws {
        let database = database
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let outcomes = try await Self.asOneGroup(
                directory,
                [
                    { try await directory.makeRegistration("a@x.example", for: event).email },
                    {
                        try await directory.writer.write { database, _ in
                            // As SQLite does by itself when the disk fails.
                            try database.execute("ROLLBACK")
                            return ""
                        }
                    },
                    { try await directory.makeRegistration("b@x.example", for: event).email },
                    { try await directory.makeEvent("second").fields.name },
                ]
            )
            for outcome in outcomes { #expect(outcome.hasPrefix("failed: ")) }
            #expect(try database.query("SELECT count(*) FROM registration") == "0")
            #expect(try database.query("SELECT count(*) FROM event") == "1")
            // The next one succeeds.
            let registration = try await directory.makeRegistration("a@x.example", for: event)
            #expect(directory.view.person(for: registration.joinCode) != nil)
        }
    }

    @Test("A full disk fails the write with an error, and later ones succeed when there is room", .ofFiles)
    func fullDisk() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            func limit(_ pages: Int) throws {
                try directory.storage.write { database in
                    _ = try database.value("PRAGMA max_page_count = \(pages)", as: Int.self)
                }
            }
            try limit(1)
            var registered: [Registration] = []
            var failures = 0
            for index in 0..<100 {
                do {
                    registered.append(
                        try await directory.makeRegistration(
                            "p\(index)@x.example",
                            name: String(repeating: "n", count: 1000),
                            for: event
                        )
                    )
                } catch let error as DatabaseError {
                    #expect(error.resultCode == .SQLITE_FULL)
                    failures += 1
                }
            }
            #expect(failures > 0)
            try limit(1 << 30)
            registered.append(try await directory.makeRegistration("last@x.example", for: event))
            let page = try await directory.page(of: event)
            #expect(page.registrations == registered)
            for registration in registered { #expect(directory.view.person(for: registration.joinCode) != nil) }
        }
    }

    @Test("Deleting a webhook in the same group as a change that it announces does not fail")
    func webhookDeletedInGroup() async throws {
        try await database.withDirectory { directory in
            let webhook = try await directory.createWebhook(
                [.eventCreated],
                endpoint: "https://x.example/",
                event: nil,
                company: "acme"
            )
            let outcomes = try await Self.asOneGroup(
                directory,
                [
                    { "\(try await directory.removeWebhook(webhook.id, company: "acme"))" },
                    { try await directory.makeEvent().fields.name },
                ]
            )
            #expect(outcomes == ["true", "Launch"])
            #expect(try await directory.nextDelivery() == nil)
        }
    }

    @Test("An answered write is on disk: another process reads it at once")
    func onDisk() async throws {
        let database = database
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent("Grün 😀")
            #expect(try database.query("SELECT name FROM event") == "Grün 😀")
            for index in 0..<3 {
                _ = try await directory.makeRegistration("p\(index)@x.example", for: event)
                #expect(try database.query("SELECT count(*) FROM registration") == "\(index + 1)")
            }
            _ = try await directory.remove(event.uid, .event, company: "acme")
            #expect(try database.query("SELECT removed_at FROM event") == "\(start)")
        }
    }

    @Test("The disk is synchronised for every commit", .ofFiles)
    func synchronous() async throws {
        try await database.withDirectory { directory in
            let found = try directory.storage.write { database in
                (
                    try database.value("PRAGMA synchronous", as: Int.self),
                    try database.value("PRAGMA journal_mode", as: String.self),
                    try database.value("PRAGMA foreign_keys", as: Int.self)
                )
            }
            // FULL, and a write-ahead log, which FULL synchronises at each commit.
            #expect(found == (2, "wal", 1))
        }
    }

    @Test("Answered writes survive a crash: the files as they are at that moment form a valid database", .ofFiles)
    func crash() async throws {
        let database = database
        let copy = try TestDatabase()
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let registration = try await directory.makeRegistration("a@x.example", for: event)
            try run("sh", "-c", "cp \"$1\"/gateway.sqlite* \"$2\"", "sh", database.folder, copy.folder)
            let again = try copy.open()
            #expect(again.view.event(event.uid) != nil)
            #expect(again.view.person(for: registration.joinCode)?.email == "a@x.example")
            await again.close()
        }
    }

    @Test("Many concurrent writes all succeed, in view and database alike")
    func manyAtOnce() async throws {
        try await database.withDirectory { directory in
            let event = try await directory.makeEvent()
            let registrations = try await withThrowingTaskGroup(of: Registration.self) { group in
                for index in 0..<1000 {
                    group.addTask { try await directory.makeRegistration("p\(index)@x.example", for: event) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(registrations.map(\.joinCode)).count == 1000)
            for registration in registrations {
                #expect(directory.view.person(for: registration.joinCode)?.email == registration.email)
            }
            let page = try await directory.page(of: event, limit: 2000)
            #expect(Set(page.registrations.map(\.uid)) == Set(registrations.map(\.uid)))
        }
    }
}
