import Admission
import Glibc

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
    private static let wallClock = CLOCK_REALTIME_COARSE
    private static let monotonicClock = CLOCK_MONOTONIC_COARSE

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
        let (year, month, day) = Timestamp.civil(fromDays: seconds / 86400)
        let time = seconds % 86400
        let text =
            "\(days[Int(seconds / 86400 % 7)]), \(two(day)) \(months[month - 1]) \(year) "
            + "\(two(Int(time / 3600))):\(two(Int(time / 60 % 60))):\(two(Int(time % 60))) GMT"
        return Array(text.utf8)
    }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
