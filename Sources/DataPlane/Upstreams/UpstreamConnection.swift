import Transport

/// One connection to a server of an upstream.
///
/// It reads responses and hands them to the exchange that leases it; whatever comes while nobody leases it, or after a
/// response has ended, closes it, so that no answer ever reaches the wrong request.
final class UpstreamConnection: Connection {
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
        super.init(loop: worker.loop)
    }

    /// The server among those that an exchange has tried.
    var serverBit: UInt64 { serverIndex < 64 ? 1 << UInt64(serverIndex) : 0 }
    var isUsable: Bool { state == .idle }
    /// Ends the wait for the server's addresses; nil where nobody waits for them.
    var resolving: TimerHeap.ID?
    /// Opens the connection; what is under way, until it is open.
    var opening: Connector?

    // MARK: Use by an exchange

    func lease(to exchange: Exchange, _ use: DescriptorBudget.Use) {
        self.exchange = exchange
        self.use = use
        if state == .idle { state = .head }
        hasAnswered = false
        interimCount = 0
        scanned = 0
    }

    func write(_ bytes: Span<UInt8>) { send(bytes) }

    /// Writes `first`, and `second` behind it.
    func write(_ first: Span<UInt8>, _ second: Span<UInt8>) { send(first, second) }

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

    /// Closes, unless it ends already.
    func stop() {
        guard state != .closed, state != .ending else { return }
        let wasConnecting = state == .connecting
        state = .closed
        guard wasConnecting, opening != nil || resolving != nil else {
            close()
            return
        }
        // Whoever wanted it has gone. The attempt goes on: how it ends says something of the server.
    }

    // MARK: Use by a tunnel

    /// Ends the lease and, once what is written has gone out, the connection.
    func end() {
        guard state == .tunnel, isOpen else {
            release(reusable: false)
            return
        }
        state = .ending
        resumeReading()
        release(reusable: false)
        finishSending()
        if isInputClosed, unsentBytes == 0 {
            closeEnded()
        } else {
            loop.schedule(in: Tunnel.endTime) { [self] in closeEnded() }
        }
    }

    private func closeEnded() {
        guard state == .ending else { return }
        state = .closed
        close()
    }

    // MARK: Opening

    /// The server has answered; over TLS, and has proved who it is.
    private func activate() {
        server.succeeded()
        guard state == .connecting, let exchange else {
            // Whoever wanted it has gone.
            state = .closed
            close()
            return
        }
        state = .head
        worker.clock.refresh()
        exchange.upstreamConnected(self)
    }

    /// Serves an open socket.
    func opened(_ descriptor: Descriptor, tls: TLSStream?) {
        opening = nil
        do throws(SystemFault) {
            try open(descriptor.take(), tls: tls)
        } catch {
            connectFailed(nil)
            endDescriptor()
            return
        }
        if tls == nil { activate() } else { setDeadline(in: server.connectTimeout) }
    }

    override func secured(_ tls: TLSStream) { activate() }

    override func deadlinePassed() {
        // Only a handshake has a deadline; it is over once the connection is active.
        if state == .connecting { handshakeFailed(.timeout) }
    }

    private func handshakeFailed(_ fault: TLSFault) {
        server.peer?.forget()
        server.distrusts(fault)
        connectFailed(.tls)
        reset()
    }

    /// There will be no connection.
    ///
    /// - Parameter fault: nil where it was for want of a descriptor, which says nothing of the server.
    func connectFailed(_ fault: ConnectFault?) {
        opening = nil
        if let fault { server.failed(fault, at: worker.clock.monotonic) } else { worker.site.descriptors.ranOut() }
        guard state == .connecting else { return }
        state = .closed
        fail(fault.map { .connect($0) } ?? .shortage)
    }

    // MARK: Events

    /// A server may answer and close without reading the whole request, and the client take its time for the answer; the
    /// client's rate is watched.
    override var keepsUnreadBytes: Bool { exchange != nil }

    override func received(_ bytes: Span<UInt8>) {
        guard state != .ending else { return }
        worker.clock.refresh()
        guard exchange != nil else {
            // Nobody asked for this.
            stop()
            return
        }
        hasAnswered = true
        if var earlier = pending.take() {
            earlier.write(bytes)
            take(earlier.span)
        } else {
            take(bytes)
        }
        exchange?.flushToClient()
    }

    /// Reads what has come of a response.
    private func take(_ bytes: Span<UInt8>) {
        var position = 0
        do throws(HeadFault) {
            try process(bytes, from: &position)
        } catch {
            state = .closed
            fail(.response(error))
            close()
            return
        }
        guard position < bytes.count else { return }
        // What is left is the start of something incomplete, or what a response must not be followed by.
        if state == .idle || state == .closed { stop() } else { pending = ByteBuffer(bytes.extracting(position...)) }
    }

    override func becameWritable() { exchange?.upstreamBecameWritable() }

    override func inputEnded() {
        isInputClosed = true
        switch state {
        case .tunnel:
            worker.clock.refresh()
            exchange?.upstreamEndedTunnel()
        // What is still to be written has the rest of the time that the end may take.
        case .ending: if unsentBytes == 0 { closeEnded() }
        default: close()
        }
    }

    override func failed(_ fault: ConnectionFault) {
        isBroken = true
        if state == .connecting, case .tls(let fault) = fault { handshakeFailed(fault) }
    }

    override func closed() {
        let last = state
        state = .closed
        endDescriptor()
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

    /// The descriptor is closed, or there was none in the end.
    func endDescriptor() {
        worker.site.descriptors.giveBack()
        endUse()
    }

    /// Tells the exchange, which lets go of the connection.
    private func fail(_ fault: UpstreamFault) { exchange?.upstreamFailed(fault) }

    // MARK: Reading responses

    private func process(_ bytes: Span<UInt8>, from position: inout Int) throws(HeadFault) {
        while position < bytes.count, let exchange {
            switch state {
            case .head:
                guard try head(bytes, from: &position, exchange) else { return }
            case .body:
                guard try body(bytes, from: &position, exchange) else { return }
            case .tunnel:
                exchange.tunnelToClient(bytes.extracting(position...))
                position = bytes.count
            case .idle, .connecting, .ending, .closed:
                return
            }
        }
    }

    /// Reads a response head; false while it is incomplete.
    private func head(
        _ received: Span<UInt8>,
        from position: inout Int,
        _ exchange: Exchange
    ) throws(HeadFault) -> Bool {
        let bytes = received.extracting(position...)
        guard let end = FieldLines.end(bytes, from: 0, scanned: &scanned) else {
            guard bytes.count < Self.headLimits.size else { throw .tooLarge }
            try Self.judgeBeginning(bytes)
            return false
        }
        scanned = 0
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
            if status == 101 { state = .tunnel }
            exchange.responseHead(bytes)
        }
        position += end
        if state == .idle { self.end(exchange, isFollowed: position < received.count) }
        return true
    }

    /// Ends the response.
    ///
    /// - Parameter isFollowed: more bytes than it has would be an answer to a request that nobody has sent: the connection
    ///   must be out of use before the exchange may lease one for the next request.
    private func end(_ exchange: Exchange, isFollowed: Bool) {
        state = .idle
        if isFollowed { keepsAlive = false }
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

    /// Reads body bytes; false while more are needed.
    private func body(
        _ bytes: Span<UInt8>,
        from position: inout Int,
        _ exchange: Exchange
    ) throws(HeadFault) -> Bool {
        switch framing {
        case .none:
            state = .idle
        case .untilClose:
            exchange.responseBody(bytes.extracting(position...))
            position = bytes.count
        case .length:
            let count = min(remaining, bytes.count - position)
            remaining -= count
            exchange.responseBody(bytes.extracting(position..<position + count))
            position += count
            if remaining == 0 { end(exchange, isFollowed: position < bytes.count) }
        case .chunked:
            switch try chunked.step(bytes, from: &position) {
            case .data(let range):
                exchange.responseBody(bytes.extracting(range))
            case .incomplete(let consumed):
                position = consumed
                return false
            case .end(let trailers):
                try exchange.responseTrailers(bytes.extracting(trailers))
                position = trailers.upperBound
                end(exchange, isFollowed: position < bytes.count)
            }
        }
        return true
    }
}
