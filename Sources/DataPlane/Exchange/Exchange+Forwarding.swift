import Admission
import Basics
import GatewayConfiguration
import Transport

extension Exchange {
    /// Gather chunks up to this size, so that many small ones do not each need memory of their own.
    private static let copyLimit = 8 << 10

    /// Writes the head for the upstream and asks for a connection.
    func forward(_ request: RequestView, upstream index: Int) {
        if let notes { notes.forwards() }
        request.scanReferer(tokenNames: snapshot.tokenNames, takesJoinCodes: snapshot.takesJoinCodes)
        let pool = worker.upstreams[index]
        var head = worker.takeBuffer()
        var identity: [UInt8] = []
        if let viewer, let admitted {
            let entry = worker.identities.entry(
                viewer,
                admitted,
                upstream: index,
                worker: worker,
                snapshot: snapshot
            )
            identity = entry.lines
            state.verdict.framePolicy = entry.framePolicy
            if snapshot.logsAccess { state.verdict.logged = entry.logged }
        }
        // The request's own head, our lines, and an authority that may be written twice.
        let capacity = request.bytes.count + identity.count + 2048
        let isWritten = head.write(atMost: capacity) { head in
            head.write(request.methodName)
            head.write(UInt8.space)
            request.writeTarget(to: &head)
            head.write(" HTTP/1.1\r\n")
            writeHost(request, pool.upstream.host, to: &head)
            writeFields(request, upstream: index, to: &head)
            head.write(identity)
            writeFraming(to: &head)
        }
        guard isWritten else {
            worker.recycle(head)
            notes?.trace.forwardedAt = nil
            record.fault = HeadFault.tooLarge.code
            respond(status: HeadFault.tooLarge.status)
            return
        }
        upstreamHead = head
        if state.request.expectsContinue { sendContinue() }
        // Writing may have revealed that the client is gone.
        guard isActive else { return }
        self.pool = pool
        record.forwardedAt = worker.clock.monotonic
        pool.countRequest()
        perform(state.on(.forwarded(servers: pool.serverCount, retries: pool.upstream.settings.retries)))
    }

    private func writeHost(_ request: RequestView, _ line: HostLine, to head: inout ByteWriter) {
        switch line {
        case .client:
            head.write("Host: ")
            if let authority = request.authority { head.write(authority) }
            head.write("\r\n")
        case .fixed(let bytes): head.write(bytes)
        // Written by `write(_:host:to:)`.
        case .server: break
        }
    }

    private func writeFields(_ request: RequestView, upstream: Int, to head: inout ByteWriter) {
        let bytes = request.bytes
        let isTrusted = isFromTrustedProxy
        // Copy adjacent lines that stay as one run.
        var runStart = 0
        var runEnd = 0
        let fields = request.fields
        for index in fields.indices {
            let field = fields[index]
            guard isForwarded(field, of: request, upstream: upstream, isTrusted: isTrusted) else { continue }
            if Int(field.nameStart) != runEnd {
                if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
                runStart = Int(field.nameStart)
            }
            runEnd = Int(field.lineEnd)
        }
        if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
        writeReferer(request, to: &head)
        if snapshot.isCookieless { writeWorkerFields(request, to: &head) }
        writeSubprotocols(request, to: &head)
        writeCookies(request, to: &head)
        writeForwarded(request, isTrusted: isTrusted, to: &head)
        state.request.id.writeFields(to: &head)
    }

    private func writeFraming(to head: inout ByteWriter) {
        switch state.request.framing {
        case .length(let length):
            head.write("Content-Length: ")
            head.writeDecimal(length)
            head.write("\r\n")
        case .chunked:
            head.write("Transfer-Encoding: chunked\r\n")
        case .none, .untilClose: break
        }
        if isUpgrade { head.write("Connection: Upgrade\r\nUpgrade: websocket\r\n") }
        head.write("\r\n")
    }

    @inline(__always)
    private func isForwarded(
        _ field: FieldBlock.Field,
        of request: RequestView,
        upstream: Int,
        isTrusted: Bool
    ) -> Bool {
        if field.isRemoved { return false }
        switch field.name {
        case .other:
            return !isForgedIdentity(request.bytes, field.nameRange)
                && (isTrusted || !ProxyFields.contain(request.bytes, field.nameRange))
                && !(snapshot.isCookieless && GatewayFields.contain(request.bytes, field.nameRange))
        case .host, .expect, .gatewayCookie, .gatewayRequest, .gatewaySession, .cookie: return false
        case .secFetchDest, .secFetchMode, .secFetchSite:
            return !isToldByServiceWorker && !isForgedIdentity(request.bytes, field.nameRange)
        case .secWebSocketProtocol: return false
        case .authorization: return !isViewersAuthorization(request.bytes.extracting(field.value), upstream: upstream)
        case .referer: return !request.hasSecretInReferer && !restoresReferer(request)
        case .xForwardedFor, .xForwardedHost, .xForwardedProto: return false
        case .forwarded, .xRealIP: return isTrusted
        case .xRequestID: return state.request.id.keepsID
        case .traceparent: return state.request.id.keepsTrace
        case .tracestate: return state.request.id.keepsTraceState
        default: return !field.name.isHopByHop && !isForgedIdentity(request.bytes, field.nameRange)
        }
    }

    /// Whether a field name starts with the identity prefix if every byte except letters and digits is read as `-`.
    /// CGI-like upstreams do not distinguish these bytes.
    @inline(__always)
    private func isForgedIdentity(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
        let prefix = snapshot.identityPrefix
        guard name.count >= prefix.count else { return false }
        for offset in prefix.indices {
            let byte = bytes[name.lowerBound + offset]
            let isWordByte = byte.isLetterOrDigit
            guard (isWordByte ? byte.lowercased : UInt8(ascii: "-")) == prefix[offset] else { return false }
        }
        return true
    }

    /// Writes the `Referer` up to its query. A page opened with a token in its address would leak it to everything that
    /// it loads.
    private func writeReferer(_ request: RequestView, to head: inout ByteWriter) {
        guard request.hasSecretInReferer, !restoresReferer(request), let referer = request.value(of: .referer),
            let question = referer.firstIndex(of: UInt8(ascii: "?"), from: 0, to: referer.count)
        else { return }
        head.write("Referer: ")
        head.write(referer.extracting(0..<question))
        head.write("\r\n")
    }

    /// Writes the subprotocols that the client offers, except those that carry tokens or socket tickets.
    private func writeSubprotocols(_ request: RequestView, to head: inout ByteWriter) {
        guard request.contains(.secWebSocketProtocol) else { return }
        let bytes = request.bytes
        var isFirst = true
        for field in request.fields where field.name == .secWebSocketProtocol {
            Subprotocols.forEach(bytes, in: field.value) { name in
                if Subprotocols.token(bytes, name) != nil || Subprotocols.socketTicket(bytes, name) != nil {
                    if let upgrade, upgrade.offeredSubprotocol.isEmpty {
                        upgrade.offeredSubprotocol = bytes.extracting(name).copied()
                    }
                    return
                }
                head.write(isFirst ? "Sec-WebSocket-Protocol: " : ", ")
                head.write(bytes.extracting(name))
                isFirst = false
            }
        }
        if !isFirst { head.write("\r\n") }
    }

    /// Writes the client's cookies as one field, except session cookies.
    private func writeCookies(_ request: RequestView, to head: inout ByteWriter) {
        let pairs = request.otherCookies
        let stored = isToldByServiceWorker ? storedCookies(request) : []
        guard !pairs.isEmpty || !stored.isEmpty else { return }
        head.write("Cookie: ")
        var isFirst = true
        for pair in pairs {
            if !isFirst { head.write("; ") }
            head.write(request.bytes.extracting(pair))
            isFirst = false
        }
        for cookie in stored {
            if !isFirst { head.write("; ") }
            head.write(cookie.pair)
            isFirst = false
        }
        head.write("\r\n")
    }

    var isFromTrustedProxy: Bool {
        guard snapshot.hasTrustedProxies, let client else { return false }
        return client.address.isTrustedProxy(in: snapshot.settings.limits.trustedProxies)
    }

    /// Writes `X-Forwarded-For`, `-Proto` and `-Host`. Keeps the values of trusted proxies and drops all others.
    private func writeForwarded(_ request: RequestView, isTrusted: Bool, to head: inout ByteWriter) {
        head.write("X-Forwarded-For: ")
        if isTrusted {
            for field in request.fields where field.name == .xForwardedFor && !field.value.isEmpty {
                head.write(request.bytes.extracting(field.value))
                head.write(", ")
            }
        }
        head.write(client?.address.text ?? [])
        head.write("\r\nX-Forwarded-Proto: ")
        if isTrusted, let value = request.value(of: .xForwardedProto) {
            head.write(value)
        } else {
            // Something in front of the gateway may have ended TLS.
            let isSecure = client?.isSecure ?? false || snapshot.cookie.isSecure
            head.write(isSecure ? "https" : "http")
        }
        head.write("\r\nX-Forwarded-Host: ")
        if isTrusted, let value = request.value(of: .xForwardedHost) {
            head.write(value)
        } else if let authority = request.authority {
            head.write(authority)
        }
        head.write("\r\n")
    }

    /// Tells the client to send its body
    /// ([RFC 9110 section 10.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1)).
    func sendContinue() {
        var buffer = worker.takeBuffer()
        buffer.write("HTTP/1.1 100 Continue\r\n\r\n")
        client?.interim(buffer)
        worker.recycle(buffer)
    }

    // MARK: The connection

    /// What the upstream connection's descriptor counts as.
    var descriptorUse: DescriptorBudget.Use {
        DescriptorBudget.Use(isPublic: state.verdict.access == .public, address: client?.share)
    }

    /// The registration or user; on public routes, the client's address.
    var balanceKey: UInt64? {
        admitted?.subject.high ?? (state.request.forwardedAddress ?? client?.address)?.stableHash
    }

    var hasSession: Bool { admitted.map { !$0.isNew } ?? false }

    func upstreamAwaited() {
        // Do not read a body before there is a connection to send it on.
        if !state.request.isComplete { client?.pauseReading() }
    }

    func upstreamConnecting(_ connection: UpstreamConnection) {
        upstream = connection
        state.leg.server = connection.server
        // Do not read a body before there is a connection to send it on.
        if !state.request.isComplete { client?.pauseReading() }
    }

    func upstreamConnected(_ connection: UpstreamConnection) {
        upstream = connection
        state.leg.server = connection.server
        // From a server that was tried before.
        record.fault = nil
        let now = worker.clock.monotonic
        record.connectTime = now - record.forwardedAt
        if let notes { notes.trace.connectedAt = notes.now }
        perform(state.on(.connected(at: now)))
    }

    /// Sends the head and the part of the body that has arrived.
    func sendRequest() {
        guard let upstream, let head = upstreamHead else { return }
        write(head.span, host: upstream.server.hostLine, to: upstream)
        if let waiting = queued.take() { send(waiting.span, to: upstream) }
        if state.request.isComplete { endRequest() } else { writePieces(to: upstream) }
        if upstream.isWritable { client?.resumeReading() }
    }

    /// Sends the head, with the server's own `Host` line after the request line if it has one.
    private func write(_ head: Span<UInt8>, host: [UInt8], to upstream: UpstreamConnection) {
        guard !host.isEmpty, let lineEnd = head.firstIndex(of: .lineFeed, from: 0, to: head.count) else {
            upstream.write(head)
            return
        }
        var out = worker.takeBuffer()
        out.write(head.extracting(...lineEnd))
        out.write(host)
        out.write(head.extracting((lineEnd + 1)...))
        upstream.write(out.span)
        worker.recycle(out)
    }

    /// The upstream cannot be used for this request, or no longer can.
    func upstreamFailed(_ fault: UpstreamFault) {
        let attempt = upstream.map {
            UpstreamAttempt(server: $0.serverBit, wasReused: $0.exchangesBefore > 0 && !$0.hasAnswered)
        }
        if let upstream, let attempt, fault.isServers, state.phase == .requesting, state.request.isComplete,
            isBlamed(upstream.server, for: fault, attempt)
        {
            pool?.failed(upstream, .answer(fault))
        }
        releaseUpstream(reusable: false)
        guard isActive else { return }
        record.fault = fault.code
        let action = state.on(.failed(fault, attempt))
        if let slot = pool?.upstream.slot { worker.counters.failed(slot, fault.kind) }
        if case .connect = action, let pool, !pool.takeRetry() {
            refuse(.upstreamUnavailable)
        } else if case .refuse(.upstreamUnavailable) = action, state.verdict.isControlCall {
            refuseLostCall(fault: fault.code)
        } else {
            if let notes, case .connect = action { notes.trace.resends += 1 }
            perform(action)
        }
    }

    /// Whether a fault says something about the server, and not about this request or connection.
    private func isBlamed(_ server: UpstreamServer, for fault: UpstreamFault, _ attempt: UpstreamAttempt) -> Bool {
        switch fault {
        // It may close an idle connection at any time.
        case .closed: !attempt.wasReused
        // Some requests take long, and one client can send many of them.
        case .timeout: !server.hasAnswered(since: state.leg.sentAt)
        default: true
        }
    }

    // MARK: The body

    func requestBody(_ bytes: Span<UInt8>) {
        worker.counters.add(.bytesReceived, bytes.count)
        switch state.on(.requestBytes(bytes.count)) {
        case .pass:
            guard let upstream else { return }
            send(bytes, to: upstream)
            if !upstream.isWritable { client?.pauseReading() }
        case .keep:
            var waiting = queued.take() ?? ByteBuffer()
            waiting.write(bytes)
            queued = waiting
            if operatorCall == nil { client?.pauseReading() }
        case .ignore: break
        case .unexpected: perform(.unexpected)
        case let tooLarge:
            record.fault = "body_too_large"
            perform(tooLarge)
        }
    }

    /// Writes body bytes in the framing that the head announced.
    private func send(_ bytes: Span<UInt8>, to upstream: UpstreamConnection) {
        guard state.request.framing == .chunked else {
            upstream.write(bytes)
            return
        }
        var out = pieces.take() ?? worker.takeBuffer()
        out.writeHexadecimal(bytes.count)
        out.write("\r\n")
        if bytes.count <= Self.copyLimit {
            out.write(bytes)
        } else {
            upstream.write(out.span, bytes)
            out.removeAll()
        }
        out.write("\r\n")
        pieces = out
    }

    /// Writes the gathered chunks.
    private func writePieces(to upstream: UpstreamConnection) {
        guard let buffer = pieces.take() else { return }
        upstream.write(buffer.span)
        worker.recycle(buffer)
    }

    /// Handles the end of the request.
    func requestEnded() {
        perform(state.on(.requestEnded(at: worker.clock.monotonic)))
        if let call = operatorCall.take() {
            var body: [UInt8] = []
            if let arrived = queued.take() { body = arrived.span.copied() }
            call.answer(self, body)
        }
    }

    /// Sends the end of the body.
    func endRequest() {
        guard let upstream else { return }
        if state.request.framing == .chunked {
            var out = pieces.take() ?? worker.takeBuffer()
            out.write("0\r\n\r\n")
            pieces = out
        }
        writePieces(to: upstream)
    }

    /// Handles a body that violates its framing.
    func requestBroken(_ fault: HeadFault) {
        guard isActive else { return }
        record.fault = fault.code
        perform(state.on(.requestBroken))
    }

    func flushToUpstream() {
        guard state.isConnected, let upstream else { return }
        writePieces(to: upstream)
        if !upstream.isWritable { client?.pauseReading() }
    }

    func upstreamBecameWritable() {
        guard isActive else { return }
        client?.resumeReading()
    }
}
