import Admission
import Directory

/// When a message that did not arrive is tried again, and when no more.
enum DeliverySchedule {
    private static let firstWait: Milliseconds = 5_000
    private static let lifetime: Milliseconds = 24 * 3_600_000
    /// A message that waited while the gateway was down, or whose age a wrong clock tells, is tried this often all the
    /// same. Within its lifetime it always is.
    private static let leastAttempts = 12
    /// The longest that an endpoint rests as a whole: so late it may be noticed that it works again.
    static let longestRest: Milliseconds = 600_000

    /// The longest wait after an attempt: twice as long as after the one before, up to an hour.
    ///
    /// - Parameter attempts: those before.
    static func longestWait(after attempts: Int) -> Milliseconds {
        min(firstWait << Milliseconds(min(max(attempts, 0), 16)), Directory.farthestRetry)
    }

    /// How long to wait after an attempt: any time up to the longest, so that messages that failed together do not come
    /// together again.
    static func wait(after attempts: Int, using random: inout some RandomNumberGenerator) -> Milliseconds {
        .random(in: 0...longestWait(after: attempts), using: &random)
    }

    /// Whether an attempt that failed was the last one.
    ///
    /// - Parameter attempts: those before.
    static func givesUp(after attempts: Int, createdAt: Milliseconds, now: Milliseconds) -> Bool {
        attempts + 1 >= leastAttempts && (now - createdAt).magnitude >= lifetime
    }

    /// Whether an endpoint that fails is switched off.
    ///
    /// - Parameters:
    ///   - failures: how often it has failed without a success, since it was last switched on.
    ///   - since: the later of its first failure and its switching on.
    static func switchesOff(after failures: Int, since: Milliseconds, now: Milliseconds) -> Bool {
        failures >= leastAttempts && (now - since).magnitude >= lifetime
    }
}
