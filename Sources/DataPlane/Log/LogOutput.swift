import Basics
import Glibc
import Synchronization

/// Writes log lines to a file descriptor from its own thread, so that a slow reader does not block an event loop. Lines
/// beyond the capacity are dropped and counted.
package final class LogOutput: Sendable {
    private struct State {
        var waiting: [[UInt8]] = []
        var waitingBytes = 0
        /// Lines that `run` has taken and not written yet.
        var writing: ArraySlice<[UInt8]> = []
        var dropped = 0
        /// Dropped lines that `run` is about to report.
        var reporting = 0
        /// Lines lost since the last notice: dropped, or not written because of a system error.
        var lost = 0
        /// All that were ever lost.
        var everLost = 0
        var fault: CInt?
        var saidAt: Int64?
        var isRunning = true
    }

    private let state = Mutex(State())
    private let wakeUp: Signal
    private let descriptor: Int32
    package let isJSON: Bool
    private let capacity: Int

    /// - Parameter capacity: the most bytes that may wait.
    package init(descriptor: Int32, isJSON: Bool, capacity: Int = 8 << 20) {
        self.capacity = capacity
        self.descriptor = descriptor
        self.isJSON = isJSON
        wakeUp = Signal()
    }

    /// Takes complete lines.
    package func append(_ lines: [UInt8]) {
        let isAccepted = state.withLock { state in
            guard state.waitingBytes + lines.count <= capacity else {
                let count = lines.count { $0 == .lineFeed }
                state.dropped += count
                state.lost += count
                state.everLost += count
                return false
            }
            state.waiting.append(lines)
            state.waitingBytes += lines.count
            return true
        }
        if isAccepted { wakeUp.raise() }
    }

    /// Writes until `stop`. Call on a dedicated thread.
    package func run() {
        while true {
            let (chunks, dropped, isRunning) = state.withLock { state in
                defer {
                    state.waiting = []
                    state.waitingBytes = 0
                    state.dropped = 0
                }
                state.writing = state.waiting[...]
                state.reporting = state.dropped
                return (state.waiting, state.dropped, state.isRunning)
            }
            for chunk in chunks {
                write(chunk)
                state.withLock { $0.writing = $0.writing.dropFirst() }
            }
            if dropped > 0 {
                write(droppedLine(dropped))
                state.withLock { $0.reporting = 0 }
            }
            if chunks.isEmpty {
                guard isRunning else { return }
                wakeUp.wait()
            }
        }
    }

    /// Makes `run` return once everything is written.
    package func stop() {
        state.withLock { $0.isRunning = false }
        wakeUp.raise()
    }

    /// The number of lines that were not written completely.
    package var unwrittenLines: Int {
        state.withLock { state in
            state.dropped + state.reporting
                + (state.writing + state.waiting).reduce(0) { $0 + $1.count { $0 == .lineFeed } }
        }
    }

    /// How many lines were dropped or could not be written since the process started.
    package var lostLines: Int { state.withLock { $0.everLost } }

    /// The least time between two notices, in milliseconds.
    private static let noticeInterval: Int64 = 60_000

    /// A message for the operator about lost lines, at most once a minute.
    ///
    /// - Parameter now: monotonic milliseconds.
    package func takeNotice(at now: Int64) -> String? {
        state.withLock { state in
            guard state.lost > 0, state.saidAt.map({ now - $0 >= Self.noticeInterval }) ?? true else { return nil }
            defer { (state.lost, state.fault, state.saidAt) = (0, nil, now) }
            // SAFETY: strerror returns a static or thread-local text, copied before the next call.
            let why = state.fault.map { unsafe "cannot be written: \(String(cString: strerror($0)))" }
            return "the access log \(why ?? "is not read as fast as it is written"): \(state.lost) lines lost"
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
                continue
            }
            let fault = errno
            switch fault {
            case EINTR: continue
            case EAGAIN:
                // The pipe is shared with our parent, which may have made it non-blocking.
                var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                // SAFETY: reads and writes this one element.
                _ = unsafe poll(&ready, 1, -1)
            default:
                let lost = bytes[start...].count { $0 == .lineFeed }
                state.withLock { state in
                    state.lost += lost
                    state.everLost += lost
                    state.fault = fault
                }
                return
            }
        }
    }
}

/// `write(2)` under a name that `LogOutput.write` does not hide.
@unsafe
private func posixWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
