import NIOCore

extension HTTP2Connection {
    /// Pieces up to this size are gathered into one write: a frame is copied sooner than written by itself.
    private static let copyLimit = 16 << 10
    private static let writeSize = 64 << 10

    /// Has `stream` asked, and everything sent, at the end of the event loop's turn.
    func schedule(_ stream: HTTP2Stream?) {
        if let stream { scheduled.append(stream) }
        guard !isSendScheduled, phase != .closed, let context else { return }
        isSendScheduled = true
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute { bound.value.send() }
    }

    private func send() {
        isSendScheduled = false
        guard let context, phase == .preface || phase == .open else { return }
        swap(&scheduled, &submitting)
        for stream in submitting { stream.submit() }
        submitting.removeAll(keepingCapacity: true)
        if wantsGoAway, context.channel.isWritable {
            wantsGoAway = false
            closedStreams.refuseNew()
            session.goAway()
        }
        out = worker.takeBuffer()
        while context.channel.isWritable {
            // SAFETY: the library lends the octets until its next call; they are copied.
            let more = unsafe session.send { octets in unsafe out.writeBytes(octets) }
            guard more else { break }
            writeOutIfLarge(context)
        }
        sent.add(out.readableBytes)
        let last = out
        out = ByteBuffer()
        if last.readableBytes > 0 {
            context.writeAndFlush(wrapOutboundOut(last), promise: nil)
        } else {
            context.flush()
        }
        worker.recycle(last)
        tellDrained()
        if isOverdrawn { terminate(.enhanceYourCalm) }
        if session.isFinished { linger() }
    }

    private func writeOutIfLarge(_ context: ChannelHandlerContext) {
        guard out.readableBytes >= Self.writeSize else { return }
        sent.add(out.readableBytes)
        context.writeAndFlush(wrapOutboundOut(out), promise: nil)
        worker.recycle(out)
        out = worker.takeBuffer()
    }

    /// Puts a DATA frame behind what is written already; false while the channel takes no more.
    func sendData(stream id: Int32, frameHeader: UnsafeBufferPointer<UInt8>, count: Int) -> Bool {
        guard let context, let stream = stream(id) else { return true }
        writeOutIfLarge(context)
        guard context.channel.isWritable else { return false }
        // SAFETY: the library lends the nine octets until this returns; they are copied.
        unsafe out.writeBytes(frameHeader)
        // A client opens its windows again for what it was sent.
        budget.earn(count >> 9)
        stream.takeData(count) { piece in
            guard piece.readableBytes > Self.copyLimit else {
                out.writeImmutableBuffer(piece)
                return
            }
            sent.add(out.readableBytes + piece.readableBytes)
            context.write(wrapOutboundOut(out), promise: nil)
            context.write(wrapOutboundOut(piece), promise: nil)
            worker.recycle(out)
            out = worker.takeBuffer()
        }
        return true
    }

    /// What the library may send next on a stream; nothing where there is no such stream.
    func nextData(stream id: Int32, upTo limit: Int) -> HTTP2Stream.Data? { stream(id)?.nextData(upTo: limit) }

    /// Remembers that `stream` can take more, to be told once the library has been left.
    func drained(_ stream: HTTP2Stream) { drainedStreams.append(stream) }

    private func tellDrained() {
        guard !drainedStreams.isEmpty else { return }
        let streams = drainedStreams
        drainedStreams.removeAll(keepingCapacity: true)
        for stream in streams { stream.becameWritable() }
    }
}
