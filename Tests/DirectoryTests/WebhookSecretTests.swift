import GRDB
import Testing

@testable import Directory

@Suite("Secrets of webhooks that an earlier version made", .onEachDatabase)
struct WebhookSecretTests {
    @Test("They keep their key, in the form of Standard Webhooks", .ofFiles)
    func standardized() async throws {
        let database = try TestDatabase()
        let pool = try DatabasePool(path: database.path)
        try Migrations.migrator.migrate(pool, upTo: "13 what clients say about events")
        let secrets = ["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "whsec_-_8", "s"]
        try await pool.write { database in
            for secret in secrets {
                try database.execute(
                    sql: """
                        INSERT INTO webhook (id, company, type, endpoint, secret, created_at)
                        VALUES (?1, 'acme', 'event.created', 'https://x.example', ?1, 0)
                        """,
                    arguments: [secret]
                )
            }
        }
        try pool.close()
        for _ in 0..<2 {
            try await database.withDirectory { directory in
                let found = try secrets.map { try #require(directory.webhook($0, company: "acme")).secret }
                #expect(found[0].key == Array(0..<32))
                #expect(found[0].text == "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
                #expect(found[1].text == "whsec_+/8=")
                #expect(found[2].key == Array("s".utf8))
            }
        }
    }

    @Test("A secret before the last signs on after the migration, and after a restart, until its time", .ofFiles)
    func formers() async throws {
        let database = try TestDatabase()
        let pool = try DatabasePool(path: database.path)
        try Migrations.migrator.migrate(pool, upTo: "21 sums of attendance")
        try await pool.write { database in
            try database.execute(
                sql: """
                    INSERT INTO webhook (id, company, types, endpoint, secret, created_at, old_secret, old_secret_until)
                    VALUES ('w', 'acme', 'event.created', 'https://x.example', 'whsec_AAEC', 0, 'whsec_AwQF', ?),
                        ('v', 'acme', 'event.created', 'https://x.example', 'whsec_AAEC', 0, NULL, NULL)
                    """,
                arguments: [start + 1000]
            )
        }
        try pool.close()
        var expected: [[UInt8]] = [[0, 1, 2], [3, 4, 5]]
        for _ in 0..<2 {
            try await database.withDirectory { directory in
                let webhook = try #require(directory.webhook("w", company: "acme"))
                #expect(webhook.secrets(at: start).map(\.key) == expected)
                #expect(try #require(directory.webhook("v", company: "acme")).secrets(at: start).count == 1)
                guard case .rotated(let rotated) = try await directory.rotateSecret(of: "w", company: "acme") else {
                    throw NotRegistered()
                }
                expected.insert(rotated.secret.key, at: 0)
                #expect(rotated.secrets(at: start).map(\.key) == expected)
            }
        }
        database.clock.advance(1000)
        try await database.withDirectory { directory in
            _ = try await directory.purge(Retention(stays: 1 << 40, removed: 1 << 40, webhooks: 1 << 40))
            #expect(directory.webhook("w", company: "acme")?.formers.map(\.secret.key) == Array(expected[1...2]))
            #expect(try await directory.removeWebhook("w", company: "acme"))
            let left = try await directory.storage.read {
                try $0.value("SELECT count(*) FROM former_secret", as: Int.self)
            }
            #expect(left == 0)
        }
    }
}
