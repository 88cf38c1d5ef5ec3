/// The layout of a histogram of durations: a row of counters, first one for each bucket, then the sum in milliseconds.
///
/// A bucket counts only what does not fit the one before it. A scrape adds them up.
enum DurationHistogram {
    /// The inclusive upper bounds of the buckets in milliseconds. The last bucket has none.
    static let bounds: [Int64] = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000]
    static let buckets = 15
    static let sum = buckets
    /// The number of counters.
    static let size = buckets + 1

    /// The bucket of a duration in milliseconds. Nearly all durations are short, so it looks from the start.
    @inline(__always)
    static func bucket(of duration: Int64) -> Int {
        switch duration {
        case ...1: 0
        case ...5: 1
        case ...10: 2
        case ...25: 3
        case ...50: 4
        case ...100: 5
        case ...250: 6
        case ...500: 7
        case ...1000: 8
        case ...2500: 9
        case ...5000: 10
        case ...10_000: 11
        case ...30_000: 12
        case ...60_000: 13
        default: 14
        }
    }
}

extension [Int] {
    /// Counts a duration in the histogram that begins at `start`.
    ///
    /// - Parameter duration: in milliseconds. A negative one counts as none, since a sum must not go down.
    @inline(__always)
    mutating func count(duration: Int64, at start: Int = 0) {
        self[start + DurationHistogram.bucket(of: duration)] &+= 1
        self[start + DurationHistogram.sum] &+= Int(Swift.max(duration, 0))
    }
}
