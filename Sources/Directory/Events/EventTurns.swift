import Basics
import Synchronization

/// Lets changes of the same event be made one after the other, so that none is made of what another is about to replace.
final class EventTurns: Sendable {
    private struct Key: Hashable {
        let company: ExactText
        let uid: ExactText
    }

    /// Whoever waits, the first first. An event without an entry is not being changed.
    private let lines = Mutex<[Key: [CheckedContinuation<Void, Never>]]>([:])

    /// Runs `body` when its turn comes.
    func inTurn<Value>(_ uid: String, of company: String, _ body: () async throws -> Value) async rethrows -> Value {
        let key = Key(company: ExactText(company), uid: ExactText(uid))
        await withCheckedContinuation { continuation in
            let isFree = lines.withLock { lines in
                if lines[key] == nil {
                    lines[key] = []
                    return true
                }
                lines[key]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        defer { leave(key) }
        return try await body()
    }

    private func leave(_ key: Key) {
        let next = lines.withLock { lines -> CheckedContinuation<Void, Never>? in
            guard let line = lines[key], !line.isEmpty else {
                lines[key] = nil
                return nil
            }
            return lines[key]?.removeFirst()
        }
        next?.resume()
    }
}
