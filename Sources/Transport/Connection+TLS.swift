/// The TLS part of a connection, between its socket and the plaintext.
extension Connection {
    /// Records are sent in pieces of about this size.
    private static let pieceSize = 3 * TLSScratch.recordSize
    private static let maxUnreadAnswers = 16
    /// How long a peer may take to read an alert, in milliseconds, and how many bytes it may still send meanwhile.
    private static let lingerTime: Int64 = 1000
    private static let maxDropped = 1 << 20

    // MARK: Receiving

    /// Begins TLS, on the server's side, on a connection that is open in plaintext.
    ///
    /// - Parameter bytes: what has arrived since then, which belongs to TLS. May be empty.
    public final func startTLS(_ tls: TLSStream, with bytes: Span<UInt8>) {
        precondition(isOpen && tls.server == nil)
        adopt(tls)
        if !bytes.isEmpty { decrypt(bytes, tls) }
    }

    /// Begins the handshake, on the client's side.
    func beginHandshake(_ tls: TLSStream) {
        tls.use(loop.tlsScratch)
        if case .failed(let fault) = tls.handshake() {
            tls.fault = fault
            loop.report(.failed, of: descriptor)
        }
        sendRecords(tls)
    }

    /// Decrypts the peer's bytes and passes the plaintext on.
    func decrypt(_ bytes: Span<UInt8>, _ tls: TLSStream) {
        guard tls.phase != .failing else {
            tls.droppedBytes += bytes.count
            if tls.droppedBytes > Self.maxDropped { reset() }
            return
        }
        let scratch = loop.tlsScratch
        tls.lend(bytes, scratch) {
            if tls.phase == .handshake { Self.continueHandshake(tls, scratch) }
            if tls.phase == .open, tls.connection?.isOpen == true { Self.deliver(tls, scratch) }
        }
    }

    private static func continueHandshake(_ tls: TLSStream, _ scratch: TLSScratch) {
        guard let connection = tls.connection else { return }
        let outcome = tls.handshake()
        connection.sendRecords(tls)
        switch outcome {
        case .done:
            tls.phase = .open
            connection.secured(tls)
        case .needsInput: break
        case .ended: connection.fail(.failed("closed during the handshake"), tls)
        case .failed(let fault): connection.fail(fault, tls)
        }
    }

    /// Passes on all plaintext that has arrived, to the connection that owns the stream at that time: a callback may
    /// have handed the stream over.
    private static func deliver(_ tls: TLSStream, _ scratch: TLSScratch) {
        var outcome = TLSStream.Outcome.done
        while case .done = outcome {
            var filled = 0
            while case .done = outcome, filled < EventLoop.receiveSize {
                var count = 0
                // SAFETY: the scratch keeps the memory, of which the rest is lent.
                outcome = unsafe tls.read(
                    into: UnsafeMutableRawBufferPointer(rebasing: scratch.plaintext[filled...]),
                    count: &count
                )
                filled += count
            }
            guard let connection = tls.connection else { return }
            if !scratch.records.isEmpty {
                // Send TLS's own answer to the peer, such as new keys.
                if connection.floods(tls), !outcome.isFailure { outcome = .failed(.flood) }
                connection.sendRecords(tls)
            }
            if filled > 0 { connection.received(scratch.decrypted(filled)) }
            guard tls.phase == .open, tls.connection?.isOpen == true else { return }
        }
        guard let connection = tls.connection else { return }
        switch outcome {
        case .done, .needsInput: break
        case .ended: connection.endInput()
        case .failed(let fault): connection.fail(fault, tls)
        }
    }

    /// Whether the peer requests answers and does not read them.
    private func floods(_ tls: TLSStream) -> Bool {
        tls.unreadAnswers = unsentBytes == 0 ? 0 : tls.unreadAnswers + 1
        return tls.unreadAnswers > Self.maxUnreadAnswers
    }

    /// The socket's input has ended without close_notify, or while the connection is failing.
    func endInputOfSocket(_ tls: TLSStream) {
        switch tls.phase {
        case .handshake, .open: end(.tls(.truncated))
        case .failing: endForGood()
        }
    }

    // MARK: Failing

    /// Ends a failed connection once the peer has read the alert.
    func fail(_ fault: TLSFault, _ tls: TLSStream) {
        guard tls.phase != .failing else { return }
        sendRecords(tls)
        tls.phase = .failing
        tls.dropIncoming()
        loop.clearDeadline(descriptor)
        failed(.tls(fault))
        guard isOpen else { return }
        if fault == .flood {
            reset()
        } else if tls.server != nil {
            endForGood()
        } else {
            // The stream may have been handed over meanwhile.
            tls.lingering = loop.schedule(in: Self.lingerTime) { tls.connection?.endForGood() }
            resumeReading()
            finishSendingOfSocket()
        }
    }

    // MARK: Sending

    /// Encrypts `bytes` and sends the records.
    func encrypt(_ bytes: Span<UInt8>, more: Bool, _ tls: TLSStream) {
        guard isOpen, tls.phase == .open, !tls.isOutputEnded, !bytes.isEmpty else { return }
        tls.use(loop.tlsScratch)
        var offset = 0
        while offset < bytes.count {
            let end = min(offset + Self.pieceSize, bytes.count)
            // SAFETY: the span is alive during the call.
            let outcome = unsafe bytes.extracting(offset..<end).withUnsafeBytes { unsafe tls.write($0) }
            guard case .done = outcome else {
                tls.fault =
                    if case .failed(let fault) = outcome { fault } else {
                        .failed("OpenSSL does not take what is sent")
                    }
                loop.report(.failed, of: descriptor)
                // Anything left in the scratch would go to another connection's peer.
                sendRecords(tls)
                return
            }
            offset = end
            sendRecords(tls, more: more || offset < bytes.count)
        }
    }

    /// Encrypts `first` and `second`, in one record where they fit.
    func encrypt(_ first: Span<UInt8>, _ second: Span<UInt8>, _ tls: TLSStream) {
        let scratch = loop.tlsScratch
        let rest = min(second.count, max(TLSScratch.recordSize - first.count % TLSScratch.recordSize, 0))
        var staged = scratch.takeStaging()
        // SAFETY: the spans are alive during the calls.
        unsafe first.withUnsafeBufferPointer { unsafe staged.append(contentsOf: $0) }
        unsafe second.extracting(..<rest).withUnsafeBufferPointer { unsafe staged.append(contentsOf: $0) }
        encrypt(staged.span, more: rest < second.count, tls)
        scratch.giveBackStaging(staged)
        encrypt(second.extracting(rest...), more: false, tls)
    }

    /// Sends the records that an OpenSSL call has produced.
    func sendRecords(_ tls: TLSStream, more: Bool = false) {
        let scratch = loop.tlsScratch
        guard !scratch.records.isEmpty else { return }
        let records = scratch.takeRecords()
        sendToSocket(records.span, more: more)
        scratch.giveBackRecords(records)
    }
}

extension TLSStream.Outcome {
    fileprivate var isFailure: Bool { if case .failed = self { true } else { false } }
}
