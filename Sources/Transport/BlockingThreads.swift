import Basics
import CLinux
import Dispatch
import Synchronization

/// Threads for calls that block, such as looking up a host's name.
///
/// Swift's tasks and Dispatch's concurrent queues share a few threads: whoever blocks those holds up everybody. These
/// belong to nobody else. They start when there is work and end when there is none.
public final class BlockingThreads: Sendable {
    public typealias Work = @Sendable () -> Void

    private struct State {
        /// In order of arrival.
        var waiting: ArraySlice<Work> = []
        var running = 0
    }

    private let name: String
    private let limit: Int
    private let state = Locked(State())
    /// Runs the work if the system has no thread for it.
    private let substitute: DispatchQueue

    /// - Parameters:
    ///   - name: of the threads, 15 bytes at most, as `top` and debuggers show it.
    ///   - limit: the most threads at a time. Beyond it, work waits.
    public init(name: String, limit: Int) {
        self.name = name
        self.limit = limit
        substitute = DispatchQueue(label: name)
    }

    /// Runs `work` on one of the threads.
    public func run(_ work: @escaping Work) {
        let needsThread = state.withLock { state in
            state.waiting.append(work)
            guard state.running < limit else { return false }
            state.running += 1
            return true
        }
        if needsThread { start() }
    }

    private func start() {
        var thread = pthread_t()
        // SAFETY: the thread takes the reference that it is passed; the name is read during its call.
        let result = unsafe pthread_create(&thread, nil, runBlockingThread, Unmanaged.passRetained(self).toOpaque())
        guard result == 0 else {
            unsafe Unmanaged.passUnretained(self).release()
            substitute.async { [self] in runAll() }
            return
        }
        unsafe _ = pthread_setname_np(thread, name)
        pthread_detach(thread)
    }

    /// Runs what waits, until nothing does.
    fileprivate func runAll() {
        while let work = next() { work() }
    }

    private func next() -> Work? {
        state.withLock { state in
            if state.waiting.isEmpty { state.running -= 1 }
            return state.waiting.popFirst()
        }
    }
}

// SAFETY: called by `pthread_create` with the `BlockingThreads` that it was given.
private func runBlockingThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    unsafe Unmanaged<BlockingThreads>.fromOpaque(argument!).takeRetainedValue().runAll()
    return nil
}
