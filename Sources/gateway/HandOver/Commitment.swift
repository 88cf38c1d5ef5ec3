import Synchronization

/// Whether a start or a hand-over may still be called off, for either process: until it is decided.
final class Commitment: Sendable {
    private enum State {
        case open
        case made
        case abandoned(reason: String)
    }

    private let state = Mutex(State.open)

    /// Why it was called off.
    var reason: String? { state.withLock { if case .abandoned(let reason) = $0 { reason } else { nil } } }

    /// Decides to go on.
    ///
    /// - Throws: why it was called off.
    func make() throws(HandOverFault) {
        state.withLock { state in
            if case .open = state { state = .made }
        }
        if let reason { throw HandOverFault(reason) }
    }

    /// Decides to stop. Returns false if it is too late, or done already.
    func abandon(_ reason: String) -> Bool {
        state.withLock { state in
            guard case .open = state else { return false }
            state = .abandoned(reason: reason)
            return true
        }
    }
}
