import Basics
import Glibc
import Synchronization

/// Writes log lines to their target from its own thread, so that a slow reader does not block an event loop. Lines
/// beyond the capacity are dropped and counted.
package final class LogOutput: Sendable {
    /// Lines of one severity.
    private struct Chunk {
        var lines: [UInt8]
        var severity: LogSeverity
    }

    private struct State {
        var waiting: [Chunk] = []
        var waitingBytes = 0
        /// Lines that `run` has taken and not written yet.
        var writing: ArraySlice<Chunk> = []
        /// Takes the place of the sink in use.
        var next: LogSink?
        var isJSON: Bool
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

    private let state: Locked<State>
    private let wakeUp: Signal
    /// What the log is called in messages.
    private let name: String
    private let capacity: Int

    /// - Parameters:
    ///   - isJSON: whether the message about dropped lines is a JSON object.
    ///   - capacity: the most bytes that may wait.
    package init(_ sink: LogSink, isJSON: Bool, name: String = "access log", capacity: Int = 8 << 20) {
        self.capacity = capacity
        self.name = name
        state = Locked(State(next: sink, isJSON: isJSON))
        wakeUp = Signal()
    }

    /// Takes complete lines.
    package func append(_ lines: [UInt8], _ severity: LogSeverity = .info) {
        let isAccepted = state.withLock { state in
            guard state.waitingBytes + lines.count <= capacity else {
                let count = lines.count { $0 == .lineFeed }
                state.dropped += count
                state.lost += count
                state.everLost += count
                return false
            }
            state.waiting.append(Chunk(lines: lines, severity: severity))
            state.waitingBytes += lines.count
            return true
        }
        if isAccepted { wakeUp.raise() }
    }

    /// Writes to another sink from now on, lines that wait too, and closes the one in use.
    package func adopt(_ sink: LogSink, isJSON: Bool) {
        let unused = state.withLock { state in
            defer { (state.next, state.isJSON) = (sink, isJSON) }
            return state.next
        }
        unused?.close()
        wakeUp.raise()
    }

    /// Writes until `stop`. Call on a dedicated thread.
    package func run() {
        var sink = LogSink(descriptor: -1)
        while true {
            let (chunks, dropped, isJSON, next, isRunning) = state.withLock { state in
                defer {
                    state.waiting = []
                    state.waitingBytes = 0
                    state.dropped = 0
                    state.next = nil
                }
                state.writing = state.waiting[...]
                state.reporting = state.dropped
                return (state.waiting, state.dropped, state.isJSON, state.next, state.isRunning)
            }
            if let next {
                sink.close()
                sink = next
            }
            for chunk in chunks {
                write(chunk, to: &sink)
                state.withLock { $0.writing = $0.writing.dropFirst() }
            }
            if dropped > 0 {
                write(Chunk(lines: Self.droppedLine(dropped, isJSON: isJSON), severity: .warning), to: &sink)
                state.withLock { $0.reporting = 0 }
            }
            if chunks.isEmpty {
                guard isRunning else {
                    // The process ends, which closes it.
                    state.withLock { $0.next = sink }
                    return
                }
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
                + (state.writing + state.waiting).reduce(0) { $0 + $1.lines.count { $0 == .lineFeed } }
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
            return "the \(name) \(why ?? "is not read as fast as it is written"): \(state.lost) lines lost"
        }
    }

    private static func droppedLine(_ count: Int, isJSON: Bool) -> [UInt8] {
        Array(
            (isJSON ? "{\"message\":\"log lines dropped\",\"count\":\(count)}\n" : "dropped \(count) lines\n")
                .utf8
        )
    }

    private func write(_ chunk: Chunk, to sink: inout LogSink) {
        let outcome = sink.write(chunk.lines, chunk.severity)
        guard outcome.lost > 0 else { return }
        state.withLock { state in
            state.lost += outcome.lost
            state.everLost += outcome.lost
            state.fault = outcome.fault
        }
    }
}
