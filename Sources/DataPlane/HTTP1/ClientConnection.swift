import Admission
import NIOCore
import Synchronization

/// One client's HTTP/1.1 connection: the only handler of its channel.
///
/// It reads requests one after the other and has its exchange serve them. Requests that are sent ahead wait, in bounded
/// memory, until the present one has been answered.
final class ClientConnection: ClientStream, ChannelInboundHandler, RemovableChannelHandler, ServedConnection {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

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

    private(set) var context: ChannelHandlerContext?
    private var slot = 0
    private var phase: Phase = .idle
    private var exchange: Exchange?
    private var pending: ByteBuffer?
    private var scanned = 0
    private var idleSince: Int64 = 0
    private var mayFollowEmptyLine = false
    private var body = RequestBody()
    private var isProcessing = false
    private var isReadPaused = false
    private var isInputClosed = false
    /// When a tunnel that is over is closed at the latest; monotonic milliseconds.
    private var closesAt = Int64.max
    private var unsentRate = RateWindow()
    private var sent = SentOctets()
    private var hasPlace = true
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

    init(
        worker: Worker,
        listener: ListenerRole,
        address: ClientAddress,
        share: AddressShare? = nil,
        isSecure: Bool = false
    ) {
        super.init(
            worker: worker,
            listener: listener,
            address: address,
            share: share,
            isSecure: isSecure,
            framesBodies: false
        )
    }

    /// What is written next; the last piece is written and flushed in one go.
    private var unwritten: ByteBuffer?

    override var unsentBytes: Int {
        guard let options = context?.channel.syncOptions else { return 0 }
        return (try? options.getOption(.bufferedWritableBytes)) ?? 0
    }

    override var takenBytes: Int { sent.count - unsentBytes }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        sent.begin(context, isSecure: isSecure)
        slot = worker.add(self)
        idleSince = worker.clock.monotonic
        worker.setDeadline(slot, in: worker.snapshot.idleTimeout)
        if worker.isDraining, listener == .viewers { close() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        leave()
    }

    /// Gives up the connection's place, once.
    private func leave() {
        guard hasPlace else { return }
        hasPlace = false
        worker.remove(slot: slot)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        worker.clock.refresh()
        let received = unwrapInboundIn(data)
        defer { if !isSecure { worker.receivePool.value.recycle(received) } }
        var buffer = received
        if var earlier = pending {
            pending = nil
            earlier.writeBuffer(&buffer)
            buffer = earlier
        }
        process(&buffer)
        keep(buffer)
        exchange?.flushToUpstream()
    }

    private func keep(_ buffer: ByteBuffer) {
        guard buffer.readableBytes > 0, phase != .closed, phase != .lingering else { return }
        pending = buffer.compacted()
        if phase == .response, buffer.readableBytes > Self.maxAhead { pauseReading() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        guard isWritable else { return }
        exchange?.clientBecameWritable()
        if phase == .idle || phase == .head {
            resumeReading()
            processPending()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent else { return }
        isInputClosed = true
        switch phase {
        case .lingering where unacknowledgedBytes > 0: worker.setDeadline(slot, in: Self.unsentCheck)
        case .idle, .head: linger()
        case .body, .lingering, .closed: close()
        case .response: worker.setDeadline(slot, in: Self.halfClosedTime)
        case .tunnel: exchange?.clientEndedTunnel()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func channelInactive(context: ChannelHandlerContext) {
        worker.clock.refresh()
        phase = .closed
        pending = nil
        let exchange = exchange
        self.exchange = nil
        exchange?.clientGone()
        leave()
    }

    // MARK: Reading requests

    private func process(_ buffer: inout ByteBuffer) {
        isProcessing = true
        defer { isProcessing = false }
        while buffer.readableBytes > 0 {
            switch phase {
            case .idle, .head:
                // Who does not read its answers gets no further ones.
                guard isWritable else {
                    pauseReading()
                    return
                }
                guard readHead(&buffer) else { return }
            case .body:
                guard readBody(&buffer) else { return }
            case .response:
                return
            case .tunnel:
                exchange?.tunnelToUpstream(buffer)
                buffer.clear()
            case .lingering, .closed:
                buffer.clear()
            }
        }
    }

    /// Reads a head and starts its exchange; false while it is incomplete.
    private func readHead(_ buffer: inout ByteBuffer) -> Bool {
        if phase == .idle {
            phase = .head
            scanned = 0
            mayFollowEmptyLine = true
            worker.setDeadline(slot, in: worker.snapshot.headerTimeout)
        }
        // Over TLS, ALPN has settled it.
        if isFirst, !isSecure, takesHTTP2(&buffer) { return false }
        if mayFollowEmptyLine { skipEmptyLine(&buffer) }
        guard let length = startExchange(buffer) else { return false }
        buffer.moveReaderIndex(forwardBy: length)
        return true
    }

    /// Hands the connection over when it begins as one of HTTP/2 with prior knowledge
    /// ([RFC 9113 section 3.3](https://www.rfc-editor.org/rfc/rfc9113#section-3.3)); true also while that may still be.
    private func takesHTTP2(_ buffer: inout ByteBuffer) -> Bool {
        let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        let count = min(buffer.readableBytes, preface.utf8CodeUnitCount)
        guard buffer.readableBytesUInt8Span.starts(with: preface, upTo: count) else {
            isFirst = false
            return false
        }
        guard count == preface.utf8CodeUnitCount, let context else { return true }
        phase = .closed
        let connection = HTTP2Connection(
            worker: worker,
            listener: listener,
            address: address,
            share: share,
            isSecure: isSecure
        )
        do {
            try context.pipeline.syncOperations.addHandler(connection)
        } catch {
            abort()
            return true
        }
        leave()
        let received = buffer
        buffer.clear()
        connection.receive(received)
        _ = context.pipeline.syncOperations.removeHandler(context: context)
        return true
    }

    /// [RFC 9112 section 2.2](https://www.rfc-editor.org/rfc/rfc9112#section-2.2): one empty line before a request is
    /// skipped.
    private func skipEmptyLine(_ buffer: inout ByteBuffer) {
        guard let first: UInt16 = buffer.getInteger(at: buffer.readerIndex) else { return }
        mayFollowEmptyLine = false
        if first == 0x0d0a { buffer.moveReaderIndex(forwardBy: 2) }
    }

    /// Starts the exchange of the head that `buffer` begins with and returns the head's length; nothing while it is
    /// incomplete, or when it was refused.
    private func startExchange(_ buffer: ByteBuffer) -> Int? {
        let bytes = buffer.readableBytesUInt8Span
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
        worker.setDeadline(slot, in: worker.snapshot.heartbeat)
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

    /// Hands body octets on; false while more are needed.
    private func readBody(_ buffer: inout ByteBuffer) -> Bool {
        guard let exchange else { return false }
        do throws(HeadFault) {
            switch try body.read(&buffer) {
            case .data(let slice):
                exchange.requestBody(slice)
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

    override func interim(_ head: ByteBuffer) {
        write(head)
        flush()
    }

    override func write(_ buffer: ByteBuffer) {
        if let earlier = unwritten {
            sent.add(earlier.readableBytes)
            context?.write(wrapOutboundOut(earlier), promise: nil)
        }
        unwritten = buffer
    }

    override func flush() {
        guard let last = unwritten else { return }
        unwritten = nil
        sent.add(last.readableBytes)
        context?.writeAndFlush(wrapOutboundOut(last), promise: nil)
    }

    override func pauseReading() { setReading(false) }

    override func resumeReading() { setReading(true) }

    private func setReading(_ reads: Bool) {
        guard isReadPaused == reads else { return }
        isReadPaused = !reads
        try? context?.channel.syncOptions?.setOption(.autoRead, value: reads)
    }

    override func responseEnded(keepAlive: Bool) {
        guard phase == .response || phase == .body else { return }
        guard keepAlive, phase == .response, !worker.isDraining else {
            linger()
            return
        }
        phase = .idle
        unsentRate = RateWindow()
        idleSince = worker.clock.monotonic
        worker.setDeadline(slot, in: worker.snapshot.idleTimeout)
        resumeReading()
        guard !isProcessing else { return }
        processPending()
        // Nothing more can come that would complete what is left.
        if isInputClosed, phase == .idle || phase == .head { linger() }
    }

    /// Goes on with what was sent ahead.
    private func processPending() {
        guard !isProcessing, var buffer = pending else { return }
        pending = nil
        process(&buffer)
        keep(buffer)
        exchange?.flushToUpstream()
    }

    override func closesAfterAnswer(isRequestComplete: Bool) -> Bool {
        !isRequestComplete || (isInputClosed && pending == nil)
    }

    override func becomeTunnel() {
        phase = .tunnel
        if let buffer = pending {
            pending = nil
            exchange?.tunnelToUpstream(buffer)
            exchange?.flushToUpstream()
        }
        if isInputClosed { exchange?.clientEndedTunnel() }
    }

    override func finishSending() {
        flush()
        context?.close(mode: .output, promise: nil)
    }

    /// Ends the sending side and drops what still comes, for a moment.
    private func linger() {
        pending = nil
        phase = .lingering
        unsentRate = RateWindow()
        guard !isInputClosed else {
            // Both sides closed is closed at once: what is written must have gone out before.
            if unacknowledgedBytes > 0 { worker.setDeadline(slot, in: 0) } else { close() }
            return
        }
        worker.setDeadline(slot, in: min(Self.lingerTime, closesAt - worker.clock.monotonic))
        resumeReading()
        context?.close(mode: .output, promise: nil)
    }

    override func closeAfterFlush() {
        guard phase != .closed else { return }
        linger()
    }

    override func closeAfterFlush(within time: Int64) {
        closesAt = worker.clock.monotonic + time
        closeAfterFlush()
    }

    override func abort() {
        context?.triggerUserOutboundEvent(TLSHandler.Abort(), promise: nil)
        close()
    }

    override func sever() {
        context?.channel.resetOnClose()
        abort()
    }

    func endDrain() {
        exchange?.clientGone(.drain)
        abort()
    }

    private func close() {
        guard phase != .closed else { return }
        phase = .closed
        context?.close(promise: nil)
    }

    // MARK: Time, sessions that end, drain

    func deadlinePassed() {
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
            worker.setDeadline(slot, in: isHalfClosed ? Self.halfClosedTime : worker.snapshot.heartbeat)
            exchange?.heartbeat(isReadingBody: phase == .body && !isReadPaused)
        }
    }

    /// Closes once the client has the end of the last answer, or takes it too slowly.
    private func endSending() {
        let (rest, minimum, now) = (unacknowledgedBytes, worker.snapshot.minRate, worker.clock.monotonic)
        if rest == 0 {
            close()
        } else if unsentRate.isTooSlow(-rest, minimum: minimum, isWaiting: true, at: now) {
            worker.site.turnedAway.untakenEnd()
            sever()
        } else if now < closesAt {
            worker.setDeadline(slot, in: Self.unsentCheck)
        } else if rest > Self.maxRest {
            sever()
        } else {
            close()
        }
    }

    private var unacknowledgedBytes: Int { context?.unacknowledgedBytes ?? 0 }

    private func refuseHeadTimeout() {
        let exchange = self.exchange ?? Exchange(worker: worker)
        self.exchange = exchange
        phase = .response
        let received = pending ?? ByteBuffer()
        exchange.refuseHeadTimeout(received.readableBytesUInt8Span, client: self)
    }

    func end(_ reasons: [SessionID: Refusal]) {
        guard let exchange, let session = exchange.session, let reason = reasons[session] else { return }
        exchange.endSession(reason)
    }

    var idleness: Idleness? {
        phase == .idle && unsentBytes == 0 ? Idleness(wasUsed: exchange != nil, since: idleSince) : nil
    }

    func closeIdle() { close() }

    func drain() {
        switch phase {
        // Somebody may be about to ask the admin listener how it stands.
        case .idle where listener == .admin: break
        case .idle: if unsentBytes > 0 { linger() } else { close() }
        case .tunnel: exchange?.drainTunnel()
        case .head, .body, .response, .lingering, .closed: break
        }
    }
}
