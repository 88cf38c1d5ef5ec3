import Testing

@testable import DataPlane

@Suite("How many requests are sent once more")
struct RetryBudgetTests {
    /// How many retries are allowed when each request wants one.
    private func allowed(_ budget: inout RetryBudget, of count: Int, at now: Int64) -> Int {
        (0..<count).count { _ in
            budget.countRequest(at: now)
            return budget.takeRetry(at: now)
        }
    }

    @Test("If every request fails, a fifth of them is repeated", arguments: [(0, 10), (20, 200), (100, 1000)])
    func share(percent: Int, expected: Int) {
        var budget = RetryBudget(percent: percent, FreeRetries())
        #expect(abs(allowed(&budget, of: 1000, at: 0) - expected) <= 1)
    }

    @Test("A few retries are allowed whatever the number of requests")
    func few() {
        var budget = RetryBudget(percent: 20, FreeRetries())
        for _ in 0..<FreeRetries.limit { #expect(budget.takeRetry(at: 0) == true) }
        #expect(budget.takeRetry(at: 0) == false)
        #expect(budget.takeRetry(at: 9_999) == false)
    }

    @Test("However many event loops there are, those few are allowed once for all of them, and each loop has its share")
    func loops() {
        let free = FreeRetries()
        var budgets = (0..<8).map { _ in RetryBudget(percent: 20, free) }
        var retries = 0
        for _ in 0..<100 { for loop in budgets.indices where budgets[loop].takeRetry(at: 0) { retries += 1 } }
        #expect(retries == FreeRetries.limit)
        for _ in 0..<1000 { budgets[7].countRequest(at: 0) }
        #expect(budgets[0].takeRetry(at: 0) == false)
        #expect((0..<1000).count { _ in budgets[7].takeRetry(at: 0) } >= 190)
    }

    @Test("Requests of the last five seconds count, older ones do not")
    func forgetting() {
        var budget = RetryBudget(percent: 20, FreeRetries())
        for _ in 0..<1000 { budget.countRequest(at: 0) }
        #expect((0..<1000).count { _ in budget.takeRetry(at: 5_000) } == 200)
        var late = RetryBudget(percent: 20, FreeRetries())
        for _ in 0..<1000 { late.countRequest(at: 0) }
        #expect((0..<1000).count { _ in late.takeRetry(at: 10_000) } == FreeRetries.limit)
    }
}
