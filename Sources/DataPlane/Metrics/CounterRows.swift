/// The counters of a route: requests by protocol, method and class of status, then histograms of durations, and of the
/// time to the head of the answer for requests that took a millisecond or longer.
enum RouteRow {
    /// As many as `Method` has.
    static let methods = 7
    static let statusClasses = 5
    static let durations = ClientProtocol.allCases.count * methods * statusClasses
    static let heads = durations + DurationHistogram.size
    static let size = heads + DurationHistogram.size

    @inline(__always)
    static func requests(_ client: ClientProtocol, method: Int, statusClass: Int) -> Int {
        (client.rawValue * methods + method) * statusClasses + statusClass
    }

    /// The class of a status: 0 for 1xx to 4 for 5xx and everything above.
    @inline(__always)
    static func statusClass(_ status: Int) -> Int { min(max(status / 100, 1), statusClasses) - 1 }
}

/// The counters of an upstream: histograms of the time to a connection and of the time from the request to the head,
/// then faults by kind, retries, and those that the budget did not allow. Waiting requests after them are counted
/// at a scrape.
enum UpstreamRow {
    static let connecting = 0
    static let answering = connecting + DurationHistogram.size
    static let faults = answering + DurationHistogram.size
    static let retries = faults + UpstreamFaultKind.allCases.count
    static let withheldRetries = retries + 1
    static let waiting = withheldRetries + 1
    static let size = waiting + 1
}

/// The counters of a server: responses by class of status, then ejections. The open connections after them are counted
/// at a scrape.
enum ServerRow {
    static let ejections = RouteRow.statusClasses
    static let activeConnections = ejections + 1
    static let idleConnections = activeConnections + 1
    static let size = idleConnections + 1
}

/// The counters of token checks: by algorithm, or none if that cannot be read, and outcome.
enum TokenRow {
    static let outcomes = TokenOutcome.allCases.count

    static func checks(algorithm: Int, _ outcome: TokenOutcome) -> Int { algorithm * outcomes + outcome.position }
}
