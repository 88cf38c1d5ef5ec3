/// How many requests of an upstream one event loop may send once more.
///
/// If every failed request were repeated, a server that fails for lack of strength would get twice as many. So retries
/// stay below a share of the requests of the last seconds. All times are in monotonic milliseconds.
struct RetryBudget {
    private let percent: Int
    private var present = Window()
    private var last = Window()

    private struct Window {
        var startedAt: Int64 = .min / 2
        var requests = 0
        var retries = 0
    }

    /// Requests are remembered for one to two of these.
    private static let length: Int64 = 5000
    /// Retries that are always allowed in that time, so that a site with few requests may retry at all.
    static let free = 10

    /// - Parameter percent: how many retries for a hundred requests.
    init(percent: Int) { self.percent = percent }

    @inline(__always)
    mutating func countRequest(at now: Int64) {
        if now - present.startedAt >= Self.length { turn(at: now) }
        present.requests += 1
    }

    /// Counts a retry, if one more is allowed. Returns false if not.
    mutating func takeRetry(at now: Int64) -> Bool {
        if now - present.startedAt >= Self.length { turn(at: now) }
        let (requests, retries) = (present.requests + last.requests, present.retries + last.retries)
        guard retries < Self.free || retries * 100 < requests * percent else { return false }
        present.retries += 1
        return true
    }

    private mutating func turn(at now: Int64) {
        last = now - present.startedAt < 2 * Self.length ? present : Window()
        present = Window(startedAt: now)
    }
}
