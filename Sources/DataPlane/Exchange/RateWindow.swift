/// Whether a body moves fast enough, judged over windows of 30 s.
struct RateWindow {
    /// Milliseconds.
    static let length: Int64 = 30_000

    private var startedAt: Int64?
    private var bytesAtStart = 0

    /// Looks at one side at `now` (monotonic milliseconds), when it has moved `bytes` so far.
    ///
    /// - Parameter isWaiting: whether that side is the one that everybody waits for; otherwise it cannot be too slow.
    /// - Returns: true once a whole window has passed in which it was waited for and moved less than `minimum` a second.
    mutating func isTooSlow(_ bytes: Int, minimum: Int, isWaiting: Bool, at now: Int64) -> Bool {
        guard isWaiting, minimum > 0 else {
            startedAt = nil
            return false
        }
        guard let start = startedAt else {
            startedAt = now
            bytesAtStart = bytes
            return false
        }
        guard now - start >= Self.length else { return false }
        let moved = bytes - bytesAtStart
        startedAt = now
        bytesAtStart = bytes
        return Int64(moved) * 1000 < Int64(minimum) * (now - start)
    }
}
