package import Admission
package import Basics

/// What the operator console shows of the gateway, as it was at one moment. Counts are from the start of the process.
package struct Vitals: Sendable {
    /// In milliseconds since 1970.
    package var at: Milliseconds = 0
    package var startedAt: Milliseconds = 0
    package var version = ""
    /// Sessions under way.
    package var liveSessions = 0
    package var sessions = SessionTally()
    package var connections = 0
    /// How many viewers may be connected.
    package var connectionLimit = 0
    package var webSockets = 0
    /// Answered requests of viewers, without those for the gateway's own endpoints and the control API, by the class of their status, 1xx first.
    package var statuses = [Int](repeating: 0, count: RouteRow.statusClasses)
    /// The time to the head of the answer, of viewers' requests.
    package var heads = DurationTally()
    /// By the position among all refusals.
    package var refusals = [Int](repeating: 0, count: Refusal.allCases.count)
    /// What limits have turned away, by the key of each.
    package var limits: [(key: String, count: Int)] = []
    package var upstreams: [UpstreamEntry] = []
    package var isReady = true
    package var isDraining = false
    package var reloads = Reloads()
    /// Files that have changed and cannot be used.
    package var unusableFiles = UnusableFiles()
    /// Whether there is a database. Whoever has it fills this in, and the next.
    package var hasDatabase = false
    /// Why it takes no writes, worded for the operator; `nil` if it does.
    package var databaseFault: String?
    /// In bytes.
    package var residentMemory = 0

    package init() {}

    /// Answered requests of viewers.
    package var requests: Int { statuses.reduce(0, +) }

    package struct UpstreamEntry: Sendable {
        package var name: String
        package var servers: [ServerEntry]
        /// Requests that wait for a server with a place.
        package var waiting = 0
        /// Attempts that have failed.
        package var faults = 0

        package init(name: String, servers: [ServerEntry]) { (self.name, self.servers) = (name, servers) }
    }

    package struct ServerEntry: Sendable {
        package enum State: String, Sendable {
            case up, down, drained
        }

        package var name: String
        package var state: State
        /// Why it is down.
        package var reason = ""
        /// Since when it is; `nil` if it is not.
        package var downSince: Milliseconds?
        /// Its requests and WebSockets in progress.
        package var active = 0
        /// Responses by the class of their status, 1xx first.
        package var statuses: [Int] = []

        package init(name: String, state: State) { (self.name, self.state) = (name, state) }
    }

    /// How reloads of the configuration went.
    package struct Reloads: Sendable, Equatable {
        package var successes = 0
        package var failures = 0
        /// Whether the last one succeeded. The start counts as one.
        package var hasSucceeded = true
        /// When a configuration was last put into effect.
        package var succeededAt: Milliseconds = 0
        /// When one last failed; `nil` if none has.
        package var failedAt: Milliseconds?
        /// Why the last one failed, one line each, worded for the operator; empty if it succeeded.
        package var problems: [String] = []
        /// What of the last one takes effect at the next start, by its keys.
        package var waiting: [String] = []

        package init() {}

        /// - Parameter startedAt: when the process began.
        init(startedAt: Milliseconds) { succeededAt = startedAt }

        mutating func succeeded(at now: Milliseconds, waiting: [String]) {
            successes += 1
            hasSucceeded = true
            succeededAt = now
            (problems, self.waiting) = ([], waiting)
        }

        mutating func failed(at now: Milliseconds, _ problems: [String]) {
            failures += 1
            hasSucceeded = false
            failedAt = now
            self.problems = problems
        }
    }

    /// Files that the configuration names and that cannot be used as they are now. What was read before stays in use.
    package struct UnusableFiles: Sendable, Equatable {
        package var count = 0
        /// Why, one line each, worded for the operator.
        package var problems: [String] = []

        package init(count: Int = 0, problems: [String] = []) { (self.count, self.problems) = (count, problems) }
    }
}

/// How many durations fell into each bucket of a histogram.
package struct DurationTally: Sendable, Equatable {
    private var buckets: InlineArray<15, Int> = .init(repeating: 0)

    package init() {}

    /// - Parameter row: laid out as ``DurationHistogram`` says.
    init(_ row: ArraySlice<Int>) {
        for index in 0..<DurationHistogram.buckets { buckets[index] = row[row.startIndex + index] }
    }

    package var count: Int {
        var sum = 0
        for index in buckets.indices { sum += buckets[index] }
        return sum
    }

    /// Counts a duration in milliseconds.
    package mutating func add(_ duration: Milliseconds) { buckets[DurationHistogram.bucket(of: duration)] += 1 }

    mutating func add(_ other: DurationTally) {
        for index in buckets.indices { buckets[index] += other.buckets[index] }
    }

    /// Counts `more` of the shortest durations.
    mutating func addShortest(_ more: Int) { buckets[0] += more }

    package func subtracting(_ earlier: DurationTally) -> DurationTally {
        var rest = self
        for index in buckets.indices { rest.buckets[index] = max(0, buckets[index] - earlier.buckets[index]) }
        return rest
    }

    /// The duration that a share of all does not exceed, in milliseconds, as far as the buckets tell. `nil` if there are
    /// none.
    package func quantile(_ share: Double) -> Double? {
        let wanted = share * Double(count)
        guard wanted > 0 else { return nil }
        var below = 0
        for index in buckets.indices where buckets[index] > 0 {
            guard Double(below + buckets[index]) >= wanted else {
                below += buckets[index]
                continue
            }
            let lower = index == 0 ? 0 : Double(DurationHistogram.bounds[index - 1])
            guard index < DurationHistogram.bounds.count else { return lower }
            let upper = Double(DurationHistogram.bounds[index])
            return lower + (upper - lower) * (wanted - Double(below)) / Double(buckets[index])
        }
        return nil
    }

    package static func == (a: DurationTally, b: DurationTally) -> Bool {
        for index in a.buckets.indices where a.buckets[index] != b.buckets[index] { return false }
        return true
    }
}
