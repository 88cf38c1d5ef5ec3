import Basics
import JOSE
import Testing

@testable import ControlPlane

@Suite("Shares: no company's endpoints, however dead, delay another's messages")
struct DeliverySharesTests {
    @Test("A company takes a quarter of all slots; however many companies hang, the next one still finds one")
    func quarter() {
        var shares = DeliveryShares()
        var counts: [Int] = []
        for company in 0..<8 {
            for hook in 0..<20 { shares.wake("\(company)-\(hook)", company: "\(company)", host: "\(company)-\(hook)") }
            var taken = 0
            while let turn = shares.take(at: 0) {
                shares.began(turn, Int64(company * 100 + taken), at: 0)
                taken += 1
            }
            counts.append(taken)
        }
        #expect(counts[0] == 8 && counts.allSatisfy { $0 >= 1 } && counts.reduce(0, +) <= DeliveryShares.limit)
    }

    @Test(
        "Attack: ever more companies whose endpoints all hang; another one's message is sent within two seconds",
        arguments: [1, 10, 11, 16, 24]
    )
    func hangingCompanies(count: Int) {
        var shares = DeliveryShares()
        var running: [(end: Int64, webhook: ExactText, delivery: Int64)] = []
        var next: Int64 = 0
        var waitingSince: Int64?
        var longest: Int64 = 0
        for company in 0..<count {
            for hook in 0..<20 { shares.wake("\(company)-\(hook)", company: "\(company)", host: "\(company)-\(hook)") }
        }
        // Two minutes, checked ten times a second; each message hangs for ten seconds.
        for moment in stride(from: Int64(0), to: 120_000, by: 100) {
            for ended in running where ended.end <= moment {
                let isWell = ended.webhook == "well"
                shares.ended(ended.webhook, ended.delivery, hasArrived: isWell, at: moment) { _ in 5_000 }
            }
            running.removeAll { $0.end <= moment }
            if moment % 7_000 == 300, waitingSince == nil {
                shares.wake("well", company: "well", host: "well")
                waitingSince = moment
            }
            while let turn = shares.take(at: moment) {
                if turn.webhook == "well" {
                    guard let since = waitingSince else {
                        shares.rested(turn, until: nil)
                        continue
                    }
                    longest = max(longest, moment - since)
                    waitingSince = nil
                }
                next += 1
                shares.began(turn, next, at: moment)
                running.append((moment + (turn.webhook == "well" ? 200 : 10_000), turn.webhook, next))
            }
            longest = max(longest, waitingSince.map { moment - $0 } ?? 0)
        }
        #expect(longest <= 2_000, "\(longest) ms")
        #expect(running.count <= DeliveryShares.limit + DeliveryShares.slowLimit)
    }

    @Test("Companies take turns, and at most two of a company's messages at a time go to a host")
    func turns() {
        var shares = DeliveryShares()
        for hook in 0..<3 { shares.wake("a\(hook)", company: "a", host: "same") }
        for hook in 0..<3 { shares.wake("b\(hook)", company: "b", host: "same") }
        var order: [String] = []
        while let turn = shares.take(at: 0) {
            order.append(turn.webhook.text)
            shares.began(turn, Int64(order.count), at: 0)
        }
        #expect(order.count == 4 && order.map { $0.prefix(1) } == ["a", "b", "a", "b"])
    }

    @Test("A message that fails alone lets the others pass; a failing endpoint is tried with one at a time")
    func probing() {
        var shares = DeliveryShares()
        func take(_ delivery: Int64, at now: Int64) -> Bool {
            guard let turn = shares.take(at: now) else { return false }
            shares.began(turn, delivery, at: now)
            return true
        }
        shares.wake("w", company: "a", host: "h")
        #expect(take(1, at: 0))
        shares.ended("w", 1, hasArrived: false, at: 0) { _ in 5000 }
        #expect(take(2, at: 1) && take(3, at: 1))
        shares.ended("w", 2, hasArrived: false, at: 1) { _ in 5000 }
        #expect(shares.failures(of: "w") == 2)
        #expect(shares.take(at: 2) == nil)
        shares.ended("w", 3, hasArrived: false, at: 2) { _ in 5000 }
        // Further messages change nothing.
        shares.wake("w", company: "a", host: "h")
        #expect(shares.take(at: 5001) == nil && shares.nextMoment == 5002)
        #expect(take(1, at: 5002))
        #expect(shares.take(at: 5002) == nil)
        shares.ended("w", 1, hasArrived: true, at: 6000) { _ in 5000 }
        #expect(shares.failures(of: "w") == nil)
        #expect(take(2, at: 6000) && take(3, at: 6000))
    }

    @Test("A message that arrives while its webhook is looked at is not forgotten; neither is a wait by a wrong clock")
    func wakings() throws {
        var shares = DeliveryShares()
        shares.wake("w", company: "a", host: "h")
        let first = shares.take(at: 0)
        let turn = try #require(first)
        shares.wake("w", company: "a", host: "h")
        shares.rested(turn, until: nil)
        #expect(shares.take(at: 0) == turn)
        shares.rested(turn, until: 1000)
        #expect(shares.take(at: 999) == nil)
        #expect(shares.take(at: 1000) == turn)
        shares.rested(turn, until: 1_000_000_000)
        #expect(shares.take(at: 1000) == turn)
        shares.rested(turn, until: nil)
        #expect(shares.take(at: .max / 2) == nil && shares.nextMoment == nil)
    }

    /// A company's webhook in the simulation: how long its endpoint takes, and whether it answers.
    private struct Hook {
        let company: ExactText
        let isDead: Bool
        var isOn = true
        var failingSince: Int64?
        /// When each message was made, oldest first, by queue.
        var rows: [[Int64]]
        var dueAt: [Int64]
        var attempts: [Int]
    }

    @Test("A day with a dead tenant of a hundred endpoints: the others' messages are sent within two seconds at p99")
    func deadTenant() async {
        let day: Int64 = 24 * 3_600_000
        var random = Numbers(seed: 11)
        var shares = DeliveryShares()
        var hooks: [Hook] = (0..<120).map { index in
            let isDead = index < 100
            let rows = isDead ? 20 : 3
            return Hook(
                company: isDead ? "dead" : "live\(index % 5)",
                isDead: isDead,
                rows: Array(repeating: [], count: rows),
                dueAt: Array(repeating: 0, count: rows),
                attempts: Array(repeating: 0, count: rows)
            )
        }
        var moment: Int64 = 0
        var arrivals: [(end: Int64, hook: Int, row: Int)] = []
        var latencies: [Int64] = []
        var (attempts, switchedOff) = (0, 0)
        var nextDead: Int64 = 0
        var nextLive: Int64 = 0
        while moment < day + day / 12 {
            // Other tests need the thread too.
            await Task.yield()
            if moment >= nextDead {
                // Each of its endpoints gets a message.
                for index in 0..<100 where hooks[index].isOn {
                    hooks[index].rows[Int.random(in: 0..<20, using: &random)].append(moment)
                    shares.wake("\(index)", company: "dead", host: "dead\(index)")
                }
                nextDead += 120_000
            }
            if moment >= nextLive {
                let index = Int.random(in: 100..<120, using: &random)
                hooks[index].rows[Int.random(in: 0..<3, using: &random)].append(moment)
                shares.wake("\(index)", company: hooks[index].company, host: "live\(index)")
                nextLive += .random(in: 1_000...10_000, using: &random)
            }
            for ended in arrivals where ended.end <= moment {
                var hook = hooks[ended.hook]
                shares.ended("\(ended.hook)", Int64(ended.row), hasArrived: !hook.isDead, at: moment) {
                    DeliverySchedule.wait(after: $0, using: &random)
                }
                if hook.isDead {
                    let wait = DeliverySchedule.wait(after: hook.attempts[ended.row], using: &random)
                    hook.dueAt[ended.row] = moment + wait
                    hook.attempts[ended.row] += 1
                    let since = hook.failingSince ?? moment
                    hook.failingSince = since
                    if let failures = shares.failures(of: "\(ended.hook)"),
                        DeliverySchedule.switchesOff(after: failures, since: since, now: moment)
                    {
                        hook.isOn = false
                        switchedOff += 1
                        shares.forget("\(ended.hook)")
                    }
                } else {
                    latencies.append(moment - hook.rows[ended.row].removeFirst())
                }
                hooks[ended.hook] = hook
            }
            arrivals.removeAll { $0.end <= moment }
            while let turn = shares.take(at: moment), let index = Int(turn.webhook.text) {
                let hook = hooks[index]
                let row = hook.rows.indices.first { row in
                    !hook.rows[row].isEmpty && hook.dueAt[row] <= moment && !turn.running.contains(Int64(row))
                }
                if let row, hook.isOn {
                    attempts += hook.isDead ? 1 : 0
                    shares.began(turn, Int64(row), at: moment)
                    // The dead company's connections hang until they are cut.
                    arrivals.append(
                        (moment + (hook.isDead ? 10_000 : .random(in: 20...300, using: &random)), index, row)
                    )
                } else {
                    shares.rested(turn, until: hook.isOn ? hook.dueAt.filter { $0 > moment }.min() : nil)
                }
            }
            let ends = arrivals.lazy.map(\.end).min() ?? .max
            moment = max(min(nextDead, nextLive, ends, shares.nextMoment ?? .max), moment + 1)
        }
        latencies.sort()
        #expect(latencies.count > 15_000)
        #expect(latencies[latencies.count * 99 / 100] < 2_000 && latencies[latencies.count - 1] < 20_000)
        // A hundred endpoints with twenty queues each, which would each be tried separately.
        #expect(attempts < 100 * 500)
        #expect(switchedOff == 100)
    }
}
