import Admission
import Basics
import Testing

@Suite("How often an address may try within a minute")
struct AttemptLimiterTests {
    private let limiter = AttemptLimiter()
    private let now: Milliseconds = 5_000_000

    @Test("An address is free until it has used up its attempts")
    func limit() {
        for attempt in 0..<3 {
            #expect(!limiter.isExhausted(7, limit: 3, now: now), "\(attempt)")
            limiter.count(7, now: now)
        }
        #expect(limiter.isExhausted(7, limit: 3, now: now))
        #expect(!limiter.isExhausted(7, limit: 4, now: now))
    }

    @Test("Attempts are accepted until none is left; then the wait is reported, and nothing is counted")
    func attempts() {
        for attempt in 0..<3 { #expect(limiter.attempt(7, limit: 3, now: now + Milliseconds(attempt)) == nil) }
        for waited: Milliseconds in [3, 30_000, 59_999] {
            #expect(limiter.attempt(7, limit: 3, now: now + waited) == 60_000 - waited)
        }
        #expect(limiter.attempt(7, limit: 4, now: now + 59_999) == nil)
        #expect(limiter.attempt(7, limit: 4, now: now + 59_999) == 1)
        #expect(limiter.attempt(7, limit: 3, now: now + 60_000) == nil)
        for _ in 0..<100 { #expect(limiter.attempt(0, limit: 1, now: now) == nil) }
        for _ in 0..<100 { #expect(limiter.attempt(8, limit: 0, now: now) == nil) }
    }

    @Test("Concurrent attempts never exceed the limit")
    func concurrentAttempts() async {
        let taken = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask { [limiter, now] in
                    (0..<500).count { _ in limiter.attempt(7, limit: 1000, now: now) == nil }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(taken == 1000)
    }

    @Test("Asking does not count as an attempt")
    func asking() {
        for _ in 0..<10 { #expect(!limiter.isExhausted(7, limit: 1, now: now)) }
    }

    @Test("Clients without an address do not use up each other's attempts")
    func unknownAddress() {
        for _ in 0..<10 { limiter.count(0, now: now) }
        #expect(!limiter.isExhausted(0, limit: 1, now: now))
        #expect(limiter.pause(0, now: now) == 0)
    }

    @Test("A limit of 0 means no limit")
    func noLimit() {
        for _ in 0..<100 { limiter.count(7, now: now) }
        #expect(!limiter.isExhausted(7, limit: 0, now: now))
    }

    @Test("The minute runs from the first attempt, to the millisecond, and the next one begins with one attempt")
    func window() {
        limiter.count(7, now: now)
        limiter.count(7, now: now + 59_000)
        #expect(limiter.isExhausted(7, limit: 2, now: now + 59_999))
        #expect(limiter.pause(7, now: now + 59_999) == 1)
        #expect(!limiter.isExhausted(7, limit: 2, now: now + 60_000))
        #expect(limiter.pause(7, now: now + 60_000) == 0)
        limiter.count(7, now: now + 60_000)
        #expect(limiter.isExhausted(7, limit: 1, now: now + 60_000))
        #expect(!limiter.isExhausted(7, limit: 2, now: now + 60_000))
        #expect(limiter.pause(7, now: now + 60_000) == 60_000)
    }

    @Test("The costs of attempts add up, over a window of any length")
    func cost() {
        let limiter = AttemptLimiter(length: 1000)
        limiter.count(7, by: 40, now: now)
        #expect(!limiter.isExhausted(7, limit: 41, now: now + 999))
        limiter.count(7, by: 2, now: now + 999)
        #expect(limiter.isExhausted(7, limit: 41, now: now + 999))
        #expect(limiter.pause(7, now: now + 999) == 1)
        #expect(!limiter.isExhausted(7, limit: 1, now: now + 1000))
    }

    @Test("An address that must wait is told how long; one that need not may try at once")
    func pause() {
        #expect(limiter.pause(7, now: now) == 0)
        limiter.count(7, now: now)
        for waited: Milliseconds in [0, 1, 30_000, 59_999] {
            #expect(limiter.pause(7, now: now + waited) == 60_000 - waited)
        }
        #expect(limiter.pause(7, now: now + 1_000_000) == 0)
    }

    @Test("One address does not use up another's attempts, wherever their hashes fall")
    func separate() {
        var addresses: [UInt64] = [2, 1, .max, .max - 1, 1 << 58, 2 << 58, 63 << 58]
        addresses += (1...500).map { $0 &* 0x9E37_79B9_7F4A_7C15 }
        let counted = Set(addresses)
        for address in counted { limiter.count(address, now: now) }
        #expect(counted.allSatisfy { limiter.isExhausted($0, limit: 1, now: now) })
        #expect(counted.allSatisfy { !limiter.isExhausted($0, limit: 2, now: now) })
        #expect(!limiter.isExhausted(0xABCD, limit: 1, now: now))
    }

    @Test("Attack: a flood of addresses does not free one within its minute, while old entries make room")
    func roomFromOld() {
        for address: UInt64 in 1...4000 { limiter.count(address, now: now) }
        limiter.count(4500, now: now + 30_000)
        for address: UInt64 in 5000...8000 { limiter.count(address, now: now + 60_000) }
        #expect(limiter.isExhausted(4500, limit: 1, now: now + 60_000))
    }

    @Test("Attack: a flood of addresses within a minute uses bounded memory and leaves the limit working")
    func flood() {
        limiter.count(1 << 58, now: now)
        for address: UInt64 in 0..<20_000 { limiter.count(address, now: now) }
        let known = (0..<20_000 as Range<UInt64>).count { limiter.isExhausted($0, limit: 1, now: now) }
        #expect(known > 0)
        #expect(known <= 4096)
        // Another shard is not affected.
        #expect(limiter.isExhausted(1 << 58, limit: 1, now: now))
        limiter.count(42, now: now)
        #expect(limiter.isExhausted(42, limit: 1, now: now))
    }

    @Test("Attempts counted by several threads at once are all counted")
    func concurrent() async {
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask { [limiter, now] in
                    for attempt in 0..<500 { limiter.count(UInt64(attempt % 4) << 60 | UInt64(task % 2 + 1), now: now) }
                }
            }
        }
        for address: UInt64 in 0..<4 {
            for low: UInt64 in 1...2 {
                #expect(limiter.isExhausted(address << 60 | low, limit: 500, now: now))
                #expect(!limiter.isExhausted(address << 60 | low, limit: 501, now: now))
            }
        }
    }
}
