import Admission
import Basics
import Synchronization
import Transport

/// One client's HTTP/1.1 connection.
///
/// Reads one request after another and has its exchange serve them. Pipelined requests wait, in bounded memory, until
/// the current one is answered.
final class ClientConnection: Connection, ClientStream, ServedConnection {
    enum Phase {
        /// Nothing has arrived since the last exchange.
        case idle
        /// A head is incomplete.
        case head
        /// An exchange is in progress, and its request body is not complete.
        case body
        /// An exchange is in progress. Further input belongs to the next one.
        case response
        case tunnel
        /// Everything was sent. Further input is read and dropped, so that the last answer is not lost to a reset.
        case lingering
        case closed
    }

    // What each request uses comes first, so that it shares cache lines. Thousands of connections are kept idle, so keep
    // this small: the tests have a limit.
    var phase: Phase = .idle
    /// Whether no request has begun, so that the client's version of HTTP is unknown.
    var isFirst = true
    private var mayFollowEmptyLine = false
    private var isProcessing = false
    var isInputClosed = false
    let isSecure: Bool
    let listener: ListenerRole
    private var place: ConnectionPlace?
    let worker: Worker
    /// Lent by the worker while there is a request.
    var exchange: Exchange?
    var pending: ByteBuffer?
    private var scanned = 0
    /// When the client's last request was answered, or the next one's first byte arrived, in monotonic milliseconds.
    var since: Int64 = 0
    private var body = RequestBody()
    let address: ClientAddress
    let share: AddressShare?
    private var slot: Int?
    /// When to close a tunnel that is over, at the latest, in monotonic milliseconds.
    var closesAt = Int64.max
    var unsentRate = RateWindow()

    /// Roughly the most bytes that wait here for the current request to finish.
    private static let maxAhead = 64 << 10
    /// How often to check a connection that only waits for its last bytes to be sent.
    static let unsentCheck: Int64 = 200
    /// How long a client that has closed its sending side is still answered: it may be waiting, or gone.
    private static let halfClosedTime: Int64 = 5000

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

    /// Starts the connection: requests may arrive.
    func begin() {
        slot = worker.add(self)
        if listener != .admin { worker.counters.add(.http1Connections) }
        since = worker.clock.monotonic
        setDeadline(in: worker.snapshot.idleTimeout)
        if worker.isDraining, listener != .admin { drain() }
    }

    // MARK: Events

    override func closed() {
        phase = .closed
        pending = nil
        if let exchange = exchange.take() {
            exchange.clientGone()
            worker.recycle(exchange)
        }
        leave()
        place?.leave(worker, address)
    }

    /// Gives up the connection's place in the worker's list, once.
    private func leave() {
        guard let slot = slot.take() else { return }
        worker.remove(slot: slot)
        if listener != .admin { worker.counters.add(.http1Connections, -1) }
    }

    override func received(_ bytes: Span<UInt8>) {
        if var earlier = pending.take() {
            earlier.write(bytes)
            goOn(with: &earlier)
        } else {
            keep(bytes, from: process(bytes))
        }
        inputProcessed()
    }

    /// Sends what the input brought for the upstream. A connection that waits for its next request needs no exchange.
    private func inputProcessed() {
        exchange?.flushToUpstream()
        if phase == .idle || phase == .head, let exchange = exchange.take() { worker.recycle(exchange) }
    }

    /// Continues with bytes that were waiting.
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

    /// Processes the bytes that arrived. Returns how many of them are done with.
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

    /// Reads a head and starts its exchange. Returns false if the head is incomplete.
    private func readHead(_ bytes: Span<UInt8>, from position: inout Int) -> Bool {
        if phase == .idle {
            phase = .head
            since = worker.clock.monotonic
            scanned = 0
            mayFollowEmptyLine = true
            setDeadline(in: worker.snapshot.headerTimeout)
        }
        if isFirst {
            // Over TLS, ALPN has decided.
            if !isSecure, takesHTTP2(bytes, from: &position) { return false }
            isFirst = false
        }
        if mayFollowEmptyLine { skipEmptyLine(bytes, &position) }
        guard let length = startExchange(bytes.extracting(position...)) else { return false }
        position += length
        return true
    }

    /// Hands the connection over if it starts as HTTP/2 with prior knowledge
    /// ([RFC 9113 section 3.3](https://www.rfc-editor.org/rfc/rfc9113#section-3.3)). Also returns true while it might.
    private func takesHTTP2(_ bytes: Span<UInt8>, from position: inout Int) -> Bool {
        let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        let count = min(bytes.count - position, preface.utf8CodeUnitCount)
        guard bytes.extracting(position...).starts(with: preface, upTo: count) else { return false }
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

    /// Skips one empty line before a request
    /// ([RFC 9112 section 2.2](https://www.rfc-editor.org/rfc/rfc9112#section-2.2)).
    private func skipEmptyLine(_ bytes: Span<UInt8>, _ position: inout Int) {
        guard bytes.count - position >= 2 else { return }
        mayFollowEmptyLine = false
        if bytes[position] == .carriageReturn, bytes[position + 1] == .lineFeed { position += 2 }
    }

    /// Starts the exchange for the head at the start of `bytes`. Returns the head's length, or `nil` if it is
    /// incomplete or was refused.
    private func startExchange(_ bytes: Span<UInt8>) -> Int? {
        let limits = worker.snapshot.headLimits
        do throws(HeadFault) {
            guard try worker.requestParts.head.read(bytes, scanned: &scanned, limits: limits) else {
                if bytes.count >= limits.size {
                    refuseHead(.tooLarge, bytes)
                } else if !RequestHead.mayBegin(with: bytes) {
                    refuseHead(.breaks(.requestLine), bytes)
                }
                return nil
            }
        } catch {
            refuseHead(error, bytes.extracting(0..<worker.requestParts.head.length))
            return nil
        }
        let length = worker.requestParts.head.length
        body = RequestBody(worker.requestParts.head.framing)
        phase = body.isComplete ? .response : .body
        setDeadline(in: isInputClosed ? Self.halfClosedTime : worker.snapshot.heartbeat)
        beginExchange().start(RequestView(bytes.extracting(0..<length), of: worker.requestParts), client: self)
        return length
    }

    /// The exchange for a request that begins.
    private func beginExchange() -> Exchange {
        if let exchange { return exchange }
        let exchange = worker.takeExchange()
        self.exchange = exchange
        return exchange
    }

    private func refuseHead(_ fault: HeadFault, _ bytes: Span<UInt8>) {
        phase = .response
        beginExchange().refuseHead(fault, bytes, client: self)
    }

    /// Hands on body bytes. Returns false if more are needed.
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
        since = worker.clock.monotonic
        setDeadline(in: worker.snapshot.idleTimeout)
        resumeReading()
        guard !isProcessing else { return }
        processPending()
        // No more input can complete what is left.
        if isInputClosed, phase == .idle || phase == .head { linger() }
    }

    /// Continues with pipelined requests.
    private func processPending() {
        guard !isProcessing else { return }
        if var buffer = pending.take() { goOn(with: &buffer) }
        inputProcessed()
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

    // MARK: Time

    override func deadlinePassed() {
        switch phase {
        case .idle, .lingering:
            endSending()
        case .closed:
            break
        case .head:
            refuseHeadTimeout()
        case .body, .response, .tunnel:
            if isInputClosed, phase == .response, !(exchange?.hasMoved ?? false) {
                let isSlow = unsentBytes > 0
                exchange?.clientGone(isSlow ? .slow : .client)
                // A reset would drop earlier answers that the client has not received yet.
                if isSlow { sever() } else { end() }
                return
            }
            let isHalfClosed = isInputClosed && phase == .response
            setDeadline(in: isHalfClosed ? Self.halfClosedTime : worker.snapshot.heartbeat)
            exchange?.heartbeat(isReadingBody: phase == .body && !isReadPaused)
        }
    }

    private func refuseHeadTimeout() {
        phase = .response
        let received = pending ?? ByteBuffer()
        beginExchange().refuseHeadTimeout(received.span, client: self)
    }

    var requestedAt: Int64 { since }

    var idleness: Idleness? {
        phase == .idle && unsentBytes == 0 ? Idleness(wasUsed: !isFirst, since: since) : nil
    }
}
