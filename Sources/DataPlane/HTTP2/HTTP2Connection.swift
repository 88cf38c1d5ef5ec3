import Admission
import Configuration
import JOSE
import NIOCore

/// One client's HTTP/2 connection ([RFC 9113](https://www.rfc-editor.org/rfc/rfc9113)): the last handler of its channel.
///
/// Each stream has an exchange of its own. What they write in one turn of the event loop goes out together.
final class HTTP2Connection: ChannelInboundHandler, ServedConnection {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// The client's first SETTINGS have not come.
        case preface
        case open
        /// GOAWAY is on its way; what still comes is read and dropped, so that it is not lost to a reset.
        case lingering
        case closed
    }

    private enum Drain {
        case none
        /// The end is announced; requests on their way are taken.
        case announced
        /// No further requests are taken.
        case refusing
    }

    let worker: Worker
    let listener: ListenerRole
    let address: ClientAddress
    private(set) lazy var session = HTTP2Session(
        owner: self,
        settings: worker.snapshot.settings.http2,
        maxHeaderListSize: worker.snapshot.headLimits.size
    )
    private var context: ChannelHandlerContext?
    private var slot = 0
    private var phase: Phase = .preface
    private var drainState: Drain = .none
    private var budget: ControlBudget
    private var isCalm = true
    private var isTerminated = false

    /// Streams by their tag; free places are nil.
    private var streams: ContiguousArray<HTTP2Stream?> = []
    private var openCount = 0
    private var spare: ContiguousArray<HTTP2Stream> = []

    private var requestHead = HTTP2RequestHead()
    private var headSince: Int64?
    private var assembled: [UInt8] = []

    // Output.
    private var scheduled: ContiguousArray<HTTP2Stream> = []
    private var isSendScheduled = false
    private var out: ByteBuffer
    private var drainedStreams: ContiguousArray<HTTP2Stream> = []
    private var touched: ContiguousArray<HTTP2Stream> = []
    private var unsentRate = RateWindow()
    private var sentBytes = 0

    private static let maxSpare = 8
    private static let lingerTime: Int64 = 2000
    /// Between the announcement of the end and the end of new requests: time for requests that are on their way.
    private static let drainNotice: Int64 = 500
    /// Pieces up to this size are gathered into one write.
    private static let copyLimit = 4 << 10
    private static let writeSize = 64 << 10

    init(worker: Worker, listener: ListenerRole, address: ClientAddress) {
        self.worker = worker
        self.listener = listener
        self.address = address
        budget = ControlBudget(at: worker.clock.monotonic)
        out = ByteBuffer()
    }

    // MARK: Channel events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        slot = worker.add(self)
        worker.setDeadline(slot, in: worker.snapshot.headerTimeout)
        schedule(nil)
        if worker.isDraining { drain() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        worker.remove(slot: slot)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        worker.clock.refresh()
        receive(unwrapInboundIn(data))
    }

    /// Takes what has come, from the channel or from whoever read it first.
    func receive(_ buffer: ByteBuffer) {
        guard phase == .preface || phase == .open, !isTerminated else { return }
        let isGood = session.receive(buffer.readableBytesUInt8Span)
        for stream in touched { stream.exchange?.flushToUpstream() }
        touched.removeAll(keepingCapacity: true)
        if !isGood { terminate(isCalm ? .protocolError : .enhanceYourCalm) }
        if headSince != nil { worker.setDeadline(slot, in: worker.snapshot.heartbeat) }
        schedule(nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        schedule(nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent else { return }
        // An HTTP/2 client that closes its side can open no window any more.
        close()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func channelInactive(context: ChannelHandlerContext) {
        worker.clock.refresh()
        phase = .closed
        for stream in streams { stream?.closed() }
        streams.removeAll()
        spare.removeAll()
        scheduled.removeAll()
        drainedStreams.removeAll()
        openCount = 0
    }

    // MARK: Output

    /// Has `stream` asked, and everything sent, at the end of the event loop's turn.
    func schedule(_ stream: HTTP2Stream?) {
        if let stream { scheduled.append(stream) }
        guard !isSendScheduled, phase != .closed, let context else { return }
        isSendScheduled = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute { bound.value.send() }
    }

    private func send() {
        isSendScheduled = false
        guard let context, phase == .preface || phase == .open else { return }
        let ready = scheduled
        scheduled.removeAll(keepingCapacity: true)
        for stream in ready { stream.submit() }
        out = worker.takeBuffer()
        while context.channel.isWritable {
            // SAFETY: the library lends the octets until its next call; they are copied.
            let more = unsafe session.send { octets in unsafe out.writeBytes(octets) }
            guard more else { break }
            if out.readableBytes >= Self.writeSize {
                writeOut(context)
                context.flush()
            }
        }
        if out.readableBytes > 0 {
            let last = out
            sentBytes += last.readableBytes
            context.writeAndFlush(wrapOutboundOut(last), promise: nil)
        } else {
            context.flush()
        }
        worker.recycle(out)
        out = ByteBuffer()
        tellDrained()
        if session.isFinished { linger() }
    }

    private func writeOut(_ context: ChannelHandlerContext) {
        sentBytes += out.readableBytes
        context.write(wrapOutboundOut(out), promise: nil)
        worker.recycle(out)
        out = worker.takeBuffer()
    }

    /// Puts a DATA frame behind what is written already.
    func sendData(stream id: Int32, frameHeader: UnsafeBufferPointer<UInt8>, count: Int) {
        // SAFETY: the library lends the nine octets until this returns; they are copied.
        unsafe out.writeBytes(frameHeader)
        budget.earn(2)
        guard let context, let stream = stream(id) else { return }
        stream.takeData(count) { piece in
            guard piece.readableBytes > Self.copyLimit else {
                out.writeImmutableBuffer(piece)
                return
            }
            writeOut(context)
            sentBytes += piece.readableBytes
            context.write(wrapOutboundOut(piece), promise: nil)
        }
    }

    func nextData(stream id: Int32, upTo limit: Int) -> HTTP2Stream.Data {
        stream(id)?.nextData(upTo: limit) ?? .octets(0, end: .stream)
    }

    /// Remembers that `stream` can take more, to be told once the library has been left.
    func drained(_ stream: HTTP2Stream) { drainedStreams.append(stream) }

    private func tellDrained() {
        guard !drainedStreams.isEmpty else { return }
        let streams = drainedStreams
        drainedStreams.removeAll(keepingCapacity: true)
        for stream in streams { stream.becameWritable() }
    }

    // MARK: Frames

    private func stream(_ id: Int32) -> HTTP2Stream? {
        guard let tag = session.tag(of: id), tag < streams.count, let stream = streams[tag], stream.id == id else {
            return nil
        }
        return stream
    }

    /// A frame's header was read; false when the client has spent what it may.
    func frameBegins(type: UInt8, length: Int, endsStream: Bool) -> Bool {
        let cost =
            switch type {
            case 0: length == 0 && !endsStream ? 10 : 0
            case 1: 0
            // RST_STREAM, SETTINGS, PUSH_PROMISE, GOAWAY
            case 3, 4, 5, 7: 10
            // WINDOW_UPDATE
            case 8: 1
            // PRIORITY, PING, CONTINUATION and what we do not know
            default: 4
            }
        return spend(cost)
    }

    func invalidFrame() -> Bool { spend(10) }

    /// A stream was reset from here; false when the client has made that happen too often.
    func resetSent(_ code: UInt32) -> Bool {
        switch HTTP2Session.ErrorCode(rawValue: code) {
        case .noError, .internalError, .cancel: true
        default: spend(10)
        }
    }

    private func spend(_ cost: Int) -> Bool {
        if !budget.spend(cost, at: worker.clock.monotonic) { isCalm = false }
        return isCalm
    }

    func settingsRead() {
        guard phase == .preface else { return }
        phase = .open
        worker.setDeadline(slot, in: worker.snapshot.idleTimeout)
    }

    func headersBegin(stream id: Int32, isRequest: Bool) {
        headSince = worker.clock.monotonic
        guard isRequest else { return }
        requestHead.clear()
    }

    func header(_ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
        let isBearable = requestHead.add(name, value, limits: worker.snapshot.headLimits)
        if !isBearable { isCalm = false }
        return isBearable
    }

    func invalidHeader() { requestHead.spoil() }

    /// A request's head is complete.
    func requestRead(stream id: Int32, endsStream: Bool) {
        headSince = nil
        let stream = open(id)
        if openCount == 1 { worker.setDeadline(slot, in: worker.snapshot.heartbeat) }
        assembled.removeAll(keepingCapacity: true)
        do throws(HeadFault) {
            try requestHead.write(to: &assembled, hasBody: !endsStream, webSocketKey: Self.webSocketKey())
            let bytes = assembled
            try worker.requestHead.parse(
                bytes.span,
                length: bytes.count,
                limits: RequestHead.Limits(
                    size: worker.snapshot.headLimits.size + 512,
                    count: worker.snapshot.headLimits.count + 8
                )
            )
        } catch {
            stream.activeExchange.refuseHead(error, client: stream)
            if endsStream { stream.bodyEnded() }
            return
        }
        let bytes = assembled
        stream.activeExchange.start(bytes.span, client: stream)
        if endsStream { stream.bodyEnded() }
    }

    /// Sixteen random octets in Base64, which differs from base64url in two digits and its padding.
    private static func webSocketKey() -> [UInt8] {
        let key = Base64URL.encode(SystemRandom.bytes(16).span).map { digit in
            switch digit {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: digit
            }
        }
        return key + [UInt8(ascii: "="), UInt8(ascii: "=")]
    }

    private func open(_ id: Int32) -> HTTP2Stream {
        let stream = spare.popLast() ?? HTTP2Stream(connection: self)
        stream.open(id)
        let tag = streams.firstIndex { $0 == nil } ?? streams.count
        if tag == streams.count { streams.append(stream) } else { streams[tag] = stream }
        session.setTag(tag, of: id)
        openCount += 1
        return stream
    }

    func body(stream id: Int32, _ bytes: UnsafeBufferPointer<UInt8>) {
        guard let stream = stream(id) else {
            session.consumeOnConnection(bytes.count)
            return
        }
        // SAFETY: lent for the time of the call.
        unsafe stream.body(bytes)
        if touched.last !== stream { touched.append(stream) }
    }

    func bodyEnded(stream id: Int32) {
        headSince = nil
        guard let stream = stream(id) else { return }
        stream.bodyEnded()
        if touched.last !== stream { touched.append(stream) }
    }

    func responseSent(stream id: Int32) { stream(id)?.responseSent() }

    func streamClosed(_ id: Int32) {
        guard let tag = session.tag(of: id), tag < streams.count, let stream = streams[tag], stream.id == id else {
            return
        }
        streams[tag] = nil
        openCount -= 1
        stream.closed()
        if spare.count < Self.maxSpare { spare.append(stream) }
        if openCount == 0 {
            worker.setDeadline(slot, in: drainState == .none ? worker.snapshot.idleTimeout : 0)
        }
    }

    // MARK: Time, sessions that end, drain

    func deadlinePassed() {
        switch phase {
        case .closed: return
        case .preface, .lingering:
            close()
            return
        case .open: break
        }
        if isStuck || isTerminated {
            close()
            return
        }
        switch drainState {
        case .none: break
        case .announced:
            drainState = .refusing
            session.goAway()
            schedule(nil)
        case .refusing:
            if openCount == 0 {
                terminate(.noError)
                return
            }
        }
        let now = worker.clock.monotonic
        if let headSince, now - headSince >= worker.snapshot.headerTimeout {
            terminate(.enhanceYourCalm)
            return
        }
        guard openCount > 0 || headSince != nil else {
            terminate(.noError)
            return
        }
        worker.setDeadline(slot, in: worker.snapshot.heartbeat)
        for stream in streams {
            guard let stream else { continue }
            stream.exchange?.heartbeat(isReadingBody: stream.isReadingBody)
        }
    }

    /// Whether what was written waits for a client that takes it too slowly.
    private var isStuck: Bool {
        let unsent = (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        return unsentRate.isTooSlow(
            sentBytes - unsent,
            minimum: worker.snapshot.minRate,
            isWaiting: unsent > 0,
            at: worker.clock.monotonic
        )
    }

    func end(_ reasons: [SessionID: Refusal]) {
        for stream in streams { stream?.end(reasons) }
    }

    func drain() {
        guard drainState == .none, phase == .preface || phase == .open else { return }
        drainState = .announced
        session.announceShutdown()
        schedule(nil)
        worker.setDeadline(slot, in: Self.drainNotice)
    }

    func abort() { close() }

    /// Everything is said: the sending side ends, and what still comes is dropped for a moment.
    private func linger() {
        guard phase == .preface || phase == .open else { return }
        phase = .lingering
        for stream in streams { stream?.closed() }
        streams.removeAll()
        openCount = 0
        worker.setDeadline(slot, in: Self.lingerTime)
        context?.close(mode: .output, promise: nil)
    }

    /// Ends the connection with a GOAWAY, which gets a moment to go out.
    private func terminate(_ code: HTTP2Session.ErrorCode) {
        guard !isTerminated else { return }
        isTerminated = true
        session.terminate(code)
        worker.setDeadline(slot, in: Self.lingerTime)
        schedule(nil)
    }

    private func close() {
        guard phase != .closed else { return }
        phase = .closed
        context?.close(promise: nil)
    }
}
