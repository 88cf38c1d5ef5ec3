import CNghttp2

extension HTTP2Connection {
    /// How many streams are kept for later requests, while others are open and while none is.
    private static let maxSpare = 128
    private static let idleSpare = 2

    /// Processes bytes from the socket, or from the reader that had them first.
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

    /// Passes the frames to the library one by one, each after its header was judged.
    private func read(_ bytes: Span<UInt8>) -> HTTP2Session.Receipt {
        var position = 0
        var given = 0
        while position < bytes.count {
            guard let header = frames.next(bytes, from: &position) else { break }
            // Bytes of the header before its last one were passed already, which is harmless.
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

    /// Whether the connection may continue with this frame.
    private func judge(_ frame: FrameHeader) -> Bool {
        switch UInt32(frame.type) {
        case NGHTTP2_DATA.rawValue:
            return stream(frame.stream) != nil || mayGoOn(frame.stream, isHead: false)
        case NGHTTP2_HEADERS.rawValue:
            // An answered request earns this back.
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

    /// Whether DATA or HEADERS may arrive on a stream: it is open, new, or was reset by the gateway while they were on
    /// the way ([RFC 9113 section 5.1](https://www.rfc-editor.org/rfc/rfc9113#section-5.1)).
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

    /// Charges for a DATA frame without content, apart from padding.
    func emptyData() -> Bool { spend(10) }

    func invalidFrame(stream id: Int32) -> Bool {
        if headStream == id { headBroke() }
        closedStreams.add(id, isReset: true)
        return spend(10)
    }

    /// Notes that a stream was reset from this side, possibly because the client provoked it.
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

    /// Handles a head that will never be complete: the library resets its stream, or the connection ends. It cannot be
    /// answered, only logged.
    func headBroke(isLate: Bool = false) {
        guard let since = headSince.take() else { return }
        // On an open stream these are trailers, not a request's head.
        guard stream(headStream) == nil else { return }
        requestHead.writeRemains(to: &assembled)
        let bytes = assembled
        let unopened = HTTP2Stream(connection: self, requestedAt: since)
        if isLate {
            unopened.activeExchange.noteHeadTimeout(bytes.span, client: unopened)
        } else {
            unopened.activeExchange.noteHead(requestHead.fault ?? .malformed, bytes.span, client: unopened)
        }
    }

    /// Adds a field of a request's head or trailers. Returns false if the client sends far too many.
    func header(_ name: Span<UInt8>, _ value: Span<UInt8>) -> Bool {
        let isBearable = requestHead.add(name, value, limits: worker.snapshot.headLimits)
        if !isBearable { fault = .enhanceYourCalm }
        return isBearable
    }

    /// A request's head is complete.
    func requestRead(stream id: Int32, endsStream: Bool) {
        let stream = open(id, requestedAt: headSince ?? worker.clock.monotonic)
        headEnds(id)
        do throws(HeadFault) {
            try requestHead.write(
                to: &assembled,
                worker.requestParts.block,
                hasBody: !endsStream,
                webSocketKey: Handshake.makeKey()
            )
            let bytes = assembled
            try worker.requestParts.head.judge(bytes.span, limits: assembledLimits)
        } catch {
            requestHead.writeRemains(to: &assembled)
            let bytes = assembled
            stream.activeExchange.refuseHead(error, bytes.span, client: stream)
            if endsStream { stream.bodyEnded() }
            return
        }
        let bytes = assembled
        stream.activeExchange.start(RequestView(bytes.span, of: worker.requestParts), client: stream)
        if endsStream { stream.bodyEnded() }
    }

    /// The client's fields were checked against the limits. These include what writing them as HTTP/1 adds.
    private var assembledLimits: RequestHead.Limits {
        RequestHead.Limits(size: worker.snapshot.headLimits.size + 512, count: worker.snapshot.headLimits.count + 8)
    }

    func body(stream id: Int32, _ bytes: Span<UInt8>) {
        // Reopen the connection's window at once: the stream's own window holds the client back.
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

    /// Schedules flushing what `stream` passed on to its upstream, once everything was read.
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

    private func open(_ id: Int32, requestedAt: Int64) -> HTTP2Stream {
        let stream = spare.popLast() ?? HTTP2Stream(connection: self, requestedAt: requestedAt)
        stream.open(id, requestedAt: requestedAt)
        let tag = freeTags.popLast() ?? streams.count
        if tag == streams.count { streams.append(stream) } else { streams[tag] = stream }
        session.setTag(tag, of: id)
        openCount += 1
        worker.counters.add(.http2Streams)
        if openCount == 1 { becameBusy() }
        return stream
    }

    /// Notes that the end of a response is being sent.
    func responseSent(stream id: Int32) {
        budget.earn(4)
        stream(id)?.responseSent()
    }

    /// Resets a stream whose head the library could not send.
    func headNotSent(stream id: Int32) { stream(id)?.reset(.internalError) }

    func streamClosed(_ id: Int32) {
        headEnds(id)
        guard let tag = session.tag(of: id), let stream = stream(id) else { return }
        streams[tag] = nil
        freeTags.append(tag)
        openCount -= 1
        worker.counters.add(.http2Streams, -1)
        closedStreams.add(id, isReset: false)
        stream.closed()
        if spare.count < Self.maxSpare { spare.append(stream) }
        if openCount == 0 {
            spare.removeLast(max(spare.count - Self.idleSpare, 0))
            becameIdle()
        }
    }
}
