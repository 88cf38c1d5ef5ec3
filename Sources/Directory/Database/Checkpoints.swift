import Dispatch
import GRDB
import Synchronization

/// Moves what was written from the write-ahead log into the database file, beside the writes and on a connection of its
/// own.
///
/// SQLite would do it within a write, about every thousand pages, and that write and all that wait for it would take some
/// tens of milliseconds.
final class Checkpoints: Sendable {
    private let connection: DatabaseQueue
    private let queue = DispatchQueue(label: "directory-checkpoints")
    private let isDue = Atomic<Bool>(false)
    /// Written and read on the queue.
    private let isClosed = Atomic<Bool>(false)

    /// Between two, so that a page that is written again and again is moved once.
    private static let pause = DispatchTimeInterval.milliseconds(100)

    init(_ connection: DatabaseQueue) { self.connection = connection }

    /// Something was written.
    func wrote() {
        guard !isDue.exchange(true, ordering: .acquiringAndReleasing) else { return }
        queue.asyncAfter(deadline: .now() + Self.pause) { [self] in
            isDue.store(false, ordering: .releasing)
            // GRDB hands a closed connection to SQLite as a null pointer.
            guard !isClosed.load(ordering: .relaxed) else { return }
            // One that fails is made up for by the next, or by a write when the log is long.
            _ = try? connection.writeWithoutTransaction { try $0.checkpoint(.passive) }
        }
    }

    /// Moves everything and empties the log, so that it holds nothing of what was overwritten. While somebody reads what
    /// was before it cannot be done, and is tried again.
    func truncate() async {
        await withCheckedContinuation { continuation in
            queue.async {
                self.truncateNow()
                continuation.resume()
            }
        }
    }

    private func truncateNow() {
        guard !isClosed.load(ordering: .relaxed) else { return }
        do {
            _ = try connection.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        } catch {
            queue.asyncAfter(deadline: .now() + Self.pause) { self.truncateNow() }
        }
    }

    func close() {
        queue.sync {
            isClosed.store(true, ordering: .relaxed)
            try? connection.close()
        }
    }
}
