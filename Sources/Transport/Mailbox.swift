import Basics
import CLinux
import Synchronization

/// Lets other threads reach an event loop. Posted messages run on the loop's thread, in the order of posting.
public final class Mailbox: Sendable {
    public typealias Message = @Sendable (EventLoop) -> Void

    /// Readable when there are messages.
    let descriptor: Int32
    private let state = Locked(State())
    private let thread = Atomic<UInt>(0)

    private struct State {
        var messages: [Message] = []
        /// Whether the loop was already told that there are messages. One write covers any number of them.
        var isTold = false
        var isClosed = false
    }

    init() throws(SystemFault) {
        let result = gateway_eventfd()
        guard result >= 0 else { throw SystemFault("eventfd", Int32(-result)) }
        descriptor = Int32(result)
    }

    deinit { CLinux.close(descriptor) }

    /// Runs `message` on the loop.
    ///
    /// - Returns: false if the loop has ended; then the message never runs.
    @discardableResult
    public func post(_ message: @escaping Message) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.messages.append(message)
            guard !state.isTold else { return true }
            state.isTold = true
            // Write under the lock, so that the loop cannot disappear. The write never blocks: the counter is far from
            // full.
            var one: UInt64 = 1
            // SAFETY: the call reads a local.
            unsafe _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
            return true
        }
    }

    /// Runs `body` on the loop and waits for its result. Returns `nil` if the loop has ended, or ends before.
    public func run<Result: Sendable>(_ body: @escaping @Sendable (EventLoop) -> Result) async -> Result? {
        await Reply.wait { reply in post { loop in reply.give(body(loop)) } }
    }

    /// Whether the caller runs on the loop's thread.
    public var isOnLoop: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Makes the calling thread the loop's thread.
    func adopt() { thread.store(UInt(pthread_self()), ordering: .relaxed) }

    /// Takes the messages posted since the last call.
    func take() -> [Message] {
        var count: UInt64 = 0
        // SAFETY: the call writes to a local.
        unsafe _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
        return state.withLock { state in
            state.isTold = false
            defer { state.messages = [] }
            return state.messages
        }
    }

    /// Accepts no more messages, and drops those that were not taken.
    func close() {
        let dropped = state.withLock { state in
            state.isClosed = true
            defer { state.messages = [] }
            return state.messages
        }
        withExtendedLifetime(dropped) {}
    }
}
