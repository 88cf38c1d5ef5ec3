import Admission
import Basics
import GatewayConfiguration
import JOSE
import Transport

/// Exchanges that have become a WebSocket: ``Tunnel`` decides, and this extension acts.
extension Exchange {
    /// Judges the request's handshake ([RFC 6455 section 4.2.1](https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1)).
    /// Returns false if it was answered.
    func judgeHandshake(_ request: RequestView) -> Bool {
        guard let key = request.value(of: .secWebSocketKey), request.contains(.secWebSocketVersion),
            Handshake.isKey(key)
        else {
            respond(status: 400)
            return false
        }
        guard request.field(.secWebSocketVersion, is: "13") else {
            // RFC 9110 section 15.5.22 requires the protocol's name. HTTP/2 has no upgrade.
            let upgrade = client?.framesBodies ?? true ? "" : "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            respond(status: 426, fields: "Sec-WebSocket-Version: 13\r\n" + upgrade, type: nil, body: [])
            return false
        }
        upgrade = Upgrade(answer: Handshake.accept(key))
        return true
    }

    /// Whether the upstream's 101, whose head is in `worker.upstreams.responseHead`, answers this request's handshake
    /// ([RFC 6455 section 4.1](https://www.rfc-editor.org/rfc/rfc6455#section-4.1)).
    func isHandshakeAnswer(_ bytes: Span<UInt8>) -> Bool {
        let block = worker.upstreams.responseHead.block
        guard isUpgrade, worker.upstreams.responseHead.isUpgrade, block.isSingle(.secWebSocketAccept),
            let answer = block.first(.secWebSocketAccept), let expected = upgrade?.answer
        else { return false }
        return bytes.equals(expected.span, in: answer)
    }

    func beginTunnel() {
        guard let upgrade, state.on(.upgraded) == .pass else { return }
        countOpening()
        upgrade.tunnel = Tunnel()
        // Free what only the handshake needed: the socket may stay open for hours.
        upgrade.answer = []
        state.verdict.extraFields = []
        client?.becomeTunnel()
        client?.resumeReading()
        watchExpiry()
        if worker.isDraining { drainTunnel() }
    }

    // MARK: Bytes

    func tunnelToUpstream(_ bytes: Span<UInt8>) {
        let now = worker.clock.monotonic
        guard isActive, let upstream, let passes = upgrade?.tunnel?.fromClient(bytes, at: now), passes else { return }
        state.request.bytes += bytes.count
        worker.counters.add(.bytesReceived, bytes.count)
        upstream.write(bytes)
    }

    func tunnelToClient(_ bytes: Span<UInt8>) {
        let now = worker.clock.monotonic
        guard isActive, let passage = upgrade?.tunnel?.fromUpstream(bytes, at: now) else { return }
        switch passage {
        case .pass:
            writeToClient(bytes)
        case .last(let count, let ending):
            writeToClient(bytes.extracting(0..<count))
            end(ending)
        }
    }

    private func writeToClient(_ bytes: Span<UInt8>) {
        guard let client, !bytes.isEmpty else { return }
        state.answer.bytes += bytes.count
        worker.counters.add(.bytesSent, bytes.count)
        writePending()
        client.write(bytes)
    }

    // MARK: Ends

    /// Handles the end of the upstream's sending side.
    func upstreamEndedTunnel() {
        guard isActive else { return }
        noteCut(.upstream)
        guard let step = upgrade?.tunnel?.upstreamEnded(at: worker.clock.monotonic) else { return }
        perform(step)
    }

    /// Handles the loss of the upstream's connection.
    func tunnelEnded() {
        guard isActive else { return }
        noteCut(.upstream)
        guard let ending = upgrade?.tunnel?.upstreamGone() else { return }
        end(ending)
    }

    /// Handles the end of the client's sending side.
    func clientEndedTunnel() {
        guard isActive else { return }
        noteCut(.client)
        guard let step = upgrade?.tunnel?.clientEnded(at: worker.clock.monotonic) else { return }
        perform(step)
    }

    /// Ends the tunnel from the gateway.
    func endTunnel(_ reason: Refusal) {
        noteCut(reason == .draining ? .drain : .session)
        guard let step = upgrade?.tunnel?.end(reason, at: worker.clock.monotonic) else { return }
        if state.verdict.refusal == nil { state.verdict.refuse(reason) }
        perform(step)
    }

    /// Ends a tunnel whose client reads too slowly to be told anything.
    func cutTunnel() {
        record.cut = .slow
        endUpstream(upgrade?.tunnel?.clientGone())
        let client = client
        finish()
        client?.sever()
    }

    /// Notes what ended a socket without a close frame, for the log.
    private func noteCut(_ cut: Cut) {
        if record.cut == nil, let tunnel = upgrade?.tunnel, !tunnel.isOver { record.cut = cut }
    }

    /// Ends the tunnel at a random moment within the first part of the drain time, so that clients do not all reconnect
    /// at once.
    func drainTunnel() {
        guard isActive, isTunnel, let upgrade, upgrade.drainsAt == .max else { return }
        let time = UInt64(max(snapshot.settings.drainTimeout.milliseconds, 0)) / 100 * Self.drainShare
        let wait = time == 0 ? 0 : Int64(worker.random.next() % time)
        upgrade.drainsAt = worker.clock.monotonic + wait
        look(in: wait)
    }

    /// The share of the drain time in percent. The rest is for the last output.
    private static let drainShare: UInt64 = 80

    private func perform(_ step: Tunnel.Step) {
        switch step {
        case .wait:
            break
        case .endToUpstream(let close):
            writeToUpstream(close)
            upstream?.finishSending()
        case .endToClient:
            writePending()
            client?.finishSending()
        case .end(let ending):
            end(ending)
        }
        if isActive, let deadline = upgrade?.tunnel?.deadline { look(in: deadline - worker.clock.monotonic) }
    }

    private func end(_ ending: Tunnel.Ending) {
        guard let client else { return }
        endUpstream(ending.toUpstream)
        writePending()
        if let close = ending.toClient {
            if state.verdict.refusal == nil, close == Tunnel.gone { state.verdict.refuse(.upstreamUnavailable) }
            var buffer = worker.takeBuffer()
            close.write(to: &buffer)
            client.write(buffer.span)
            worker.recycle(buffer)
            // The loop's own time is that of the beginning of its turn, in which there may be thousands of sockets.
            if let endedAt = upgrade?.endedAt { worker.counters.closedSocket(after: MonotonicClock.now() - endedAt) }
        }
        finish()
        if let time = ending.time { client.closeAfterFlush(within: time) } else { client.closeAfterFlush() }
    }

    /// Releases a tunnel's upstream.
    func endUpstream(_ close: CloseFrame?) {
        writeToUpstream(close)
        guard let connection = upstream else { return }
        upstream = nil
        connection.end()
    }

    private func writeToUpstream(_ close: CloseFrame?) {
        guard let close, let upstream else { return }
        var buffer = worker.takeBuffer()
        close.write(to: &buffer, mask: UInt32(truncatingIfNeeded: SystemRandom.word()))
        upstream.write(buffer.span)
        worker.recycle(buffer)
    }

    // MARK: Time

    /// Does what is due.
    func timePassed() {
        guard isActive, isTunnel, let upgrade else { return }
        let now = worker.clock.monotonic
        if let ending = upgrade.tunnel?.timePassed(at: now) {
            end(ending)
        } else if now >= upgrade.drainsAt {
            upgrade.drainsAt = .max
            endSession(.draining)
        } else if let left = timeToExpiry, left <= 0 {
            endSession(.tokenExpired)
        } else {
            if let deadline = upgrade.tunnel?.deadline { look(in: deadline - now) }
            if upgrade.drainsAt < .max { look(in: upgrade.drainsAt - now) }
            watchExpiry()
        }
    }

    /// Schedules a check for the token's expiry if it comes before the next heartbeat.
    func watchExpiry() {
        guard let left = timeToExpiry, left <= snapshot.heartbeat else { return }
        look(in: left)
    }

    /// Milliseconds until the session of an open socket ends by itself; `nil` without a session, and if it was opened within
    /// the leeway after that.
    private var timeToExpiry: Int64? {
        guard let viewer, let session else { return nil }
        let (end, now) = (worker.snapshot.rules.end(of: session, viewer), worker.clock.wall)
        let age = worker.clock.monotonic - state.request.startedAt
        return now - age < end ? end - now : nil
    }

    /// Schedules ``timePassed()`` after this time, unless an earlier call is scheduled.
    private func look(in time: Int64) {
        let moment = worker.clock.monotonic + max(time, 0)
        guard let upgrade, moment < upgrade.looksAt else { return }
        upgrade.looksAt = moment
        worker.loop.schedule(in: max(time, 0) + Self.clockStep) { [self] in
            // By now another request may be in progress.
            guard self.upgrade === upgrade else { return }
            upgrade.looksAt = .max
            timePassed()
        }
    }

    /// The wall clock may be a tick behind the monotonic one. A moment has certainly come this much later.
    private static let clockStep: Int64 = 10
}
