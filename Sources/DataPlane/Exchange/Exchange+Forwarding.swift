import Admission
import GatewayConfiguration
import Transport

extension Exchange {
    /// Chunks up to this size are gathered, so that many small ones cost no memory of their own each.
    private static let copyLimit = 8 << 10

    /// Writes the head that the upstream gets and asks for a connection.
    func forward(_ bytes: Span<UInt8>, upstream index: Int) {
        scanReferer(bytes)
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
            framePolicy = entry.framePolicy
        }
        // The request's own head, our lines, and an authority that may be written twice.
        let capacity = bytes.count + identity.count + 2048
        let isWritten = head.writeHead(capacity: capacity) { head in
            writeRequestLine(bytes, to: &head)
            writeFields(bytes, upstream: index, to: &head)
            head.write(identity)
            writeFraming(to: &head)
        }
        guard isWritten else {
            worker.recycle(head)
            record.fault = HeadFault.tooLarge.code
            respond(status: HeadFault.tooLarge.status)
            return
        }
        upstreamHead = head
        if expectsContinue { sendContinue() }
        // Writing may have found that the client is gone.
        guard isActive else { return }
        let pool = worker.pool(index)
        self.pool = pool
        pool.acquire(for: self, tried: 0, allowsReuse: true)
    }

    private func writeRequestLine(_ bytes: Span<UInt8>, to head: inout HeadWriter) {
        head.write(bytes.extracting(worker.requestHead.methodRange))
        head.write(UInt8.space)
        let removed = worker.queryMembers.removed
        if removed.isEmpty, !worker.requestTarget.isMerged {
            head.write(bytes.extracting(worker.requestHead.target))
        } else {
            worker.requestTarget.write(bytes, to: &head)
            writeQuery(bytes, to: &head)
        }
        head.write(" HTTP/1.1\r\n")
    }

    /// The query byte for byte, but for the members that are ours.
    func writeQuery(_ bytes: Span<UInt8>, to head: inout HeadWriter) {
        guard let query = worker.requestTarget.query else { return }
        var separator = UInt8(ascii: "?")
        var start = query.lowerBound
        func keep(_ range: Range<Int>) {
            guard !range.isEmpty else { return }
            head.write(separator)
            head.write(bytes.extracting(range))
            separator = UInt8(ascii: "&")
        }
        for member in worker.queryMembers.removed {
            // Up to the `&` before the member; what follows begins after the one behind it.
            if member.lowerBound > start { keep(start..<member.lowerBound - 1) }
            start = min(member.upperBound + 1, query.upperBound)
        }
        keep(start..<query.upperBound)
    }

    private func writeFields(_ bytes: Span<UInt8>, upstream: Int, to head: inout HeadWriter) {
        let block = worker.requestHead.block
        head.write("Host: ")
        if let authority = worker.requestHead.authority { head.write(bytes.extracting(authority)) }
        head.write("\r\n")
        let isTrusted = isFromTrustedProxy
        // Neighbouring lines that stay are copied as one run.
        var runStart = 0
        var runEnd = 0
        let fields = block.fields
        for index in fields.indices {
            let field = fields[index]
            guard isForwarded(bytes, field, upstream: upstream, isTrusted: isTrusted) else { continue }
            if Int(field.nameStart) != runEnd {
                if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
                runStart = Int(field.nameStart)
            }
            runEnd = Int(field.lineEnd)
        }
        if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
        writeReferer(bytes, to: &head)
        writeSubprotocols(bytes, to: &head)
        writeCookies(bytes, to: &head)
        writeForwarded(bytes, isTrusted: isTrusted, to: &head)
        requestID.writeFields(to: &head)
    }

    private func writeFraming(to head: inout HeadWriter) {
        switch requestFraming {
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
        _ bytes: Span<UInt8>,
        _ field: FieldBlock.Field,
        upstream: Int,
        isTrusted: Bool
    ) -> Bool {
        if field.isRemoved { return false }
        switch field.name {
        case .other:
            return !isForgedIdentity(bytes, field.nameRange)
                && (isTrusted || !ProxyFields.contain(bytes, field.nameRange))
        case .host, .expect, .gatewaySession, .cookie: return false
        case .secWebSocketProtocol: return false
        case .authorization: return !isViewersAuthorization(bytes, field.value, upstream: upstream)
        case .referer: return worker.refererMembers.removed.isEmpty
        case .xForwardedFor, .xForwardedHost, .xForwardedProto: return false
        case .forwarded, .xRealIP: return isTrusted
        case .xRequestID: return requestID.keepsID
        case .traceparent: return requestID.keepsTrace
        default: return !field.name.isHopByHop && !isForgedIdentity(bytes, field.nameRange)
        }
    }

    /// Whether a field name starts with the identity prefix, when every octet but letters and digits is read as `-`:
    /// CGI-like upstreams make them all the same.
    @inline(__always)
    private func isForgedIdentity(_ bytes: Span<UInt8>, _ name: Range<Int>) -> Bool {
        let prefix = snapshot.identityPrefix
        guard name.count >= prefix.count else { return false }
        for offset in prefix.indices {
            let byte = bytes[name.lowerBound + offset]
            let isWordOctet = byte.isDigit || (byte.lowercased &- 0x61) < 26
            guard (isWordOctet ? byte.lowercased : UInt8(ascii: "-")) == prefix[offset] else { return false }
        }
        return true
    }

    /// A page that was opened with a token in its address tells it in the `Referer` of what it loads: then only the part
    /// before the query goes on.
    private func writeReferer(_ bytes: Span<UInt8>, to head: inout HeadWriter) {
        guard !worker.refererMembers.removed.isEmpty, let referer = worker.requestHead.block.first(.referer),
            let question = bytes.firstIndex(of: UInt8(ascii: "?"), from: referer.lowerBound, to: referer.upperBound)
        else { return }
        head.write("Referer: ")
        head.write(bytes.extracting(referer.lowerBound..<question))
        head.write("\r\n")
    }

    /// Finds tokens in the `Referer`.
    private func scanReferer(_ bytes: Span<UInt8>) {
        var query: Range<Int>?
        if let referer = worker.requestHead.block.first(.referer),
            let question = bytes.firstIndex(of: UInt8(ascii: "?"), from: referer.lowerBound, to: referer.upperBound)
        {
            query = question + 1..<referer.upperBound
        }
        worker.refererMembers.scan(
            bytes,
            in: query,
            tokenNames: snapshot.tokenNames,
            takesJoinCodes: snapshot.takesJoinCodes
        )
    }

    /// The subprotocols that the client offers, without those that carry tokens.
    private func writeSubprotocols(_ bytes: Span<UInt8>, to head: inout HeadWriter) {
        guard worker.requestHead.block.contains(.secWebSocketProtocol) else { return }
        var isFirst = true
        for field in worker.requestHead.block.fields where field.name == .secWebSocketProtocol {
            Subprotocols.forEach(bytes, in: field.value) { name in
                if Subprotocols.token(bytes, name) != nil {
                    if offeredSubprotocol.isEmpty { offeredSubprotocol = bytes.extracting(name).copied() }
                    return
                }
                head.write(isFirst ? "Sec-WebSocket-Protocol: " : ", ")
                head.write(bytes.extracting(name))
                isFirst = false
            }
        }
        if !isFirst { head.write("\r\n") }
    }

    /// The client's cookies without session cookies, in one field.
    private func writeCookies(_ bytes: Span<UInt8>, to head: inout HeadWriter) {
        guard !worker.sessionCookies.others.isEmpty else { return }
        head.write("Cookie: ")
        var isFirst = true
        for pair in worker.sessionCookies.others {
            if !isFirst { head.write("; ") }
            head.write(bytes.extracting(pair))
            isFirst = false
        }
        head.write("\r\n")
    }

    private var isFromTrustedProxy: Bool {
        guard snapshot.hasTrustedProxies, let client else { return false }
        return client.address.isIn(snapshot.settings.limits.trustedProxies)
    }

    /// `X-Forwarded-For`, `-Proto` and `-Host`. What a trusted proxy says of them is kept; of anybody else, nothing is.
    private func writeForwarded(_ bytes: Span<UInt8>, isTrusted: Bool, to head: inout HeadWriter) {
        let block = worker.requestHead.block
        head.write("X-Forwarded-For: ")
        if isTrusted {
            for field in block.fields where field.name == .xForwardedFor && !field.value.isEmpty {
                head.write(bytes.extracting(field.value))
                head.write(", ")
            }
        }
        head.write(client?.address.text ?? [])
        head.write("\r\nX-Forwarded-Proto: ")
        if isTrusted, let value = block.first(.xForwardedProto) {
            head.write(bytes.extracting(value))
        } else {
            // Something in front may have ended TLS.
            let isSecure = client?.isSecure ?? false || snapshot.cookie.isSecure
            head.write(isSecure ? "https" : "http")
        }
        head.write("\r\nX-Forwarded-Host: ")
        if isTrusted, let value = block.first(.xForwardedHost) {
            head.write(bytes.extracting(value))
        } else if let authority = worker.requestHead.authority {
            head.write(bytes.extracting(authority))
        }
        head.write("\r\n")
    }

    /// Tells the client to go on with its body ([RFC 9110 section 10.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1)).
    private func sendContinue() {
        var buffer = worker.takeBuffer()
        buffer.write("HTTP/1.1 100 Continue\r\n\r\n")
        client?.interim(buffer)
        worker.recycle(buffer)
    }

    // MARK: The connection

    /// Whom the upstream's descriptor is used for.
    var descriptorUse: DescriptorBudget.Use {
        DescriptorBudget.Use(isPublic: access == .public, address: client?.share)
    }

    func upstreamConnecting(_ connection: UpstreamConnection) {
        upstream = connection
        servedBy = connection.server.name
        // A body waits where it is until there is somebody to send it to.
        if !isRequestComplete { client?.pauseReading() }
    }

    func upstreamConnected(_ connection: UpstreamConnection) {
        upstream = connection
        servedBy = connection.server.name
        // Of a server that was tried before.
        record.fault = nil
        isUpstreamReady = true
        guard isActive, let head = upstreamHead else {
            releaseUpstream(reusable: false)
            return
        }
        connection.write(head.span)
        if let waiting = queued.take() { send(waiting.span, to: connection) }
        if isRequestComplete { endRequest(connection) } else { writePieces(to: connection) }
        requestSentAt = worker.clock.monotonic
        if connection.isWritable { client?.resumeReading() }
    }

    /// The upstream cannot be used for this request, or not any more.
    func upstreamFailed(_ fault: UpstreamFault) {
        guard isActive else {
            releaseUpstream(reusable: false)
            return
        }
        let failed = upstream
        let wasReused = failed.map { $0.exchangesBefore > 0 && !$0.hasAnswered } ?? false
        if let failed { triedServers |= failed.serverBit }
        releaseUpstream(reusable: false)
        record.fault = fault.code
        guard !isResponseStarted else {
            // The client has part of an answer; only the end of its connection can tell it that there is no more.
            cut(.upstream)
            return
        }
        guard let pool else { return }
        switch fault {
        case .connect where failed != nil && attempts < pool.serverCount:
            attempts += 1
            pool.acquire(for: self, tried: triedServers, allowsReuse: true)
        case .closed where wasReused && !isRetry && method.isIdempotent && requestBytes == 0:
            // RFC 9112 section 9.3.1: the server closed an idle connection as the request was on its way.
            isRetry = true
            pool.acquire(for: self, tried: 0, allowsReuse: false)
        case .shortage:
            refuse(.tryAgain)
        case .timeout:
            refuse(.upstreamTimeout)
        case .connect, .closed, .response:
            refuse(.upstreamUnavailable)
        }
    }

    // MARK: The body

    func requestBody(_ bytes: Span<UInt8>) {
        requestBytes += bytes.count
        guard isActive, !isResponseEnded else { return }
        guard requestBytes <= snapshot.bodySize else {
            requestTooLarge()
            return
        }
        guard let upstream, isUpstreamReady else {
            var waiting = queued.take() ?? ByteBuffer()
            waiting.write(bytes)
            queued = waiting
            client?.pauseReading()
            return
        }
        send(bytes, to: upstream)
        if !upstream.isWritable { client?.pauseReading() }
    }

    /// Writes body bytes in the framing of the head.
    private func send(_ bytes: Span<UInt8>, to upstream: UpstreamConnection) {
        guard requestFraming == .chunked else {
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

    /// Writes the chunks that were gathered.
    private func writePieces(to upstream: UpstreamConnection) {
        guard let buffer = pieces.take() else { return }
        upstream.write(buffer.span)
        worker.recycle(buffer)
    }

    /// The request has come to its end.
    func requestEnded() {
        guard isActive, !isRequestComplete else { return }
        isRequestComplete = true
        guard let upstream, isUpstreamReady else { return }
        endRequest(upstream)
    }

    private func endRequest(_ upstream: UpstreamConnection) {
        if requestFraming == .chunked {
            var out = pieces.take() ?? worker.takeBuffer()
            out.write("0\r\n\r\n")
            pieces = out
        }
        writePieces(to: upstream)
        requestSentAt = worker.clock.monotonic
    }

    /// The body is not what its framing says.
    func requestBroken(_ fault: HeadFault) {
        guard isActive else { return }
        record.fault = fault.code
        releaseUpstream(reusable: false)
        if isResponseStarted { cut(.client) } else { respond(status: 400) }
    }

    private func requestTooLarge() {
        record.fault = "body_too_large"
        releaseUpstream(reusable: false)
        if isResponseStarted { cut(.client) } else { respond(status: 413) }
    }

    func flushToUpstream() {
        guard isActive, isUpstreamReady, let upstream else { return }
        writePieces(to: upstream)
        if !upstream.isWritable { client?.pauseReading() }
    }

    func upstreamBecameWritable() {
        guard isActive else { return }
        client?.resumeReading()
    }
}
