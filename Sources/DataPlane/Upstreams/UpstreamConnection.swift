import Transport

/// One connection to a server of an upstream.
///
/// Reads responses and hands them to the exchange that leases it. Closes on any bytes that arrive while nobody leases
/// it, or after a response has ended, so that no answer ever reaches the wrong request.
final class UpstreamConnection: Connection {
    private enum State {
        case connecting
        case idle
        case head
        case body
        case tunnel
        /// A tunnel that is over. Further input is dropped, so that the last output is not lost to a reset.
        case ending
        case closed
    }

    private let pools: UpstreamPools
    private let pool: UpstreamPool
    private let serverIndex: Int
    let server: UpstreamServer
    private var exchange: (any UpstreamUser)?
    /// What the descriptor counts as, from the lease until the connection is kept for others or closed.
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
    /// Whether the socket failed, so that its end is not a valid end of a body.
    private var isBroken = false
    /// When the attempt to connect began, in monotonic milliseconds.
    private let startedAt: Int64
    /// The number of exchanges before the current one.
    private(set) var exchangesBefore = 0
    private(set) var idleSince: Int64 = 0
    /// Whether the current request was sent although the server was left out.
    private(set) var isTrial = false
    /// Whether any byte of the current response has arrived.
    private(set) var hasAnswered = false

    /// The most interim responses to one request. More are an attack or a defect.
    private static let maxInterim = 16
    private static let headLimits = RequestHead.Limits(size: 64 << 10, count: 256)

    init(pools: UpstreamPools, pool: UpstreamPool, serverIndex: Int, server: UpstreamServer) {
        self.pools = pools
        self.pool = pool
        self.serverIndex = serverIndex
        self.server = server
        startedAt = pools.loop.now
        super.init(loop: pools.loop)
    }

    /// The server's bit in the set that an exchange has tried.
    var serverBit: UInt64 { Self.bit(of: serverIndex) }
    static func bit(of index: Int) -> UInt64 { index < 64 ? 1 << UInt64(index) : 0 }
    var isUsable: Bool { state == .idle }
    /// The attempt to connect. `nil` once it has succeeded or failed.
    var opening: ServerDial?

    // MARK: Use by an exchange

    func lease(to exchange: any UpstreamUser, _ use: DescriptorBudget.Use, isTrial: Bool) {
        self.exchange = exchange
        self.isTrial = isTrial
        self.use = use
        isToldFirst = false
        if state == .idle { state = .head }
        hasAnswered = false
        interimCount = 0
        scanned = 0
    }

    func write(_ bytes: Span<UInt8>) { send(bytes) }

    /// Writes `first`, then `second`.
    func write(_ first: Span<UInt8>, _ second: Span<UInt8>) { send(first, second) }

    /// Ends the lease. Keeps the connection if `reusable`.
    func release(reusable: Bool) {
        guard exchange != nil else { return }
        exchange = nil
        let isReusable = reusable && state == .idle && pending == nil
        if isReusable {
            exchangesBefore += 1
            idleSince = loop.now
            isToldFirst = true
            resumeReading()
            endUse()
        }
        pool.release(self, serverIndex: serverIndex, reusable: isReusable)
    }

    /// Stops counting the descriptor: it is closed, or kept for others.
    func endUse() {
        guard let use else { return }
        self.use = nil
        pools.descriptors.end(use)
    }

    /// Whether the response was read to its end and the connection can continue.
    var isReusable: Bool { state == .idle && keepsAlive }

    /// Closes the connection unless it is already ending.
    func stop() {
        guard state != .closed, state != .ending else { return }
        state = .closed
        // Let an attempt to connect finish even if nobody waits: its outcome shows the server's health.
        if opening == nil { close() }
    }

    // MARK: Use by a tunnel

    /// Ends the lease, and the connection once everything written was sent.
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

    /// The server has answered and, over TLS, proved its identity.
    private func activate() {
        if server.peer != nil { server.trusts() }
        pools.counters.connected(to: pool.upstream.slot, in: loop.now - startedAt)
        guard state == .connecting, let exchange else {
            // The exchange that wanted it is gone.
            state = .closed
            close()
            return
        }
        state = .head
        exchange.upstreamConnected(self)
    }

    /// Takes over an open socket.
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
        // Only a handshake has a deadline. One that nobody waits for any more ends as well.
        if state == .connecting || state == .closed { handshakeFailed(.timeout) }
    }

    private func handshakeFailed(_ fault: TLSFault) {
        server.peer?.forget()
        server.distrusts(fault)
        connectFailed(.tls)
        reset()
    }

    /// Reports that there will be no connection.
    ///
    /// - Parameter fault: `nil` if no descriptor was left, which says nothing about the server.
    func connectFailed(_ fault: ConnectFault?) {
        opening = nil
        if let fault { pool.failed(self, .connect(fault)) } else { pools.descriptors.ranOut() }
        guard state == .connecting else { return }
        state = .closed
        fail(fault.map { .connect($0) } ?? .shortage)
    }

    // MARK: Events

    /// Whether to keep input that was not read before the end. A server may answer and close without reading the whole
    /// request, and the client may take its time for the answer. The client's rate is checked elsewhere.
    override var keepsUnreadBytes: Bool { exchange != nil }

    override func received(_ bytes: Span<UInt8>) {
        guard state != .ending else { return }
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

    /// Processes bytes of a response.
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
        // The rest is an incomplete piece, or bytes that must not follow a response.
        if state == .idle || state == .closed { stop() } else { pending = ByteBuffer(bytes.extracting(position...)) }
    }

    override func becameWritable() { exchange?.upstreamBecameWritable() }

    override func inputEnded() {
        isInputClosed = true
        switch state {
        case .tunnel:
            exchange?.upstreamEndedTunnel()
        // The remaining output may take the rest of the time that an end is given.
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
        switch last {
        case .body where framing == .untilClose && !isBroken:
            exchange.responseEnded()
            exchange.flushToClient()
        case .tunnel:
            exchange.tunnelEnded()
        case .connecting:
            pool.failed(self, .connect(.failed))
            fail(.connect(.failed))
        default:
            fail(.closed)
        }
    }

    /// Stops counting the descriptor: it was closed, or never opened.
    func endDescriptor() {
        pools.descriptors.giveBack()
        endUse()
    }

    /// Tells the exchange, which then releases the connection.
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

    /// Reads a response head. Returns false if it is incomplete.
    private func head(
        _ received: Span<UInt8>,
        from position: inout Int,
        _ exchange: any UpstreamUser
    ) throws(HeadFault) -> Bool {
        let bytes = received.extracting(position...)
        let (isToHead, limits) = (exchange.isForHead, Self.headLimits)
        guard try pools.responseHead.read(bytes, scanned: &scanned, toHead: isToHead, limits: limits) else {
            guard bytes.count < limits.size else { throw .tooLarge }
            try ResponseHead.judgeBeginning(bytes)
            return false
        }
        scanned = 0
        let end = pools.responseHead.length
        let status = pools.responseHead.status
        if status < 200, status != 101 {
            interimCount += 1
            guard interimCount <= Self.maxInterim else { throw .breaks(.interim) }
            exchange.interimResponse(bytes)
        } else {
            guard status != 101 || exchange.isHandshakeAnswer(bytes) else { throw .breaks(.handshake) }
            keepsAlive = pools.responseHead.keepsAlive
            begin(pools.responseHead.framing)
            if status == 101 { state = .tunnel }
            exchange.responseHead(bytes)
        }
        position += end
        if state == .idle { self.end(exchange, isFollowed: position < received.count) }
        return true
    }

    /// Ends the response.
    ///
    /// - Parameter isFollowed: whether more bytes follow. They would answer a request that nobody sent, so take the
    ///   connection out of use before the exchange can lease one for its next request.
    private func end(_ exchange: any UpstreamUser, isFollowed: Bool) {
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

    /// Reads body bytes. Returns false if more are needed.
    private func body(
        _ bytes: Span<UInt8>,
        from position: inout Int,
        _ exchange: any UpstreamUser
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
