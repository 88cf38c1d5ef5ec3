import Admission
import Transport

extension Exchange {
    /// Copy body pieces up to this size behind the head, so that one write sends both.
    private static let copyLimit = 8 << 10

    /// How much fields may grow when they are rewritten: a cookie by its three attributes, a policy by blanks.
    private var growth: Int {
        guard viewer != nil else { return 0 }
        return worker.upstreams.responseHead.block.fields.reduce(0) { sum, field in
            switch field.name {
            case .setCookie: sum + (isToldByServiceWorker ? field.value.count + 1024 : 40)
            case .contentSecurityPolicy: sum + field.value.count
            default: sum
            }
        }
    }

    /// Forwards the head that was just read into `worker.upstreams.responseHead`.
    func responseHead(_ bytes: Span<UInt8>) {
        let status = worker.upstreams.responseHead.status
        // RFC 8441 section 5: in HTTP/2 a success opens the socket. In HTTP/1, on the upstream's side, only a 101 does.
        if isUpgrade, client?.framesBodies ?? false, (200..<300).contains(status) {
            upstreamFailed(.response(.breaks(.handshake)))
            return
        }
        let action = state.on(.head(status: status))
        guard action == .pass else { return perform(action) }
        record.headTime = worker.clock.monotonic - record.forwardedAt - (record.connectTime ?? 0)
        if let notes { (notes.trace.answeredAt, notes.trace.upstreamStatus) = (notes.now, status) }
        if let upstream, let pool {
            let time = worker.clock.monotonic - state.leg.sentAt
            worker.counters.answered(by: upstream.server.slot, of: pool.upstream.slot, status, after: time)
            pool.answered(status, over: upstream)
        }
        if let head = upstreamHead.take() { worker.recycle(head) }
        var head = worker.takeBuffer()
        let framePolicy = state.verdict.framePolicy
        let transportPolicy = transportPolicy
        let own =
            framePolicy.count + transportPolicy.count + state.verdict.extraFields.count
            + (upgrade?.offeredSubprotocol.count ?? 0)
        let isWritten = head.write(atMost: bytes.count + growth + own + 512) { head in
            writeStatusLine(bytes, to: &head)
            writeFields(bytes, framePolicy: framePolicy, transportPolicy: transportPolicy, to: &head)
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

    /// Gives the client the head. Writes what it returns along with the first bytes of the body.
    func begin(_ head: ByteBuffer) {
        response = client?.begin(head)
    }

    private func writeStatusLine(_ bytes: Span<UInt8>, to head: inout ByteWriter) {
        let status = worker.upstreams.responseHead.status
        head.write("HTTP/1.1 ")
        // RFC 8441 section 5: over HTTP/2 an open WebSocket is an ordinary success.
        let isStreamTunnel = status == 101 && client?.framesBodies ?? false
        let place = toldPlace
        head.writeDecimal(isStreamTunnel || place != nil ? 200 : status)
        head.write(UInt8.space)
        head.write(bytes.extracting(worker.upstreams.responseHead.reason))
        head.write("\r\n")
        guard let place else { return }
        head.write("Gateway-Location: ")
        head.writeDecimal(status)
        head.write(UInt8.space)
        head.write(bytes.extracting(place))
        head.write("\r\n")
    }

    /// Where a redirect leads that a service worker is told in a field; `nil` if there is none.
    private var toldPlace: Range<Int>? {
        guard snapshot.isCookieless, tellsRedirect(worker.upstreams.responseHead.status) else { return nil }
        return worker.upstreams.responseHead.block.first(.location)
    }

    /// The `Strict-Transport-Security` line for the client; empty if the listener has none, or the client no TLS.
    var transportPolicy: [UInt8] {
        guard snapshot.hasTransportPolicies, let client, client.isSecure, let index = client.listener.index else {
            return []
        }
        return snapshot.listeners[index].transportPolicy
    }

    private func writeFields(
        _ bytes: Span<UInt8>,
        framePolicy: [UInt8],
        transportPolicy: [UInt8],
        to head: inout ByteWriter
    ) {
        let block = worker.upstreams.responseHead.block
        let isViewer = viewer != nil
        let referrerPolicy = referrerPolicy(bytes)
        let status = state.answer.status
        let isCookieless = snapshot.isCookieless
        let tellsRedirect = toldPlace != nil
        let storesCookies = storesCookies && block.contains(.setCookie)
        // A response that carries a session is for one browser, even if the upstream allowed caching it; and what a
        // service worker is told is for no other reader.
        let isForOne = !state.verdict.extraFields.isEmpty || tellsRedirect || storesCookies
        var told: ToldCaches = []
        var runStart = 0
        var runEnd = 0
        let fields = block.fields
        for index in fields.indices {
            let field = fields[index]
            if field.isRemoved || field.name.isHopByHop { continue }
            // The embedding page is the company's. Replace what would block it there with the company's policy.
            if isViewer, field.name == .xFrameOptions { continue }
            if referrerPolicy != nil, field.name == .referrerPolicy { continue }
            if field.name == .gatewaySession || field.setsSessionCookie(bytes) { continue }
            if isCookieless {
                if isWithheld(field, bytes) || (tellsRedirect && field.name == .location) { continue }
                if !isForOne, let line = cachingLine(besides: field, bytes, &told) {
                    if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
                    (runStart, runEnd) = (0, 0)
                    head.write(line)
                }
            }
            if !transportPolicy.isEmpty, field.name == .strictTransportSecurity { continue }
            if state.verdict.isPreflight, field.name == .setCookie || field.describesBody(bytes) { continue }
            if storesCookies, field.name == .setCookie {
                if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
                (runStart, runEnd) = (0, 0)
                writeStoredCookie(bytes, field.value, to: &head)
                continue
            }
            if isViewer,
                field.name == .contentSecurityPolicy || (state.verdict.partitionsCookies && field.name == .setCookie)
            {
                if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
                (runStart, runEnd) = (0, 0)
                if field.name == .setCookie {
                    FrameFields.writeCookie(bytes, field.value, to: &head)
                } else {
                    FrameFields.writePolicy(bytes, field.value, to: &head)
                }
                continue
            }
            // RFC 8441 section 5: the client sent no key that this could answer.
            if field.name == .secWebSocketAccept, client?.framesBodies ?? false { continue }
            if isForOne, field.name.isAboutCaching { continue }
            if Int(field.nameStart) != runEnd {
                if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
                runStart = Int(field.nameStart)
            }
            runEnd = Int(field.lineEnd)
        }
        if runEnd > runStart { head.write(bytes.extracting(runStart..<runEnd)) }
        if !block.contains(.date) { writeDate(to: &head) }
        if status == 101, let offered = upgrade?.offeredSubprotocol, !offered.isEmpty,
            !block.contains(.secWebSocketProtocol)
        {
            head.write("Sec-WebSocket-Protocol: ")
            head.write(offered)
            head.write("\r\n")
        }
        head.write(transportPolicy)
        guard isViewer else {
            if isForOne { head.write("Cache-Control: no-store\r\n") }
            if let referrerPolicy { write(referrerPolicy, to: &head) }
            return
        }
        if status != 101 {
            head.write(framePolicy)
            if let referrerPolicy {
                write(referrerPolicy, to: &head)
            } else if !block.contains(.referrerPolicy) {
                write(.strictOriginWhenCrossOrigin, to: &head)
            }
            // A browser's cache, too, would give a worker an old session again.
            if isForOne, isToldByServiceWorker || block.contains(.cacheControl) {
                head.write("Cache-Control: no-store\r\n")
            } else if !block.contains(.cacheControl) {
                head.write("Cache-Control: private\r\n")
            }
        }
        if !state.verdict.extraFields.isEmpty { head.write(state.verdict.extraFields) }
    }

    /// The policy to write instead of the upstream's. Returns `nil` if the upstream's can stay.
    private func referrerPolicy(_ bytes: Span<UInt8>) -> ReferrerPolicy? {
        guard viewer != nil || isToldByServiceWorker else { return nil }
        return state.verdict.hidesAddress
            ? .sameOrigin : ReferrerPolicy(bytes, worker.upstreams.responseHead.block)?.forEvents
    }

    private func write(_ policy: ReferrerPolicy, to head: inout ByteWriter) {
        head.write("Referrer-Policy: ")
        head.write(policy.text)
        head.write("\r\n")
    }

    private func writeDate(to head: inout ByteWriter) {
        head.write("Date: ")
        head.write(worker.clock.date)
        head.write("\r\n")
    }

    /// Writes how the body ends, in the terms of the client's connection.
    private func writeFraming(_ bytes: Span<UInt8>, to head: inout ByteWriter) {
        let status = state.answer.status
        if status == 101 {
            if client?.framesBodies ?? false { return }
            head.write("Connection: Upgrade\r\nUpgrade: websocket\r\n")
            return
        }
        switch worker.upstreams.responseHead.framing {
        case _ where state.verdict.isPreflight:
            if status != 204, status != 304 { writeLength(0, to: &head) }
        case .none:
            // HEAD and 304 announce how long the body would be.
            if method == .head || status == 304, let length = worker.upstreams.responseHead.announcedLength(bytes) {
                writeLength(length, to: &head)
            }
        case .length(let length):
            writeLength(length, to: &head)
        case .chunked, .untilClose:
            if client?.framesBodies ?? true {
                break
            } else if state.request.isHTTP10 {
                state.answer.keepsAlive = false
            } else {
                state.answer.isChunked = true
                head.write("Transfer-Encoding: chunked\r\n")
            }
        }
        head.write(connectionField())
    }

    private func writeLength(_ length: Int, to head: inout ByteWriter) {
        head.write("Content-Length: ")
        head.writeDecimal(length)
        head.write("\r\n")
    }

    /// The `Connection` field for the client.
    func connectionField() -> StaticString {
        if client?.framesBodies ?? true { return "" }
        if worker.isDraining { state.answer.keepsAlive = false }
        if !state.answer.keepsAlive { return "Connection: close\r\n" }
        return state.request.isHTTP10 ? "Connection: keep-alive\r\n" : ""
    }

    /// Forwards an interim response ([RFC 9110 section 15.2](https://www.rfc-editor.org/rfc/rfc9110#section-15.2)).
    func interimResponse(_ bytes: Span<UInt8>) {
        let action = state.on(.interim(status: worker.upstreams.responseHead.status))
        guard action == .pass else { return perform(action) }
        let referrerPolicy = referrerPolicy(bytes)
        var head = worker.takeBuffer()
        _ = head.write(atMost: bytes.count + 64) { head in
            writeStatusLine(bytes, to: &head)
            for field in worker.upstreams.responseHead.block.fields where !field.isRemoved && !field.name.isHopByHop {
                if referrerPolicy != nil, field.name == .referrerPolicy { continue }
                if field.name == .gatewaySession || field.setsSessionCookie(bytes) { continue }
                if snapshot.isCookieless, isWithheld(field, bytes) { continue }
                head.write(bytes.extracting(field.line))
            }
            if let referrerPolicy { write(referrerPolicy, to: &head) }
            head.write("\r\n")
        }
        client?.interim(head)
        worker.recycle(head)
    }

    func responseBody(_ bytes: Span<UInt8>) {
        let action = state.on(.responseBytes(bytes.count))
        guard action == .pass else { return perform(action) }
        worker.counters.add(.bytesSent, bytes.count)
        var out = response.take() ?? worker.takeBuffer()
        if state.answer.isChunked {
            out.writeHexadecimal(bytes.count)
            out.write("\r\n")
        }
        if bytes.count <= Self.copyLimit {
            out.write(bytes)
        } else {
            client?.write(out.span, bytes)
            out.removeAll()
        }
        if state.answer.isChunked { out.write("\r\n") }
        response = out
    }

    /// Forwards trailer fields, except those that are valid in a head only.
    func responseTrailers(_ bytes: Span<UInt8>) throws(HeadFault) {
        guard isActive, !state.verdict.isPreflight else { return }
        let block = FieldBlock()
        try FieldLines.read(bytes, from: 0, to: bytes.count, maxCount: 64, into: block)
        guard let client, state.answer.isChunked || client.framesBodies else { return }
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
        state.answer.isChunked = false
        response = out
    }

    /// Handles the end of the response: returns the upstream's connection and informs the client.
    func responseEnded() { perform(state.on(.responseEnded(isReusable: upstream?.isReusable ?? false))) }

    func completeResponse(keepsUpstream: Bool) {
        if state.answer.isChunked {
            var out = response.take() ?? worker.takeBuffer()
            out.write("0\r\n\r\n")
            response = out
        }
        releaseUpstream(reusable: keepsUpstream)
        complete()
    }

    /// Sends everything written for the client and ends the exchange.
    func complete() {
        guard let client else { return }
        writePending()
        let keepsAlive = state.answer.keepsAlive && state.request.isComplete
        finish()
        client.responseEnded(keepAlive: keepsAlive)
    }

    func writePending() {
        guard let buffer = response.take() else { return }
        if !buffer.isEmpty { write(buffer) }
        worker.recycle(buffer)
    }

    /// On return nothing holds the buffer any more, which an inlined call does not guarantee: recycling it would then
    /// allocate another.
    @inline(never)
    private func write(_ buffer: borrowing ByteBuffer) { client?.write(buffer.span) }

    /// Sends what one read from the upstream brought. Pauses the upstream if the client does not keep up.
    func flushToClient() {
        guard isActive, let client else { return }
        if state.verdict.isPreflight, state.isAnswered {
            // The client has its answer. Do not wait for body bytes that did not come with the head.
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

    /// Ends a response that cannot be completed, so that nobody takes it for a whole one.
    func cut(_ cut: Cut) {
        guard isActive, let client else { return }
        record.cut = cut
        releaseUpstream(reusable: false)
        writePending()
        finish()
        switch cut {
        // A client that is too slow or abusive would keep what waits for it in memory.
        case .slow, .client: client.sever()
        case .upstream, .drain, .session: client.abort()
        }
    }
}
