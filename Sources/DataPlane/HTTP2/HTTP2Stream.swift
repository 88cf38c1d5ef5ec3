import Admission
import JOSE
import NIOCore

/// One stream of an HTTP/2 connection: what its exchange writes waits here until flow control lets it go.
final class HTTP2Stream: ClientStream {
    private unowned let connection: HTTP2Connection
    private(set) var id: Int32 = 0
    private(set) var exchange: Exchange?

    // The response.
    private var head: ByteBuffer?
    private var unsent: CircularBuffer<ByteBuffer> = []
    private var unsentCount = 0
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
        super.init(
            worker: connection.worker,
            listener: connection.listener,
            address: connection.address,
            share: connection.share,
            isSecure: connection.isSecure,
            framesBodies: true
        )
    }

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
        unsent.removeAll(keepingCapacity: true)
        connection.unsentBytes -= unsentCount
        unsentCount = 0
        trailerLines = nil
        early = nil
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
        unsent.removeAll(keepingCapacity: true)
        connection.unsentBytes -= unsentCount
        unsentCount = 0
        trailerLines = nil
        early = nil
    }

    // MARK: The request

    func body(_ buffer: ByteBuffer) {
        guard isOpen, let exchange else { return }
        untaken += buffer.readableBytes
        if !exchange.isActive {
            // Nobody waits for it any more.
            isReadPaused = false
        } else if isTunnel {
            exchange.tunnelToUpstream(buffer)
        } else if exchange.isUpgrade {
            early =
                early.map { earlier in
                    var all = earlier
                    all.writeImmutableBuffer(buffer)
                    return all
                } ?? buffer
            return
        } else {
            exchange.requestBody(buffer)
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

    override func pauseReading() { isReadPaused = true }

    override func resumeReading() {
        guard isReadPaused else { return }
        isReadPaused = false
        take()
    }

    // MARK: The response

    /// What only waits for its turn among the client's streams does not wait for the client.
    override var unsentBytes: Int {
        isOpen && unsentCount > 0 && connection.session.isBlocked(id) ? unsentCount : 0
    }

    override var takenBytes: Int { sentBytes }

    override func interim(_ head: ByteBuffer) {
        guard isOpen, !isReset, !isHeadSent else { return }
        var head = head
        connection.session.interim(id, &head)
        connection.schedule(nil)
    }

    override func begin(_ head: ByteBuffer) -> ByteBuffer? {
        guard isOpen else { return head }
        self.head = head
        schedule()
        return nil
    }

    override func write(_ buffer: ByteBuffer) {
        guard isOpen, buffer.readableBytes > 0 else { return }
        unsent.append(buffer)
        unsentCount += buffer.readableBytes
        connection.unsentBytes += buffer.readableBytes
        let isCrowded = connection.unsentBytes >= Self.connectionHighWater && unsentCount > Self.lowWater
        if unsentCount >= Self.highWater || isCrowded { isWritable = false }
        schedule()
    }

    override func trailers(_ lines: ByteBuffer) {
        guard lines.readableBytes > 0 else { return }
        trailerLines = lines
    }

    override func flush() { schedule() }

    override func responseEnded(keepAlive: Bool) {
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
            let hasBody = unsentCount > 0 || !isEnded || trailerLines != nil
            if !connection.session.respond(id, &head, hasBody: hasBody) { reset(.internalError) }
            worker.recycle(head)
        } else if isDeferred, unsentCount > 0 || isEnded {
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
        let count = min(limit, unsentCount)
        guard count == unsentCount, isEnded else {
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

    /// Takes `count` octets to be sent.
    func takeData(_ count: Int, _ write: (ByteBuffer) -> Void) {
        var left = count
        while left > 0, !unsent.isEmpty {
            let available = unsent[unsent.startIndex].readableBytes
            if available <= left {
                write(unsent.removeFirst())
                left -= available
            } else if let slice = unsent[unsent.startIndex].readSlice(length: left) {
                write(slice)
                left = 0
            }
        }
        unsentCount -= count - left
        connection.unsentBytes -= count - left
        sentBytes += count - left
        if !isWritable, unsentCount <= Self.lowWater { connection.drained(self) }
    }

    /// Enough has gone out for more to be written.
    func becameWritable() {
        guard isOpen, !isWritable, unsentCount <= Self.lowWater else { return }
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

    override func becomeTunnel() {
        isTunnel = true
        if let buffer = early {
            early = nil
            exchange?.tunnelToUpstream(buffer)
            exchange?.flushToUpstream()
        }
        if !isReadPaused { take() }
        if isRequestEnded { exchange?.clientEndedTunnel() }
    }

    override func finishSending() {
        isEnded = true
        schedule()
    }

    override func closeAfterFlush() {
        isEnded = true
        stopRequest()
        schedule()
    }

    override func closeAfterFlush(within time: Int64) {
        endsAt = worker.clock.monotonic + time
        connection.look(in: time)
        closeAfterFlush()
    }

    override func abort() { reset(.internalError) }

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
