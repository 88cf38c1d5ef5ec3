import CLinux

/// A stream connection on an event loop, in plaintext or over TLS: the base of each protocol's codec. Subclasses
/// override its callbacks.
///
/// No callback runs during a call to the connection: a failed send is reported at the end of the turn. Whatever ends
/// the connection, ``closed()`` is its last callback, called once, at the end of the turn.
open class Connection: EventHandler {
    public final let loop: EventLoop
    private var socket = Socket()
    /// `nil` for plaintext.
    public private(set) final var tls: TLSStream?
    private var isEnding = false
    private var hasToldEnd = false

    public init(loop: EventLoop) {
        self.loop = loop
    }

    // MARK: Callbacks

    /// The TLS handshake is complete, and plaintext may be sent.
    open func secured(_ tls: TLSStream) {}

    /// Bytes have arrived; they are valid until this returns.
    open func received(_ bytes: Span<UInt8>) {}

    /// The peer has ended its sending side. It may still receive.
    open func inputEnded() {}

    /// The unsent bytes have drained: senders that waited for ``isWritable`` may continue.
    open func becameWritable() {}

    /// The connection broke and closes by itself. Only ``closed()`` follows.
    open func failed(_ fault: ConnectionFault) {}

    /// The connection is closed. No callback follows.
    open func closed() {}

    /// Whether to keep a broken connection while reading is paused, for the bytes that arrived before the failure. Use
    /// it only for peers whose bytes are worth waiting for, and only if something else ends the wait: the failure is
    /// not reported until reading resumes.
    open var keepsUnreadBytes: Bool { false }

    // MARK: Life

    /// Begins to serve an open descriptor, which belongs to the connection from now on.
    ///
    /// - Throws: if the system has no memory to watch the descriptor, which is closed then.
    public final func open(_ descriptor: Int32, tls: TLSStream? = nil) throws(SystemFault) {
        try socket.open(descriptor, for: self, on: loop)
        guard let tls else { return }
        adopt(tls)
        if tls.server != nil { beginHandshake(tls) }
    }

    func adopt(_ tls: TLSStream) {
        precondition(self.tls == nil)
        self.tls = tls
        tls.connection = self
    }

    /// Moves the socket with its TLS, its deadline and the unsent bytes to another connection of the same loop. This
    /// connection gets no further callback.
    public final func handOver(to other: Connection) {
        precondition(socket.isOpen && !other.socket.isOpen)
        loop.hand(socket.descriptor, to: other)
        swap(&socket, &other.socket)
        swap(&tls, &other.tls)
        swap(&hasToldEnd, &other.hasToldEnd)
        other.tls?.connection = other
    }

    public final var isOpen: Bool { socket.isOpen }

    /// Closes at once. The kernel still sends what it has taken; bytes waiting here are dropped.
    public final func close() {
        guard let tls else {
            endForGood()
            return
        }
        // The alert must reach the client, even if `failed` closes the connection.
        guard tls.phase != .failing || tls.server != nil else { return }
        endOutput(tls)
        endForGood()
    }

    /// Closes at once without close_notify, so that the peer can tell that its data is incomplete.
    public final func closeAbruptly() {
        guard tls?.phase != .failing || tls?.server != nil else { return }
        endForGood()
    }

    /// Resets the connection at once. Drops what the kernel still holds for the peer.
    public final func reset() {
        guard socket.isOpen else { return }
        socket.resetOnClose()
        endForGood()
    }

    func endForGood() {
        guard socket.isOpen else { return }
        if let timer = tls?.lingering { loop.cancel(timer) }
        tls?.dropIncoming()
        socket.close(on: loop)
        isEnding = true
        loop.atEndOfTurn(self)
    }

    /// Ends a broken connection.
    func end(_ fault: ConnectionFault) {
        if !isFailing { failed(fault) }
        endForGood()
    }

    // MARK: Sending

    /// Whether more may be sent, since few enough bytes wait.
    public final var isWritable: Bool { socket.isWritable }

    /// Bytes waiting to be taken by the kernel; over TLS, bytes of records.
    public final var unsentBytes: Int { socket.unsentBytes }

    /// Bytes that the kernel has taken so far; over TLS, bytes of records.
    public final var takenBytes: Int { socket.takenBytes }

    /// Bytes that the peer has not acknowledged: those waiting here and those in the kernel.
    public final var unacknowledgedBytes: Int { socket.unacknowledgedBytes }

    /// Whether bytes have arrived that were not read yet; over TLS, bytes of records.
    public final var hasUnreadBytes: Bool { socket.hasUnreadBytes }

    /// Sends `bytes`.
    ///
    /// - Parameter more: whether further bytes follow at once.
    public final func send(_ bytes: Span<UInt8>, more: Bool = false) {
        if let tls { encrypt(bytes, more: more, tls) } else { socket.send(bytes, more: more, on: loop) }
    }

    /// Sends `first`, then `second`.
    public final func send(_ first: Span<UInt8>, _ second: Span<UInt8>) {
        if let tls { encrypt(first, second, tls) } else { socket.send(first, second, on: loop) }
    }

    func sendToSocket(_ bytes: Span<UInt8>, more: Bool) { socket.send(bytes, more: more, on: loop) }

    /// Ends the sending side once everything is sent. Does nothing before a TLS handshake is complete.
    public final func finishSending() {
        if let tls {
            guard tls.phase == .open else { return }
            endOutput(tls)
        }
        socket.finishSending()
    }

    func finishSendingOfSocket() { socket.finishSending() }

    private func endOutput(_ tls: TLSStream) {
        guard tls.phase == .open else { return }
        tls.use(loop.tlsScratch)
        tls.endOutput()
        sendRecords(tls)
    }

    // MARK: Receiving

    /// Stops reading from a peer whose bytes cannot be used yet. Over TLS, bytes that were already read may still be
    /// delivered in this turn.
    public final func pauseReading() { socket.setReading(false, on: loop) }

    public final func resumeReading() { socket.setReading(true, on: loop) }

    public final var isReadPaused: Bool { !socket.isReading }

    /// Reports the end of the input, once.
    func endInput() {
        guard !hasToldEnd else { return }
        hasToldEnd = true
        inputEnded()
    }

    // MARK: Time

    /// Calls ``EventHandler/deadlinePassed()`` once the time has passed. Replaces any earlier deadline.
    public final func setDeadline(in milliseconds: Int64) {
        guard socket.isOpen, !isFailing else { return }
        loop.setDeadline(socket.descriptor, in: milliseconds)
    }

    // MARK: Events

    var descriptor: Int32 { socket.descriptor }

    /// An alert is on its way; only ``closed()`` is still reported.
    private var isFailing: Bool { tls?.phase == .failing }

    public final override func ready(_ readiness: Readiness) {
        guard socket.isOpen else { return }
        if let number = socket.fault {
            endAfterFailedSend(number)
            return
        }
        if let fault = tls?.fault {
            end(.tls(fault))
            return
        }
        if readiness.contains(.writable), socket.drain(on: loop), !isFailing { becameWritable() }
        guard socket.isOpen else { return }
        if socket.isReading, !socket.isInputEnded {
            if !readiness.isDisjoint(with: [.readable, .inputEnded, .failed, .hungUp]) { receive() }
        } else if readiness.contains(.failed) && !isWorthWaiting || readiness.contains(.hungUp) && isPeerGone {
            // Nothing is read that would report the reason.
            end(.system(SystemFault("connection", socket.takeError())))
        }
    }

    private var isWorthWaiting: Bool { keepsUnreadBytes && !socket.isInputEnded }

    /// Whether a hang-up means that the peer no longer receives. It does not if both sides have ended, which is
    /// regular, or while reading is paused: the bytes that the peer sent before closing must still be delivered.
    private var isPeerGone: Bool { socket.isInputEnded && !socket.isOutputEnded }

    /// - Returns: whether bytes have come.
    @discardableResult
    private func receive() -> Bool {
        let loop = loop
        switch socket.receive(on: loop) {
        case .bytes(let count):
            if let tls { decrypt(loop.received(count), tls) } else { received(loop.received(count)) }
            return true
        case .nothing:
            break
        case .ended:
            if let tls { if !hasToldEnd || tls.phase == .failing { endInputOfSocket(tls) } } else { endInput() }
        case .failed(let number):
            end(.system(SystemFault("recv", number)))
        }
        return false
    }

    /// Ends a connection whose peer takes no more bytes. First delivers what the peer sent before: a server may answer
    /// and close while the request is still being sent.
    private func endAfterFailedSend(_ number: Int32) {
        if number == EPIPE || number == ECONNRESET, !socket.isInputEnded {
            // Continues when reading resumes.
            if !socket.isReading, keepsUnreadBytes { return }
            if socket.isReading, receive() {
                // There may be more.
                if socket.isOpen { loop.report(.failed, of: socket.descriptor) }
                return
            }
        }
        guard socket.isOpen else { return }
        end(.system(SystemFault("send", number)))
    }

    open override func turnEnded() {
        guard isEnding else { return }
        isEnding = false
        closed()
    }
}
