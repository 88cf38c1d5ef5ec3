import Admission

/// One request and its response: decides on the request, forwards it, and writes what the client gets.
///
/// A connection reuses its exchange for one request after the other. The parts are in `Exchange+….swift`:
/// admission, the way to the upstream, the way back, refusals, own endpoints, streams that stay open.
final class Exchange {
    let worker: Worker
    var client: (any ClientStream)?
    /// The settings that the exchange began with.
    var snapshot: Snapshot

    // The request.
    var method: Method = .other
    var isHTTP10 = false
    var isUpgrade = false
    var keepsAlive = false
    var requestFraming: BodyFraming = .none
    var expectsContinue = false
    var isNavigation = false
    var requestID = RequestID()
    /// Set where the peer is a trusted proxy.
    var forwardedAddress: ClientAddress?
    var startedAt: Int64 = 0
    var requestBytes = 0
    var isRequestComplete = false
    var record = AccessRecord()

    // Admission.
    var access: Access = .public
    /// Whether it is for the control API, whose callers expect the members of its errors.
    var isControlCall = false
    var viewer: Viewer?
    var admitted: Admission.Admitted?
    /// Whether the `Authorization` field is a viewer's, which no upstream gets to see.
    var withholdsAuthorization = false
    var refusal: Refusal?
    /// The event that the refusal is about.
    var refusedEvent: String?
    /// The field line that says who may frame the event.
    var framePolicy: [UInt8] = []
    /// The address that was asked for holds a viewer's token, and is nobody else's to know.
    var hidesAddress = false
    /// It is a preflight, which comes without credentials: of the answer only status and fields are passed on.
    var isPreflight = false
    /// The upstream's cookies are made to live in a frame on another site.
    var partitionsCookies = false
    /// Field lines for the response that the verdict asks for: a new session's cookie and header.
    var extraFields: [UInt8] = []

    // The way to the upstream.
    var pool: UpstreamPool?
    var upstream: UpstreamConnection?
    var isUpstreamReady = false
    /// The head as it is sent; kept until an answer begins, in case it must be sent again.
    var upstreamHead: ByteBuffer?
    /// Body bytes that wait for the connection.
    var queued: ByteBuffer?
    /// Chunks that are written with the next flush.
    var pieces: ByteBuffer?
    var attempts = 1
    /// For telling whether anything moves.
    var movedBytes = 0
    var movedAt: Int64 = 0
    var triedServers: UInt64 = 0
    var isRetry = false
    var requestSentAt: Int64 = 0
    /// The server that the request went to, for the log.
    var servedBy: String?

    // The way back.
    var response: ByteBuffer?
    var status = 0
    var isResponseStarted = false
    var isResponseEnded = false
    var isChunkedToClient = false
    var responseBytes = 0
    /// A WebSocket, once its handshake is over.
    var tunnel: Tunnel?
    /// The subprotocol that carried the viewer's token, as it was offered.
    var offeredSubprotocol: [UInt8] = []
    /// What the upstream has to answer to the handshake's key.
    var handshakeAnswer: [UInt8] = []

    // Streams that stay open.
    /// When a tunnel has its turn in a drain; monotonic milliseconds.
    var drainsAt = Int64.max
    /// When the tunnel is looked at next; monotonic milliseconds.
    var looksAt = Int64.max
    var renewedAt: Int64 = 0
    var judgement = Judgement()
    /// When the doors of the event close, as it was judged last.
    var doorsCloseAt = Int64.max
    var requestRate = RateWindow()
    var responseRate = RateWindow()

    /// Sentinel for an exchange that is over or has not begun.
    var isActive = false
    /// Tells the requests of one exchange apart, for what comes back to it from elsewhere.
    private(set) var serial: UInt64 = 0

    init(worker: Worker) {
        self.worker = worker
        snapshot = worker.snapshot
    }

    var session: SessionID? { isActive ? admitted?.session : nil }

    /// Begins the exchange of the request whose head was just read into `worker.requestHead`.
    func start(_ bytes: Span<UInt8>, client: any ClientStream) {
        begin(client: client)
        method = worker.requestHead.method
        isHTTP10 = worker.requestHead.isHTTP10
        isUpgrade = worker.requestHead.isUpgrade
        keepsAlive = worker.requestHead.keepsAlive
        requestFraming = worker.requestHead.framing
        forwardedAddress = readForwardedAddress(bytes)
        expectsContinue = worker.requestHead.expectsContinue
        isRequestComplete = requestFraming == .none || requestFraming == .length(0)
        requestID.read(bytes, worker.requestHead.block, &worker.random)
        isNavigation = Navigation.isOne(bytes, worker.requestHead.block, method: method)
        let target = worker.requestHead.target
        if snapshot.logsAccess { record.read(bytes, method: worker.requestHead.methodRange, target: target) }
        do throws(HeadFault) {
            try worker.requestTarget.judge(bytes, in: target)
        } catch {
            refuseTarget(error, bytes, target)
            return
        }
        if isUpgrade, !judgeHandshake(bytes) { return }
        if client.listener == .admin || isOwnEndpoint(bytes) {
            serveOwnEndpoint(bytes)
        } else {
            route(bytes)
        }
    }

    private func begin(client: any ClientStream) {
        self.client = client
        snapshot = worker.snapshot
        isActive = true
        serial &+= 1
        startedAt = worker.clock.monotonic
        isUpgrade = false
        expectsContinue = false
        requestFraming = .none
        requestBytes = 0
        responseBytes = 0
        status = 0
        access = .public
        isControlCall = false
        forwardedAddress = nil
        viewer = nil
        admitted = nil
        withholdsAuthorization = false
        refusal = nil
        refusedEvent = nil
        hidesAddress = false
        if !offeredSubprotocol.isEmpty { offeredSubprotocol = [] }
        isPreflight = false
        partitionsCookies = false
        if !extraFields.isEmpty { extraFields = [] }
        servedBy = nil
        isUpstreamReady = false
        triedServers = 0
        attempts = 1
        movedBytes = 0
        movedAt = startedAt
        isRetry = false
        isResponseStarted = false
        isResponseEnded = false
        isChunkedToClient = false
        tunnel = nil
        drainsAt = .max
        renewedAt = worker.clock.monotonic
        judgement = Judgement()
        doorsCloseAt = .max
        requestRate = RateWindow()
        responseRate = RateWindow()
        record.clear()
    }

    /// Begins an exchange whose head could not be read, and refuses it.
    ///
    /// - Parameter bytes: what there is of the head.
    func refuseHead(_ fault: HeadFault, _ bytes: Span<UInt8>, client: any ClientStream) {
        beginFailed(bytes, client: client)
        record.fault = fault.code
        isNavigation = Navigation.mayBeOne(bytes)
        respond(status: fault.status)
    }

    /// Begins an exchange whose head did not come in time, and refuses it.
    func refuseHeadTimeout(_ bytes: Span<UInt8>, client: any ClientStream) {
        beginFailed(bytes, client: client)
        record.fault = "header_timeout"
        record.cut = .slow
        respond(status: 408)
    }

    /// Logs a request whose head could not be read and whose client cannot be answered any more.
    func noteHead(_ fault: HeadFault, _ bytes: Span<UInt8>, client: any ClientStream) {
        beginFailed(bytes, client: client)
        record.fault = fault.code
        record.cut = .client
        status = fault.status
        finish()
    }

    /// The same for one whose head did not come in time.
    func noteHeadTimeout(_ bytes: Span<UInt8>, client: any ClientStream) {
        beginFailed(bytes, client: client)
        record.fault = "header_timeout"
        record.cut = .slow
        status = 408
        finish()
    }

    private func beginFailed(_ bytes: Span<UInt8>, client: any ClientStream) {
        begin(client: client)
        isRequestComplete = false
        keepsAlive = false
        isHTTP10 = false
        isNavigation = false
        method = .other
        requestID.make(&worker.random)
        if snapshot.logsAccess { record.readStart(of: bytes) }
    }

    /// Finds the route and goes on with what it asks for.
    private func route(_ bytes: Span<UInt8>) {
        let match: RouteTable.Match?
        do throws(HeadFault) {
            match = try snapshot.routes.match(bytes, worker.requestTarget)
        } catch {
            record.fault = error.code
            respond(status: error.status)
            return
        }
        guard let match else {
            record.fault = "no_route"
            respond(status: 404)
            return
        }
        access = snapshot.routeAccess[match.route]
        let secure = snapshot.cookie.isSecure
        worker.sessionCookies.scan(bytes, worker.requestHead.block, secure: secure)
        if access != .public, asksForPermission(bytes) {
            guard snapshot.routeForwardsPreflights[match.route] else {
                refuse(.originDenied, bytes)
                return
            }
            // It carries no credentials; what somebody else sends in its name is not for the upstream.
            access = .public
            isPreflight = true
            withholdsAuthorization = true
            worker.sessionCookies.forgetOthers()
        }
        if access != .public, !admit(bytes, match) { return }
        partitionsCookies = snapshot.routePartitionsCookies[match.route]
        let upstream = snapshot.routeUpstream[match.route]
        isControlCall = isControl(upstream)
        if isControlCall, refusesUnstartedControl() { return }
        if access == .public { scanPublicQuery(bytes, upstream: upstream) }
        if case .length(let length) = requestFraming, length > snapshot.bodySize {
            respond(status: 413)
            return
        }
        forward(bytes, upstream: upstream)
    }

    /// Whether a browser asks on behalf of another site what it may send
    /// ([Fetch standard](https://fetch.spec.whatwg.org/#cors-preflight-request)).
    private func asksForPermission(_ bytes: Span<UInt8>) -> Bool {
        guard method == .options, requestFraming == .none || requestFraming == .length(0),
            worker.requestHead.block.contains(.origin),
            let asked = worker.requestHead.block.first(.accessControlRequestMethod)
        else { return false }
        return !asked.isEmpty && asked.allSatisfy { bytes[$0].isToken }
    }

    // MARK: The end

    /// The client has gone, at whatever point, or is sent away.
    func clientGone(_ cut: AccessRecord.Cut = .client) {
        guard isActive else { return }
        if status == 0 { status = 499 }
        if record.cut == nil, !(tunnel?.isOver ?? false) { record.cut = cut }
        if isTunnel { endUpstream(tunnel?.clientGone()) } else { releaseUpstream(reusable: false) }
        finish()
    }

    /// Lets go of the upstream's connection.
    func releaseUpstream(reusable: Bool) {
        guard let connection = upstream else { return }
        upstream = nil
        isUpstreamReady = false
        connection.release(reusable: reusable)
    }

    /// Writes the log line and forgets the request.
    func finish() {
        guard isActive else { return }
        isActive = false
        if snapshot.logsAccess { log() }
        if let head = upstreamHead.take() { worker.recycle(head) }
        tunnel = nil
        if !handshakeAnswer.isEmpty { handshakeAnswer = [] }
        queued = nil
        pieces = nil
        if let response = response.take() { worker.recycle(response) }
        pool = nil
        viewer = nil
        admitted = nil
        framePolicy = []
        client = nil
    }
}
