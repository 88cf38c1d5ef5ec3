import Synchronization

/// Brings changes of companies to the event loops: a few times a second at most, however many changes there are, and
/// each caller learns when its own is in effect.
package final class Publication: Sendable {
    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        /// The number of the last change, and of the last one that is in effect.
        var (noted, published) = (0, 0)
        /// Whether somebody was asked to publish and has not begun.
        var isAsked = false
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0
        var ask: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// How long a change is waited for. Beyond that, something else is wrong, and the log says what.
    private static let patience = Duration.seconds(5)

    package init() {}

    /// Sets what is called when there is something to publish. It must lead to ``begin()`` and ``finish(_:)``.
    package func onAsk(_ ask: @escaping @Sendable () -> Void) {
        let isDue = state.withLock { state in
            state.ask = ask
            state.isAsked = state.noted > state.published
            return state.isAsked
        }
        if isDue { ask() }
    }

    /// Notes a change, and returns its number.
    @discardableResult
    package func note() -> Int {
        let (number, ask) = state.withLock { state -> (Int, (@Sendable () -> Void)?) in
            state.noted += 1
            guard !state.isAsked, let ask = state.ask else { return (state.noted, nil) }
            state.isAsked = true
            return (state.noted, ask)
        }
        ask?()
        return number
    }

    /// The number of the last change that a publication includes if it reads the companies after this call.
    package func begin() -> Int {
        state.withLock { state in
            state.isAsked = false
            return state.noted
        }
    }

    /// Everything up to a change is in effect.
    package func finish(_ number: Int) {
        let ready = state.withLock { state in
            state.published = max(state.published, number)
            let ready = state.waiters.filter { $0.value.number <= number }
            for waiter in ready.keys { state.waiters[waiter] = nil }
            return ready.values.map(\.continuation)
        }
        for continuation in ready { continuation.resume() }
    }

    /// Waits until everything that was noted so far is in effect, or that takes too long.
    func settle() async {
        var timer: Task<Void, any Error>?
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let key = state.withLock { state -> Int? in
                guard state.published < state.noted else { return nil }
                state.lastWaiter += 1
                state.waiters[state.lastWaiter] = Waiter(number: state.noted, continuation: continuation)
                return state.lastWaiter
            }
            guard let key else { return continuation.resume() }
            timer = Task {
                try await Task.sleep(for: Self.patience)
                self.state.withLock { $0.waiters.removeValue(forKey: key) }?.continuation.resume()
            }
        }
        timer?.cancel()
    }
}
