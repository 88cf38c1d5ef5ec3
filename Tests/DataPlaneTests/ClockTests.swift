import TestSupport
import Testing
import Transport

@testable import DataPlane

@Suite("The time as an event loop sees it")
struct ClockTests {
    @Test("It stands still within a turn, and is the loop's own in the next")
    func turns() throws {
        let kernel = TestKernel()
        kernel.clock = 1000
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let clock = Clock(of: loop)
        #expect(clock.monotonic == 1000)
        kernel.clock = 5000
        #expect(clock.monotonic == 1000)
        loop.turn(waitingAtMost: 0)
        #expect(clock.monotonic == 5000)
    }
}
