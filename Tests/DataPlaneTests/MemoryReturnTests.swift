import Testing

@testable import DataPlane

@Suite("When memory is given back to the system")
struct MemoryReturnTests {
    @Test("After many connections have ended, once, and after as many again")
    func manyEnded() {
        var memory = MemoryReturn()
        for _ in 0..<2 {
            #expect(!memory.isDue(open: 8000))
            #expect(!memory.isDue(open: 4001))
            #expect(memory.isDue(open: 4000))
            #expect(!memory.isDue(open: 3500))
            #expect(memory.isDue(open: 100))
            #expect(!memory.isDue(open: 0))
        }
    }

    @Test("Not for the coming and going of a few, nor of a small part of many")
    func fewEnded() {
        var memory = MemoryReturn()
        for open in [0, 999, 0, 999, 0] { #expect(!memory.isDue(open: open)) }
        for open in [50_000, 40_000, 50_000, 30_000] { #expect(!memory.isDue(open: open)) }
    }
}
