import Synchronization

/// Keeps the first of several possible errors.
final class FirstError: Sendable {
    private let error = Mutex<(any Error)?>(nil)

    var value: (any Error)? { error.withLock { $0 } }

    func set(_ error: any Error) { self.error.withLock { $0 = $0 ?? error } }
}
