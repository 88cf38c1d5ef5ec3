import Testing

@testable import DataPlane

@Suite("Deadlines of connections")
struct DeadlineTableTests {
    /// A table that expectations may look at.
    private final class Watched {
        private var table: DeadlineTable

        init(origin: Int64) { table = DeadlineTable(origin: origin) }

        var capacity: Int { table.capacity }
        func add() -> Int { table.add() }
        func remove(_ slot: Int) { table.remove(slot) }
        func set(_ slot: Int, at time: Int64) { table.set(slot, at: time) }
        func clear(_ slot: Int) { table.clear(slot) }

        func due(_ time: Int64) -> [Int] {
            var due: ContiguousArray<Int> = []
            table.takeDue(at: time, into: &due)
            return Array(due)
        }
    }

    @Test(
        "A deadline is told at the first tick at or after it, never before, and once",
        arguments: [0, 1, 99, 100, 101, 250]
    )
    func once(_ delay: Int64) {
        let origin: Int64 = 1_000_007
        let table = Watched(origin: origin)
        let slot = table.add()
        table.set(slot, at: origin + delay)
        for time in origin..<origin + delay { #expect(table.due(time) == [], "\(time)") }
        let first = (origin + delay..<origin + delay + DeadlineTable.tick).first { table.due($0) == [slot] }
        #expect(first != nil)
        #expect(table.due(origin + 1_000_000) == [])
    }

    @Test("Moving a deadline forgets the one before, and clearing it forgets it")
    func moved() {
        let table = Watched(origin: 0)
        let (a, b) = (table.add(), table.add())
        table.set(a, at: 500)
        table.set(b, at: 500)
        table.set(a, at: 900)
        table.clear(b)
        #expect(table.due(600) == [])
        #expect(table.due(900) == [a])
        #expect(table.due(10_000) == [])
    }

    @Test("A deadline that has passed when it is set is due at once")
    func past() {
        let table = Watched(origin: 5000)
        let (a, b) = (table.add(), table.add())
        table.set(a, at: 5000)
        table.set(b, at: 10)
        #expect(table.due(5000) == [a, b])
    }

    @Test("A deadline that is ages away is not due in our time")
    func far() {
        let table = Watched(origin: 0)
        let slot = table.add()
        table.set(slot, at: .max / 2)
        #expect(table.due(86_400_000 * 365) == [])
    }

    @Test("Slots are used again, and what their last owner had set is forgotten")
    func reused() {
        let table = Watched(origin: 0)
        let slots = (0..<10).map { _ in table.add() }
        #expect(Set(slots).count == 10)
        for slot in slots { table.set(slot, at: 300) }
        for slot in slots[3..<6] { table.remove(slot) }
        let again = (0..<3).map { _ in table.add() }
        #expect(Set(again) == Set(slots[3..<6]))
        #expect(table.capacity == 10)
        #expect(Set(table.due(300)) == Set(slots).subtracting(again))
        #expect(table.add() == 10)
    }

    @Test(
        "Whatever is set, moved, cleared and removed: nothing is missed, and nothing is early or more than a tick late"
    )
    func random() {
        var random = SplitMix64(seed: 9)
        let origin: Int64 = 77
        let table = Watched(origin: origin)
        var model: [Int: Int64?] = [:]
        var now = origin
        var told = 0
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0, 1:
                let slot = table.add()
                let isTaken = model.updateValue(nil, forKey: slot) != nil
                #expect(!isTaken)
            case 2:
                if let slot = model.keys.sorted().randomElement(using: &random) {
                    table.remove(slot)
                    model[slot] = nil
                }
            case 3:
                if let slot = model.keys.sorted().randomElement(using: &random) {
                    table.clear(slot)
                    model.updateValue(nil, forKey: slot)
                }
            case 4...7:
                if let slot = model.keys.sorted().randomElement(using: &random) {
                    let time = now + Int64.random(in: 0...2000, using: &random)
                    table.set(slot, at: time)
                    model.updateValue(time, forKey: slot)
                }
            default:
                now += Int64.random(in: 0...150, using: &random)
                let due = table.due(now)
                #expect(due.count == Set(due).count)
                told += due.count
                for slot in due {
                    let time = (model[slot] ?? nil) ?? .max
                    #expect(time <= now)
                    model.updateValue(nil, forKey: slot)
                }
                let missed = model.values.compactMap { $0 }.filter { $0 <= now - DeadlineTable.tick }
                #expect(missed == [])
            }
        }
        #expect(told > 500)
    }
}
