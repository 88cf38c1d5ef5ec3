import Testing

@testable import Admission
@testable import Directory

@Suite("However much there is, the next piece costs the same", .onEachDatabase)
struct BacklogTests {
    private let database: TestDatabase

    init() throws { database = try TestDatabase() }

    @Test(
        "Attack: half a million messages wait for a dead endpoint; sending others costs no more because of them",
        .ofFiles
    )
    func messages() async throws {
        try await database.withDirectory { directory in
            let webhook = try await directory.createWebhook(
                [.sessionJoined],
                endpoint: "https://x.example",
                event: nil,
                company: "acme"
            )
            let id = webhook.id
            try directory.storage.write { database in
                try database.execute(
                    """
                    INSERT INTO delivery (webhook, event, message, created_at, due_at, is_head)
                    WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 499999)
                    SELECT ?1, 'event ' || n % 1000, '{}', ?2, ?2, iif(n < 1000, 1, 0) FROM number
                    """,
                    [id, start]
                )
            }
            let began = ContinuousClock.now
            var running: Set<Int64> = []
            for number in 0..<300 {
                guard
                    case .message(let delivery) = try await directory.nextMessage(
                        for: webhook,
                        except: running,
                        at: start + 1
                    )
                else {
                    Issue.record("no message")
                    return
                }
                switch number % 3 {
                case 0: try await directory.finish(delivery)
                case 1: try await directory.retry(delivery, at: start + 60_000, reason: "answered 500")
                default: running = [delivery.id]
                }
            }
            // Scanning all that wait takes most of a second, each time.
            #expect(ContinuousClock.now - began < .seconds(60))
        }
    }
}
