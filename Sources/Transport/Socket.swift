import CLinux

/// A connection's descriptor and the bytes that the kernel has not taken yet. A part of the object that it serves.
///
/// Makes no callbacks: an end or failure found by a call is stored, and reported by the loop afterwards.
public struct Socket: ~Copyable {
    /// -1 before it is opened and after it is closed.
    public private(set) var descriptor: Int32 = -1
    public private(set) var isReading = false
    /// Whether more may be sent: false from the high-water mark until the low-water mark.
    public private(set) var isWritable = true
    /// The peer has closed its sending side.
    public private(set) var isInputEnded = false
    /// Why nothing can be sent any more: an `errno`.
    public private(set) var fault: Int32?
    /// Bytes that the kernel has taken.
    public private(set) var takenBytes = 0
    private var wanted: Readiness = []
    private var endsOutput = false
    /// Whether the sending side was ended, after everything that waited.
    public private(set) var isOutputEnded = false
    private var unsent = SendQueue()

    /// Senders should stop when more bytes than this wait.
    public static let highWater = 64 << 10
    /// Senders may continue once no more bytes than this wait.
    public static let lowWater = 32 << 10

    public init() {}

    public var isOpen: Bool { descriptor >= 0 }

    /// Bytes waiting to be taken by the kernel.
    public var unsentBytes: Int { unsent.count }

    /// Bytes that the peer has not acknowledged: those waiting here and those in the kernel.
    public var unacknowledgedBytes: Int { isOpen ? unsent.count + Int(gateway_unacknowledged(descriptor)) : 0 }

    /// Whether bytes have arrived that were not read yet.
    public var hasUnreadBytes: Bool { isOpen && gateway_unread(descriptor) > 0 }

    /// Takes over an open descriptor.
    ///
    /// - Throws: if the system has no memory to watch the descriptor, which is then closed.
    public mutating func open(
        _ descriptor: Int32,
        for handler: EventHandler,
        on loop: EventLoop
    ) throws(SystemFault) {
        precondition(!isOpen)
        do throws(SystemFault) {
            try loop.register(descriptor, handler, for: [.readable, .inputEnded])
        } catch {
            CLinux.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        wanted = [.readable, .inputEnded]
        isReading = true
    }

    // MARK: Receiving

    public enum Received {
        /// This many bytes, which the loop lends: ``EventLoop/received(_:)``.
        case bytes(Int)
        /// Nothing has arrived.
        case nothing
        /// The peer has closed its sending side. Reported once.
        case ended
        case failed(Int32)
    }

    public mutating func receive(on loop: EventLoop) -> Received {
        guard isOpen, !isInputEnded else { return .nothing }
        let result = loop.receive(from: descriptor)
        if result > 0 { return .bytes(result) }
        if result == 0 {
            isInputEnded = true
            update(on: loop)
            return .ended
        }
        let number = Int32(-result)
        if number == EAGAIN || number == EINTR { return .nothing }
        fault = number
        return .failed(number)
    }

    /// Pauses or resumes reading. Meanwhile the peer's bytes stay in the kernel, which slows the peer down.
    public mutating func setReading(_ isReading: Bool, on loop: EventLoop) {
        guard self.isReading != isReading else { return }
        self.isReading = isReading
        update(on: loop)
    }

    // MARK: Sending

    /// Sends `bytes`. Keeps what the kernel does not take.
    ///
    /// - Parameter more: whether further bytes follow at once, so that the kernel may wait for them.
    public mutating func send(_ bytes: Span<UInt8>, more: Bool = false, on loop: EventLoop) {
        guard canSend, !bytes.isEmpty else { return }
        var sent = 0
        if unsent.isEmpty {
            // SAFETY: the span is alive during the call.
            sent = unsafe bytes.withUnsafeBytes { unsafe loop.kernel.send(descriptor, $0, more: more) }
            guard settle(&sent, of: bytes.count, on: loop) else { return }
        }
        keep(bytes.extracting(sent..<bytes.count), on: loop)
    }

    /// Sends `first`, then `second`, in one call.
    public mutating func send(_ first: Span<UInt8>, _ second: Span<UInt8>, on loop: EventLoop) {
        guard canSend else { return }
        var sent = 0
        if unsent.isEmpty {
            // SAFETY: the spans are alive during the call.
            sent = unsafe first.withUnsafeBytes { first in
                unsafe second.withUnsafeBytes { unsafe loop.kernel.send(descriptor, first, $0) }
            }
            guard settle(&sent, of: first.count + second.count, on: loop) else { return }
        }
        if sent < first.count { keep(first.extracting(sent..<first.count), on: loop) }
        keep(second.extracting(max(sent - first.count, 0)..<second.count), on: loop)
    }

    private var canSend: Bool { isOpen && fault == nil && !endsOutput }

    /// Turns a call's result into the number of bytes sent. Returns false if none are left to keep.
    private mutating func settle(_ result: inout Int, of count: Int, on loop: EventLoop) -> Bool {
        if result > 0 { takenBytes += result }
        if result == count { return false }
        if result >= 0 { return true }
        let number = Int32(-result)
        guard number == EAGAIN || number == EINTR else {
            fail(number, on: loop)
            return false
        }
        result = 0
        return true
    }

    private mutating func keep(_ rest: Span<UInt8>, on loop: EventLoop) {
        guard !rest.isEmpty else { return }
        unsent.append(rest)
        if unsent.count > Self.highWater { isWritable = false }
        update(on: loop)
    }

    /// Sends waiting bytes, now that the kernel accepts more.
    ///
    /// - Returns: true if ``isWritable`` has become true.
    public mutating func drain(on loop: EventLoop) -> Bool {
        guard isOpen, fault == nil, !unsent.isEmpty else { return false }
        let (kernel, descriptor) = (loop.kernel, descriptor)
        // SAFETY: the queue lends the bytes during the call.
        let result = unsafe unsent.send { unsafe kernel.send(descriptor, $0, more: false) }
        if result < 0 {
            let number = Int32(-result)
            if number != EAGAIN, number != EINTR { fail(number, on: loop) }
            return false
        }
        takenBytes += result
        if unsent.isEmpty {
            update(on: loop)
            if endsOutput { shutOutput() }
        }
        guard !isWritable, unsent.count <= Self.lowWater else { return false }
        isWritable = true
        return true
    }

    /// Ends the sending side once everything is sent. The peer may still send.
    public mutating func finishSending() {
        guard isOpen, !endsOutput else { return }
        endsOutput = true
        if unsent.isEmpty { shutOutput() }
    }

    private mutating func shutOutput() {
        guard !isOutputEnded else { return }
        isOutputEnded = true
        shutdown(descriptor, Int32(SHUT_WR))
    }

    private mutating func fail(_ number: Int32, on loop: EventLoop) {
        fault = number
        unsent.removeAll()
        isWritable = false
        update(on: loop)
        loop.report(.failed, of: descriptor)
    }

    /// The connection's error, which is cleared by reading it; ECONNRESET if the system reports none.
    public func takeError() -> Int32 {
        let number = gateway_take_error(descriptor)
        return number != 0 ? number : ECONNRESET
    }

    // MARK: Closing

    /// Closes at once. The kernel still sends what it has taken.
    public mutating func close(on loop: EventLoop) {
        guard isOpen else { return }
        loop.close(descriptor)
        descriptor = -1
        unsent.removeAll()
        isReading = false
        isWritable = false
    }

    /// Makes ``close(on:)`` reset the connection. The kernel then drops what it still holds for the peer, and no socket
    /// lingers for a slow peer.
    public func resetOnClose() { gateway_reset_on_close(descriptor) }

    private mutating func update(on loop: EventLoop) {
        guard isOpen else { return }
        var now: Readiness = []
        if isReading, !isInputEnded { now.formUnion([.readable, .inputEnded]) }
        if !unsent.isEmpty { now.insert(.writable) }
        // Epoll reports a hang-up whether it is wanted or not, and nothing here would consume it.
        if now.isEmpty { now = .edgeTriggered }
        guard now != wanted else { return }
        wanted = now
        loop.want(now, of: descriptor)
    }
}
