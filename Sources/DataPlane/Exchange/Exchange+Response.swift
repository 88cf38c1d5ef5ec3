import Admission
import Transport

extension Exchange {
    /// Body pieces up to this size are copied behind the head, so that one write carries both.
    private static let copyLimit = 8 << 10

    /// How much longer than they came fields may be written: a cookie by its three attributes, a policy by blanks.
    private var growth: Int {
        guard viewer != nil else { return 0 }
        return worker.responseHead.block.fields.reduce(0) { sum, field in
            switch field.name {
            case .setCookie: sum + 40
            case .contentSecurityPolicy: sum + field.value.count
            default: sum
            }
        }
    }

    /// Passes on the head that was just read into `worker.responseHead`.
    func responseHead(_ bytes: Span<UInt8>) {
        guard isActive, !isResponseStarted else { return }
        // RFC 8441 section 5: there a success is an open socket, which only 101 is on this side.
        if isUpgrade, client?.framesBodies ?? false, (200..<300).contains(worker.responseHead.status) {
            upstreamFailed(.response(.breaks(.handshake)))
            return
        }
        isResponseStarted = true
        status = worker.responseHead.status
        if let head = upstreamHead.take() { worker.recycle(head) }
        var head = worker.takeBuffer()
        let framePolicy = framePolicy
        let capacity =
            bytes.count + growth + framePolicy.count + extraFields.count + offeredSubprotocol.count + 512
        let isWritten = head.writeHead(capacity: capacity) { head in
            writeStatusLine(bytes, to: &head)
            writeFields(bytes, framePolicy: framePolicy, to: &head)
            writeFraming(bytes, to: &head)
            head.write("\r\n")
        }
        guard isWritten else {
            record.fault = UpstreamFault.response(.tooLarge).code
            cut(.upstream)
            return
        }
        begin(head)
        if status == 101 { beginTunnel() }
    }

    /// Hands the client the head; what it gives back is written with the body's first octets.
    func begin(_ head: ByteBuffer) {
        response = client?.begin(head)
    }

    private func writeStatusLine(_ bytes: Span<UInt8>, to head: inout HeadWriter) {
        head.write("HTTP/1.1 ")
        // RFC 8441 section 5: over HTTP/2 an open WebSocket is an ordinary success.
        let isStreamTunnel = worker.responseHead.status == 101 && client?.framesBodies ?? false
        head.writeDecimal(isStreamTunnel ? 200 : worker.responseHead.status)
        head.write(UInt8.space)
        head.write(bytes.extracting(worker.responseHead.reason))
        head.write("\r\n")
    }

    private func writeFields(_ bytes: Span<UInt8>, framePolicy: [UInt8], to head: inout HeadWriter) {
        let isViewer = viewer != nil
        let referrerPolicy = referrerPolicy(bytes)
        // A response that carries a session is for one browser, whatever the upstream thought of caching it.
        let handsOutSession = !extraFields.isEmpty
        var runStart = 0
        var runEnd = 0
        let fields = worker.responseHead.block.fields
        for index in fields.indices {
            let field = fields[index]
            if field.isRemoved || field.name.isHopByHop { continue }
            // The embedding page is the company's; what would block it there is replaced by its own policy.
            if isViewer, field.name == .xFrameOptions { continue }
            if referrerPolicy != nil, field.name == .referrerPolicy { continue }
            if field.name == .gatewaySession || field.setsSessionCookie(bytes) { continue }
            if isPreflight, field.name == .setCookie || field.describesBody(bytes) { continue }
            if isViewer, field.name == .contentSecurityPolicy || (partitionsCookies && field.name == .setCookie) {
                if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
                (runStart, runEnd) = (0, 0)
                if field.name == .setCookie {
                    FrameFields.writeCookie(bytes, field.value, to: &head)
                } else {
                    FrameFields.writePolicy(bytes, field.value, to: &head)
                }
                continue
            }
            // RFC 8441 section 5: the client has sent no key that this could answer.
            if field.name == .secWebSocketAccept, client?.framesBodies ?? false { continue }
            if handsOutSession, field.name.isAboutCaching { continue }
            if Int(field.nameStart) != runEnd {
                if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
                runStart = Int(field.nameStart)
            }
            runEnd = Int(field.lineEnd)
        }
        if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
        if !worker.responseHead.block.contains(.date) { writeDate(to: &head) }
        if status == 101, !offeredSubprotocol.isEmpty, !worker.responseHead.block.contains(.secWebSocketProtocol) {
            head.write("Sec-WebSocket-Protocol: ")
            head.write(offeredSubprotocol)
            head.write("\r\n")
        }
        guard isViewer else { return }
        if status != 101 {
            head.write(framePolicy)
            if let referrerPolicy {
                write(referrerPolicy, to: &head)
            } else if !worker.responseHead.block.contains(.referrerPolicy) {
                write(.strictOriginWhenCrossOrigin, to: &head)
            }
            if !worker.responseHead.block.contains(.cacheControl) {
                head.write("Cache-Control: private\r\n")
            } else if handsOutSession {
                head.write("Cache-Control: no-store\r\n")
            }
        }
        if !extraFields.isEmpty { head.write(extraFields) }
    }

    /// The policy that is written in place of what the upstream says; nil where that stays.
    private func referrerPolicy(_ bytes: Span<UInt8>) -> ReferrerPolicy? {
        guard viewer != nil else { return nil }
        return hidesAddress ? .sameOrigin : ReferrerPolicy(bytes, worker.responseHead.block)?.forEvents
    }

    private func write(_ policy: ReferrerPolicy, to head: inout HeadWriter) {
        head.write("Referrer-Policy: ")
        head.write(policy.text)
        head.write("\r\n")
    }

    private func writeDate(to head: inout HeadWriter) {
        head.write("Date: ")
        head.write(worker.clock.date)
        head.write("\r\n")
    }

    /// How the body ends, in this connection's own terms.
    private func writeFraming(_ bytes: Span<UInt8>, to head: inout HeadWriter) {
        isChunkedToClient = false
        if status == 101 {
            if client?.framesBodies ?? false { return }
            head.write("Connection: Upgrade\r\nUpgrade: websocket\r\n")
            return
        }
        switch worker.responseHead.framing {
        case _ where isPreflight:
            if status != 204, status != 304 { writeLength(0, to: &head) }
        case .none:
            // HEAD and 304 tell how long the body would be.
            if method == .head || status == 304, let length = worker.responseHead.announcedLength(bytes) {
                writeLength(length, to: &head)
            }
        case .length(let length):
            writeLength(length, to: &head)
        case .chunked, .untilClose:
            if client?.framesBodies ?? true {
                break
            } else if isHTTP10 {
                keepsAlive = false
            } else {
                isChunkedToClient = true
                head.write("Transfer-Encoding: chunked\r\n")
            }
        }
        head.write(connectionField())
    }

    private func writeLength(_ length: Int, to head: inout HeadWriter) {
        head.write("Content-Length: ")
        head.writeDecimal(length)
        head.write("\r\n")
    }

    /// What the client is told of its connection.
    func connectionField() -> StaticString {
        if client?.framesBodies ?? true { return "" }
        if worker.isDraining { keepsAlive = false }
        if !keepsAlive { return "Connection: close\r\n" }
        return isHTTP10 ? "Connection: keep-alive\r\n" : ""
    }

    /// Passes on an interim response ([RFC 9110 section 15.2](https://www.rfc-editor.org/rfc/rfc9110#section-15.2)).
    func interimResponse(_ bytes: Span<UInt8>) {
        // A 100 has been sent from here; a client of HTTP/1.0 knows of none.
        guard isActive, !isResponseStarted, !isHTTP10, !isPreflight, worker.responseHead.status != 100 else { return }
        let referrerPolicy = referrerPolicy(bytes)
        var head = worker.takeBuffer()
        _ = head.writeHead(capacity: bytes.count + 64) { head in
            writeStatusLine(bytes, to: &head)
            for field in worker.responseHead.block.fields where !field.isRemoved && !field.name.isHopByHop {
                if referrerPolicy != nil, field.name == .referrerPolicy { continue }
                if field.name == .gatewaySession || field.setsSessionCookie(bytes) { continue }
                head.write(bytes.extracting(field.line))
            }
            if let referrerPolicy { write(referrerPolicy, to: &head) }
            head.write("\r\n")
        }
        client?.interim(head)
        worker.recycle(head)
    }

    func responseBody(_ bytes: Span<UInt8>) {
        guard isActive, !isPreflight, !bytes.isEmpty else { return }
        responseBytes += bytes.count
        var out = response.take() ?? worker.takeBuffer()
        if isChunkedToClient {
            out.writeHexadecimal(bytes.count)
            out.write("\r\n")
        }
        if bytes.count <= Self.copyLimit {
            out.write(bytes)
        } else {
            client?.write(out.span, bytes)
            out.removeAll()
        }
        if isChunkedToClient { out.write("\r\n") }
        response = out
    }

    /// Passes on trailer fields, but for those that only a head may have.
    func responseTrailers(_ bytes: Span<UInt8>) throws(HeadFault) {
        guard isActive, !isPreflight else { return }
        let block = FieldBlock()
        try FieldLines.read(bytes, from: 0, to: bytes.count, maxCount: 64, into: block)
        guard let client, isChunkedToClient || client.framesBodies else { return }
        var out = response.take() ?? worker.takeBuffer()
        if client.framesBodies {
            client.write(out.span)
            out.removeAll()
        } else {
            out.write("0\r\n")
        }
        for field in block.fields where field.name == .other { out.write(bytes.extracting(field.line)) }
        guard !client.framesBodies else {
            client.trailers(out)
            return
        }
        out.write("\r\n")
        // The end of the body is written.
        isChunkedToClient = false
        response = out
    }

    /// The response has come to its end: the upstream's connection goes back, the client is told.
    func responseEnded() {
        guard isActive, !isResponseEnded else { return }
        isResponseEnded = true
        if isChunkedToClient {
            var out = response.take() ?? worker.takeBuffer()
            out.write("0\r\n\r\n")
            response = out
        }
        // An upstream that was asked to upgrade may have stopped reading requests, whatever it answered.
        releaseUpstream(reusable: isRequestComplete && !isUpgrade && (upstream?.isReusable ?? false))
        complete()
    }

    /// Everything that the client gets is written: sends it and ends the exchange.
    func complete() {
        guard let client else { return }
        writePending()
        let keepsAlive = keepsAlive && isRequestComplete
        finish()
        client.responseEnded(keepAlive: keepsAlive)
    }

    func writePending() {
        guard let buffer = response.take() else { return }
        if !buffer.isEmpty { client?.write(buffer.span) }
        worker.recycle(buffer)
    }

    /// Sends what one read of the upstream has brought. When the client does not take it, the upstream has to wait.
    func flushToClient() {
        guard isActive, let client else { return }
        if isPreflight, isResponseStarted {
            // The client has its answer: what of the body did not come along with the head is not waited for.
            responseEnded()
            return
        }
        writePending()
        if !client.isWritable { upstream?.pauseReading() }
    }

    func clientBecameWritable() {
        guard isActive else { return }
        upstream?.resumeReading()
    }

    /// Ends a response that cannot be completed, so that nobody takes it for whole.
    func cut(_ cut: AccessRecord.Cut) {
        guard isActive, let client else { return }
        record.cut = cut
        releaseUpstream(reusable: false)
        writePending()
        finish()
        switch cut {
        // Whoever is too slow, or abuses what is sent, would keep what waits for it.
        case .slow, .client: client.sever()
        case .upstream, .drain, .session: client.abort()
        }
    }
}
