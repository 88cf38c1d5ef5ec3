import HTTPTypes
import Synchronization
import Testing

@testable import ControlPlane

@Suite("Calls of one company leave room for those of others")
struct CallQuotaTests {
    /// Lets what waits for it go on, once.
    private final class Gate: Sendable {
        private let stream: AsyncStream<Void>
        let open: AsyncStream<Void>.Continuation

        init() { (stream, open) = AsyncStream.makeStream() }

        func wait() async { for await _ in stream { return } }
    }

    @Test("attack: one company takes every turn; others have their own, and what waits beyond the bound is 429")
    func bounds() async throws {
        let quota = CallQuota(running: 1, waiting: 1)
        let (entered, gate) = (Gate(), Gate())
        let first = Task {
            try await quota.turn(of: "acme") {
                entered.open.yield()
                await gate.wait()
                return 1
            }
        }
        await entered.wait()
        let others = (0..<3).map { _ in Task { try await quota.turn(of: "acme") { 2 } } }
        // Of three that come one may wait; the two others are refused while the first still runs.
        try await withThrowingTaskGroup(of: Fault?.self) { group in
            for task in others {
                group.addTask {
                    do {
                        _ = try await task.value
                        return nil
                    } catch let fault as Fault {
                        return fault
                    }
                }
            }
            for _ in 0..<2 {
                let fault = try #require(try await group.next() ?? nil)
                #expect(fault.code == "too_many_calls")
                #expect(fault.status == .tooManyRequests)
                #expect(fault.fields[.retryAfter] == "1")
            }
            #expect(try await quota.turn(of: "globex") { 3 } == 3)
            gate.open.yield()
            #expect(try await first.value == 1)
            let last = try #require(try await group.next())
            #expect(last == nil)
        }
        #expect(try await quota.turn(of: "acme") { 4 } == 4)
    }

    private final class Counts: Sendable {
        let all = Mutex((running: 0, most: 0, done: 0))
    }

    @Test("Never more at once than the quota says, all have their turn, and what fails gives its turn back")
    func all() async throws {
        let quota = CallQuota(running: 2, waiting: 1000)
        let counts = Counts()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    try? await quota.turn(of: "acme") {
                        counts.all.withLock { counts in
                            counts.running += 1
                            counts.most = max(counts.most, counts.running)
                        }
                        await Task.yield()
                        counts.all.withLock { counts in
                            counts.running -= 1
                            counts.done += 1
                        }
                        if number % 3 == 0 { throw Unexpected(what: "fails") }
                    }
                }
            }
        }
        let (running, most, done) = counts.all.withLock { $0 }
        #expect(running == 0)
        #expect(most <= 2)
        #expect(done == 200)
    }
}
