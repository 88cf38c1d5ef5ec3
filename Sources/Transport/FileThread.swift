import Dispatch
import Synchronization

/// A thread for calls that wait for a file system, one after the other.
///
/// Swift's threads and the event loops must never wait for one: a network mount may not answer for hours.
public final class FileThread: Sendable {
    private let queue: DispatchQueue
    /// Calls with a limit that are in progress or wait.
    private let limited = Atomic<Int>(0)

    public init(_ label: String) { queue = DispatchQueue(label: label) }

    /// Runs `body` on the thread. The caller waits without a thread.
    public func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
    }

    /// The same if fewer than `limit` such calls are in progress or wait. Otherwise returns `nil`.
    public func run<Value: Sendable>(
        ifFewerThan limit: Int,
        _ body: @escaping @Sendable () -> Value
    ) async -> Value? {
        defer { limited.wrappingSubtract(1, ordering: .relaxed) }
        guard limited.wrappingAdd(1, ordering: .relaxed).newValue <= limit else { return nil }
        return await run(body)
    }
}
