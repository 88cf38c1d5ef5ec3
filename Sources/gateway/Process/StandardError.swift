import Glibc
import Synchronization

/// Lines for the operator of a command, or of a server that is not running yet or any more. A running server writes
/// through a ``LogOutput`` instead: event loops must not call this.
///
/// Never waits for a stalled reader. Lines that it does not take are dropped and counted; once it reads again, it is
/// told how many.
enum StandardError {
    private struct State {
        var lost = 0
    }

    private static let state = Mutex(State())
    private static let descriptor: Int32 = 2
    /// How long a reader may take before it counts as stalled, in milliseconds.
    private static let patience: Int32 = 100
    /// How much a pipe that is ready for writing takes at once: PIPE_BUF.
    private static let piece = 4096

    static func line(_ text: String) {
        state.withLock { state in
            if state.lost > 0 {
                guard write("gateway: \(state.lost) lines lost because they were not read\n", within: 0) else {
                    state.lost += 1
                    return
                }
                state.lost = 0
            }
            if !write(text + "\n", within: patience) { state.lost += 1 }
        }
    }

    /// Returns whether the whole text was written.
    private static func write(_ text: String, within time: Int32) -> Bool {
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            // SAFETY: reads and writes this one element.
            let count = unsafe poll(&ready, 1, time)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            let end = min(start + piece, bytes.count)
            let rest = bytes.span.extracting(start..<end)
            // SAFETY: the span keeps the bytes alive for the call and its count bounds it.
            let written = unsafe rest.withUnsafeBytes { unsafe systemWrite(descriptor, $0.baseAddress, $0.count) }
            if written > 0 {
                start += written
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }
}

/// `write(2)` under a name that `StandardError.write` does not hide.
@unsafe
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    unsafe write(descriptor, bytes, count)
}
