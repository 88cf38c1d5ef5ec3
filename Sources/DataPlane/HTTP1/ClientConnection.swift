import Admission
import Synchronization
import Transport

/// One client's HTTP/1.1 connection.
///
/// It reads requests one after the other and has its exchange serve them. Requests that are sent ahead wait, in bounded
/// memory, until the present one has been answered.
final class ClientConnection: Connection, ClientStream, ServedConnection {
    private enum Phase {
        /// Nothing has come since the last exchange.
        case idle
        /// A head is incomplete.
        case head
        /// An exchange is under way and its request body is not complete.
        case body
        /// An exchange is under way; what comes belongs to the next one.
        case response
        case tunnel
        /// Everything is said; what still comes is read and dropped, so that the last answer is not lost to a reset.
        case lingering
        case closed
    }

    let worker: Worker
    let listener: ListenerRole
    let address: ClientAddress
    let share: AddressShare?
    let isSecure: Bool
    private var place: ConnectionPlace?
    private var slot: Int?
    private var phase: Phase = .idle
    private var exchange: Exchange?
    private var pending: ByteBuffer?
    private var scanned = 0
    private var idleSince: Int64 = 0
    private var mayFollowEmptyLine = false
    private var body = RequestBody()
    private var isProcessing = false
    private var isInputClosed = false
    /// When a tunnel that is over is closed at the latest; monotonic milliseconds.
    private var closesAt = Int64.max
    private var unsentRate = RateWindow()
    /// Nothing has shown yet which version of HTTP the client speaks.
    private var isFirst = true

    /// Requests sent ahead wait in at most about this much.
    private static let maxAhead = 64 << 10
    private static let lingerTime: Int64 = 2000
    /// How often a connection that only waits for its last octets to go out is looked at.
    private static let unsentCheck: Int64 = 200
    /// A client that has closed its sending side is still answered for this long: it may wait, or be gone.
    private static let halfClosedTime: Int64 = 5000
    /// What the system may go on delivering for a connection that ends.
    private static let maxRest = 16 << 10

    /// - Parameter place: given up when the connection is closed.
    init(
        worker: Worker,
        listener: ListenerRole,
        address: ClientAddress,
        share: AddressShare? = nil,
        place: ConnectionPlace? = nil,
        isSecure: Bool = false
    ) {
        self.worker = worker
        self.listener = listener
        self.address = address
        self.share = share
        self.place = place
        self.isSecure = isSecure
        super.init(loop: worker.loop)
    }

    var framesBodies: Bool { false }

    /// The connection is open: requests may come.
    func begin() {
        slot = worker.add(self)
        idleSince = worker.clock.monotonic
        setDeadline(in: worker.snapshot.idleTimeout)
        if worker.isDraining, listener == .viewers { end() }
    }

    // MARK: Events

    override func closed() {
        worker.clock.refresh()
        phase = .closed
        pending = nil
        let exchange = exchange
        self.exchange = nil
        exchange?.clientGone()
        leave()
        place?.leave()
    }

    /// Gives up the connection's place in the worker's list, once.
    private func leave() {
        if let slot = slot.take() { worker.remove(slot: slot) }
    }

    override func received(_ bytes: Span<UInt8>) {
        worker.clock.refresh()
        if var earlier = pending.take() {
            earlier.write(bytes)
            goOn(with: &earlier)
        } else {
            keep(bytes, from: process(bytes))
        }
        exchange?.flushToUpstream()
    }

    /// Goes on with bytes that waited.
    private func goOn(with buffer: inout ByteBuffer) {
        let done = process(buffer.span)
        buffer.removeFirst(done)
        guard !buffer.isEmpty, keepsRest else { return }
        pending = buffer
        pauseIfAhead()
    }

    private func keep(_ bytes: Span<UInt8>, from position: Int) {
        guard position < bytes.count, keepsRest else { return }
        pending = ByteBuffer(bytes.extracting(position...))
        pauseIfAhead()
    }

    private var keepsRest: Bool { phase != .closed && phase != .lingering }

    private func pauseIfAhead() {
        if phase == .response, let pending, pending.count > Self.maxAhead { pauseReading() }
    }

    override func becameWritable() {
        exchange?.clientBecameWritable()
        if phase == .idle || phase == .head {
            resumeReading()
            processPending()
        }
    }

    override func inputEnded() {
        isInputClosed = true
        switch phase {
        case .lingering where unacknowledgedBytes > 0: setDeadline(in: Self.unsentCheck)
        case .idle, .head: linger()
        case .body, .lingering, .closed: end()
        case .response: setDeadline(in: Self.halfClosedTime)
        case .tunnel: exchange?.clientEndedTunnel()
        }
    }

    // MARK: Reading requests

    /// Reads what has come, and returns how much of it is done with.
    private func process(_ bytes: Span<UInt8>) -> Int {
        isProcessing = true
        defer { isProcessing = false }
        var position = 0
        while position < bytes.count {
            switch phase {
            case .idle, .head:
                // Read no further requests from a client that does not take its responses.
                guard isWritable else {
                    pauseReading()
                    return position
                }
                guard readHead(bytes, from: &position) else { return position }
            case .body:
                guard readBody(bytes, from: &position) else { return position }
            case .response:
                return position
            case .tunnel:
                exchange?.tunnelToUpstream(bytes.extracting(position...))
                return bytes.count
            case .lingering, .closed:
                return bytes.count
            }
        }
        return position
    }

    /// Reads a head and starts its exchange; false while it is incomplete.
    private func readHead(_ bytes: Span<UInt8>, from position: inout Int) -> Bool {
        if phase == .idle {
            phase = .head
            scanned = 0
            mayFollowEmptyLine = true
            setDeadline(in: worker.snapshot.headerTimeout)
        }
        // Over TLS, ALPN has settled it.
        if isFirst, !isSecure, takesHTTP2(bytes, from: &position) { return false }
        if mayFollowEmptyLine { skipEmptyLine(bytes, &position) }
        guard let length = startExchange(bytes.extracting(position...)) else { return false }
        position += length
        return true
    }

    /// Hands the connection over when it begins as one of HTTP/2 with prior knowledge
    /// ([RFC 9113 section 3.3](https://www.rfc-editor.org/rfc/rfc9113#section-3.3)); true also while that may still be.
    private func takesHTTP2(_ bytes: Span<UInt8>, from position: inout Int) -> Bool {
        let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        let count = min(bytes.count - position, preface.utf8CodeUnitCount)
        guard bytes.extracting(position...).starts(with: preface, upTo: count) else {
            isFirst = false
            return false
        }
        guard count == preface.utf8CodeUnitCount else { return true }
        phase = .closed
        let connection = HTTP2Connection(
            worker: worker,
            listener: listener,
            address: address,
            share: share,
            place: place.take(),
            isSecure: isSecure
        )
        handOver(to: connection)
        leave()
        connection.begin()
        connection.received(bytes.extracting(position...))
        position = bytes.count
        return true
    }

    /// [RFC 9112 section 2.2](https://www.rfc-editor.org/rfc/rfc9112#section-2.2): one empty line before a request is
    /// skipped.
    private func skipEmptyLine(_ bytes: Span<UInt8>, _ position: inout Int) {
        guard bytes.count - position >= 2 else { return }
        mayFollowEmptyLine = false
        if bytes[position] == .carriageReturn, bytes[position + 1] == .lineFeed { position += 2 }
    }

    /// Starts the exchange of the head that `bytes` begins with and returns the head's length; nothing while it is
    /// incomplete, or when it was refused.
    private func startExchange(_ bytes: Span<UInt8>) -> Int? {
        let limits = worker.snapshot.headLimits
        guard let length = FieldLines.end(bytes, from: 0, scanned: &scanned) else {
            if bytes.count >= limits.size {
                refuseHead(.tooLarge, bytes)
            } else if !RequestHead.mayBegin(with: bytes) {
                refuseHead(.breaks(.requestLine), bytes)
            }
            return nil
        }
        do throws(HeadFault) {
            try worker.requestHead.parse(bytes, length: length, limits: limits)
        } catch {
            refuseHead(error, bytes.extracting(0..<length))
            return nil
        }
        body = RequestBody(worker.requestHead.framing)
        phase = body.isComplete ? .response : .body
        setDeadline(in: worker.snapshot.heartbeat)
        let exchange = self.exchange ?? Exchange(worker: worker)
        self.exchange = exchange
        exchange.start(bytes.extracting(0..<length), client: self)
        return length
    }

    private func refuseHead(_ fault: HeadFault, _ bytes: Span<UInt8>) {
        let exchange = self.exchange ?? Exchange(worker: worker)
        self.exchange = exchange
        phase = .response
        exchange.refuseHead(fault, bytes, client: self)
    }

    /// Hands body bytes on; false while more are needed.
    private func readBody(_ bytes: Span<UInt8>, from position: inout Int) -> Bool {
        guard let exchange else { return false }
        do throws(HeadFault) {
            switch try body.read(bytes, from: &position) {
            case .data(let range):
                exchange.requestBody(bytes.extracting(range))
            case .end:
                break
            case .incomplete:
                return false
            }
        } catch {
            exchange.requestBroken(error)
            return false
        }
        if body.isComplete, phase == .body {
            phase = .response
            exchange.requestEnded()
        }
        return true
    }

    // MARK: Use by the exchange

    func interim(_ head: ByteBuffer) { send(head.span) }

    func begin(_ head: ByteBuffer) -> ByteBuffer? { head }

    func write(_ bytes: Span<UInt8>) { send(bytes) }

    func write(_ first: Span<UInt8>, _ second: Span<UInt8>) { send(first, second) }

    func trailers(_ lines: ByteBuffer) {}

    func responseEnded(keepAlive: Bool) {
        guard phase == .response || phase == .body else { return }
        guard keepAlive, phase == .response, !worker.isDraining else {
            linger()
            return
        }
        phase = .idle
        unsentRate = RateWindow()
        idleSince = worker.clock.monotonic
        setDeadline(in: worker.snapshot.idleTimeout)
        resumeReading()
        guard !isProcessing else { return }
        processPending()
        // Nothing more can come that would complete what is left.
        if isInputClosed, phase == .idle || phase == .head { linger() }
    }

    /// Goes on with what was sent ahead.
    private func processPending() {
        guard !isProcessing, var buffer = pending.take() else { return }
        goOn(with: &buffer)
        exchange?.flushToUpstream()
    }

    func closesAfterAnswer(isRequestComplete: Bool) -> Bool {
        !isRequestComplete || (isInputClosed && pending == nil)
    }

    func becomeTunnel() {
        phase = .tunnel
        if let buffer = pending.take() {
            exchange?.tunnelToUpstream(buffer.span)
            exchange?.flushToUpstream()
        }
        if isInputClosed { exchange?.clientEndedTunnel() }
    }

    /// Ends the sending side and drops what still comes, for a moment.
    private func linger() {
        pending = nil
        phase = .lingering
        unsentRate = RateWindow()
        guard !isInputClosed else {
            // Both sides closed is closed at once: what is written must have gone out before.
            if unacknowledgedBytes > 0 { setDeadline(in: 0) } else { end() }
            return
        }
        setDeadline(in: min(Self.lingerTime, closesAt - worker.clock.monotonic))
        resumeReading()
        finishSending()
    }

    func closeAfterFlush() {
        guard phase != .closed else { return }
        linger()
    }

    func closeAfterFlush(within time: Int64) {
        closesAt = worker.clock.monotonic + time
        closeAfterFlush()
    }

    func abort() {
        phase = .closed
        closeAbruptly()
    }

    func sever() {
        phase = .closed
        reset()
    }

    func endDrain() {
        exchange?.clientGone(.drain)
        abort()
    }

    private func end() {
        phase = .closed
        close()
    }

    // MARK: Time, sessions that end, drain

    override func deadlinePassed() {
        worker.clock.refresh()
        switch phase {
        case .idle, .lingering:
            endSending()
        case .closed:
            break
        case .head:
            refuseHeadTimeout()
        case .body, .response, .tunnel:
            if isInputClosed, phase == .response, !(exchange?.hasMoved ?? false) {
                exchange?.clientGone(unsentBytes > 0 ? .slow : .client)
                sever()
                return
            }
            let isHalfClosed = isInputClosed && phase == .response
            setDeadline(in: isHalfClosed ? Self.halfClosedTime : worker.snapshot.heartbeat)
            exchange?.heartbeat(isReadingBody: phase == .body && !isReadPaused)
        }
    }

    /// Closes once the client has the end of the last answer, or takes it too slowly.
    private func endSending() {
        let (rest, minimum, now) = (unacknowledgedBytes, worker.snapshot.minRate, worker.clock.monotonic)
        if rest == 0 {
            end()
        } else if unsentRate.isTooSlow(-rest, minimum: minimum, isWaiting: true, at: now) {
            worker.site.turnedAway.untakenEnd()
            sever()
        } else if now < closesAt {
            setDeadline(in: Self.unsentCheck)
        } else if rest > Self.maxRest {
            sever()
        } else {
            end()
        }
    }

    private func refuseHeadTimeout() {
        let exchange = self.exchange ?? Exchange(worker: worker)
        self.exchange = exchange
        phase = .response
        let received = pending ?? ByteBuffer()
        exchange.refuseHeadTimeout(received.span, client: self)
    }

    func end(_ reasons: [SessionID: Refusal]) {
        guard let exchange, let session = exchange.session, let reason = reasons[session] else { return }
        exchange.endSession(reason)
    }

    var idleness: Idleness? {
        phase == .idle && unsentBytes == 0 ? Idleness(wasUsed: exchange != nil, since: idleSince) : nil
    }

    func closeIdle() { end() }

    func drain() {
        switch phase {
        // Somebody may be about to ask the admin listener how it stands.
        case .idle where listener == .admin: break
        case .idle: if unsentBytes > 0 { linger() } else { end() }
        case .tunnel: exchange?.drainTunnel()
        case .head, .body, .response, .lingering, .closed: break
        }
    }
}
