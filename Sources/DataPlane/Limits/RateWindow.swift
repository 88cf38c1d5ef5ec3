import Basics

/// Decides whether a body moves fast enough, over windows of 30 s.
struct RateWindow {
    /// In milliseconds.
    static let length: Int64 = 30_000

    /// `never` while this side is not waited for.
    private var startedAt = never
    private var bytesAtStart = 0

    private static let never = Int64.min

    /// Checks one side at `now` (monotonic milliseconds), when it has moved `bytes` in total.
    ///
    /// - Parameter isWaiting: whether everything waits for this side. Otherwise it cannot be too slow.
    /// - Returns: true after a whole window of waiting in which it moved fewer than `minimum` bytes a second.
    mutating func isTooSlow(_ bytes: Int, minimum: Int, isWaiting: Bool, at now: Int64) -> Bool {
        guard isWaiting, minimum > 0 else {
            startedAt = Self.never
            return false
        }
        guard startedAt != Self.never else {
            startedAt = now
            bytesAtStart = bytes
            return false
        }
        let length = now - startedAt
        guard length >= Self.length else { return false }
        let moved = bytes - bytesAtStart
        startedAt = now
        bytesAtStart = bytes
        return Int64(moved) * 1000 < Int64(minimum) * length
    }
}
