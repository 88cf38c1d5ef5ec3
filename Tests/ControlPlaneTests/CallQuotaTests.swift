import HTTPTypes
import Synchronization
import TestSupport
import Testing

@testable import ControlPlane

@Suite("One company's calls leave room for those of others")
struct CallQuotaTests {
    @Test("Attack: one company takes every turn; others have their own, and calls beyond the bound get 429")
    func bounds() async throws {
        let quota = CallQuota(perCompany: 1, waiting: 1, patience: .seconds(3600))
        let first = try await quota.enter("acme")
        // Of three calls, one may wait; the other two are refused while the first still has its place.
        try await withThrowingTaskGroup(of: Fault?.self) { group in
            for _ in 0..<3 { group.addTask { await fault { try await quota.enter("acme").leave() } } }
            for _ in 0..<2 {
                let fault = try #require(try await group.next() ?? nil)
                #expect(fault.code == "too_many_calls")
                #expect(fault.status == .tooManyRequests)
                #expect(fault.fields[.retryAfter] == "1")
            }
            try await quota.enter("globex").leave()
            first.leave()
            let last = try #require(try await group.next())
            #expect(last == nil)
        }
        try await quota.enter("acme").leave()
    }

    @Test("Attack: two companies' heavy calls take every turn; a third waits briefly, and is told to retry")
    func everyTurnTaken() async throws {
        let quota = CallQuota(perCompany: 1, total: 2, waiting: 4, patience: .milliseconds(20))
        let places = [try await quota.enter("acme"), try await quota.enter("globex")]
        let fault = try #require(await fault { try await quota.enter("initech").leave() })
        #expect(fault.status == .serviceUnavailable)
        #expect(fault.code == "busy")
        #expect(fault.fields[.retryAfter] == "2")
        // A company blocked by its own calls is told so.
        let own = try #require(await self.fault { try await quota.enter("acme").leave() })
        #expect(own.code == "too_many_calls")
        for place in places { place.leave() }
        try await quota.enter("initech").leave()
    }

    private final class Order: Sendable {
        let companies = Mutex<[String]>([])
    }

    @Test("Attack: a company queues many heavy calls; another that comes later is next but one")
    func rotation() async throws {
        let quota = CallQuota(perCompany: 2, total: 1, waiting: 16, patience: .seconds(3600))
        let order = Order()
        let first = try await quota.enter("acme")
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { first.leave() }
            for company in ["acme", "acme", "acme", "acme", "globex", "globex"] {
                let before = quota.waitingCount
                group.addTask {
                    guard let place = try? await quota.enter(company) else { return }
                    order.companies.withLock { $0.append(company) }
                    place.leave()
                }
                try await waitUntil("the call waits") { quota.waitingCount > before }
            }
        }
        #expect(
            order.companies.withLock { $0 } == ["acme", "globex", "acme", "globex", "acme", "acme"]
        )
    }

    @Test(
        "Attack: unread answers fill the memory; past the bound a company's calls get 429, others' do not"
    )
    func unreadAnswers() async throws {
        let quota = CallQuota(perCompany: 8, waiting: 8, maxBytes: 100)
        let alone = try await quota.enter("acme")
        // Larger than the bound, but the only one.
        try alone.hold(150, isDone: false)
        let refused = try #require(await fault { try await quota.enter("acme").leave() })
        #expect(refused.code == "too_many_answers")
        #expect(refused.status == .tooManyRequests)
        #expect(refused.fields[.retryAfter] == "1")
        let other = try await quota.enter("globex")
        try other.hold(90, isDone: false)
        alone.leave()
        let places = [try await quota.enter("acme"), try await quota.enter("acme"), try await quota.enter("acme")]
        try places[0].hold(60, isDone: false)
        let second = try #require(await fault { try places[1].hold(60, isDone: false) })
        #expect(second.code == "too_many_answers")
        // A call that has changed something is answered anyway.
        try places[2].hold(60, isDone: true)
        for place in places { place.leave() }
        let last = try await quota.enter("acme")
        try last.hold(100, isDone: false)
        last.leave()
        last.leave()
        try await quota.enter("acme").hold(100, isDone: false)
        try await quota.enter("acme").hold(100, isDone: false)
    }

    private func fault(_ body: () async throws -> Void) async -> Fault? {
        do {
            try await body()
            return nil
        } catch {
            return error as? Fault
        }
    }

    private final class Counts: Sendable {
        let all = Mutex((running: 0, most: 0, done: 0))
    }

    @Test("The quota is never exceeded, all calls get their turn, and a failing call gives its turn back")
    func all() async throws {
        let quota = CallQuota(perCompany: 2, total: 3, waiting: 1000, patience: .seconds(3600))
        let counts = Counts()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    guard let place = try? await quota.enter("company \(number % 3)") else { return }
                    counts.all.withLock { counts in
                        counts.running += 1
                        counts.most = max(counts.most, counts.running)
                    }
                    await Task.yield()
                    counts.all.withLock { counts in
                        counts.running -= 1
                        counts.done += 1
                    }
                    // Some only release it.
                    if number % 3 == 0 { place.leave() }
                }
            }
        }
        let (running, most, done) = counts.all.withLock { $0 }
        #expect(running == 0)
        #expect(most <= 3)
        #expect(done == 200)
        #expect(quota.runningCount == 0)
    }
}
