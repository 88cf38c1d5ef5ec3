import CLinux
import Dispatch

/// An event loop with its own thread.
public final class EventLoopThread: Sendable {
    public let mailbox: Mailbox
    private let ended = DispatchGroup()

    /// The arguments of a new thread.
    fileprivate final class Start: Sendable {
        let mailbox: Mailbox
        let epoll: Descriptor
        let begin: @Sendable (EventLoop) -> Void
        let ended: DispatchGroup

        init(
            _ mailbox: Mailbox,
            _ epoll: Descriptor,
            _ begin: @escaping @Sendable (EventLoop) -> Void,
            _ ended: DispatchGroup
        ) {
            (self.mailbox, self.epoll, self.begin, self.ended) = (mailbox, epoll, begin, ended)
        }

        func run() {
            let loop = EventLoop(mailbox, epoll: epoll)
            begin(loop)
            loop.run()
            loop.end()
            ended.leave()
        }
    }

    /// Starts a thread whose loop runs until ``stop()``.
    ///
    /// - Parameters:
    ///   - name: of the thread, 15 bytes at most, as `top` and debuggers show it.
    ///   - begin: called on the thread before the first turn.
    public init(name: String, begin: @escaping @Sendable (EventLoop) -> Void) throws(SystemFault) {
        mailbox = try Mailbox()
        let start = Start(mailbox, try EventLoop.openPoller(), begin, ended)
        var thread = pthread_t()
        ended.enter()
        // SAFETY: the thread takes the reference that it is passed; the name is read during its call.
        let result = unsafe pthread_create(&thread, nil, runEventLoop, Unmanaged.passRetained(start).toOpaque())
        guard result == 0 else {
            unsafe Unmanaged.passUnretained(start).release()
            ended.leave()
            throw SystemFault("pthread_create", result)
        }
        unsafe _ = pthread_setname_np(thread, name)
        pthread_detach(thread)
    }

    /// Ends the loop after its present turn. Its connections are closed without a callback.
    public func stop() { mailbox.post { $0.stop() } }

    /// Waits until the loop has ended. Do not call it from an event loop.
    public func join() { ended.wait() }
}

// SAFETY: called by `pthread_create` with the `Start` that it was given.
private func runEventLoop(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    unsafe Unmanaged<EventLoopThread.Start>.fromOpaque(argument!).takeRetainedValue().run()
    return nil
}
