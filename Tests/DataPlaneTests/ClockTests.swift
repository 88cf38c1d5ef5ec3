import Basics
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
    @Test("A time stamp is the wall clock's time to the millisecond, however many are written")
    func stamps() throws {
        let kernel = TestKernel()
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let clock = Clock(of: loop)
        for turn in 1...200 {
            kernel.clock = Int64(turn)
            loop.turn(waitingAtMost: 0)
            var line = ByteBuffer()
            for _ in 0..<2 { _ = line.write(atMost: 24) { clock.writeTimestamp(to: &$0) } }
            let expected = Timestamp.text(clock.wall)
            #expect(text(line.contents) == expected + expected)
        }
    }
}
