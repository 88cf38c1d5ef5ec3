/// When spans are exported, and what happens after a failure. Does no I/O and reads no clock; times are in milliseconds
/// of a clock that never goes back.
struct ExportCourse {
    /// How an export ended.
    enum Outcome: Equatable {
        case accepted
        /// The same would be refused again.
        case refused
        /// It may be accepted later, but not before `retryAfter` has passed.
        case unavailable(retryAfter: Int64? = nil)
    }

    /// What to do now.
    enum Step: Equatable {
        /// Wait for spans, or for the end of the export under way.
        case rest
        /// Look again at this time.
        case wake(at: Int64)
        /// Export waiting spans.
        case send
        /// Export the same spans again.
        case sendAgain
    }

    /// What becomes of the spans whose export has ended.
    enum Fate: Equatable { case delivered, kept, dropped }

    var batchSize: Int
    var interval: Int64
    private var isSending = false
    /// When the spans that are kept were first sent. `nil` if none are.
    private var firstSentAt: Int64?
    /// Since when spans wait for a batch to fill.
    private var gathersSince: Int64?
    private var notBefore = Int64.min
    private var failures = 0
    private var isFlushing = false

    private static let firstPause: Int64 = 1000
    private static let longestPause: Int64 = 30_000
    /// The longest pause that a collector can ask for.
    private static let longestRequest: Int64 = 300_000
    /// How long the same spans are sent again and again.
    static let patience: Int64 = 60_000

    init(batchSize: Int, interval: Int64) {
        (self.batchSize, self.interval) = (batchSize, interval)
    }

    /// Whether nothing is under way or kept.
    var isIdle: Bool { !isSending && firstSentAt == nil }

    /// - Parameter waiting: the number of spans in the queue.
    mutating func next(waiting: Int, at now: Int64) -> Step {
        guard !isSending else { return .rest }
        if firstSentAt == nil, waiting == 0 {
            gathersSince = nil
            return .rest
        }
        guard now >= notBefore else { return .wake(at: notBefore) }
        if firstSentAt != nil {
            isSending = true
            return .sendAgain
        }
        let since = gathersSince ?? now
        guard waiting >= batchSize || isFlushing || now - since >= interval else {
            gathersSince = since
            return .wake(at: since + interval)
        }
        (firstSentAt, gathersSince) = (now, nil)
        isSending = true
        return .send
    }

    /// - Parameter random: makes gateways that failed together try again one after another.
    mutating func ended(_ outcome: Outcome, at now: Int64, random: UInt64) -> Fate {
        isSending = false
        let sentAt = firstSentAt ?? now
        guard outcome != .accepted else {
            (firstSentAt, failures, notBefore) = (nil, 0, .min)
            return .delivered
        }
        var pause = min(Self.firstPause << Int64(min(failures, 10)), Self.longestPause)
        pause -= Int64(random % UInt64(pause / 4 + 1))
        failures += 1
        var isKept = false
        if case .unavailable(let retryAfter) = outcome {
            pause = max(pause, min(retryAfter ?? 0, Self.longestRequest))
            isKept = !isFlushing && now + pause - sentAt <= Self.patience
        }
        if !isKept { firstSentAt = nil }
        // Whatever waits is tried once before the end.
        notBefore = isFlushing ? .min : now + pause
        return isKept ? .kept : .dropped
    }

    /// Ends a pause after a failure, and does not wait for a batch to fill.
    mutating func hurry() {
        notBefore = .min
        if gathersSince != nil { gathersSince = .min / 2 }
    }

    /// Exports everything at once, since the process ends. Fails no batch twice.
    mutating func flush() {
        isFlushing = true
        notBefore = .min
    }
}
