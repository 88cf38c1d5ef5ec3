import Admission
import Basics

/// One request and its response: judges the request, forwards it, and writes the answer for the client.
///
/// ``ExchangeState`` decides what to do; this class does it, with the memory and connections that this takes. The worker
/// reuses exchanges for one request after another. The extensions in `Exchange+….swift` cover admission, forwarding, the
/// response, refusals, own endpoints, and long-lived streams.
final class Exchange: UpstreamUser {
    // What each request uses comes first, so that it shares cache lines.
    let worker: Worker
    var client: (any ClientStream)?
    /// The settings that the exchange started with.
    var snapshot: Snapshot
    var pool: UpstreamPool?
    var upstream: UpstreamConnection?
    /// The head as sent. Kept until an answer begins, in case it must be sent again.
    var upstreamHead: ByteBuffer?
    /// Bytes to send to the client with the next flush.
    var response: ByteBuffer?
    /// Identifies the current request, for work that finishes elsewhere and comes back.
    private(set) var serial: UInt64 = 0
    var state = ExchangeState()
    var record = AccessRecord()
    /// Body bytes waiting for the upstream's connection.
    var queued: ByteBuffer?
    /// Chunks of the request's body to write with the next flush.
    var pieces: ByteBuffer?
    /// `nil` unless the request asks for a WebSocket.
    var upgrade: Upgrade?
    /// `nil` unless the request waits for a key set or a lease.
    var parked: ParkedRequest?
    /// `nil` unless the request waits, or has waited, for other gateways to agree to its lease.
    var leaseWait: LeaseWait?
    /// The operator's call whose body is arriving, to be answered once it is complete; `nil` if there is none.
    var operatorCall: ArrivingCall?
    /// The path of the last request for which a service worker keeps cookies.
    var cookiePath: [UInt8] = []
    /// How many endings of sessions there were before the request was admitted.
    var endingsBefore: UInt64 = 0
    /// What is recorded of the request if its trace is sampled, or was of an earlier one. `nil` if none was.
    var traceNotes: TraceNotes?

    init(worker: Worker) {
        self.worker = worker
        snapshot = worker.snapshot
    }

    var isActive: Bool { state.isActive }
    var isTunnel: Bool { state.phase == .tunnel }
    var isUpgrade: Bool { state.request.isUpgrade }
    var isNavigation: Bool { state.request.isNavigation }
    var isForHead: Bool { method == .head }
    var isSafe: Bool { method.isSafe }
    var method: Method { state.request.method }
    var viewer: Viewer? { state.verdict.viewer }
    var admitted: Admission.Admitted? { state.verdict.admitted }
    var session: SessionID? { admitted?.session }

    /// Starts the exchange for a request whose head was just read.
    func start(_ request: RequestView, client: any ClientStream) {
        begin(client: client)
        note(request)
        if snapshot.logsAccess { record.read(request, for: snapshot.accessLine) }
        if snapshot.judgesAddresses, client.listener != .admin, refusesAddress() { return }
        judge(request)
    }

    /// Judges the request and serves or forwards it. Begins anew if it was parked.
    func judge(_ request: RequestView) {
        do throws(HeadFault) {
            try request.judgeTarget()
        } catch {
            refuseTarget(error, request)
            return
        }
        if snapshot.hasRedirects, let index = client?.listener.index, snapshot.listeners[index].redirects {
            redirectToHTTPS(request, snapshot.listeners[index])
            return
        }
        if isUpgrade, !judgeHandshake(request) { return }
        let isForAdmin = client?.listener == .admin
        if isForAdmin || request.isForOwnEndpoint {
            state.request.slot = isForAdmin ? CounterLabels.admin : CounterLabels.ownEndpoint
            serveOwnEndpoint(request)
        } else {
            route(request)
        }
    }

    private func begin(client: any ClientStream) {
        self.client = client
        snapshot = worker.snapshot
        serial &+= 1
        worker.counters.add(.requests)
        state.begin(at: client.requestedAt, maxBytes: snapshot.bodySize)
        state.request.addressHash = client.address.hash
        record.clear()
    }

    /// Notes what must be known of the request once its head is gone.
    private func note(_ request: RequestView) {
        let framing = request.framing
        state.request.method = request.method
        state.request.framing = framing
        state.request.isComplete = framing == .none || framing == .length(0)
        state.request.isHTTP10 = request.isHTTP10
        state.request.isUpgrade = request.isUpgrade
        state.request.expectsContinue = request.expectsContinue
        if let address = forwardedAddress(request) {
            state.request.addressHash = address.hash
            state.request.forwardedAddress = address
        }
        if request.isNavigation {
            state.request.isNavigation = true
            state.request.language = request.language(among: snapshot.pages.tags)
        }
        state.request.id.read(request, &worker.random)
        state.answer.keepsAlive = request.keepsAlive
    }

    /// Starts an exchange for an unreadable head and refuses it.
    ///
    /// - Parameter bytes: as much of the head as there is.
    func refuseHead(_ fault: HeadFault, _ bytes: Span<UInt8>, client: any ClientStream) {
        beginFailed(bytes, client: client)
        record.fault = fault.code
        if Navigation.mayBeOne(bytes) {
            state.request.isNavigation = true
            state.request.language = Navigation.language(bytes, among: snapshot.pages.tags)
        }
        respond(status: fault.status)
    }

    /// Starts an exchange for a head that did not arrive in time and refuses it.
    func refuseHeadTimeout(_ bytes: Span<UInt8>, client: any ClientStream) {
        beginFailed(bytes, client: client)
        record.fault = "header_timeout"
        record.cut = .slow
        respond(status: 408)
    }

    /// Logs a request whose head was unreadable and whose client can no longer be answered.
    func noteHead(_ fault: HeadFault, _ bytes: Span<UInt8>, client: any ClientStream) {
        beginFailed(bytes, client: client)
        record.fault = fault.code
        record.cut = .client
        state.answer.status = fault.status
        finish()
    }

    /// Logs a request whose head did not arrive in time and whose client can no longer be answered.
    func noteHeadTimeout(_ bytes: Span<UInt8>, client: any ClientStream) {
        beginFailed(bytes, client: client)
        record.fault = "header_timeout"
        record.cut = .slow
        state.answer.status = 408
        finish()
    }

    private func beginFailed(_ bytes: Span<UInt8>, client: any ClientStream) {
        begin(client: client)
        state.request.id.make(&worker.random)
        if snapshot.logsAccess { record.readStart(of: bytes) }
    }

    /// Finds the route and continues as the route requires.
    private func route(_ request: RequestView) {
        let match: RouteTable.Match?
        do throws(HeadFault) {
            match = try request.route(in: snapshot.routes)
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
        state.request.route = match.route
        if let sampler = snapshot.sampler { beginTrace(request, sampler) }
        state.request.slot = snapshot.routeSlots[match.route]
        if !snapshot.routeHeadLimits.isEmpty, request.exceeds(snapshot.routeHeadLimits[match.route]) {
            record.fault = HeadFault.tooLarge.code
            respond(status: HeadFault.tooLarge.status)
            return
        }
        let bodySize = snapshot.routeBodySize[match.route]
        state.request.maxBytes = bodySize
        let access = snapshot.routeAccess[match.route]
        state.verdict.access = access
        request.scanCookies(isSecure: snapshot.cookie.isSecure)
        if snapshot.isCookieless, isForeignServiceWorker(request) {
            record.fault = "foreign_service_worker"
            respond(status: 403)
            return
        }
        if access != .public, request.isPreflight {
            guard snapshot.routeForwardsPreflights[match.route] else {
                refuse(.originDenied, request)
                return
            }
            // A preflight has no credentials. Any that someone added must not reach the upstream.
            state.verdict.access = .public
            state.verdict.isPreflight = true
            state.verdict.withholdsAuthorization = true
            request.forgetOtherCookies()
        }
        if state.verdict.access != .public {
            if let notes { notes.beginVerdict() }
            guard admit(request, match) else { return }
        }
        state.verdict.partitionsCookies = snapshot.routePartitionsCookies[match.route]
        let upstream = snapshot.routeUpstream[match.route]
        state.verdict.isControlCall = isControl(upstream)
        if state.verdict.isControlCall, refusesUnstartedControl() { return }
        if access == .public, worker.isShedding, sheds(request, heldSession(request, event: nil)?.session) { return }
        if state.verdict.access == .public {
            if snapshot.isCookieless { noteServiceWorker(request) }
            scanPublicQuery(request, upstream: upstream)
        }
        if case .length(let length) = state.request.framing, length > bodySize {
            respond(status: 413)
            return
        }
        forward(request, upstream: upstream)
    }

    // MARK: The end

    /// Performs an action of the state that does not need the bytes that just arrived.
    func perform(_ action: ExchangeState.Action) {
        switch action {
        case .ignore, .pass, .keep, .judge: break
        case .unexpected:
            assertionFailure("an event that cannot come in phase \(state.phase)")
            // Fail closed: release the upstream and end the exchange.
            cut(.upstream)
        case .connect(let tried, let allowsReuse): pool?.acquire(for: self, tried: tried, allowsReuse: allowsReuse)
        case .send: sendRequest()
        case .endRequest: endRequest()
        case .refuse(let refusal): refuse(refusal)
        case .respond(let status): respond(status: status)
        case .cut(.slow) where isTunnel: cutTunnel()
        case .cut(let cut): self.cut(cut)
        case .complete(let keepsUpstream): completeResponse(keepsUpstream: keepsUpstream)
        case .release: releaseUpstream(reusable: false)
        case .endTunnel: endUpstream(upgrade?.tunnel?.clientGone())
        case .timeOut: upstreamFailed(.timeout)
        case .giveUp: upstreamFailed(.unresponsive)
        }
    }

    /// Handles the loss of the client at any point, or cuts it off.
    func clientGone(_ cut: Cut = .client) {
        guard isActive else { return }
        if record.cut == nil, !(upgrade?.tunnel?.isOver ?? false) { record.cut = cut }
        perform(state.on(.clientGone))
        finish()
    }

    /// Releases the upstream's connection.
    func releaseUpstream(reusable: Bool) {
        guard let connection = upstream else {
            pool?.stopWaiting(self)
            return
        }
        upstream = nil
        connection.release(reusable: reusable)
    }

    /// Counts the request, writes its log line and forgets it.
    func finish() {
        guard isActive else { return }
        countEnd()
        if snapshot.logsAccess, isLogged { log() }
        if state.request.id.isSampled { endTrace() }
        if let head = upstreamHead.take() { worker.recycle(head) }
        if let response = response.take() { worker.recycle(response) }
        queued = nil
        pieces = nil
        operatorCall = nil
        upgrade = nil
        if let wait = parked.take()?.wait { worker.keyWaits.cancel(wait) }
        if leaseWait != nil { leaseWait = nil }
        pool = nil
        client = nil
        state.end()
    }
}
