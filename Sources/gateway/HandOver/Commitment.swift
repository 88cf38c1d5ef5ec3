import Synchronization

/// Whether a process that takes over may still be told to stop: until it has replaced the running gateway, which goes on
/// otherwise.
final class Commitment: Sendable {
    private enum State {
        static let (open, made, abandoned): (UInt8, UInt8, UInt8) = (0, 1, 2)
    }

    private let state: Atomic<UInt8>

    /// - Parameter isOpen: whether there is something to take over.
    init(isOpen: Bool) { state = Atomic(isOpen ? State.open : State.made) }

    /// Decides to go on. Returns false if it is too late.
    func make() -> Bool { decide(State.made) }

    /// Decides to stop. Returns false if it is too late.
    func abandon() -> Bool { decide(State.abandoned) }

    private func decide(_ next: UInt8) -> Bool {
        state.compareExchange(expected: State.open, desired: next, ordering: .acquiringAndReleasing).exchanged
    }
}
