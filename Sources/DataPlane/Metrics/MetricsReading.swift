import Admission

/// What a scrape shows, as it was at one moment.
struct MetricsReading: Sendable {
    /// The sums over all event loops.
    var counts: LoopCounts
    var loops = 0
    /// The present upstreams with their servers.
    var upstreams: [UpstreamEntry] = []
    var sessions = SessionTally()
    /// Sessions under way.
    var liveSessions = 0
    var leaseEntries = 0
    /// How many viewers may be connected.
    var connectionLimit = 0
    var isReady = true
    var isDraining = false
    var reloads = Vitals.Reloads()
    /// Files that have changed and cannot be used.
    var unusableFiles = 0
    var certificates: [CertificateEntry] = []
    var lostLogLines = 0
    var tracing = TracingTally()
    /// Event loops that are late, so that they refuse requests without a session.
    var laggingLoops = 0
    /// Whether all loops do so for want of memory.
    var isShortOfMemory = false
    /// The sizes of the database's files in bytes, by kind. Empty if a server has them.
    var databaseFiles: [DatabaseFile] = []
    /// `nil` without a control API.
    var control: ControlReading?
    var process = ProcessUsage()
    var version = ""

    struct UpstreamEntry: Sendable {
        var name: String
        var slot: Int
        var servers: [ServerEntry]
    }

    struct ServerEntry: Sendable {
        var name: String
        var slot: Int
        /// Whether neither its last connection attempt nor its last checks failed.
        var isUp: Bool
        /// Whether an operator has taken it out.
        var isDrained = false
    }

    struct DatabaseFile: Sendable {
        var kind: String
        var size: Int
    }

    struct CertificateEntry: Sendable {
        /// Its place in the configuration, such as `listener[0]`.
        var place: String
        /// Seconds since 1970.
        var expiresAt: Int64
    }
}

/// What the control API's database and webhooks tell of themselves.
package struct ControlReading: Sendable {
    /// Writes that wait for the transaction before them.
    package var waitingWrites = 0
    /// Transactions, also those that failed.
    package var commits = 0
    package var failedCommits = 0
    /// The time of all transactions, in microseconds.
    package var commitMicroseconds = 0
    /// `nil` if the database cannot be read.
    package var waitingMessages: Int?
    /// The age of the oldest message to a webhook that is switched on, in milliseconds.
    package var oldestMessageAge = 0
    /// Attempts to deliver a message, by outcome.
    package var deliveries: [(outcome: String, count: Int)] = []
    package init() {}
}

/// What the system knows about this process.
struct ProcessUsage: Sendable, Equatable {
    /// When it started, in milliseconds since 1970.
    var startedAt: Int64 = 0
    /// The processor time that it has used, in milliseconds.
    var processorTime = 0
    /// In bytes.
    var residentMemory = 0
    /// In bytes.
    var virtualMemory = 0
    var openDescriptors = 0
    var descriptorLimit = 0
}
