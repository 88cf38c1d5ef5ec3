import Basics
import Synchronization

/// How many requests of an upstream may be sent once more.
///
/// If every failed request were repeated, a server that fails for lack of strength would get twice as many. So retries
/// stay below a share of the requests of the last seconds. Each event loop reckons with its own requests, so that none
/// has to be counted for all; what is allowed whatever their number is allowed once for all loops. All times are in
/// monotonic milliseconds.
struct RetryBudget {
    private let percent: Int
    private let free: FreeRetries
    private var requests = Recent()
    private var retries = Recent()

    /// - Parameters:
    ///   - percent: how many retries for a hundred requests.
    ///   - free: of the upstream.
    init(percent: Int, _ free: FreeRetries) { (self.percent, self.free) = (percent, free) }

    @inline(__always)
    mutating func countRequest(at now: Int64) { requests.count(at: now) }

    /// Counts a retry, if one more is allowed. Returns false if not.
    mutating func takeRetry(at now: Int64) -> Bool {
        let isWithinShare = retries.sum(at: now) * 100 < requests.sum(at: now) * percent
        guard free.take(at: now, isWithinShare: isWithinShare) else { return false }
        retries.count(at: now)
        return true
    }
}

/// The retries that an upstream's event loops may make together however few requests there are, so that a site with few
/// may retry at all.
final class FreeRetries: Sendable {
    /// How many there are in the time that ``Recent`` looks back.
    static let limit = 10

    /// The retries of all loops.
    private let retries = Locked(Recent())

    /// Counts a retry that is within a loop's share, or one of the free ones. Returns false if it is neither.
    func take(at now: Int64, isWithinShare: Bool) -> Bool {
        retries.withLock { retries in
            guard isWithinShare || retries.sum(at: now) < Self.limit else { return false }
            retries.count(at: now)
            return true
        }
    }
}

/// Counts what happened in the last five to ten seconds.
struct Recent {
    private var startedAt: Int64 = .min / 2
    private var present = 0
    private var last = 0

    /// What is counted is remembered for one to two of these, in milliseconds.
    private static let length: Int64 = 5000

    @inline(__always)
    mutating func count(at now: Int64) {
        if now - startedAt >= Self.length { turn(at: now) }
        present += 1
    }

    mutating func sum(at now: Int64) -> Int {
        if now - startedAt >= Self.length { turn(at: now) }
        return present + last
    }

    private mutating func turn(at now: Int64) {
        last = now - startedAt < 2 * Self.length ? present : 0
        (startedAt, present) = (now, 0)
    }
}
