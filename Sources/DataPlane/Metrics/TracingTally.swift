/// What became of the spans that were recorded.
struct TracingTally: Sendable, Equatable {
    /// Those that wait to be exported.
    var waiting = 0
    /// Those that the collector has taken.
    var exported = 0
    /// Dropped because the queue was full.
    var overflowed = 0
    /// Dropped because the collector could not be reached for too long.
    var undelivered = 0
    /// Those that the collector has refused.
    var rejected = 0
    /// Exports that failed, also those that were repeated.
    var failures = 0
}
