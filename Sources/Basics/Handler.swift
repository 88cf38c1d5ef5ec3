import Synchronization

/// A closure that any thread may take out, and exchange.
///
/// A `Mutex` of the closure itself would put two more thunks around it each time it is taken out, and in the end a call
/// would overflow the stack.
package final class Handler<Closure: Sendable>: Sendable {
    private struct Content: Sendable {
        var closure: Closure
    }

    private let content: Locked<Content>

    package init(_ closure: Closure) { content = Locked(Content(closure: closure)) }

    package var closure: Closure { content.withLock { $0.closure } }

    package func set(_ closure: Closure) { content.withLock { $0.closure = closure } }
}
