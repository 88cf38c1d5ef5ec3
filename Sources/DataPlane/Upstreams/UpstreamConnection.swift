import NIOCore

/// One connection to a server of an upstream: the only handler of its channel.
///
/// It reads responses and hands them to the exchange that leases it; whatever comes while nobody leases it, or after a
/// response has ended, closes it, so that no answer ever reaches the wrong request.
final class UpstreamConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case connecting
        case idle
        case head
        case body
        case tunnel
        /// A tunnel that is over: what still comes is dropped, so that what was written last is not lost to a reset.
        case ending
        case closed
    }

    private let worker: Worker
    private let pool: UpstreamPool
    private let serverIndex: Int
    let server: UpstreamServer
    private var context: ChannelHandlerContext?
    private var exchange: Exchange?
    /// What its descriptor counts as, from the lease until it is kept for others or closed.
    private var use: DescriptorBudget.Use?
    private var state: State = .connecting
    private var framing: BodyFraming = .none
    private var remaining = 0
    private var chunked = ChunkedBody(allowsPadding: true)
    private var pending: ByteBuffer?
    private var scanned = 0
    private var keepsAlive = false
    private var interimCount = 0
    private var isReadPaused = false
    private var isInputClosed = false
    /// The socket failed, so that its end is no proper end of a body.
    private var isBroken = false
    /// Exchanges that it has carried before the present one.
    private(set) var exchangesBefore = 0
    private(set) var idleSince: Int64 = 0
    /// Whether any octet of the present response has come.
    private(set) var hasAnswered = false

    /// Interim responses to one request; more are an attack or a defect.
    private static let maxInterim = 16
    private static let headLimits = RequestHead.Limits(size: 64 << 10, count: 256)

    init(worker: Worker, pool: UpstreamPool, serverIndex: Int, server: UpstreamServer) {
        self.worker = worker
        self.pool = pool
        self.serverIndex = serverIndex
        self.server = server
    }

    /// The server among those that an exchange has tried.
    var serverBit: UInt64 { serverIndex < 64 ? 1 << UInt64(serverIndex) : 0 }
    var isUsable: Bool { state == .idle }
    /// Whether the server takes what is written at once, or nearly.
    private(set) var isWritable = true
    /// What is written next; the last piece is written and flushed in one go.
    private var unwritten: ByteBuffer?

    // MARK: Use by an exchange

    func lease(to exchange: Exchange, _ use: DescriptorBudget.Use) {
        self.exchange = exchange
        self.use = use
        if state == .idle { state = .head }
        hasAnswered = false
        interimCount = 0
        scanned = 0
    }

    func write(_ buffer: ByteBuffer) {
        if let earlier = unwritten { context?.write(wrapOutboundOut(earlier), promise: nil) }
        unwritten = buffer
    }

    func flush() {
        guard let last = unwritten else { return }
        unwritten = nil
        context?.writeAndFlush(wrapOutboundOut(last), promise: nil)
    }

    /// Ends the lease; the connection is kept when `reusable`.
    func release(reusable: Bool) {
        guard exchange != nil else { return }
        exchange = nil
        let isReusable = reusable && state == .idle && pending == nil
        if isReusable {
            exchangesBefore += 1
            idleSince = worker.clock.monotonic
            resumeReading()
            endUse()
        }
        pool.release(self, serverIndex: serverIndex, reusable: isReusable)
    }

    /// The descriptor is closed, or kept for others.
    func endUse() {
        guard let use else { return }
        self.use = nil
        worker.site.descriptors.end(use)
    }

    /// Whether the response has been read to its end and the connection may serve on.
    var isReusable: Bool { state == .idle && keepsAlive }

    func close() {
        guard state != .closed, state != .ending else { return }
        state = .closed
        context?.close(promise: nil)
    }

    // MARK: Use by a tunnel

    /// Sends what is written and then the end; the server may still send.
    func finishSending() {
        flush()
        context?.close(mode: .output, promise: nil)
    }

    /// Ends the lease and, once what is written has gone out, the connection.
    func end() {
        guard state == .tunnel, let context else {
            release(reusable: false)
            return
        }
        flush()
        state = .ending
        resumeReading()
        release(reusable: false)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        if isInputClosed {
            // Both sides closed is closed at once: what is written must have gone out before.
            context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in bound.value.closeEnded() }
        } else {
            context.close(mode: .output, promise: nil)
        }
        context.eventLoop.scheduleTask(in: .milliseconds(Tunnel.endTime)) { bound.value.closeEnded() }
    }

    private var unwrittenBytes: Int { (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    private func closeEnded() {
        guard state == .ending else { return }
        state = .closed
        context?.close(promise: nil)
    }

    func pauseReading() { setReading(false) }

    func resumeReading() { setReading(true) }

    private func setReading(_ reads: Bool) {
        guard isReadPaused == reads else { return }
        isReadPaused = !reads
        try? context?.channel.syncOptions?.setOption(.autoRead, value: reads)
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { activate(context) }
    }

    func channelActive(context: ChannelHandlerContext) { activate(context) }

    private func activate(_ context: ChannelHandlerContext) {
        guard state == .connecting || state == .closed else { return }
        server.succeeded()
        guard state == .connecting, let exchange else {
            // Whoever wanted it has gone.
            state = .closed
            context.close(promise: nil)
            return
        }
        state = .head
        worker.clock.refresh()
        exchange.upstreamConnected(self)
    }

    /// There will be no connection.
    ///
    /// - Parameter fault: nil where it was for want of a descriptor, which says nothing of the server.
    func connectFailed(_ fault: ConnectFault?) {
        guard state == .connecting else { return }
        state = .closed
        if let fault {
            server.failed(fault, at: worker.clock.monotonic)
            fail(.connect(fault))
        } else {
            worker.site.descriptors.ranOut()
            fail(.shortage)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let received = unwrapInboundIn(data)
        defer { if server.peer == nil { worker.receivePool.value.recycle(received) } }
        var buffer = received
        guard state != .ending else { return }
        worker.clock.refresh()
        if var earlier = pending {
            pending = nil
            earlier.writeBuffer(&buffer)
            buffer = earlier
        }
        guard exchange != nil else {
            // Nobody asked for this.
            close()
            return
        }
        hasAnswered = true
        do {
            try process(&buffer)
        } catch {
            state = .closed
            fail(.response(error))
            context.close(promise: nil)
            return
        }
        if buffer.readableBytes > 0 {
            // What is left is the start of something incomplete, or what a response must not be followed by.
            if state == .idle || state == .closed { close() } else { pending = buffer.compacted() }
        }
        exchange?.flushToClient()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable { exchange?.upstreamBecameWritable() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent else { return }
        isInputClosed = true
        switch state {
        case .tunnel:
            worker.clock.refresh()
            exchange?.upstreamEndedTunnel()
        // What is still to be written has the rest of the time that the end may take.
        case .ending: if unwrittenBytes == 0 { closeEnded() }
        default: context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        isBroken = true
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let last = state
        state = .closed
        self.context = nil
        guard let exchange else {
            pool.remove(self, serverIndex: serverIndex)
            return
        }
        worker.clock.refresh()
        switch last {
        case .body where framing == .untilClose && !isBroken:
            exchange.responseEnded()
            exchange.flushToClient()
        case .tunnel:
            exchange.tunnelEnded()
        case .connecting:
            server.failed(.failed, at: worker.clock.monotonic)
            fail(.connect(.failed))
        default:
            fail(.closed)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Tells the exchange, which lets go of the connection.
    private func fail(_ fault: UpstreamFault) { exchange?.upstreamFailed(fault) }

    // MARK: Reading responses

    private func process(_ buffer: inout ByteBuffer) throws(HeadFault) {
        while buffer.readableBytes > 0, let exchange {
            switch state {
            case .head:
                guard try head(&buffer, exchange) else { return }
            case .body:
                guard try body(&buffer, exchange) else { return }
            case .tunnel:
                exchange.tunnelToClient(buffer)
                buffer.clear()
            case .idle, .connecting, .ending, .closed:
                return
            }
        }
    }

    /// Reads a response head; false while it is incomplete.
    private func head(_ buffer: inout ByteBuffer, _ exchange: Exchange) throws(HeadFault) -> Bool {
        let length: Int
        do {
            let bytes = buffer.readableBytesUInt8Span
            guard let end = FieldLines.end(bytes, from: 0, scanned: &scanned) else {
                guard bytes.count < Self.headLimits.size else { throw .tooLarge }
                try Self.judgeBeginning(bytes)
                return false
            }
            scanned = 0
            length = end
            try worker.responseHead.parse(
                bytes,
                length: end,
                toHead: exchange.method == .head,
                limits: Self.headLimits
            )
            let status = worker.responseHead.status
            if status < 200, status != 101 {
                interimCount += 1
                guard interimCount <= Self.maxInterim else { throw .breaks(.interim) }
                exchange.interimResponse(bytes)
            } else {
                guard status != 101 || exchange.isHandshakeAnswer(bytes) else { throw .breaks(.handshake) }
                keepsAlive = worker.responseHead.keepsAlive
                begin(worker.responseHead.framing)
                if status == 101 { becomeTunnel() }
                exchange.responseHead(bytes)
            }
        }
        buffer.moveReaderIndex(forwardBy: length)
        if state == .idle { end(buffer, exchange) }
        return true
    }

    /// A tunnel's sides end one by one.
    private func becomeTunnel() {
        state = .tunnel
        try? context?.channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
    }

    /// Ends the response. More octets than it has would be an answer to a request that nobody has sent: the connection
    /// must be out of use before the exchange may lease one for the next request.
    private func end(_ buffer: ByteBuffer, _ exchange: Exchange) {
        state = .idle
        if buffer.readableBytes > 0 { keepsAlive = false }
        exchange.responseEnded()
    }

    private func begin(_ framing: BodyFraming) {
        self.framing = framing
        state = .body
        switch framing {
        case .none: state = .idle
        case .length(let length):
            remaining = length
            if length == 0 { state = .idle }
        case .chunked: chunked = ChunkedBody(allowsPadding: true)
        case .untilClose: break
        }
    }

    /// An early look at an incomplete head, so that what is no HTTP is refused without waiting for more.
    private static func judgeBeginning(_ bytes: Span<UInt8>) throws(HeadFault) {
        let start: InlineArray<5, UInt8> = [0x48, 0x54, 0x54, 0x50, 0x2f]
        for index in 0..<min(5, bytes.count) where bytes[index] != start[index] { throw .breaks(.statusLine) }
    }

    /// Reads body octets; false while more are needed.
    private func body(_ buffer: inout ByteBuffer, _ exchange: Exchange) throws(HeadFault) -> Bool {
        switch framing {
        case .none:
            state = .idle
        case .untilClose:
            exchange.responseBody(buffer)
            buffer.clear()
        case .length:
            let count = min(remaining, buffer.readableBytes)
            remaining -= count
            if let slice = buffer.readSlice(length: count) { exchange.responseBody(slice) }
            if remaining == 0 { end(buffer, exchange) }
        case .chunked:
            var position = 0
            let step = try chunked.step(buffer.readableBytesUInt8Span, from: &position)
            switch step {
            case .data(let range):
                buffer.moveReaderIndex(forwardBy: range.lowerBound)
                if let slice = buffer.readSlice(length: range.count) { exchange.responseBody(slice) }
            case .incomplete(let consumed):
                buffer.moveReaderIndex(forwardBy: consumed)
                return false
            case .end(let trailers):
                try exchange.responseTrailers(buffer.readableBytesUInt8Span.extracting(trailers))
                buffer.moveReaderIndex(forwardBy: trailers.upperBound)
                end(buffer, exchange)
            }
        }
        return true
    }
}
