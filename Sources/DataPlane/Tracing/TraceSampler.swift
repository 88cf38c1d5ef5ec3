import GatewayConfiguration

/// Decides whether a trace is recorded.
struct TraceSampler: Sendable {
    /// Whose decision counts, if they have one.
    let parent: TraceParent
    /// `nil` if every trace is recorded.
    private let bound: UInt64?

    init(_ settings: TracingSettings) {
        parent = settings.parent
        bound = settings.sample < 1 ? UInt64(settings.sample * 0x1p64) : nil
    }

    /// Whether a trace of which nobody has decided is recorded.
    ///
    /// Compares the lower half of its id with the share, as OpenTelemetry's SDKs for Go and Python do
    /// ([TraceIdRatioBased](https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased)): services that record
    /// the same share record the same traces.
    func samples(_ low: UInt64) -> Bool { bound.map { low < $0 } ?? true }
}
