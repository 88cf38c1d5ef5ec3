package import Admission

/// Whether what is over may be deleted by the time of day, which may be wrong.
///
/// Pure: it is told both the time of day and how much time has really passed. A time of day that jumps is not believed
/// before the gateway has run on for a day without another jump. After the gateway did not run, nobody knows how much time
/// has passed; for that it is believed up to a week.
struct ClockTrust: Equatable {
    /// The time of day as it was last.
    private(set) var at: Milliseconds
    /// How much longer the gateway has to run until the time of day is believed; nil: it is.
    private(set) var doubt: Milliseconds?

    static let day: Milliseconds = 86_400_000
    /// How far ahead the time of day may be of what it was when the gateway last ran: a week, and a day.
    static let longestRest = 8 * day

    init(at: Milliseconds, doubt: Milliseconds?) {
        self.at = at
        self.doubt = doubt
    }

    /// Tells the time of day anew.
    ///
    /// - Parameter passed: since the last time in this process; nil: this is the first time.
    mutating func look(_ now: Milliseconds, passed: Milliseconds?) -> ClockNews? {
        let jump = now - at - (passed ?? 0)
        at = now
        guard let passed else {
            guard jump > Self.longestRest || jump < -Self.day else { return nil }
            // Time that it ran before counts: who starts it for an hour a month is believed in the end.
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

/// What became of the trust in the time of day.
package enum ClockNews: Sendable, Equatable {
    /// Nothing is deleted by it until the gateway has run for a day.
    case jumped(by: Milliseconds)
    /// It is believed again.
    case trusted
}
