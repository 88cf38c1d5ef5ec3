import Testing

@testable import DataPlane

@Suite("When memory is returned to the system")
struct MemoryReturnTests {
    /// Whether it is due after each of these numbers of connections.
    private func due(_ counts: [Int]) -> [Bool] {
        var memory = MemoryReturn()
        return counts.map { memory.isDue(open: $0) }
    }

    @Test("After many connections have ended, once, and after as many again")
    func manyEnded() {
        let round = [8000, 4001, 4000, 3500, 100, 0]
        let expected = [false, false, true, false, true, false]
        #expect(due(round + round) == expected + expected)
    }

    @Test("The rest of a fall is returned too, once no more connections end")
    func rest() {
        #expect(due([8000, 1000, 600, 1, 1, 1, 0]) == [false, true, false, false, true, false, false])
        #expect(due([8000, 1999, 1000, 1200, 1200]) == [false, true, false, true, false])
        #expect(due([8000, 1999, 2100, 2100]) == [false, true, false, false])
    }

    @Test("Not for the coming and going of a few, or of a small part of many")
    func fewEnded() {
        #expect(!due([0, 999, 0, 999, 0]).contains(true))
        #expect(!due([50_000, 40_000, 50_000, 30_000]).contains(true))
    }
}
