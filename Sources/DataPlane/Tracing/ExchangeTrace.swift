import JOSE

/// What is recorded of a sampled exchange: the source of its spans. Its texts from outside are in a ``SpanChunk``.
///
/// Times are in nanoseconds since the exchange began.
struct ExchangeTrace: Sendable {
    /// The text of a request, in the order in which they lie one behind another.
    enum Text: Int, CaseIterable {
        case method, path, userAgent, authority, client, peer
    }

    enum Scheme: Sendable { case http, https }

    var trace: (high: UInt64, low: UInt64) = (0, 0)
    /// The caller's span. 0 if the trace begins here.
    var parent: UInt64 = 0
    var serverSpan: UInt64 = 0
    var verdictSpan: UInt64 = 0
    /// The span that the upstream knows as its parent.
    var clientSpan: UInt64 = 0

    /// In nanoseconds since 1970.
    var startedAt: Int64 = 0
    var endedAt: Int64 = 0

    // The request. Empty texts are absent.
    var ends = InlineArray<6, UInt16>(repeating: 0)
    var scheme = Scheme.http
    /// As in `network.protocol.version`.
    var version: StaticString = "1.1"
    var route: String?
    /// 0 if there was no answer.
    var status = 0
    var requestBytes = 0
    var responseBytes = 0
    /// What went wrong, by its name in the log.
    var fault: String?
    var cut: Cut?

    // The verdict.
    /// `nil` if admission was not asked.
    var judgedFrom: Int64?
    /// `nil` if the exchange ended with the verdict.
    var judgedUntil: Int64?
    var verdict: StaticString?
    var refusal: String?
    var company: String?
    var role: String?
    /// Where the credentials that decided were found.
    var credential: StaticString?
    var algorithm: Algorithm?
    /// Whether each token and session was in the cache. `nil` if none was looked for.
    var isCached: Bool?

    // The upstream.
    /// When the request was to be sent. `nil` if it was not.
    var forwardedAt: Int64?
    var connectedAt: Int64?
    var answeredAt: Int64?
    var upstream: String?
    var server: String?
    var isServerSecure = false
    /// 0 if it did not answer.
    var upstreamStatus = 0
    /// How often the request was sent, or was to be sent, to another server or over another connection.
    var resends = 0

    /// How many spans it yields.
    var spanCount: Int { 1 + (judgedFrom == nil ? 0 : 1) + (forwardedAt == nil ? 0 : 1) }

    /// Where a text lies among those of the exchange.
    func range(_ text: Text) -> Range<Int> {
        let start = text.rawValue == 0 ? 0 : Int(ends[text.rawValue - 1])
        return start..<max(start, Int(ends[text.rawValue]))
    }
}

/// Collects what is recorded of a sampled exchange while it is under way.
final class TraceNotes {
    var trace = ExchangeTrace()
    /// The texts, one behind another.
    private(set) var text: [UInt8] = []
    /// When the exchange began, in nanoseconds of the monotonic clock.
    private var origin: Int64 = 0

    /// Forgets the exchange before.
    ///
    /// - Parameters:
    ///   - wall: in nanoseconds since 1970.
    ///   - now: in nanoseconds of the monotonic clock.
    ///   - age: how long ago the exchange began, in nanoseconds.
    func begin(wall: Int64, now: Int64, age: Int64) {
        trace = ExchangeTrace()
        text.removeAll(keepingCapacity: true)
        trace.startedAt = wall - age
        origin = now - age
    }

    /// The time since the exchange began. Never negative.
    func time(_ now: Int64) -> Int64 { max(now - origin, 0) }

    /// Adds the next text. Call for each of ``ExchangeTrace/Text``, in order.
    func add(_ kind: ExchangeTrace.Text, _ write: (inout [UInt8]) -> Void) {
        write(&text)
        trace.ends[kind.rawValue] = UInt16(clamping: text.count)
    }
}
