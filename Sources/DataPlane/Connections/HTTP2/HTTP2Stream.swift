import Admission
import Basics
import Transport

/// One stream of an HTTP/2 connection. Its exchange's output waits here until flow control permits sending it.
final class HTTP2Stream: ClientStream {
    private unowned let connection: HTTP2Connection
    let worker: Worker
    let listener: ListenerRole
    let address: ClientAddress
    let share: AddressShare?
    let isSecure: Bool
    private(set) var id: Int32 = 0
    /// When its head began, in monotonic milliseconds.
    private(set) var requestedAt: Int64
    private(set) var exchange: Exchange?

    // The response.
    private var head: ByteBuffer?
    private var unsent = ByteBuffer()
    private(set) var isWritable = true
    private var trailerLines: ByteBuffer?
    private var isHeadSent = false
    private var isEnded = false
    /// Whether the library requested bytes when there were none.
    private var isDeferred = false
    private var isReset = false
    private var isEndSent = false
    private var sentBytes = 0
    private var sentRate = RateWindow()
    /// When to reset a tunnel that is over, at the latest, in monotonic milliseconds.
    private var endsAt = Int64.max
    /// Whether it is in the connection's list of streams with something to send.
    private var isScheduled = false

    // The request.
    private(set) var isOpen = false
    private var isRequestEnded = false
    private var isReadPaused = false
    private var isTunnel = false
    /// Bytes that were read but not yet returned to the window.
    private var untaken = 0
    /// Bytes from the client that arrived before its tunnel was open.
    private var early: ByteBuffer?

    /// Roughly the most bytes that wait here before the upstream has to wait.
    private static let highWater = 64 << 10
    private static let lowWater = 16 << 10
    /// Milliseconds.
    private static let resetDelay: Int64 = 1000
    /// Bytes waiting on all streams of a connection beyond which each may hold only a little.
    private static let connectionHighWater = 1 << 20

    init(connection: HTTP2Connection, requestedAt: Int64) {
        self.connection = connection
        self.requestedAt = requestedAt
        worker = connection.worker
        listener = connection.listener
        address = connection.address
        share = connection.share
        isSecure = connection.isSecure
    }

    var framesBodies: Bool { true }
    var tls: TLSStream? { connection.tls }

    /// Starts serving another stream.
    func open(_ id: Int32, requestedAt: Int64) {
        self.id = id
        self.requestedAt = requestedAt
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
        // An entry of this object in the connection's lists is equally valid for the new stream.
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
        let exchange = worker.takeExchange()
        self.exchange = exchange
        return exchange
    }

    /// Ends the stream, which no longer exists.
    func closed() {
        guard isOpen else { return }
        isOpen = false
        if let exchange = exchange.take() {
            exchange.clientGone()
            worker.recycle(exchange)
        }
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
            // Nothing waits for it any more.
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
        if !isReadPaused, !isAnswered { take() }
    }

    /// Reopens the window for what was read.
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

    /// Whether the stream waits for the client's body.
    private var isReadingBody: Bool { !isRequestEnded && !isReadPaused && !(exchange?.isUpgrade ?? false) }

    func pauseReading() { isReadPaused = true }

    func resumeReading() {
        guard isReadPaused else { return }
        isReadPaused = false
        take()
    }

    // MARK: The response

    /// Bytes that wait for the client. Excludes those that only wait for their turn among the client's streams: its windows
    /// let them through, or as many as it must take in a second. A window that a client opens byte by byte is open at times.
    var unsentBytes: Int {
        guard isOpen, !unsent.isEmpty else { return 0 }
        let least = min(unsent.count, max(worker.snapshot.minRate, 1))
        return connection.session.window(of: id) < least ? unsent.count : 0
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

    /// Passes what is ready to the library.
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

    /// The next data for the library to send.
    enum Data {
        enum End {
            case none, stream, trailers
        }
        case later
        case bytes(Int, end: End)
    }

    func nextData(upTo limit: Int) -> Data {
        let count = min(limit, unsent.count)
        guard count == unsent.count, isEnded else {
            guard count > 0 else {
                isDeferred = true
                return .later
            }
            return .bytes(count, end: .none)
        }
        guard var lines = trailerLines else { return .bytes(count, end: .stream) }
        trailerLines = nil
        connection.session.trailers(id, &lines)
        return .bytes(count, end: .trailers)
    }

    /// Takes `count` bytes for sending.
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

    /// Enough was sent for more to be written.
    func becameWritable() {
        guard isOpen, !isWritable, unsent.count <= Self.lowWater else { return }
        isWritable = true
        exchange?.clientBecameWritable()
    }

    /// Notes that the end of the response is being sent.
    func responseSent() {
        isEndSent = true
        stopRequest()
    }

    /// Stops a request that is no longer needed, without an error
    /// ([RFC 9113 section 8.1](https://www.rfc-editor.org/rfc/rfc9113#section-8.1)). Some clients drop an answer that
    /// arrives together with the reset, so that comes a moment later. Until then, the client may fill the window.
    private func stopRequest() {
        guard isAnswered, !isRequestEnded else { return }
        endsAt = min(endsAt, worker.clock.monotonic + Self.resetDelay)
        connection.look(in: Self.resetDelay)
    }

    /// Whether the answer is sent and nothing more is needed from the client.
    private var isAnswered: Bool { isEndSent && !(exchange?.isActive ?? false) }

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

    /// Checks the stream's times. The exchange's own limit ends with the upstream's answer, the client's does not.
    func heartbeat(_ now: Int64) {
        guard isOpen else { return }
        if let exchange, exchange.isActive {
            exchange.heartbeat(isReadingBody: isReadingBody)
            return
        }
        let minimum = worker.snapshot.minRate
        let isSlow = sentRate.isTooSlow(sentBytes, minimum: minimum, isWaiting: unsentBytes > 0, at: now)
        if isSlow || now >= endsAt { reset(isAnswered ? .noError : .cancel) }
    }

    func end(_ endings: [SessionID: Worker.EndedSession]) {
        guard isOpen, let exchange, let session = exchange.session, let ending = endings[session],
            exchange.isEnded(by: ending)
        else { return }
        exchange.endSession(ending.reason, since: ending.since)
    }
}
