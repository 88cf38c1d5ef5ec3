import GRDB
import Testing

@testable import Admission
@testable import Directory

@Suite("However much there is, the next piece costs the same")
struct BacklogTests {
    private let database: TestDatabase

    init() throws { database = try TestDatabase() }

    @Test("Attack: half a million messages wait for a dead endpoint; sending others costs no more because of them")
    func messages() async throws {
        try await database.withDirectory { directory in
            let webhook = try await directory.createWebhook(
                [.sessionJoined],
                endpoint: "https://x.example",
                event: nil,
                company: "acme"
            )
            let id = webhook.id
            try await directory.pool.write { database in
                try database.execute(
                    sql: """
                        INSERT INTO delivery (webhook, event, message, created_at, due_at, is_head)
                        WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 499999)
                        SELECT ?1, 'event ' || n % 1000, '{}', ?2, ?2, n < 1000 FROM number
                        """,
                    arguments: [id, start]
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

    @Test(
        "Attack: a hundred thousand stays of one person, and of as many; attendance takes seconds and little memory"
    )
    func stays() {
        let event = Event(
            uid: "0b7ef9a5-3c0f-4b1e-9a55-2d5f0a5f6a01",
            kind: .event,
            company: "acme",
            creator: "acme",
            createdAt: start,
            fields: fields()
        )
        let began = ContinuousClock.now
        for people in [1, 100_000] {
            var sweep = AttendanceSweep(of: event, now: start + 3_600_000)
            for number in 0..<100_000 {
                let joinedAt = start + Int64(number) * 36
                sweep.add(
                    Stay(
                        session: "session \(number)",
                        registration: nil,
                        user: "user \(number % people)",
                        role: "attendee",
                        joinedAt: joinedAt,
                        leftAt: joinedAt + 18
                    )
                )
            }
            let found = sweep.attendance(row: 1)
            #expect(found.attended == people)
            #expect(found.participants[0].joins == 100_000 / people)
            #expect((60...61).contains(found.concurrency.count))
        }
        #expect(ContinuousClock.now - began < .seconds(120))
    }
}
