import Admission
import JOSE

/// One stream of an HTTP/2 connection: what its exchange writes waits here until flow control lets it go.
final class HTTP2Stream: ClientStream {
    private unowned let connection: HTTP2Connection
    let worker: Worker
    let listener: ListenerRole
    let address: ClientAddress
    let share: AddressShare?
    let isSecure: Bool
    private(set) var id: Int32 = 0
    private(set) var exchange: Exchange?

    // The response.
    private var head: ByteBuffer?
    private var unsent = ByteBuffer()
    private(set) var isWritable = true
    private var trailerLines: ByteBuffer?
    private var isHeadSent = false
    private var isEnded = false
    /// The library has asked for octets when there were none.
    private var isDeferred = false
    private var isReset = false
    private var isEndSent = false
    private var sentBytes = 0
    private var sentRate = RateWindow()
    /// When a tunnel that is over is reset at the latest; monotonic milliseconds.
    private var endsAt = Int64.max
    /// Stands in the connection's list of streams that have something to send.
    private var isScheduled = false

    // The request.
    private(set) var isOpen = false
    private var isRequestEnded = false
    private var isReadPaused = false
    private var isTunnel = false
    /// Octets that were read and whose window is not open again.
    private var untaken = 0
    /// What a client has sent before its tunnel was open.
    private var early: ByteBuffer?

    /// Octets that wait here at most, or nearly: then the upstream has to wait.
    private static let highWater = 64 << 10
    private static let lowWater = 16 << 10
    /// Octets that wait on all streams of a connection before each may hold only little.
    private static let connectionHighWater = 1 << 20

    init(connection: HTTP2Connection) {
        self.connection = connection
        worker = connection.worker
        listener = connection.listener
        address = connection.address
        share = connection.share
        isSecure = connection.isSecure
    }

    var framesBodies: Bool { true }

    /// Begins to serve another stream.
    func open(_ id: Int32) {
        self.id = id
        isOpen = true
        isWritable = true
        isHeadSent = false
        isEnded = false
        isDeferred = false
        isReset = false
        isRequestEnded = false
        isReadPaused = false
        isTunnel = false
        isEndSent = false
        untaken = 0
        endsAt = .max
        sentBytes = 0
        sentRate = RateWindow()
        // An entry of this object in the connection's lists is as good for this stream as for the one before.
        head = nil
        forgetUnsent()
        trailerLines = nil
        early = nil
    }

    private func forgetUnsent() {
        connection.waitingBytes -= unsent.count
        unsent = ByteBuffer()
    }

    var activeExchange: Exchange {
        if let exchange { return exchange }
        let exchange = Exchange(worker: worker)
        self.exchange = exchange
        return exchange
    }

    /// The stream is no more.
    func closed() {
        guard isOpen else { return }
        isOpen = false
        exchange?.clientGone()
        head = nil
        forgetUnsent()
        trailerLines = nil
        early = nil
    }

    // MARK: The request

    func body(_ bytes: Span<UInt8>) {
        guard isOpen, let exchange else { return }
        untaken += bytes.count
        if !exchange.isActive {
            // Nobody waits for it any more.
            isReadPaused = false
        } else if isTunnel {
            exchange.tunnelToUpstream(bytes)
        } else if exchange.isUpgrade {
            var all = early.take() ?? ByteBuffer()
            all.write(bytes)
            early = all
            return
        } else {
            exchange.requestBody(bytes)
        }
        if !isReadPaused { take() }
    }

    /// Opens the window again for what was read.
    private func take() {
        guard untaken > 0, isOpen else { return }
        connection.session.consume(id, untaken)
        untaken = 0
        connection.schedule(nil)
    }

    func bodyEnded() {
        guard isOpen, !isRequestEnded else { return }
        isRequestEnded = true
        if isTunnel { exchange?.clientEndedTunnel() } else { exchange?.requestEnded() }
    }

    /// Whether the client is being waited for with its body.
    private var isReadingBody: Bool { !isRequestEnded && !isReadPaused && !(exchange?.isUpgrade ?? false) }

    func pauseReading() { isReadPaused = true }

    func resumeReading() {
        guard isReadPaused else { return }
        isReadPaused = false
        take()
    }

    // MARK: The response

    /// What only waits for its turn among the client's streams does not wait for the client.
    var unsentBytes: Int {
        isOpen && !unsent.isEmpty && connection.session.isBlocked(id) ? unsent.count : 0
    }

    var takenBytes: Int { sentBytes }

    func interim(_ head: ByteBuffer) {
        guard isOpen, !isReset, !isHeadSent else { return }
        var head = head
        connection.session.interim(id, &head)
        connection.schedule(nil)
    }

    func begin(_ head: ByteBuffer) -> ByteBuffer? {
        guard isOpen else { return head }
        self.head = head
        schedule()
        return nil
    }

    func write(_ bytes: Span<UInt8>) {
        guard isOpen, !bytes.isEmpty else { return }
        unsent.write(bytes)
        connection.waitingBytes += bytes.count
        let isCrowded = connection.waitingBytes >= Self.connectionHighWater && unsent.count > Self.lowWater
        if unsent.count >= Self.highWater || isCrowded { isWritable = false }
        schedule()
    }

    func write(_ first: Span<UInt8>, _ second: Span<UInt8>) {
        write(first)
        write(second)
    }

    func trailers(_ lines: ByteBuffer) {
        guard !lines.isEmpty else { return }
        trailerLines = lines
    }

    func responseEnded(keepAlive: Bool) {
        isEnded = true
        schedule()
    }

    private func schedule() {
        guard isOpen, !isScheduled else { return }
        isScheduled = true
        connection.schedule(self)
    }

    /// Hands the library what there is to send.
    func submit() {
        isScheduled = false
        guard isOpen, !isReset else { return }
        if var head {
            self.head = nil
            isHeadSent = true
            let hasBody = unsent.count > 0 || !isEnded || trailerLines != nil
            if !connection.session.respond(id, &head, hasBody: hasBody) { reset(.internalError) }
            worker.recycle(head)
        } else if isDeferred, unsent.count > 0 || isEnded {
            isDeferred = false
            connection.session.resume(id)
        }
    }

    /// What the library may send next.
    enum Data {
        enum End {
            case none, stream, trailers
        }
        case later
        case octets(Int, end: End)
    }

    func nextData(upTo limit: Int) -> Data {
        let count = min(limit, unsent.count)
        guard count == unsent.count, isEnded else {
            guard count > 0 else {
                isDeferred = true
                return .later
            }
            return .octets(count, end: .none)
        }
        guard var lines = trailerLines else { return .octets(count, end: .stream) }
        trailerLines = nil
        connection.session.trailers(id, &lines)
        return .octets(count, end: .trailers)
    }

    /// Takes `count` bytes to be sent.
    func takeData(_ count: Int, _ write: (Span<UInt8>) -> Void) {
        let taken = min(count, unsent.count)
        var waiting = ByteBuffer()
        swap(&waiting, &unsent)
        write(waiting.span.extracting(0..<taken))
        waiting.removeFirst(taken)
        unsent = waiting
        connection.waitingBytes -= taken
        sentBytes += taken
        if !isWritable, unsent.count <= Self.lowWater { connection.drained(self) }
    }

    /// Enough has gone out for more to be written.
    func becameWritable() {
        guard isOpen, !isWritable, unsent.count <= Self.lowWater else { return }
        isWritable = true
        exchange?.clientBecameWritable()
    }

    /// The end of the response is on its way out.
    func responseSent() {
        isEndSent = true
        stopRequest()
    }

    /// [RFC 9113 section 8.1](https://www.rfc-editor.org/rfc/rfc9113#section-8.1): a request that nobody needs any more
    /// is stopped without an error.
    private func stopRequest() {
        if isEndSent, !isRequestEnded, !(exchange?.isActive ?? false) { reset(.noError) }
    }

    // MARK: Tunnels and ends

    func becomeTunnel() {
        isTunnel = true
        if let buffer = early.take() {
            exchange?.tunnelToUpstream(buffer.span)
            exchange?.flushToUpstream()
        }
        if !isReadPaused { take() }
        if isRequestEnded { exchange?.clientEndedTunnel() }
    }

    func finishSending() {
        isEnded = true
        schedule()
    }

    func closesAfterAnswer(isRequestComplete: Bool) -> Bool { false }

    func sever() { abort() }

    func closeAfterFlush() {
        isEnded = true
        stopRequest()
        schedule()
    }

    func closeAfterFlush(within time: Int64) {
        endsAt = worker.clock.monotonic + time
        connection.look(in: time)
        closeAfterFlush()
    }

    func abort() { reset(.internalError) }

    func reset(_ code: HTTP2Session.ErrorCode) {
        guard isOpen, !isReset else { return }
        isReset = true
        connection.session.reset(id, code)
        connection.schedule(nil)
    }

    /// Looks at the stream; its exchange's own time ends with the upstream's answer, the client's does not.
    func heartbeat(_ now: Int64) {
        guard isOpen else { return }
        if let exchange, exchange.isActive {
            exchange.heartbeat(isReadingBody: isReadingBody)
            return
        }
        let minimum = worker.snapshot.minRate
        let isSlow = sentRate.isTooSlow(sentBytes, minimum: minimum, isWaiting: unsentBytes > 0, at: now)
        if isSlow || now >= endsAt { reset(.cancel) }
    }

    func end(_ reasons: [SessionID: Refusal]) {
        guard isOpen, let exchange, let session = exchange.session, let reason = reasons[session] else { return }
        exchange.endSession(reason)
    }
}
