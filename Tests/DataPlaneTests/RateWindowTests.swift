import Testing

@testable import DataPlane

@Suite("Whether a body moves fast enough")
struct RateWindowTests {
    /// A window that expectations may look at.
    private final class Watched {
        private var window = RateWindow()

        func isTooSlow(_ bytes: Int, minimum: Int, isWaiting: Bool, at now: Int64) -> Bool {
            window.isTooSlow(bytes, minimum: minimum, isWaiting: isWaiting, at: now)
        }
    }

    private let window = RateWindow.length

    @Test(
        "A whole window below the rate is too slow; at the rate it is not",
        arguments: [(0, true), (7679, true), (7680, false), (1_000_000, false)]
    )
    func oneWindow(_ moved: Int, _ expected: Bool) {
        let rate = Watched()
        #expect(!rate.isTooSlow(500, minimum: 256, isWaiting: true, at: 1000))
        #expect(!rate.isTooSlow(500, minimum: 256, isWaiting: true, at: 1000 + window - 1))
        #expect(rate.isTooSlow(500 + moved, minimum: 256, isWaiting: true, at: 1000 + window) == expected)
    }

    @Test("A window that is checked late requires more, for its whole length")
    func late() {
        for (moved, expected) in [(256 * 60 - 1, true), (256 * 60, false)] {
            let rate = Watched()
            _ = rate.isTooSlow(0, minimum: 256, isWaiting: true, at: 0)
            #expect(rate.isTooSlow(moved, minimum: 256, isWaiting: true, at: 2 * window) == expected)
        }
    }

    @Test("Each window is judged separately: a fast start does not pay for a slow end")
    func nextWindow() {
        let rate = Watched()
        #expect(!rate.isTooSlow(0, minimum: 256, isWaiting: true, at: 0))
        #expect(!rate.isTooSlow(1 << 30, minimum: 256, isWaiting: true, at: window))
        #expect(!rate.isTooSlow(1 << 30, minimum: 256, isWaiting: true, at: 2 * window - 1))
        #expect(rate.isTooSlow(1 << 30, minimum: 256, isWaiting: true, at: 2 * window))
    }

    @Test("A side that nobody waits for cannot be too slow, and its window starts anew")
    func notWaiting() {
        let rate = Watched()
        _ = rate.isTooSlow(0, minimum: 256, isWaiting: true, at: 0)
        #expect(!rate.isTooSlow(0, minimum: 256, isWaiting: false, at: window))
        #expect(!rate.isTooSlow(0, minimum: 256, isWaiting: true, at: window + 1))
        #expect(!rate.isTooSlow(0, minimum: 256, isWaiting: true, at: 2 * window))
        #expect(rate.isTooSlow(0, minimum: 256, isWaiting: true, at: 2 * window + 1))
    }

    @Test("A minimum of zero is no limit")
    func noMinimum() {
        let rate = Watched()
        for time: Int64 in [0, window, 10 * window] {
            #expect(!rate.isTooSlow(0, minimum: 0, isWaiting: true, at: time))
        }
    }

    @Test("Bodies of any size are judged without overflow")
    func large() {
        let rate = Watched()
        _ = rate.isTooSlow(0, minimum: 1 << 30, isWaiting: true, at: 0)
        #expect(rate.isTooSlow(1 << 30, minimum: 1 << 30, isWaiting: true, at: window))
        #expect(!rate.isTooSlow(1 << 50, minimum: 1 << 30, isWaiting: true, at: 2 * window))
    }
}
