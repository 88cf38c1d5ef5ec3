import Basics
import Testing

@Suite("A handler that can be exchanged")
struct HandlerTests {
    @Test("Can be taken out a million times, and calling it then takes no more of the stack")
    func takenOutOften() {
        let handler = Handler<@Sendable (Int) -> Int>({ $0 + 1 })
        let often = Handler<(@Sendable (Int) -> Int)?>(nil)
        often.set { $0 + 2 }
        for _ in 0..<1_000_000 {
            _ = handler.closure
            _ = often.closure
        }
        #expect(handler.closure(1) == 2)
        #expect(often.closure?(1) == 3)
    }

    @Test("Another one takes its place")
    func exchanged() {
        let handler = Handler<@Sendable () -> String>({ "first" })
        handler.set { "second" }
        #expect(handler.closure() == "second")
    }
}
