import Basics
import GRDB
import Testing

@testable import Admission
@testable import Directory

@Suite(
    "Messages that are over are kept: for a time, up to a number, and without people who were erased",
    .onEachDatabase
)
struct DeliveryRecordTests {
    let database: TestDatabase

    init() throws { database = try TestDatabase() }

    private func page(_ directory: Directory, limit: Int = 5000) async throws -> DeliveryPage {
        let webhook = try #require(directory.allWebhooks.first)
        return try #require(
            try await directory.deliveries(to: webhook.id, company: "acme", status: nil, limit: limit, before: nil)
        )
    }

    @Test("They are deleted after the retention's time, counted from the last attempt")
    func retention() async throws {
        try await database.withDirectory { directory in
            try await directory.makeWebhook(.eventCreated)
            for name in ["early", "late"] {
                _ = try await directory.makeEvent(name)
                for delivery in try await directory.dueDeliveries(at: database.clock.now) {
                    try await directory.finish(delivery, response: 200)
                }
                database.clock.advance(1000)
            }
            #expect(try await page(directory).deliveries.map(\.triedAt) == [start + 1000, start])
            let retention = Retention(stays: 1 << 40, removed: 1 << 40, webhooks: 1500)
            #expect(try await directory.purge(retention)?.messages == 1)
            #expect(try await page(directory).deliveries.map(\.triedAt) == [start + 1000])
        }
    }

    @Test("Only the latest thousand are kept")
    func bound() async throws {
        try await database.withDirectory { directory in
            try await directory.makeWebhook(.eventCreated)
            let webhook = try #require(directory.allWebhooks.first)
            let count = Directory.maxPastDeliveries
            try await directory.writer.write { database, _ in
                for id in 1...count {
                    try database.execute(
                        """
                        INSERT INTO past_delivery (id, webhook, event, uid, type, message, created_at, attempts, tried_at,
                            has_arrived) VALUES (?1, ?2, 'e', ?1, 't', '{}', 0, 1, 0, 1)
                        """,
                        [id, webhook.id]
                    )
                    // Ids of messages that wait are never used twice.
                    if id == count {
                        try database.execute(
                            """
                            INSERT INTO delivery (id, webhook, event, message, created_at, due_at, is_head)
                            VALUES (?, ?, 'e', '{}', 0, 0, 1)
                            """,
                            [id + 1, webhook.id]
                        )
                    }
                }
            }
            #expect(try await directory.takeDeliveries(at: start).count == 1)
            let kept = try await page(directory).deliveries
            #expect(kept.count == count && kept.first?.row == Int64(count) + 1 && kept.last?.row == 2)
        }
    }

    @Test("A message that is delivered again says whether it waits behind an older one of its event")
    func behind() async throws {
        try await database.withDirectory { directory in
            try await directory.makeWebhook(.registrationCreated)
            let event = try await directory.makeEvent()
            _ = try await directory.makeRegistration("kim@x.example", for: event)
            _ = try await directory.makeRegistration("ann@x.example", for: event)
            let waiting = try await page(directory).deliveries
            #expect(waiting.map(\.isBehind) == [true, false])
            let first = try #require(try await directory.dueDeliveries(at: start).first)
            try await directory.finish(first, response: 200)
            #expect(try await page(directory).deliveries.allSatisfy { !$0.isBehind })
            let again = try await directory.redeliver(first.uid, to: first.webhook.id, company: "acme")
            #expect(try #require(again).isBehind)
        }
    }

    @Test("Attack: an erased person is in no kept message, and cannot be delivered again")
    func erased() async throws {
        try await database.withDirectory { directory in
            try await directory.makeWebhook(.registrationCreated)
            let event = try await directory.makeEvent()
            _ = try await directory.makeRegistration("kim@x.example", for: event)
            _ = try await directory.makeRegistration("ann@x.example", for: event)
            let delivered = try await directory.takeDeliveries(at: start)
            #expect(delivered.count == 2)
            let kim = try #require(delivered.first { $0.message.contains("kim@x.example") })
            let erasure = try await directory.erasePerson(email: "kim@x.example", company: "acme")
            #expect(erasure.messages == 1)
            #expect(try await page(directory).deliveries.count == 1)
            let again = try await directory.redeliver(kim.uid, to: kim.webhook.id, company: "acme")
            #expect(again == nil)
            #expect(try database.stored(["kim@x.example"]) == [])
            // One that was under way meanwhile is not kept either.
            try await directory.finish(kim, response: 200)
            #expect(try await page(directory).deliveries.count == 1)
        }
    }

    @Test("Messages of an earlier version keep their id and type", .ofFiles)
    func migrated() async throws {
        let pool = try DatabasePool(path: database.path)
        try Migrations.migrator.migrate(pool, upTo: "14 secrets as in Standard Webhooks")
        try await pool.write { database in
            try database.execute(
                sql: """
                    INSERT INTO webhook (id, company, type, endpoint, secret, created_at)
                    VALUES ('w', 'acme', 'event.created', 'https://x.example', 'whsec_AAEC', 0);
                    INSERT INTO delivery (webhook, event, message, created_at, due_at, is_head)
                    VALUES ('w', 'e', '{"id":"m-1","type":"event.created"}', 0, 0, 1), ('w', 'e', '{}', 0, 0, 0);
                    """
            )
        }
        try pool.close()
        try await database.withDirectory { directory in
            #expect(directory.allWebhooks.map(\.types) == [[.eventCreated]])
            let found = try await page(directory).deliveries
            #expect(found.map(\.uid) == ["2", "m-1"] && found.map(\.type) == ["", "event.created"])
        }
    }
}
