/// A value that only an event loop's thread may touch, while it passes through other threads.
///
/// If another thread releases the last reference, the value is still released on its loop's thread, unless the loop has
/// ended.
//
// SAFETY: the value is only given out, and released, on its loop's thread.
public struct Confined<Value>: @unchecked Sendable {
    public let mailbox: Mailbox
    private let box: Box

    private final class Box {
        let value: Value
        let mailbox: Mailbox

        init(_ value: Value, _ mailbox: Mailbox) { (self.value, self.mailbox) = (value, mailbox) }

        deinit {
            guard !mailbox.isOnLoop else { return }
            // The message has the only reference to the value.
            nonisolated(unsafe) let value = value
            mailbox.post { _ in withExtendedLifetime(unsafe value) {} }
        }
    }

    public init(_ value: Value, to mailbox: Mailbox) {
        box = Box(value, mailbox)
        self.mailbox = mailbox
    }

    public var value: Value {
        precondition(mailbox.isOnLoop, "touched on a thread other than its event loop's")
        return box.value
    }
}
