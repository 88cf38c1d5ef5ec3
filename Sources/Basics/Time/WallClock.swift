import CLinux

/// The time of day.
package enum WallClock {
    package static func now() -> Milliseconds { gateway_clock(CLOCK_REALTIME) / 1_000_000 }

    /// Nanoseconds since 1970.
    package static func nanoseconds() -> Int64 { gateway_clock(CLOCK_REALTIME) }
}

/// A clock that never goes back, for measuring how long something takes.
package enum MonotonicClock {
    /// Milliseconds since some moment.
    package static func now() -> Milliseconds { gateway_clock(CLOCK_MONOTONIC) / 1_000_000 }

    /// Nanoseconds since the same moment.
    package static func nanoseconds() -> Int64 { gateway_clock(CLOCK_MONOTONIC) }
}

/// Runs evenly, also while the machine sleeps.
package enum SteadyClock {
    /// Milliseconds since some moment.
    package static func now() -> Milliseconds { gateway_clock(CLOCK_BOOTTIME) / 1_000_000 }
}
