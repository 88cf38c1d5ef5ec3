package import JOSE

/// How spans of requests are recorded and exported with the OpenTelemetry protocol.
package struct TracingSettings: Sendable {
    /// Where spans go. `nil` if none are recorded.
    package var endpoint: CollectorURL?
    package var serviceName = "embed-gateway"
    /// The share of traces that are recorded if no caller has decided.
    package var sample = 1.0
    /// Whose decision about a trace counts.
    package var parent = TraceParent.anyone
    /// The file from which `headers` were read.
    package var headersFile: String?
    /// Further field lines of each export, each with its line end. They usually hold a secret.
    package var headers = Secret([])
    package var caFile: String?
    /// The authorities that the collector's certificate is checked with; `nil` for the system's.
    package var authorities: TrustedAuthorities?
    /// The limit for one export.
    package var timeout: Duration = .seconds(10)
    /// The longest that spans wait for a batch to fill.
    package var interval: Duration = .seconds(5)
    /// The most spans of one export.
    package var batchSize = 512
    /// The most spans that wait.
    package var queueSize = 16_384

    package init() {}
}

/// Whose `sampled` flag decides whether a trace is recorded.
package enum TraceParent: String, Sendable, CaseIterable {
    case anyone
    /// Only that of the peers in `limits.trusted_proxies`.
    case trustedProxies = "trusted_proxies"
    /// Always the gateway itself.
    case nobody
}

/// Where a collector takes spans.
package struct CollectorURL: Sendable, Equatable {
    /// As written.
    package let text: String
    package let isSecure: Bool
    package let host: String
    package let port: Int
    package let path: String
    /// For `Host`.
    package let authority: String

    package static func == (a: CollectorURL, b: CollectorURL) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }
}
