import Admission
package import Basics

/// Decides whether expired data may be deleted by the time of day, which may be wrong.
///
/// Pure: takes both the time of day and the time that has really passed as arguments. After a jump, the time of day is
/// trusted again only once the gateway has run for a day without another jump. For the time when the gateway did not
/// run, which nobody measured, it is trusted up to a week.
struct ClockTrust: Equatable {
    /// The last time of day that was reported.
    private(set) var at: Milliseconds
    /// How much longer the gateway has to run until the time of day is trusted; `nil` if it is.
    private(set) var doubt: Milliseconds?

    static let day: Milliseconds = 86_400_000
    /// How far the time of day may be ahead of the last one before a stop: a week and a day.
    static let longestRest = 8 * day

    init(at: Milliseconds, doubt: Milliseconds?) {
        self.at = at
        self.doubt = doubt
    }

    /// Reports the present time of day.
    ///
    /// - Parameter passed: the time since the last report in this process; `nil` for the first.
    mutating func look(_ now: Milliseconds, passed: Milliseconds?) -> ClockNews? {
        let jump = now - at - (passed ?? 0)
        at = now
        guard let passed else {
            guard jump > Self.longestRest || jump < -Self.day else { return nil }
            // Time that it ran before counts, so a gateway that is started for an hour a month is trusted in the end.
            doubt = doubt ?? Self.day
            return .jumped(by: jump)
        }
        if jump.magnitude > Self.day.magnitude {
            doubt = Self.day
            return .jumped(by: jump)
        }
        guard let left = doubt else { return nil }
        doubt = left > passed ? left - max(passed, 0) : nil
        return doubt == nil ? .trusted : nil
    }
}

/// A change in the trust in the time of day.
package enum ClockNews: Sendable, Equatable {
    /// Nothing is deleted by it until the gateway has run for a day.
    case jumped(by: Milliseconds)
    /// It is trusted again.
    case trusted
}
