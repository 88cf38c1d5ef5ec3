import Basics
import GRDB
import JOSE
import Synchronization
import Testing

@testable import Admission
@testable import Directory

@Suite("Many messages of few changes: written in parts, in order, and no more of them than may wait", .onEachDatabase)
struct SpreadingTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private func makeWebhooks(
        _ directory: Directory,
        _ count: Int,
        _ types: [WebhookType] = [.registrationCreated],
        company: String = "acme"
    ) async throws -> [Webhook] {
        var webhooks: [Webhook] = []
        for number in 0..<count {
            let endpoint = "https://x.example/\(number)"
            webhooks.append(
                try await directory.createWebhook(types, endpoint: endpoint, event: nil, company: company)
            )
        }
        return webhooks
    }

    private func register(_ emails: [String], for event: Event, _ directory: Directory) async throws {
        let people = emails.map { NewRegistration(name: "Kim", email: $0, metadata: nil) }
        let outcome = try await directory.register(
            people,
            for: event.uid,
            .event,
            company: event.company,
            isAtomic: true
        )
        guard case .done = outcome else { throw NotRegistered() }
    }

    private func count(_ table: String, _ directory: Directory) async throws -> Int {
        try await directory.storage.read { try $0.value("SELECT count(*) FROM \(table)", as: Int.self) ?? 0 }
    }

    /// The messages that wait for a webhook, in order.
    private func waiting(_ webhook: Webhook, _ directory: Directory) async throws -> [[JSONMember]] {
        try await directory.storage.read { database in
            try database.values(
                "SELECT message FROM delivery WHERE webhook = ? ORDER BY id",
                [webhook.id],
                as: String.self
            ).map { try JSONText.members($0) }
        }
    }

    /// Whether the sums are those of the messages that wait.
    private func sumsAreRight(_ directory: Directory) async throws -> Bool {
        try await directory.storage.read { database in
            try database.value(
                """
                SELECT count(*) FROM webhook WHERE (waiting, waiting_bytes) <> (
                    SELECT count(*), coalesce(sum(octet_length(message)), 0) FROM delivery WHERE webhook = webhook.id
                )
                """
            ) == 0
        }
    }

    private func emails(_ count: Int) -> [String] { (0..<count).map { "p\($0)@x.example" } }

    @Test("Attack: one call of many people, with a hundred webhooks, writes a row a person; messages follow in order")
    func bulk() async throws {
        try await database.withDirectory { directory in
            let rings = Mutex(0)
            directory.onAnnouncement { rings.withLock { $0 += 1 } }
            let webhooks = try await makeWebhooks(directory, 100)
            let event = try await directory.makeEvent()
            let emails = emails(30)
            try await register(emails, for: event, directory)
            let direct = try await count("delivery", directory)
            #expect(direct <= 200)
            #expect(try await count("announcement", directory) >= 28)
            #expect(rings.withLock { $0 } > 0)
            // One more, by itself, waits behind them.
            _ = try await directory.makeRegistration("last@x.example", for: event)
            #expect(try await count("delivery", directory) == direct)

            try await directory.spread()
            #expect(try await count("announcement", directory) == 0)
            var ids: Set<ExactText> = []
            for webhook in webhooks {
                let messages = try await waiting(webhook, directory)
                let told = messages.compactMap { message -> JSONValue? in
                    guard case .object(let data)? = message["data"] else { return nil }
                    return data["email"]
                }
                #expect(told == (emails + ["last@x.example"]).map(JSONValue.string))
                for message in messages {
                    if case .string(let id)? = message["id"] { ids.insert(ExactText(id)) }
                    #expect(message.map(\.name) == Self.members)
                }
            }
            #expect(ids.count == 3100)
            #expect(try await sumsAreRight(directory))
            #expect(await directory.read().waitingMessages == 3100)
            // Then messages are written with their changes again.
            _ = try await directory.makeRegistration("next@x.example", for: event)
            #expect(try await count("delivery", directory) == 3200)
        }
    }

    private static let members = ["id", "type", "timestamp", "sequence", "companyId", "eventId", "data"]

    @Test("A company with one webhook has its messages with the change, however many they are")
    func one() async throws {
        try await database.withDirectory { directory in
            _ = try await makeWebhooks(directory, 1)
            let event = try await directory.makeEvent()
            try await register(emails(150), for: event, directory)
            #expect(try await count("delivery", directory) == 150)
            #expect(try await count("announcement", directory) == 0)
        }
    }

    @Test("What waits goes to the webhooks of its time that are left, also after a restart; companies take turns")
    func later() async throws {
        let clock = database.clock
        try await database.withDirectory { directory in
            for company in ["acme", "beta"] {
                _ = try await makeWebhooks(directory, 102, company: company)
                let event = try await directory.makeEvent(company: company)
                try await register(emails(2), for: event, directory)
            }
        }
        try await database.withDirectory { directory in
            clock.advance(1)
            let late = try await makeWebhooks(directory, 1)[0]
            let gone = try #require(directory.webhooks(of: "acme").first)
            #expect(try await directory.removeWebhook(gone.id, company: "acme"))
            try await directory.spread()
            #expect(try await waiting(late, directory).isEmpty)
            #expect(try await count("delivery", directory) == 101 * 2 + 102 * 2)
            let turns = try await directory.storage.read { database in
                try database.values(
                    "SELECT company FROM delivery JOIN webhook ON webhook.id = webhook GROUP BY company ORDER BY min(delivery.id)",
                    as: String.self
                )
            }
            #expect(turns == ["acme", "beta"])
            #expect(try await sumsAreRight(directory))
        }
    }

    @Test(
        "Attack: more messages than may wait: the oldest are given up, and the company is told; other webhooks keep theirs"
    )
    func backlog() async throws {
        try await database.withDirectory { directory in
            let gaveUp = Mutex<[Int]>([])
            directory.onFullBacklog { _, count in gaveUp.withLock { $0.append(count) } }
            let webhooks = try await makeWebhooks(directory, 100)
            let (full, other) = (webhooks[0], webhooks[1])
            let share = Directory.maxBacklog / 100
            try directory.storage.write { database in
                for (webhook, count) in [(full, share), (other, 10)] {
                    try database.execute(
                        """
                        INSERT INTO delivery (webhook, event, uid, type, message, created_at, due_at, is_head)
                        WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < ?2 - 1)
                        SELECT ?1, 'e', 'uid ' || n, 'event.created', '{}', ?3, ?3, iif(n = 0, 1, 0) FROM number
                        """,
                        [webhook.id, count, start]
                    )
                }
            }
            let event = try await directory.makeEvent()
            _ = try await directory.makeRegistration("kim@x.example", for: event)
            #expect(try await waiting(full, directory).count == share)
            #expect(try await waiting(other, directory).count == 11)
            #expect(gaveUp.withLock { $0 } == [1])
            let failed = try #require(
                try await directory.deliveries(to: full.id, company: "acme", status: .failed, limit: 10, before: nil)
            )
            #expect(failed.deliveries.map(\.uid) == ["uid 0"])
            #expect(failed.deliveries.allSatisfy { $0.error == "too many messages waited behind it" })
            #expect(failed.deliveries.allSatisfy { $0.attempts == 0 && $0.triedAt == nil })
            let page = try #require(
                try await directory.deliveries(to: full.id, company: "acme", status: .pending, limit: 10, before: nil)
            )
            #expect(page.total == share)
            // The next in line is the first now.
            let next = try await directory.nextMessage(for: full, at: start)
            guard case .message(let delivery) = next else { throw NotRegistered() }
            #expect(delivery.uid == "uid 1")
            // One that arrives although it was given up has arrived.
            let hook = try #require(directory.webhook(full.id, company: "acme"))
            let lost = Delivery(
                id: failed.deliveries[0].row,
                webhook: hook,
                uid: "uid 0",
                type: "event.created",
                message: "{}",
                queuedAt: start,
                attempts: 0
            )
            try await directory.finish(lost, response: 200)
            let late = try #require(
                try await directory.deliveries(to: full.id, company: "acme", status: .delivered, limit: 10, before: nil)
            )
            #expect(late.deliveries.map(\.uid) == ["uid 0"] && late.deliveries[0].error == nil)
            #expect(try await sumsAreRight(directory))
        }
    }

    @Test("Attack: few messages, but large ones: their bytes are limited too")
    func bytes() async throws {
        try await database.withDirectory { directory in
            let webhooks = try await makeWebhooks(directory, 100)
            // Small ones, and then one that fills the webhook's part.
            let part = Directory.maxBacklogBytes / 100
            try directory.storage.write { database in
                for (number, length) in [1, 1, 1, 1, part - 8].enumerated() {
                    try database.execute(
                        """
                        INSERT INTO delivery (webhook, event, uid, type, message, created_at, due_at, is_head)
                        VALUES (?1, 'e', ?2, 'event.ended', ?3, ?4, ?4, ?5)
                        """,
                        [webhooks[0].id, "\(number)", String(repeating: "0", count: length), start, number == 0]
                    )
                }
            }
            let event = try await directory.makeEvent()
            _ = try await directory.makeRegistration("kim@x.example", for: event)
            #expect(try await count("delivery WHERE webhook = '\(webhooks[0].id)'", directory) == 1)
            #expect(try await sumsAreRight(directory))
        }
    }

    @Test("A person who is erased is in no announcement, and nothing is left of a company that is removed")
    func erased() async throws {
        try await database.withDirectory { directory in
            let webhooks = try await makeWebhooks(directory, 102)
            let event = try await directory.makeEvent()
            try await register(["kim@x.example", "ann@x.example"], for: event, directory)
            let erasure = try await directory.erasePerson(email: "KIM@x.example", company: "acme")
            #expect(erasure.messages == 1)
            #expect(try database.stored(["kim@x.example"]) == [])
            try await directory.spread()
            #expect(try await waiting(webhooks[0], directory).count == 1)
            #expect(try await sumsAreRight(directory))
            try await register(["bob@x.example", "eve@x.example"], for: event, directory)
            try await directory.removeData(ofCompany: "acme")
            #expect(try await count("announcement", directory) == 0)
            #expect(try await count("delivery", directory) == 0)
        }
    }

    @Test("Sums follow messages that arrive, are given up, go again, lose a person and are deleted")
    func sums() async throws {
        try await database.withDirectory { directory in
            let webhook = try await makeWebhooks(directory, 1, [.registrationCreated, .eventEnded])[0]
            let event = try await directory.makeEvent()
            let kim = try await directory.makeRegistration("kim@x.example", for: event)
            let visit = session(1, event: event, registration: kim, since: start)
            try await directory.record([.arrived(visit), .departed(visit, .left, at: start + 60_000)])
            try await register(emails(3), for: event, directory)
            func next() async throws -> Delivery {
                guard case .message(let delivery) = try await directory.nextMessage(for: webhook, at: start) else {
                    throw NotRegistered()
                }
                return delivery
            }
            let first = try await next()
            try await directory.finish(first)
            #expect(try await sumsAreRight(directory))
            try await directory.retry(try await next(), at: nil, reason: "answered 500")
            #expect(try await sumsAreRight(directory))
            _ = try await directory.redeliver(first.uid, to: webhook.id, company: "acme")
            #expect(try await sumsAreRight(directory))
            database.clock.advance(3_600_000)
            try await directory.announceDates()
            #expect(await directory.read().waitingMessages == 4)
            _ = try await directory.erasePerson(email: "kim@x.example", company: "acme")
            #expect(try await sumsAreRight(directory))
            database.clock.advance(8 * 86_400_000)
            _ = try await directory.purge(Retention(stays: .max / 2, removed: .max / 2, webhooks: 7 * 86_400_000))
            #expect(try await sumsAreRight(directory))
        }
    }

    @Test("Messages of an earlier version are counted", .ofFiles)
    func migration() async throws {
        let pool = try DatabasePool(path: database.path)
        try Migrations.migrator.migrate(pool, upTo: "23 sums of parts of attendance")
        try await pool.write { database in
            try database.execute(
                sql: """
                    INSERT INTO webhook (id, company, types, endpoint, secret, created_at)
                    VALUES ('w', 'acme', 'event.created', 'https://x.example', 's', 0);
                    INSERT INTO delivery (webhook, event, message, created_at, due_at)
                    VALUES ('w', 'e', '{"a":"ä"}', 0, 0), ('w', 'e', '{}', 0, 0)
                    """
            )
        }
        try pool.close()
        try await database.withDirectory { directory in
            #expect(await directory.read().waitingMessages == 2)
            let bytes = try await directory.storage.read {
                try $0.value("SELECT waiting_bytes FROM webhook", as: Int.self)
            }
            #expect(bytes == 12)
        }
    }

    @Test(
        "Attack: a company's many starts at one moment do not delay another's, and those without webhooks none at all"
    )
    func dates() async throws {
        try await database.withDirectory { directory in
            for company in ["acme", "beta"] {
                _ = try await makeWebhooks(directory, 1, [.eventStarted], company: company)
            }
            for number in 0..<300 { _ = try await directory.makeEvent("\(number)", startsAt: start + 10) }
            let other = try await directory.makeEvent("other", company: "beta", startsAt: start + 20)
            let writes = await directory.read().commits.successes
            database.clock.advance(20)
            try await directory.announceDates()
            let order = try await directory.storage.read {
                try $0.values("SELECT event FROM delivery ORDER BY id", as: String.self)
            }
            #expect(order.count == 301 && order.firstIndex(of: other.uid) == 1)
            // Not one each.
            #expect(await directory.read().commits.successes - writes < 300)
        }
    }
}
