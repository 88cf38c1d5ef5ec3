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
            var running: Set<Int64> = []
            var times: [Duration] = []
            for number in 0..<300 {
                let began = ContinuousClock.now
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
                times.append(ContinuousClock.now - began)
            }
            // The machine may do other things, so this is compared with reading all that wait.
            let began = ContinuousClock.now
            let waiting = try await directory.storage.read { database in
                try database.value("SELECT count(*) FROM delivery WHERE message = '{}'", as: Int.self)
            }
            let whole = ContinuousClock.now - began
            #expect(waiting == 499_900)
            for kind in 0..<3 {
                let least = try #require(times.indices.filter { $0 % 3 == kind }.map { times[$0] }.min())
                #expect(least * 5 < whole, "\(least) of \(whole)")
            }
        }
    }
}
