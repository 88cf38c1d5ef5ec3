import Transport

extension HTTP2Connection {
    /// Pieces up to this size are gathered into one write, since copying a frame is cheaper than writing it separately.
    private static let copyLimit = 16 << 10
    private static let writeSize = 64 << 10

    /// Schedules `stream` for the end of the event loop's turn, when everything is sent.
    func schedule(_ stream: HTTP2Stream?) {
        if let stream { scheduled.append(stream) }
        guard !isSendScheduled, phase != .closed, isOpen else { return }
        isSendScheduled = true
        loop.atEndOfTurn(self)
    }

    /// Sends what was scheduled.
    func sendScheduled() {
        isSendScheduled = false
        guard isOpen, phase == .preface || phase == .open else { return }
        swap(&scheduled, &submitting)
        for stream in submitting { stream.submit() }
        submitting.removeAll(keepingCapacity: true)
        if wantsGoAway, isWritable {
            wantsGoAway = false
            closedStreams.refuseNew()
            session.goAway()
        }
        out = worker.takeBuffer()
        while isWritable {
            // SAFETY: the library lends the bytes until its next call; they are copied.
            let more = unsafe session.send { bytes in unsafe out.write(bytes) }
            guard more else { break }
            writeOutIfLarge()
        }
        let last = takeOut()
        if !last.isEmpty { send(last.span) }
        worker.recycle(last)
        tellDrained()
        if isOverdrawn { terminate(.enhanceYourCalm) }
        if session.isFinished { linger() }
    }

    private func writeOutIfLarge() {
        guard out.count >= Self.writeSize else { return }
        let full = takeOut()
        send(full.span)
        worker.recycle(full)
        out = worker.takeBuffer()
    }

    private func takeOut() -> ByteBuffer {
        var taken = ByteBuffer()
        swap(&taken, &out)
        return taken
    }

    /// Appends a DATA frame to what is already written. Returns false if the socket takes no more.
    func sendData(stream id: Int32, frameHeader: UnsafeBufferPointer<UInt8>, count: Int) -> Bool {
        guard let stream = stream(id) else { return true }
        writeOutIfLarge()
        guard isWritable else { return false }
        // SAFETY: the library lends the nine bytes until this returns; they are copied.
        unsafe out.write(UnsafeRawBufferPointer(frameHeader))
        // The client reopens its windows for what it was sent.
        budget.earn(count >> 9)
        stream.takeData(count) { piece in
            guard piece.count > Self.copyLimit else {
                out.write(piece)
                return
            }
            let frames = takeOut()
            send(frames.span, piece)
            worker.recycle(frames)
            out = worker.takeBuffer()
        }
        return true
    }

    /// What the library may send next on a stream; `nil` if the stream does not exist.
    func nextData(stream id: Int32, upTo limit: Int) -> HTTP2Stream.Data? { stream(id)?.nextData(upTo: limit) }

    /// Remembers that `stream` can take more, to report it once the library has returned.
    func drained(_ stream: HTTP2Stream) { drainedStreams.append(stream) }

    private func tellDrained() {
        guard !drainedStreams.isEmpty else { return }
        let streams = drainedStreams
        drainedStreams.removeAll(keepingCapacity: true)
        for stream in streams { stream.becameWritable() }
    }
}
