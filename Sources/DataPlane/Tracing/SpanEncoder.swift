import Basics
import JOSE

/// Writes recorded exchanges as an `ExportTraceServiceRequest` in JSON
/// ([OTLP](https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding)): names in camel case, ids in hexadecimal
/// digits, 64-bit numbers as strings, and enumerations as numbers.
///
/// Each exchange is a SERVER span, with a span for the verdict and a CLIENT span for the upstream below it. Their attributes
/// follow the [semantic conventions for HTTP](https://opentelemetry.io/docs/specs/semconv/http/http-spans/). Queries, and
/// what may be a token or an e-mail, are left out.
struct SpanEncoder {
    /// What all spans have in common.
    struct Resource: Sendable {
        var serviceName: String
        var version: String
        /// Tells several gateways apart.
        var instance: String
    }

    private var json: ByteBuffer
    /// Whether the list that is being written has an element.
    private var hasElement = false

    /// The name of our instrumentation scope.
    private static let scope = "embed-gateway"
    /// Those that OpenTelemetry knows; others may be anything.
    private static let methods: [StaticString] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY",
    ]
    /// The most bytes of another method's name.
    private static let maxMethod = 32

    private enum Kind: Int {
        case `internal` = 1
        case server = 2
        case client = 3
    }

    static func encode(_ chunks: [SpanChunk], _ resource: Resource) -> [UInt8] {
        var encoder = SpanEncoder(json: ByteBuffer(capacity: chunks.reduce(512) { $0 + $1.spanCount * 768 }))
        encoder.write(resource)
        for chunk in chunks {
            for entry in chunk.entries { encoder.write(entry, of: chunk) }
        }
        encoder.raw("]}]}]}")
        return encoder.json.copied()
    }

    private mutating func write(_ resource: Resource) {
        raw(#"{"resourceSpans":[{"resource":{"attributes":["#)
        hasElement = false
        attribute("service.name", resource.serviceName)
        attribute("service.version", resource.version)
        attribute("service.instance.id", resource.instance)
        raw(#"]},"scopeSpans":[{"scope":{"name":""#)
        json.write(json: Self.scope.utf8Span.span)
        raw(#"","version":""#)
        json.write(json: resource.version.utf8Span.span)
        raw(#""},"spans":["#)
        hasElement = false
    }

    // MARK: Spans

    private mutating func write(_ entry: SpanChunk.Entry, of chunk: SpanChunk) {
        let trace = entry.trace
        let text = chunk.text
        func range(_ kind: ExchangeTrace.Text) -> Range<Int> {
            let range = trace.range(kind)
            return entry.start + range.lowerBound..<entry.start + range.upperBound
        }
        let name = text.span.extracting(range(.method))
        let method = Self.methods.first { name.equals($0, in: 0..<name.count) }
        // Long ones are no method that anybody means.
        let original = Self.withoutPersons(name.extracting(0..<min(name.count, Self.maxMethod)), isPath: false)
        let path = Self.withoutPersons(text.span.extracting(range(.path)), isPath: true)
        writeServer(trace, method, original.span, path.span) { encoder in
            encoder.address(text.span.extracting(range(.authority)))
            encoder.attribute("client.address", text.span.extracting(range(.client)))
            encoder.attribute("network.peer.address", text.span.extracting(range(.peer)))
            let agent = Self.withoutPersons(text.span.extracting(range(.userAgent)), isPath: false)
            encoder.attribute("user_agent.original", agent.span)
        }
        if trace.judgedFrom != nil { writeVerdict(trace) }
        if trace.forwardedAt != nil { writeClient(trace, method, original.span, path.span) }
    }

    private mutating func writeServer(
        _ trace: ExchangeTrace,
        _ method: StaticString?,
        _ original: Span<UInt8>,
        _ path: Span<UInt8>,
        texts: (inout SpanEncoder) -> Void
    ) {
        begin(trace, trace.serverSpan, parent: trace.parent, .server, from: 0, to: trace.endedAt) { encoder in
            encoder.raw(method ?? "HTTP")
            guard let route = trace.route else { return }
            encoder.raw(" ")
            encoder.json.write(json: route.utf8Span.span)
        }
        write(method, original)
        attribute("url.scheme", trace.scheme == .https ? "https" : "http")
        attribute("url.path", path)
        if let route = trace.route { attribute("http.route", route) }
        if trace.status > 0 { attribute("http.response.status_code", trace.status) }
        attribute("network.protocol.version", trace.version)
        texts(&self)
        attribute("http.request.body.size", trace.requestBytes)
        attribute("http.response.body.size", trace.responseBytes)
        if let refusal = trace.refusal { attribute("gateway.refusal", refusal) }
        if let cut = trace.cut { attribute("gateway.cut", cut.rawValue) }
        // A client's own mistakes are no errors of a server.
        var error: String?
        if trace.status >= 500 {
            error = trace.refusal ?? trace.fault ?? "\(trace.status)"
        } else if trace.cut == .upstream {
            error = trace.fault ?? "closed_early"
        }
        end(error)
    }

    private mutating func writeVerdict(_ trace: ExchangeTrace) {
        let from = min(trace.judgedFrom ?? 0, trace.endedAt)
        let until = min(max(trace.judgedUntil ?? trace.endedAt, from), trace.endedAt)
        begin(trace, trace.verdictSpan, parent: trace.serverSpan, .internal, from: from, to: until) {
            $0.raw("verdict")
        }
        if let verdict = trace.verdict { attribute("gateway.verdict", verdict) }
        // Later refusals, such as the upstream's absence, are not the verdict's.
        if trace.judgedUntil == nil {
            if let refusal = trace.refusal { attribute("gateway.refusal", refusal) }
            if let fault = trace.fault { attribute("gateway.fault", fault) }
        }
        if let credential = trace.credential { attribute("gateway.credential", credential) }
        if let algorithm = trace.algorithm { attribute("gateway.token.algorithm", algorithm.rawValue) }
        if let isCached = trace.isCached { attribute("gateway.token.cached", isCached) }
        if let company = trace.company { attribute("gateway.company", company) }
        if let role = trace.role { attribute("gateway.role", role) }
        end(nil)
    }

    private mutating func writeClient(
        _ trace: ExchangeTrace,
        _ method: StaticString?,
        _ original: Span<UInt8>,
        _ path: Span<UInt8>
    ) {
        let from = min(trace.forwardedAt ?? 0, trace.endedAt)
        begin(trace, trace.clientSpan, parent: trace.serverSpan, .client, from: from, to: trace.endedAt) {
            $0.raw(method ?? "HTTP")
        }
        write(method, original)
        if let upstream = trace.upstream { attribute("gateway.upstream", upstream) }
        if let server = trace.server { write(server.utf8Span.span, path, isSecure: trace.isServerSecure) }
        if trace.upstreamStatus > 0 { attribute("http.response.status_code", trace.upstreamStatus) }
        attribute("network.protocol.version", "1.1" as StaticString)
        if trace.resends > 0 { attribute("http.request.resend_count", trace.resends) }
        if let connectedAt = trace.connectedAt {
            attribute("gateway.upstream.connect_time", seconds: connectedAt - from)
            if let answeredAt = trace.answeredAt {
                attribute("gateway.upstream.head_time", seconds: answeredAt - connectedAt)
            }
        }
        var error: String?
        if trace.upstreamStatus >= 400 {
            error = "\(trace.upstreamStatus)"
        } else if trace.upstreamStatus == 0 || trace.cut == .upstream {
            error = trace.fault ?? (trace.cut == .upstream ? "closed_early" : nil)
        }
        end(error)
    }

    /// Writes the upstream's server, `host:port` or `unix:/path`, and the URL that was asked for.
    private mutating func write(_ server: Span<UInt8>, _ path: Span<UInt8>, isSecure: Bool) {
        let scheme: StaticString = "unix:"
        if server.count > 5, server.equals(scheme, in: 0..<5) {
            attribute("server.address", server.extracting(5..<server.count))
            return
        }
        address(server)
        attribute("url.full") { encoder in
            encoder.raw(#""stringValue":""#)
            encoder.raw(isSecure ? "https://" : "http://")
            encoder.json.write(json: server)
            encoder.json.write(json: path)
            encoder.raw("\"")
        }
    }

    private mutating func begin(
        _ trace: ExchangeTrace,
        _ span: UInt64,
        parent: UInt64,
        _ kind: Kind,
        from: Int64,
        to: Int64,
        name: (inout SpanEncoder) -> Void
    ) {
        element()
        raw(#"{"traceId":""#)
        write(id: trace.trace.high)
        write(id: trace.trace.low)
        raw(#"","spanId":""#)
        write(id: span)
        if parent != 0 {
            raw(#"","parentSpanId":""#)
            write(id: parent)
        }
        raw(#"","flags":"#)
        // Sampled; whether the parent is known to be in another process, and whether it is.
        json.writeDecimal(kind == .server && parent != 0 ? 0x301 : 0x101)
        raw(#","name":""#)
        name(&self)
        raw(#"","kind":"#)
        json.writeDecimal(kind.rawValue)
        raw(#","startTimeUnixNano":""#)
        json.writeDecimal(Int(max(trace.startedAt + from, 0)))
        raw(#"","endTimeUnixNano":""#)
        json.writeDecimal(Int(max(trace.startedAt + to, 0)))
        raw(#"","attributes":["#)
        hasElement = false
    }

    /// - Parameter error: what makes the span an error; `nil` if it is none.
    private mutating func end(_ error: String?) {
        if let error { attribute("error.type", error) }
        raw("]")
        if error != nil { raw(#","status":{"code":2}"#) }
        raw("}")
        hasElement = true
    }

    // MARK: Attributes

    private mutating func write(_ method: StaticString?, _ original: Span<UInt8>) {
        attribute("http.request.method", method ?? "_OTHER")
        if method == nil { attribute("http.request.method_original", original) }
    }

    /// Writes `host[:port]` as address and port. The address of a Unix socket is its path.
    private mutating func address(_ authority: Span<UInt8>) {
        let (host, port) = Self.split(authority)
        attribute("server.address", authority.extracting(host))
        if let port { attribute("server.port", port) }
    }

    static func split(_ authority: Span<UInt8>) -> (host: Range<Int>, port: Int?) {
        let all = 0..<authority.count
        var colon = authority.count
        while colon > 0, authority[colon - 1].isDigit { colon -= 1 }
        let digits = colon..<authority.count
        let bracket = authority.count > 1 && authority[0] == UInt8(ascii: "[")
        guard colon > 1, authority[colon - 1] == UInt8(ascii: ":"), (1...5).contains(digits.count) else {
            let isClosed = bracket && authority[authority.count - 1] == UInt8(ascii: "]")
            return (isClosed ? 1..<authority.count - 1 : all, nil)
        }
        var port = 0
        for index in digits { port = port * 10 + Int(authority[index] - UInt8(ascii: "0")) }
        let host = 0..<colon - 1
        if bracket, authority[colon - 2] == UInt8(ascii: "]") { return (1..<colon - 2, port) }
        // An IPv6 address without brackets has no port.
        for index in host where authority[index] == UInt8(ascii: ":") { return (all, nil) }
        return (host, port)
    }

    private mutating func attribute(_ key: StaticString, _ value: Span<UInt8>) {
        guard !value.isEmpty else { return }
        attribute(key) {
            $0.raw(#""stringValue":""#)
            $0.json.write(json: value)
            $0.raw("\"")
        }
    }

    private mutating func attribute(_ key: StaticString, _ value: String) { attribute(key, value.utf8Span.span) }

    private mutating func attribute(_ key: StaticString, _ value: StaticString) {
        attribute(key) {
            $0.raw(#""stringValue":""#)
            $0.raw(value)
            $0.raw("\"")
        }
    }

    private mutating func attribute(_ key: StaticString, _ value: Int) {
        attribute(key) {
            $0.raw(#""intValue":""#)
            $0.json.writeDecimal(max(value, 0))
            $0.raw("\"")
        }
    }

    private mutating func attribute(_ key: StaticString, _ value: Bool) {
        attribute(key) { $0.raw(value ? #""boolValue":true"# : #""boolValue":false"#) }
    }

    private mutating func attribute(_ key: StaticString, seconds nanoseconds: Int64) {
        let (seconds, rest) = max(nanoseconds, 0).quotientAndRemainder(dividingBy: 1_000_000_000)
        attribute(key) { encoder in
            encoder.raw(#""doubleValue":"#)
            encoder.json.writeDecimal(Int(seconds))
            encoder.raw(".")
            var unit: Int64 = 100_000_000
            while unit > 0 {
                encoder.json.write(UInt8(ascii: "0") + UInt8(rest / unit % 10))
                unit /= 10
            }
        }
    }

    private mutating func attribute(_ key: StaticString, value: (inout SpanEncoder) -> Void) {
        element()
        raw(#"{"key":""#)
        raw(key)
        raw(#"","value":{"#)
        value(&self)
        raw("}}")
    }

    private mutating func element() {
        if hasElement { raw(",") }
        hasElement = true
    }

    private mutating func write(id word: UInt64) { _ = json.write(atMost: 16) { $0.writeHexadecimal(word) } }

    private mutating func raw(_ text: StaticString) { json.write(text) }

    // MARK: Privacy

    /// The text with `*` for each word that may be an e-mail, in a path also for what follows an encoded query's begin.
    ///
    /// - Parameter isPath: whether the words are a path's segments.
    static func withoutPersons(_ text: Span<UInt8>, isPath: Bool) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var start = 0
        while start <= text.count {
            var end = start
            while end < text.count, !text[end].separates(inPath: isPath) { end += 1 }
            let word = text.extracting(start..<end)
            if isPath, word.holdsEncoded("%3f") {
                result.append(UInt8(ascii: "*"))
                return result
            }
            // A percent sign that is encoded itself may hide anything.
            let isHidden =
                word.contains(UInt8(ascii: "@")) || word.holdsEncoded("%40") || word.holdsEncoded("%25")
            if isHidden { result.append(UInt8(ascii: "*")) } else { result.append(word) }
            if end < text.count { result.append(text[end]) }
            start = end + 1
        }
        return result
    }
}

extension UInt8 {
    fileprivate func separates(inPath isPath: Bool) -> Bool {
        if isPath { return self == UInt8(ascii: "/") }
        switch self {
        case UInt8(ascii: " "), UInt8(ascii: ";"), UInt8(ascii: ","), UInt8(ascii: "("), UInt8(ascii: ")"): return true
        default: return false
        }
    }
}

extension Span<UInt8> {
    fileprivate func contains(_ byte: UInt8) -> Bool { firstIndex(of: byte, from: 0, to: count) != nil }

    /// - Parameter escape: in lower case.
    fileprivate func holdsEncoded(_ escape: StaticString) -> Bool {
        guard count >= 3 else { return false }
        for index in 0...count - 3 where self[index] == .percent && equals(escape, ignoringCaseIn: index..<index + 3) {
            return true
        }
        return false
    }
}
