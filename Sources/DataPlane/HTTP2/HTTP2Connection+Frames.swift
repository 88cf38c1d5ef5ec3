import CNghttp2

extension HTTP2Connection {
    /// Streams that are kept for further requests while others are open, and while none is.
    private static let maxSpare = 128
    private static let idleSpare = 2

    /// Takes what has come, from the socket or from whoever read it first.
    func receive(_ bytes: Span<UInt8>) {
        guard phase == .preface || phase == .open, !isTerminated else { return }
        let result = read(bytes)
        for stream in touched { stream.exchange?.flushToUpstream() }
        touched.removeAll(keepingCapacity: true)
        switch result {
        case .taken: if isOverdrawn { terminate(.enhanceYourCalm) }
        case .flooded: terminate(.enhanceYourCalm)
        case .failed: terminate(fault)
        }
        if headSince != nil { look(in: worker.snapshot.heartbeat) }
        schedule(nil)
    }

    /// Gives the library one frame after the other, each after it was judged by its header.
    private func read(_ bytes: Span<UInt8>) -> HTTP2Session.Receipt {
        var position = 0
        var given = 0
        while position < bytes.count {
            guard let header = frames.next(bytes, from: &position) else { break }
            // What came of the header before its last octet does no harm.
            let start = max(position - FrameHeader.size, given)
            let receipt = give(bytes.extracting(given..<start))
            guard case .taken = receipt else { return receipt }
            given = start
            guard judge(header) else { return .failed }
        }
        return give(bytes.extracting(given..<bytes.count))
    }

    private func give(_ bytes: Span<UInt8>) -> HTTP2Session.Receipt { bytes.isEmpty ? .taken : session.receive(bytes) }

    // MARK: What a client may do

    /// Whether the connection may go on with this frame.
    private func judge(_ frame: FrameHeader) -> Bool {
        switch UInt32(frame.type) {
        case NGHTTP2_DATA.rawValue:
            return stream(frame.stream) != nil || mayGoOn(frame.stream, isHead: false)
        case NGHTTP2_HEADERS.rawValue:
            // An answered request gives this back.
            return mayGoOn(frame.stream, isHead: true) && spend(2)
        case NGHTTP2_RST_STREAM.rawValue, NGHTTP2_SETTINGS.rawValue, NGHTTP2_PUSH_PROMISE.rawValue,
            NGHTTP2_GOAWAY.rawValue:
            return spend(10)
        case NGHTTP2_WINDOW_UPDATE.rawValue:
            return spend(1)
        default:
            return spend(4)
        }
    }

    /// Whether DATA or HEADERS may come on a stream: it is open, new, or was reset from here while they were on their
    /// way ([RFC 9113 section 5.1](https://www.rfc-editor.org/rfc/rfc9113#section-5.1)).
    private func mayGoOn(_ id: Int32, isHead: Bool) -> Bool {
        switch closedStreams.judge(id) {
        case .new, .reset: return true
        case .closed:
            if stream(id) != nil { return true }
            fault = .streamClosed
            return false
        // The library itself ignores DATA here.
        case .skipped: return !isHead || stream(id) != nil
        }
    }

    /// DATA that brings nothing, but perhaps padding.
    func emptyData() -> Bool { spend(10) }

    func invalidFrame(stream id: Int32) -> Bool {
        if headStream == id { headBroke() }
        closedStreams.add(id, isReset: true)
        return spend(10)
    }

    /// A stream was reset from here, perhaps because the client has asked for it.
    func resetSent(stream id: Int32, isOurs: Bool) {
        if headStream == id { headBroke() }
        closedStreams.add(id, isReset: true)
        if !isOurs, !spend(10) { isOverdrawn = true }
    }

    private func spend(_ cost: Int) -> Bool {
        guard !isTerminated else { return true }
        let isPaid = budget.spend(cost, at: worker.clock.monotonic)
        if !isPaid { fault = .enhanceYourCalm }
        return isPaid
    }

    func settingsRead() {
        guard phase == .preface else { return }
        phase = .open
        becameIdle()
        look(in: worker.snapshot.heartbeat)
    }

    // MARK: Requests

    func headersBegin(stream id: Int32) {
        headBroke()
        headStream = id
        headSince = worker.clock.monotonic
        requestHead.clear()
    }

    private func headEnds(_ id: Int32) {
        if headStream == id { headSince = nil }
    }

    /// The head that is being read will never be complete: the library resets its stream, or the connection ends. Nobody
    /// can be answered, and the log is told.
    func headBroke(isLate: Bool = false) {
        guard headSince != nil else { return }
        headSince = nil
        // On a stream that is open it is no request's, but trailers.
        guard stream(headStream) == nil else { return }
        requestHead.writeRemains(to: &assembled)
        let bytes = assembled
        let unopened = HTTP2Stream(connection: self)
        if isLate {
            unopened.activeExchange.noteHeadTimeout(bytes.span, client: unopened)
        } else {
            unopened.activeExchange.noteHead(requestHead.fault ?? .malformed, bytes.span, client: unopened)
        }
    }

    /// A field of a request's head or of its trailers; false when the client sends far too many.
    func header(_ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
        let isBearable = requestHead.add(name, value, limits: worker.snapshot.headLimits)
        if !isBearable { fault = .enhanceYourCalm }
        return isBearable
    }

    /// A request's head is complete.
    func requestRead(stream id: Int32, endsStream: Bool) {
        headEnds(id)
        let stream = open(id)
        assembled.removeAll(keepingCapacity: true)
        do throws(HeadFault) {
            try requestHead.write(to: &assembled, hasBody: !endsStream, webSocketKey: Handshake.makeKey())
            let bytes = assembled
            try worker.requestHead.parse(bytes.span, length: bytes.count, limits: assembledLimits)
        } catch {
            requestHead.writeRemains(to: &assembled)
            let bytes = assembled
            stream.activeExchange.refuseHead(error, bytes.span, client: stream)
            if endsStream { stream.bodyEnded() }
            return
        }
        let bytes = assembled
        stream.activeExchange.start(bytes.span, client: stream)
        if endsStream { stream.bodyEnded() }
    }

    /// What the client sent was held against the limits; this is with what writing it as HTTP/1 adds.
    private var assembledLimits: RequestHead.Limits {
        RequestHead.Limits(size: worker.snapshot.headLimits.size + 512, count: worker.snapshot.headLimits.count + 8)
    }

    func body(stream id: Int32, _ bytes: Span<UInt8>) {
        // The connection's window opens at once: what is held back is held by the stream's own.
        session.consumeOnConnection(bytes.count)
        guard let stream = stream(id) else { return }
        stream.body(bytes)
        touch(stream)
    }

    func bodyEnded(stream id: Int32) {
        headEnds(id)
        guard let stream = stream(id) else { return }
        stream.bodyEnded()
        touch(stream)
    }

    /// Has what `stream` passed on flushed to its upstream once everything has been read.
    private func touch(_ stream: HTTP2Stream) {
        if touched.last !== stream { touched.append(stream) }
    }

    // MARK: Streams

    func stream(_ id: Int32) -> HTTP2Stream? {
        guard let tag = session.tag(of: id), tag < streams.count, let stream = streams[tag], stream.id == id else {
            return nil
        }
        return stream
    }

    private func open(_ id: Int32) -> HTTP2Stream {
        let stream = spare.popLast() ?? HTTP2Stream(connection: self)
        stream.open(id)
        let tag = freeTags.popLast() ?? streams.count
        if tag == streams.count { streams.append(stream) } else { streams[tag] = stream }
        session.setTag(tag, of: id)
        openCount += 1
        if openCount == 1 { becameBusy() }
        return stream
    }

    /// The end of a response is on its way out.
    func responseSent(stream id: Int32) {
        budget.earn(4)
        stream(id)?.responseSent()
    }

    /// The library could not send a stream's head.
    func headNotSent(stream id: Int32) { stream(id)?.reset(.internalError) }

    func streamClosed(_ id: Int32) {
        headEnds(id)
        guard let tag = session.tag(of: id), let stream = stream(id) else { return }
        streams[tag] = nil
        freeTags.append(tag)
        openCount -= 1
        closedStreams.add(id, isReset: false)
        stream.closed()
        if spare.count < Self.maxSpare { spare.append(stream) }
        if openCount == 0 {
            spare.removeLast(max(spare.count - Self.idleSpare, 0))
            becameIdle()
        }
    }
}
