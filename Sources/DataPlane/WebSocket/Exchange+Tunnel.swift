import Admission
import GatewayConfiguration
import JOSE
import Transport

/// Exchanges that have become a WebSocket: ``Tunnel`` decides, what it decides is done here.
extension Exchange {
    var isTunnel: Bool { tunnel != nil }

    /// Judges the request's handshake ([RFC 6455 section 4.2.1](https://www.rfc-editor.org/rfc/rfc6455#section-4.2.1));
    /// false: it has been answered.
    func judgeHandshake(_ bytes: Span<UInt8>) -> Bool {
        let block = worker.requestHead.block
        guard let key = block.first(.secWebSocketKey), let version = block.first(.secWebSocketVersion),
            Handshake.isKey(bytes.extracting(key))
        else {
            respond(status: 400)
            return false
        }
        guard bytes.equals("13", in: version) else {
            // RFC 9110 section 15.5.22 wants the name; HTTP/2 knows no upgrade.
            let upgrade = client?.framesBodies ?? true ? "" : "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            respond(status: 426, fields: "Sec-WebSocket-Version: 13\r\n" + upgrade, type: nil, body: [])
            return false
        }
        handshakeAnswer = Handshake.accept(bytes.extracting(key))
        return true
    }

    /// Whether the upstream's 101, whose head was just read into `worker.responseHead`, answers this request's handshake
    /// ([RFC 6455 section 4.1](https://www.rfc-editor.org/rfc/rfc6455#section-4.1)).
    func isHandshakeAnswer(_ bytes: Span<UInt8>) -> Bool {
        let block = worker.responseHead.block
        guard isUpgrade, worker.responseHead.isUpgrade, block.isSingle(.secWebSocketAccept),
            let answer = block.first(.secWebSocketAccept)
        else { return false }
        let expected = handshakeAnswer
        return bytes.equals(expected.span, in: answer)
    }

    func beginTunnel() {
        tunnel = Tunnel()
        // Only the handshake needed them; the socket may stay open for hours.
        extraFields = []
        handshakeAnswer = []
        client?.becomeTunnel()
        client?.resumeReading()
        watchExpiry()
        if worker.isDraining { drainTunnel() }
    }

    // MARK: Octets

    func tunnelToUpstream(_ bytes: Span<UInt8>) {
        let now = worker.clock.monotonic
        guard isActive, let upstream, let passes = tunnel?.fromClient(bytes, at: now), passes else { return }
        requestBytes += bytes.count
        upstream.write(bytes)
    }

    func tunnelToClient(_ bytes: Span<UInt8>) {
        let now = worker.clock.monotonic
        guard isActive, let passage = tunnel?.fromUpstream(bytes, at: now) else { return }
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
        responseBytes += bytes.count
        writePending()
        client.write(bytes)
    }

    // MARK: Ends

    /// The upstream sends no more.
    func upstreamEndedTunnel() {
        guard isActive else { return }
        noteCut(.upstream)
        guard let step = tunnel?.upstreamEnded(at: worker.clock.monotonic) else { return }
        perform(step)
    }

    /// The upstream's connection is gone.
    func tunnelEnded() {
        guard isActive else { return }
        noteCut(.upstream)
        guard let ending = tunnel?.upstreamGone() else { return }
        end(ending)
    }

    /// The client sends no more.
    func clientEndedTunnel() {
        guard isActive else { return }
        noteCut(.client)
        guard let step = tunnel?.clientEnded(at: worker.clock.monotonic) else { return }
        perform(step)
    }

    /// The gateway ends the tunnel.
    func endTunnel(_ reason: Refusal) {
        noteCut(reason == .draining ? .drain : .session)
        guard let step = tunnel?.end(reason, at: worker.clock.monotonic) else { return }
        if refusal == nil { refusal = reason }
        perform(step)
    }

    /// Ends a tunnel whose client takes what it gets too slowly to be told anything.
    func cutTunnel() {
        record.cut = .slow
        endUpstream(tunnel?.clientGone())
        let client = client
        finish()
        client?.sever()
    }

    /// Notes for the log what ends a socket that nobody has said goodbye on.
    private func noteCut(_ cut: AccessRecord.Cut) {
        if record.cut == nil, let tunnel, !tunnel.isOver { record.cut = cut }
    }

    /// Ends the tunnel at a moment of its own within the first part of the time that a drain has, so that not everybody
    /// comes back at once.
    func drainTunnel() {
        guard isActive, isTunnel, drainsAt == .max else { return }
        let time = UInt64(max(snapshot.settings.drainTimeout.milliseconds, 0)) / 100 * Self.drainShare
        let wait = time == 0 ? 0 : Int64(worker.random.next() % time)
        drainsAt = worker.clock.monotonic + wait
        look(in: wait)
    }

    /// Percent of the time for a drain; the rest is for what is written last.
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
        if isActive, let deadline = tunnel?.deadline { look(in: deadline - worker.clock.monotonic) }
    }

    private func end(_ ending: Tunnel.Ending) {
        guard let client else { return }
        endUpstream(ending.toUpstream)
        writePending()
        if let close = ending.toClient {
            var buffer = worker.takeBuffer()
            close.write(to: &buffer)
            client.write(buffer.span)
            worker.recycle(buffer)
        }
        finish()
        if let time = ending.time { client.closeAfterFlush(within: time) } else { client.closeAfterFlush() }
    }

    /// Lets go of a tunnel's upstream.
    func endUpstream(_ close: CloseFrame?) {
        writeToUpstream(close)
        guard let connection = upstream else { return }
        upstream = nil
        isUpstreamReady = false
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
        guard isActive, isTunnel else { return }
        let now = worker.clock.monotonic
        if let ending = tunnel?.timePassed(at: now) {
            end(ending)
        } else if now >= drainsAt {
            drainsAt = .max
            endSession(.draining)
        } else if let left = timeToExpiry, left <= 0 {
            endSession(.tokenExpired)
        } else {
            if let deadline = tunnel?.deadline { look(in: deadline - now) }
            if drainsAt < .max { look(in: drainsAt - now) }
        }
    }

    /// Has the end of the token looked for when it comes before the next heartbeat.
    func watchExpiry() {
        guard let left = timeToExpiry, left <= snapshot.heartbeat else { return }
        look(in: left)
    }

    /// Milliseconds until the token of an open socket expires; nil where that does not end it.
    ///
    /// There is no leeway for a token that was good when the socket was opened: it is for clocks that disagree.
    private var timeToExpiry: Int64? {
        guard let expires = viewer?.validity.expires, !worker.snapshot.rules.sessions.outlivesToken else { return nil }
        let (moment, isFar) = expires.multipliedReportingOverflow(by: 1000)
        let age = worker.clock.monotonic - startedAt
        guard !isFar, worker.clock.wall - age < moment else { return nil }
        return moment - worker.clock.wall
    }

    /// Has ``timePassed()`` called when this much time has passed, or earlier.
    private func look(in time: Int64) {
        let moment = worker.clock.monotonic + max(time, 0)
        guard moment < looksAt else { return }
        looksAt = moment
        worker.loop.schedule(in: max(time, 0) + Self.clockStep) { [self] in
            worker.clock.refresh()
            looksAt = .max
            timePassed()
        }
    }

    /// A loop's clock stands still for some milliseconds: a moment has come for certain this much later.
    private static let clockStep: Int64 = 10
}
