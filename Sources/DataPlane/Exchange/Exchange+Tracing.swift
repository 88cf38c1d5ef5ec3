import Admission
import Basics
import GatewayConfiguration
import JOSE

/// What is recorded of an exchange whose trace is sampled. The others pass each of these places with one comparison.
extension Exchange {
    // In bytes.
    private static let maxMethod = 64
    private static let maxPath = 1024
    private static let maxUserAgent = 256
    private static let maxAuthority = 255

    /// `nil` unless the trace is sampled.
    @inline(__always)
    var notes: TraceNotes? { state.request.id.isSampled ? traceNotes : nil }

    /// Decides whether the request's trace is sampled, and begins to record it.
    func beginTrace(_ request: RequestView, _ sampler: TraceSampler) {
        // It may have been parked.
        guard let client, !state.request.id.isSampled else { return }
        let heedsParent =
            switch sampler.parent {
            case .anyone: true
            case .trustedProxies: isFromTrustedProxy
            case .nobody: false
            }
        state.request.id.decide(sampler, heedsParent: heedsParent)
        guard state.request.id.isSampled else { return }
        let notes = traceNotes ?? TraceNotes()
        traceNotes = notes
        notes.begin(
            wall: WallClock.nanoseconds(),
            now: MonotonicClock.nanoseconds(),
            age: max(worker.clock.monotonic - state.request.startedAt, 0) * 1_000_000
        )
        let isSecure = client.isSecure || snapshot.cookie.isSecure
        notes.trace.scheme = isSecure ? .https : .http
        notes.trace.version = client.framesBodies ? "2" : request.isHTTP10 ? "1.0" : "1.1"
        let method = request.methodName
        notes.add(.method) { $0.append(method.extracting(0..<min(method.count, Self.maxMethod))) }
        notes.add(.path) { $0.append(target: request.target, upTo: Self.maxPath, hasQuery: false) }
        notes.add(.userAgent) { text in
            guard let value = request.value(of: .userAgent) else { return }
            text.append(masked: value, upTo: Self.maxUserAgent)
        }
        notes.add(.authority) { text in
            if let authority = request.authority { text.append(masked: authority, upTo: Self.maxAuthority) }
        }
        notes.add(.client) { $0.append(contentsOf: (address ?? client.address).text) }
        notes.add(.peer) { text in
            if state.request.forwardedAddress != nil { text.append(contentsOf: client.address.text) }
        }
    }

    /// Notes whether a token or session was in the cache, of those that are looked up for the verdict. Afterwards, others are
    /// looked up to see which cookies to delete.
    func noteLookup(isHit: Bool) {
        guard let notes, state.verdict.source == nil, state.verdict.refusal == nil else { return }
        notes.trace.isCached = isHit && notes.trace.isCached ?? true
    }

    /// Hands over what was recorded. Call while the client and the upstream's pool are known.
    func endTrace() {
        guard let notes else { return }
        notes.trace.endedAt = notes.time(MonotonicClock.nanoseconds())
        let id = state.request.id
        notes.trace.trace = id.trace
        notes.trace.parent = id.parent
        notes.trace.clientSpan = id.span
        notes.trace.serverSpan = worker.random.next() | 1
        notes.trace.verdictSpan = worker.random.next() | 1
        notes.trace.route = state.request.route.map { snapshot.settings.routes[$0].path.text }
        // RFC 8441 section 5: over HTTP/2 an open WebSocket is an ordinary success.
        let isStreamTunnel = state.answer.status == 101 && client?.framesBodies ?? false
        notes.trace.status = isStreamTunnel ? 200 : state.answer.status
        notes.trace.requestBytes = state.request.bytes
        notes.trace.responseBytes = state.answer.bytes
        notes.trace.fault = record.fault
        notes.trace.cut = record.cut
        notes.trace.refusal = state.verdict.refusal?.code
        if notes.trace.judgedFrom != nil { noteVerdict(in: notes) }
        if notes.trace.forwardedAt != nil, let upstream = pool?.upstream {
            notes.trace.upstream = upstream.settings.name
            notes.trace.server = state.leg.server?.name
            notes.trace.isServerSecure = state.leg.server?.peer != nil
        }
        worker.spans.append(notes)
    }

    private func noteVerdict(in notes: TraceNotes) {
        notes.trace.verdict = state.verdict.decision?.name
        notes.trace.credential = state.verdict.source?.name
        notes.trace.role = admitted?.role.name
        guard let viewer else { return }
        notes.trace.company = viewer.company
        guard let key = viewer.voucher?.key, let company = snapshot.authority.company(viewer.company) else { return }
        notes.trace.algorithm = company.keys.first { $0.thumbprint == key }?.algorithm
    }
}

extension TraceNotes {
    /// The time since the exchange began.
    var now: Int64 { time(MonotonicClock.nanoseconds()) }

    /// Admission is about to be asked, perhaps once more.
    func beginVerdict() { trace.judgedFrom = trace.judgedFrom ?? now }

    /// The request is to be sent to an upstream. If it was judged, it may pass.
    func forwards() {
        trace.forwardedAt = now
        if trace.judgedFrom != nil { trace.judgedUntil = trace.forwardedAt }
    }
}

extension Credentials.Source {
    /// The place in a request, for traces.
    var name: StaticString {
        switch self {
        case .query: "query"
        case .authorization: "authorization"
        case .subprotocol: "subprotocol"
        case .cookie: "cookie"
        case .header: "header"
        case .serviceWorker: "service_worker"
        case .socketTicket: "socket_ticket"
        }
    }
}
