import Testing

@testable import DataPlane

@Suite("What a client may spend on control frames")
struct ControlBudgetTests {
    @Test("A client may spend as much as the budget contains, and not more at once")
    func burst() {
        var budget = ControlBudget(at: 0)
        for _ in 0..<ControlBudget.capacity / 10 {
            let isPaid = budget.spend(10, at: 0)
            #expect(isPaid)
        }
        let isPaid = budget.spend(1, at: 0)
        #expect(!isPaid)
    }

    @Test("It refills with time, up to its capacity")
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

    @Test("Many small costs within a millisecond do not lose the refill")
    func fractions() {
        var budget = ControlBudget(at: 0)
        _ = budget.spend(ControlBudget.capacity, at: 0)
        var paid = 0
        for now in Int64(1)...10_000 where budget.spend(1, at: now) { paid += 1 }
        #expect((ControlBudget.refill * 10 - ControlBudget.refill)...(ControlBudget.refill * 10) ~= paid)
    }

    @Test("Sent bytes earn enough for the window updates that they cause")
    func earn() {
        var budget = ControlBudget(at: 0)
        for _ in 0..<100_000 {
            budget.earn(2)
            let isPaid = budget.spend(2, at: 0)
            #expect(isPaid)
        }
    }

    @Test("Zero cost is always affordable")
    func free() {
        var budget = ControlBudget(at: 0)
        _ = budget.spend(ControlBudget.capacity * 2, at: 0)
        let isPaid = budget.spend(0, at: 0)
        #expect(isPaid)
    }
}
