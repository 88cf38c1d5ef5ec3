import Basics
import Dispatch
import Glibc
import Synchronization
import Transport

/// What the gateway decides, as its access log tells, which goes through a named pipe.
final class Decisions: Sendable {
    /// The pipe.
    let path: String
    private let descriptor: Int32
    private let state = Mutex(State())

    private struct State {
        /// The last lines.
        var recent: [String] = []
        var readers: [Int: AsyncStream<String>.Continuation] = [:]
        var count = 0
    }

    /// How many lines a new reader gets.
    private static let kept = 50
    /// How many lines wait for a reader. Further ones push the oldest out.
    private static let waiting = 200

    /// Makes the pipe.
    init(path: String) throws(SystemFault) {
        self.path = path
        // SAFETY: here and below, the path is passed as a C string for the call.
        guard unsafe mkfifo(path, 0o600) == 0 else { throw SystemFault("mkfifo", errno) }
        // Open for writing, too, so that it does not end while nobody else has it open.
        descriptor = unsafe open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFault("open", errno) }
    }

    /// Reads until the process ends.
    ///
    /// - Parameter show: called with each line.
    func follow(_ show: @escaping @Sendable (String) -> Void) {
        DispatchQueue(label: "decisions").async { [self] in
            var rest: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                // SAFETY: the call writes at most as many bytes as the buffer has.
                let count = unsafe read(descriptor, &buffer, buffer.count)
                guard count > 0 || errno == EINTR else { return }
                rest += buffer.prefix(max(count, 0))
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: rest[..<end], as: UTF8.self)
                    rest.removeSubrange(...end)
                    show(line)
                    pass(line)
                }
            }
        }
    }

    private func pass(_ line: String) {
        let readers = state.withLock { state in
            state.recent = state.recent.suffix(Self.kept - 1) + [line]
            return Array(state.readers.values)
        }
        for reader in readers { reader.yield(line) }
    }

    /// The last lines, and those to come.
    func lines() -> AsyncStream<String> {
        let (lines, reader) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(Self.waiting))
        state.withLock { state in
            let number = state.count
            state.count += 1
            state.readers[number] = reader
            for line in state.recent { reader.yield(line) }
            reader.onTermination = { [weak self] _ in self?.state.withLock { $0.readers[number] = nil } }
        }
        return lines
    }
}
