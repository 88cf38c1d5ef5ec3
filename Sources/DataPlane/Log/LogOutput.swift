import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Writes lines of a log to a file descriptor from a thread of its own, so that a reader who is slow holds up no event
/// loop. What the reader leaves waiting beyond a bound is dropped and counted.
package final class LogOutput: Sendable {
    private struct State {
        var waiting: [[UInt8]] = []
        var waitingBytes = 0
        /// What `run` has taken and not yet written.
        var writing: ArraySlice<[UInt8]> = []
        var dropped = 0
        var isRunning = true
    }

    private let state = Mutex(State())
    private let wakeUp: Signal
    private let descriptor: Int32
    package let isJSON: Bool
    private let capacity: Int

    /// - Parameter capacity: octets that may wait.
    package init(descriptor: Int32, isJSON: Bool, capacity: Int = 8 << 20) {
        self.capacity = capacity
        self.descriptor = descriptor
        self.isJSON = isJSON
        wakeUp = Signal()
    }

    /// Takes whole lines.
    package func append(_ lines: [UInt8]) {
        let isAccepted = state.withLock { state in
            guard state.waitingBytes + lines.count <= capacity else {
                state.dropped += lines.count { $0 == .lineFeed }
                return false
            }
            state.waiting.append(lines)
            state.waitingBytes += lines.count
            return true
        }
        if isAccepted { wakeUp.raise() }
    }

    /// Writes until `stop`; to be called on a thread that has nothing else to do.
    package func run() {
        while true {
            let (chunks, dropped, isRunning) = state.withLock { state in
                defer {
                    state.waiting = []
                    state.waitingBytes = 0
                    state.dropped = 0
                }
                state.writing = state.waiting[...]
                return (state.waiting, state.dropped, state.isRunning)
            }
            for chunk in chunks {
                write(chunk)
                state.withLock { $0.writing = $0.writing.dropFirst() }
            }
            if dropped > 0 { write(droppedLine(dropped)) }
            if chunks.isEmpty {
                guard isRunning else { return }
                wakeUp.wait()
            }
        }
    }

    /// Has `run` return once everything is written.
    package func stop() {
        state.withLock { $0.isRunning = false }
        wakeUp.raise()
    }

    /// How many lines have not been written, or not as a whole.
    package var unwrittenLines: Int {
        state.withLock { state in
            state.dropped + (state.writing + state.waiting).reduce(0) { $0 + $1.count { $0 == .lineFeed } }
        }
    }

    private func droppedLine(_ count: Int) -> [UInt8] {
        Array(
            (isJSON ? "{\"message\":\"log lines dropped\",\"count\":\(count)}\n" : "dropped \(count) lines\n")
                .utf8
        )
    }

    private func write(_ bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let rest = bytes.span.extracting(start..<bytes.count)
            // SAFETY: the span keeps the bytes alive for the call and its count bounds it.
            let written = unsafe rest.withUnsafeBytes { unsafe posixWrite(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                start += written
            } else if written < 0, errno != EINTR {
                return
            }
        }
    }
}

/// `write(2)` by a name that `LogOutput.write` does not hide.
@unsafe
private func posixWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
