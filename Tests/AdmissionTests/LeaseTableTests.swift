import Admission
import Basics
import Testing

@Suite("Lease table: growth, expiry, reuse")
struct LeaseTableTests {
    private func subject(_ number: Int) -> SubjectKey {
        var numbers = Numbers(seed: UInt64(number))
        return SubjectKey(high: numbers.next(), low: numbers.next())
    }

    @Test(
        "It agrees with a dictionary through joins, renewals and sweeps, with growth, gaps and reuse",
        arguments: [1, 4]
    )
    func dictionary(shards: Int) {
        let table = LeaseTable(startedAt: start, seed: 3, shards: shards)
        let policy = policy(.refuse)
        var numbers = Numbers(seed: 8)
        var known: [Int: (session: SessionID, lastUsed: Milliseconds)] = [:]
        var now = start
        var lapsed = 0
        for _ in 0..<30_000 {
            now += Milliseconds(numbers.next() % 120)
            let number = Int(numbers.next() % 1500)
            let isKnown = known[number].map { now - $0.lastUsed < policy.idleTimeout } ?? false
            switch table.join(subject(number), as: numbers.candidate(), address: 1, now: now, policy: policy) {
            case .joined(let session, let replaced):
                #expect(!isKnown && replaced == nil)
                known[number] = (session, now)
            case .active(let since, _):
                #expect(isKnown && since == known[number]?.session.joinedAt)
                if let session = known[number]?.session, number % 3 == 0 {
                    #expect(table.touch(session, for: subject(number), address: 1, now: now, policy: policy))
                    known[number]?.lastUsed = now
                }
            case .tooMany, .replaced, .ended:
                Issue.record("there are no take-overs here")
            }
            if numbers.next() % 50 == 0 {
                for lapse in table.expire(now: now, policy: policy) {
                    lapsed += 1
                    #expect(now - lapse.lastUsed >= policy.idleTimeout)
                }
            }
        }
        table.expire(now: now, policy: policy)
        let alive = known.filter { now - $0.value.lastUsed < policy.idleTimeout }
        #expect(Set(table.leases(now: now, policy: policy).map(\.session)) == Set(alive.values.map(\.session)))
        #expect(lapsed > 1000)
        table.expire(now: now + policy.idleTimeout + 2000, policy: policy)
        #expect(table.count == 0)
    }

    @Test(
        "A renewed lease lives on, an idle one is swept within two seconds",
        arguments: [
            1_000, 90_000, 127_000, 128_000, 129_000, 3_600_000, 86_400_000,
        ] as [Milliseconds]
    )
    func sweep(idleTimeout: Milliseconds) throws {
        let table = LeaseTable(startedAt: start, seed: 3, shards: 1)
        var policy = SessionPolicy()
        policy.idleTimeout = idleTimeout
        let kept = try #require(joined(table.join(subject(1), as: .new(1, 1), address: 1, now: start, policy: policy)))
        _ = table.join(subject(2), as: .new(1, 1), address: 1, now: start, policy: policy)
        var now = start
        var goneAt: Milliseconds?
        let step = max(idleTimeout / 500, 500)
        while now < start + idleTimeout * 2 + 4000 {
            now += step
            #expect(table.touch(kept, for: subject(1), address: 1, now: now, policy: policy))
            let lapses = table.expire(now: now, policy: policy)
            if !lapses.isEmpty {
                #expect(goneAt == nil && lapses.map(\.subject) == [subject(2)])
                goneAt = now
            }
        }
        let delay = try #require(goneAt) - start - idleTimeout
        #expect(delay >= 0 && delay <= 1000 + step)
        #expect(table.count == 1)
    }

    @Test("A lease that follows an ended session is swept as soon as any other")
    func sweepAfterEnd() throws {
        let table = LeaseTable(startedAt: start, seed: 3, shards: 1)
        var policy = SessionPolicy()
        policy.idleTimeout = 2_000
        policy.maxLifetime = 600_000
        var now = start
        func pass(_ time: Milliseconds) -> [LeaseTable.Lapse] {
            var lapses: [LeaseTable.Lapse] = []
            for _ in 0..<time / 500 {
                now += 500
                lapses += table.expire(now: now, policy: policy)
            }
            return lapses
        }
        _ = try #require(joined(table.join(subject(1), as: .new(1, 1), address: 1, now: now, policy: policy)))
        #expect(table.end(subject(1), now: now) != nil)
        // The ended session is kept, so that it cannot come back.
        #expect(pass(10_000).isEmpty && table.count == 1)
        let second = try #require(joined(table.join(subject(1), as: .new(2, 2), address: 1, now: now, policy: policy)))
        #expect(pass(policy.idleTimeout + 4_000).map(\.session) == [second])
    }

    @Test("A clock that is set back or leaps ahead neither keeps leases for ever nor breaks the sweep")
    func clock() {
        let table = LeaseTable(startedAt: start, seed: 3, shards: 1)
        let policy = policy(.refuse)
        var now = start
        for (number, leap) in [0, 86_400_000, -172_800_000, 5000, -5000, 3_600_000].enumerated() {
            now += Milliseconds(leap)
            _ = table.join(subject(number), as: .new(1, 1), address: 1, now: now, policy: policy)
            table.expire(now: now, policy: policy)
        }
        for _ in 0..<400 {
            now += 1000
            table.expire(now: now, policy: policy)
        }
        #expect(table.count == 0)
    }

    @Test("An unlimited idle timeout or maximum age does not overflow")
    func extremes() {
        let table = LeaseTable(startedAt: start, seed: 3, shards: 1)
        var policy = SessionPolicy()
        policy.idleTimeout = .max
        policy.maxLifetime = .max
        policy.takeOverLimit = .max
        for number in 0..<10 {
            _ = table.join(subject(1), as: .new(1, 1), address: UInt64(number), now: start, policy: policy)
        }
        table.end(subject(1), now: start)
        #expect(table.expire(now: start + 1_000_000, policy: policy).isEmpty)
        #expect(table.count == 1)
    }

    private func joined(_ join: LeaseTable.Join) -> SessionID? {
        if case .joined(let session, _) = join { session } else { nil }
    }
}
