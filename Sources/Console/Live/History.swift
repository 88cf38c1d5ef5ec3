import Admission
import Basics
import DataPlane

/// An hour of readings, one each ten seconds, from which charts and rates are made.
struct History: Sendable {
    /// What is kept of one reading. Counts are from the start of the process.
    struct Sample: Sendable {
        var at: Milliseconds
        var viewers: Int
        var joins: Int
        var takeOvers: Int
        var requests: Int
        /// Of the requests, those that were answered with 5xx.
        var errors: Int
        var heads: DurationTally
        var refusals: [Int]
        /// In the order of ``Vitals/limits``.
        var limits: [Int]

        init(_ vitals: Vitals) {
            (at, viewers) = (vitals.at, vitals.liveSessions)
            (joins, takeOvers) = (vitals.sessions.begun, vitals.sessions.ended(.replaced))
            (requests, errors) = (vitals.requests, vitals.statuses.last ?? 0)
            (heads, refusals, limits) = (vitals.heads, vitals.refusals, vitals.limits.map(\.count))
        }

        /// As it was when the process began: nothing had happened.
        static func start(of vitals: Vitals) -> Sample {
            var nothing = Vitals()
            nothing.at = vitals.startedAt
            nothing.limits = vitals.limits.map { ($0.key, 0) }
            return Sample(nothing)
        }

        /// All refusals.
        var refused: Int { refusals.reduce(0, +) }
    }

    /// The time between two samples.
    static let step: Milliseconds = 10_000
    /// The most spans between samples: an hour.
    static let spans = 360

    /// Oldest first. One more than spans.
    private(set) var samples: [Sample] = []

    mutating func add(_ vitals: Vitals) {
        // Of a clock that was set back, only what came since is an hour.
        if let last = samples.last, vitals.at <= last.at { samples = [] }
        if samples.count > Self.spans { samples.removeFirst(samples.count - Self.spans) }
        samples.append(Sample(vitals))
    }

    /// The last sample that is at least this old. `nil` if none is.
    func sample(before now: Milliseconds, by time: Milliseconds) -> Sample? { samples.last { $0.at <= now - time } }

    /// For each span of the hour, the last one last: a value of it. `nil` for spans before the first sample.
    func series(_ value: (_ from: Sample, _ to: Sample) -> Double?) -> [Double?] {
        let values = zip(samples, samples.dropFirst()).map { value($0, $1) }
        return [Double?](repeating: nil, count: Self.spans - values.count) + values
    }
}
