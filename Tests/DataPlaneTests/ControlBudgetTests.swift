import Testing

@testable import DataPlane

@Suite("What a client may spend on control frames")
struct ControlBudgetTests {
    @Test("As much as the budget holds, and not more at once")
    func burst() {
        var budget = ControlBudget(at: 0)
        for _ in 0..<ControlBudget.capacity / 10 {
            let isPaid = budget.spend(10, at: 0)
            #expect(isPaid)
        }
        let isPaid = budget.spend(1, at: 0)
        #expect(!isPaid)
    }

    @Test("It refills with time, up to what it holds")
    func refill() {
        var budget = ControlBudget(at: 0)
        _ = budget.spend(ControlBudget.capacity, at: 0)
        var isPaid = budget.spend(ControlBudget.refill, at: 1000)
        #expect(isPaid)
        isPaid = budget.spend(1, at: 1000)
        #expect(!isPaid)
        isPaid = budget.spend(ControlBudget.capacity, at: 1_000_000)
        #expect(isPaid)
        isPaid = budget.spend(1, at: 1_000_000)
        #expect(!isPaid)
    }

    @Test("Many spendings within a millisecond lose nothing of what time gives")
    func fractions() {
        var budget = ControlBudget(at: 0)
        _ = budget.spend(ControlBudget.capacity, at: 0)
        var paid = 0
        for now in Int64(1)...10_000 where budget.spend(1, at: now) { paid += 1 }
        #expect((ControlBudget.refill * 10 - ControlBudget.refill)...(ControlBudget.refill * 10) ~= paid)
    }

    @Test("What octets that were sent earn pays for the windows that are opened for them")
    func earn() {
        var budget = ControlBudget(at: 0)
        for _ in 0..<100_000 {
            budget.earn(2)
            let isPaid = budget.spend(2, at: 0)
            #expect(isPaid)
        }
    }

    @Test("What costs nothing is always paid")
    func free() {
        var budget = ControlBudget(at: 0)
        _ = budget.spend(ControlBudget.capacity * 2, at: 0)
        let isPaid = budget.spend(0, at: 0)
        #expect(isPaid)
    }
}
