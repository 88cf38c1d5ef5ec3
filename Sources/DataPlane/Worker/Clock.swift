#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The time as one event loop sees it, read once for each event that it handles.
struct Clock {
    /// Milliseconds since 1970.
    private(set) var wall: Int64 = 0
    /// Milliseconds of a clock that never goes back.
    private(set) var monotonic: Int64 = 0
    /// The wall time's second as `Date` has it ([RFC 9110 section 5.6.7](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7)).
    private(set) var date: [UInt8] = []
    private var dateSecond: Int64 = -1

    // The kernel's own last tick, a few milliseconds old, costs a fraction of reading the hardware.
    #if canImport(Glibc)
        private static let wallClock = CLOCK_REALTIME_COARSE
        private static let monotonicClock = CLOCK_MONOTONIC_COARSE
    #else
        private static let wallClock = CLOCK_REALTIME
        private static let monotonicClock = CLOCK_MONOTONIC
    #endif

    init() { refresh() }

    mutating func refresh() {
        wall = Self.milliseconds(of: Self.wallClock)
        monotonic = Self.milliseconds(of: Self.monotonicClock)
        let second = wall / 1000
        if second != dateSecond {
            dateSecond = second
            date = HTTPDate.format(second)
        }
    }

    static func milliseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        // SAFETY: clock_gettime writes to a local that outlives the call.
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// Dates in the form that HTTP prescribes, without locale or time zone data.
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Sun, 06 Nov 1994 08:49:37 GMT` for seconds since 1970.
    static func format(_ seconds: Int64) -> [UInt8] {
        let (year, month, day) = civil(fromDays: seconds / 86400)
        let time = seconds % 86400
        let text =
            "\(days[Int(seconds / 86400 % 7)]), \(two(day)) \(months[month - 1]) \(year) "
            + "\(two(Int(time / 3600))):\(two(Int(time / 60 % 60))):\(two(Int(time % 60))) GMT"
        return Array(text.utf8)
    }

    /// `2026-11-22T16:51:17.123Z` for milliseconds since 1970.
    static func timestamp(_ milliseconds: Int64) -> String {
        let seconds = milliseconds / 1000
        let (year, month, day) = civil(fromDays: seconds / 86400)
        let time = seconds % 86400
        let rest = Int(milliseconds % 1000)
        return "\(year)-\(two(month))-\(two(day))T\(two(Int(time / 3600))):\(two(Int(time / 60 % 60))):"
            + "\(two(Int(time % 60))).\(rest / 100)\(rest / 10 % 10)\(rest % 10)Z"
    }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

    /// The Gregorian date of a day counted from 1970-01-01, by counting in eras of 400 years that start in March.
    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
        let month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
