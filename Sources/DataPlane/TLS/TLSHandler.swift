import NIOCore

/// TLS on a channel: to the handlers behind it the connection looks like one without.
///
/// They are added when the handshake is done, and see no octet before. The peer's close_notify is for them what the end
/// of TCP's input is; an end without close_notify is an error. Closing the output says close_notify first.
final class TLSHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Asked for as an outbound event: the next close says no close_notify, so that the peer cannot take what it has for
    /// the whole.
    struct Abort: Sendable {}

    /// What the handshake came to.
    enum Result {
        /// The time to add the next handler.
        case ready(TLSProtocol)
        case failed(TLSFault)
    }

    private enum Phase {
        case handshake
        case open
        /// An alert is on its way; what still comes is dropped, so that it is not lost to a reset.
        case failing
        case closed
    }

    private let stream: TLSStream
    private let handshakeTime: TimeAmount
    private var settle: ((any Channel, Result) throws -> Void)?
    private var deadline: Scheduled<Void>?
    private var phase: Phase = .handshake
    /// Plaintext that has not been flushed.
    private var unflushed: [ByteBuffer] = []
    private var unflushedPromise: EventLoopPromise<Void>?
    private var isInputEnded = false
    /// Answers of TLS itself since the channel took octets last.
    private var unreadAnswers = 0
    private var isOutputEnded = false
    /// Octets of all records that were given to the channel.
    private(set) var sentBytes = 0
    /// Octets that came after the connection had failed.
    private var droppedBytes = 0

    /// Ciphertext is handed to the channel in pieces of about this size.
    private static let pieceSize = 3 * TLSScratch.recordSize
    /// A read delivers at most about this much at once.
    private static let maxRead = 64 << 10
    private static let maxUnreadAnswers = 16
    /// How long a peer may take to read an alert, and how much it may still send until then.
    private static let lingerTime: TimeAmount = .seconds(1)
    private static let maxDropped = 1 << 20

    /// - Parameters:
    ///   - handshakeTime: from the open connection to the end of the handshake.
    ///   - settle: called once, on the event loop.
    init(stream: TLSStream, handshakeTime: TimeAmount, settle: @escaping (any Channel, Result) throws -> Void) {
        self.stream = stream
        self.handshakeTime = handshakeTime
        self.settle = settle
    }

    private var scratch: TLSScratch { stream.scratch }

    // MARK: The handshake

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    func channelActive(context: ChannelHandlerContext) { begin(context) }

    private func begin(_ context: ChannelHandlerContext) {
        guard phase == .handshake, deadline == nil else { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: handshakeTime) {
            let (handler, context) = bound.value
            handler.deadlinePassed(context)
        }
        shakeHands(context)
    }

    private func deadlinePassed(_ context: ChannelHandlerContext) {
        if phase == .handshake { settled(.failed(.timeout), context) }
        context.channel.resetOnClose()
        end(context)
    }

    private func shakeHands(_ context: ChannelHandlerContext) {
        let outcome = stream.handshake()
        sendRecords(context)
        guard phase == .handshake else { return }
        switch outcome {
        case .done:
            phase = .open
            settled(.ready(stream.applicationProtocol), context)
        case .needsInput: break
        case .ended: fail(.failed("closed during the handshake"), context)
        case .failed(let fault): fail(fault, context)
        }
    }

    private func settled(_ result: Result, _ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        guard let settle else { return }
        self.settle = nil
        do {
            try settle(context.channel, result)
        } catch {
            end(context)
        }
    }

    // MARK: Reading

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let received = unwrapInboundIn(data)
        defer { scratch.receivePool?.recycle(received) }
        guard phase == .handshake || phase == .open else {
            droppedBytes += received.readableBytes
            if phase == .failing, droppedBytes > Self.maxDropped {
                context.channel.resetOnClose()
                end(context)
            }
            return
        }
        stream.receive(received)
        if phase == .handshake { shakeHands(context) }
        if phase == .open { deliver(context) }
    }

    /// Hands on all the plaintext that has come, as one piece where it is not very much.
    private func deliver(_ context: ChannelHandlerContext) {
        guard !isInputEnded else {
            stream.dropIncoming()
            return
        }
        var outcome = TLSStream.Outcome.done
        while case .done = outcome, phase == .open {
            let size = min(max(stream.incomingCount, 1 << 10), Self.maxRead)
            var plaintext = scratch.takeIncoming(capacity: size)
            while case .done = outcome, plaintext.readableBytes < Self.maxRead {
                outcome = stream.read(into: &plaintext)
            }
            scratch.recycle(plaintext)
            // An answer to what the peer asked of TLS itself, such as new keys.
            if scratch.outgoingCount > 0 { countAnswer(&outcome, context) }
            sendRecords(context)
            guard phase == .open else { return }
            if plaintext.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(plaintext)) }
        }
        switch outcome {
        case .done, .needsInput:
            break
        case .ended:
            guard !isInputEnded else { return }
            isInputEnded = true
            stream.dropIncoming()
            if phase == .open { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        case .failed(let fault):
            fail(fault, context)
        }
    }

    /// A peer that asks for answers and does not read them is not served any more.
    private func countAnswer(_ outcome: inout TLSStream.Outcome, _ context: ChannelHandlerContext) {
        unreadAnswers = context.channel.isWritable ? 0 : unreadAnswers + 1
        guard unreadAnswers > Self.maxUnreadAnswers else { return }
        if case .failed = outcome { return }
        outcome = .failed(.flood)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        switch phase {
        case .open where isInputEnded:
            break
        case .open:
            isInputEnded = true
            context.fireErrorCaught(TLSFault.truncated)
            end(context)
        case .handshake:
            settled(.failed(.truncated), context)
            end(context)
        case .failing, .closed:
            end(context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if phase == .handshake {
            settled(.failed(.failed("\(error)")), context)
            end(context)
        } else {
            context.fireErrorCaught(error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        let last = phase
        phase = .closed
        deadline?.cancel()
        deadline = nil
        stream.dropIncoming()
        dropUnflushed()
        switch last {
        case .handshake: settled(.failed(.truncated), context)
        case .open where !isInputEnded: context.fireErrorCaught(TLSFault.truncated)
        case .open, .failing, .closed: break
        }
        context.fireChannelInactive()
    }

    // MARK: Failing

    /// Ends a connection that has gone wrong, once its alert has been read.
    private func fail(_ fault: TLSFault, _ context: ChannelHandlerContext) {
        guard phase == .handshake || phase == .open else { return }
        let wasOpen = phase == .open
        if fault == .flood { context.channel.resetOnClose() }
        phase = .failing
        sendRecords(context)
        dropUnflushed()
        stream.dropIncoming()
        if wasOpen { context.fireErrorCaught(fault) } else { settled(.failed(fault), context) }
        guard phase == .failing else { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: Self.lingerTime) {
            let (handler, context) = bound.value
            handler.end(context)
        }
        try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        context.close(mode: .output, promise: nil)
    }

    /// Closes without another word.
    private func end(_ context: ChannelHandlerContext) {
        if phase != .closed { phase = .closed }
        context.close(promise: nil)
    }

    // MARK: Writing

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard phase == .open || phase == .handshake, !isOutputEnded else {
            promise?.fail(phase == .closed ? ChannelError.ioOnClosedChannel : ChannelError.outputClosed)
            return
        }
        unflushed.append(unwrapOutboundIn(data))
        unflushedPromise.setOrCascade(to: promise)
    }

    func flush(context: ChannelHandlerContext) {
        guard phase == .open else { return }
        encrypt(context)
        context.flush()
    }

    /// Encrypts what was written: small pieces together in one record, large ones from where they are.
    private func encrypt(_ context: ChannelHandlerContext) {
        guard !unflushed.isEmpty else { return }
        let buffers = unflushed
        let promise = unflushedPromise
        unflushed = []
        unflushedPromise = nil
        var fault: TLSFault?
        scratch.staging.clear(minimumCapacity: 0)
        for (index, var buffer) in buffers.enumerated() {
            let isLast = index == buffers.count - 1
            if fault == nil { fault = fillRecord(&buffer, isLast: isLast, context) }
            let rest = isLast ? 0 : buffer.readableBytes % TLSScratch.recordSize
            if fault == nil, let slice = buffer.readSlice(length: buffer.readableBytes - rest) {
                fault = encrypt(slice, context)
            }
            scratch.staging.writeImmutableBuffer(buffer)
        }
        if fault == nil { fault = encryptStaged(context) }
        if let fault {
            promise?.fail(fault)
            fail(fault, context)
        } else if let last = scratch.takeOutgoing() {
            send(last, context, promise)
        } else if let promise {
            // It is kept when all that was written before has gone out.
            context.write(wrapOutboundOut(ByteBuffer()), promise: promise)
        }
    }

    /// Fills up a record that earlier pieces have begun.
    private func fillRecord(_ buffer: inout ByteBuffer, isLast: Bool, _ context: ChannelHandlerContext) -> TLSFault? {
        let staged = scratch.staging.readableBytes
        guard staged > 0 else { return nil }
        let count = min(TLSScratch.recordSize - staged, buffer.readableBytes)
        if var slice = buffer.readSlice(length: count) { scratch.staging.writeBuffer(&slice) }
        return scratch.staging.readableBytes == TLSScratch.recordSize ? encryptStaged(context) : nil
    }

    private func encryptStaged(_ context: ChannelHandlerContext) -> TLSFault? {
        guard scratch.staging.readableBytes > 0 else { return nil }
        let fault = encrypt(scratch.staging, context)
        scratch.staging.clear()
        return fault
    }

    private func encrypt(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) -> TLSFault? {
        var offset = 0
        while offset < buffer.readableBytes {
            let count = min(buffer.readableBytes - offset, Self.pieceSize)
            let outcome = unsafe buffer.withUnsafeReadableBytes { bytes in
                // SAFETY: the buffer keeps its memory during the call, and the range lies in it.
                unsafe stream.write(UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
            }
            guard case .done = outcome else {
                if case .failed(let fault) = outcome { return fault }
                return .failed("OpenSSL does not take what is written")
            }
            offset += count
            if scratch.outgoingCount >= Self.pieceSize, let piece = scratch.takeOutgoing() {
                send(piece, context)
            }
        }
        return nil
    }

    /// Sends the records that a call of OpenSSL's has left.
    private func sendRecords(_ context: ChannelHandlerContext) {
        guard let records = scratch.takeOutgoing() else { return }
        send(records, context)
        context.flush()
    }

    private func send(_ records: ByteBuffer, _ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>? = nil)
    {
        sentBytes += records.readableBytes
        context.write(wrapOutboundOut(records), promise: promise)
    }

    private func dropUnflushed() {
        unflushed = []
        let promise = unflushedPromise
        unflushedPromise = nil
        promise?.fail(ChannelError.ioOnClosedChannel)
    }

    // MARK: Closing

    func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard event is Abort else {
            context.triggerUserOutboundEvent(event, promise: promise)
            return
        }
        isOutputEnded = true
        dropUnflushed()
        promise?.succeed()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .input:
            context.close(mode: .input, promise: promise)
        // A client's connection ends by itself: whoever has heard of the failure would lose the alert.
        case .output where isLingering, .all where isLingering:
            context.channel.closeFuture.cascade(to: promise)
        case .output:
            guard phase == .open else {
                end(context)
                promise?.succeed()
                return
            }
            endOutput(context)
            context.close(mode: .output, promise: promise)
        case .all:
            if phase == .open { endOutput(context) }
            phase = .closed
            context.close(mode: .all, promise: promise)
        }
    }

    private var isLingering: Bool { phase == .failing && stream.peer == nil }

    private func endOutput(_ context: ChannelHandlerContext) {
        guard !isOutputEnded else { return }
        encrypt(context)
        guard phase == .open else { return }
        isOutputEnded = true
        stream.endOutput()
        if let records = scratch.takeOutgoing() { send(records, context) }
        context.flush()
    }
}
