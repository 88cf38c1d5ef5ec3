import Dispatch
import GRDB
import Synchronization

/// Moves written pages from the write-ahead log into the database file, in parallel to the writes and on its own
/// connection.
///
/// SQLite would do this within a write, about every thousand pages. That write, and all that wait for it, would take
/// tens of milliseconds.
final class Checkpoints: Sendable {
    private let connection: DatabaseQueue
    private let queue = DispatchQueue(label: "directory-checkpoints")
    private let isDue = Atomic<Bool>(false)
    /// Accessed on the queue only.
    private let isClosed = Atomic<Bool>(false)

    /// The pause between two checkpoints, so that a page that is written repeatedly is moved once.
    private static let pause = DispatchTimeInterval.milliseconds(100)

    init(_ connection: DatabaseQueue) { self.connection = connection }

    /// Schedules a checkpoint after a write.
    func wrote() {
        guard !isDue.exchange(true, ordering: .acquiringAndReleasing) else { return }
        queue.asyncAfter(deadline: .now() + Self.pause) { [self] in
            isDue.store(false, ordering: .releasing)
            // GRDB hands a closed connection to SQLite as a null pointer.
            guard !isClosed.load(ordering: .relaxed) else { return }
            // If it fails, the next one makes up for it, or a write does once the log is long.
            _ = try? connection.writeWithoutTransaction { try $0.checkpoint(.passive) }
        }
    }

    /// Moves everything and empties the log, so that it contains no overwritten data. This is impossible while somebody
    /// reads an older state, and is then retried.
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
