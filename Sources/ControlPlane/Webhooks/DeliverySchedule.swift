import Admission
import Basics
import Directory

/// Decides when to retry a message that did not arrive, and when to give up.
enum DeliverySchedule {
    private static let firstWait: Milliseconds = 5_000
    private static let lifetime: Milliseconds = 24 * 3_600_000
    /// A message is tried at least this often, even if it waited while the gateway was down or a wrong clock makes it
    /// look old. Within its lifetime it is always retried.
    private static let leastAttempts = 12
    /// The longest that a whole endpoint rests: an upper bound on how late its recovery is noticed.
    static let longestRest: Milliseconds = 600_000

    /// The longest wait after an attempt. It doubles with every attempt, up to an hour.
    ///
    /// - Parameter attempts: the number of attempts before this one.
    static func longestWait(after attempts: Int) -> Milliseconds {
        min(firstWait << Milliseconds(min(max(attempts, 0), 16)), Directory.farthestRetry)
    }

    /// How long to wait after an attempt: a random time up to the longest, so that messages that failed together are
    /// not retried together.
    static func wait(after attempts: Int, using random: inout some RandomNumberGenerator) -> Milliseconds {
        .random(in: 0...longestWait(after: attempts), using: &random)
    }

    /// Whether a failed attempt was the last one.
    ///
    /// - Parameter attempts: the number of attempts before it.
    static func givesUp(after attempts: Int, queuedAt: Milliseconds, now: Milliseconds) -> Bool {
        attempts + 1 >= leastAttempts && (now - queuedAt).magnitude >= lifetime
    }

    /// Whether to switch off a failing endpoint.
    ///
    /// - Parameters:
    ///   - failures: its failures without a success since it was last switched on.
    ///   - since: the time of its first failure, or of its switching on if that is later.
    static func switchesOff(after failures: Int, since: Milliseconds, now: Milliseconds) -> Bool {
        failures >= leastAttempts && (now - since).magnitude >= lifetime
    }
}
