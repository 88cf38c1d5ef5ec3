import GRDB
import Testing

@testable import Directory

@Suite("Secrets of webhooks that an earlier version made")
struct WebhookSecretTests {
    @Test("They keep their key, in the form of Standard Webhooks")
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
}
