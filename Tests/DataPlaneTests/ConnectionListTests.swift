import Testing

@testable import DataPlane

@Suite("Which of a loop's connections makes room")
struct ConnectionListTests {
    private var list = ConnectionList<Int>()

    /// What each number is as a connection: idle since then, or busy if negative.
    private mutating func next(at now: Int64) -> Int? {
        list.leastMissed(at: now) { $0 < 0 ? nil : Idleness(wasUsed: false, since: Int64($0)) }?.0
    }

    @Test("The one that has been idle longest; none that is busy, has left, or has not been idle for a second")
    mutating func longest() {
        #expect(next(at: 10_000) == nil)
        let slots = [30, -1, 10, 20].map { list.add($0) }
        #expect(next(at: 1009) == nil && next(at: 1010) == 10 && next(at: 10_000) == 10)
        list.remove(slot: slots[2])
        #expect(next(at: 10_000) == 20)
        #expect(list.add(5) == slots[2] && next(at: 10_000) == 5)
        for slot in slots { list.remove(slot: slot) }
        #expect(next(at: 10_000) == nil)
    }

    @Test("Of very many, a part is looked at each time, until all were")
    mutating func parts() {
        for _ in 0..<1000 { _ = list.add(-1) }
        _ = list.add(7)
        let found = (0..<4).compactMap { _ in next(at: 10_000) }
        #expect(found == [7])
    }
}
