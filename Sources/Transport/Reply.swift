import Basics
import Synchronization

/// An answer that a task waits for: the first one that is given, or `nil` once nobody can give one any more.
///
/// Whoever is to answer holds the reply. An event loop that ends drops the messages that it has not taken, and the
/// replies that they hold: without this, their tasks would wait forever.
public final class Reply<Value: Sendable>: Sendable {
    private let continuation: Locked<CheckedContinuation<Value?, Never>?>

    private init(_ continuation: CheckedContinuation<Value?, Never>) { self.continuation = Locked(continuation) }

    deinit { give(nil) }

    /// Passes a reply to `ask`, and waits for its answer.
    public static func wait(_ ask: (Reply) -> Void) async -> Value? {
        await withCheckedContinuation { ask(Reply($0)) }
    }

    /// Answers, unless that has happened already.
    public func give(_ value: Value?) { continuation.withLock { $0.take() }?.resume(returning: value) }
}
