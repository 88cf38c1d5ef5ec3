package import Basics
import GRDB

/// What the database does, for metrics.
package struct DatabaseReading: Sendable, Equatable {
    /// Writes that wait for the transaction before them.
    package var waitingWrites = 0
    package var commits = CommitTally()
    /// Messages that no webhook has got yet, also those to webhooks that are switched off.
    package var waitingMessages = 0
    /// When the oldest of them was written.
    package var oldestMessage: Milliseconds?
}

/// Transactions since the start.
package struct CommitTally: Sendable, Equatable {
    /// Those on disk.
    package var successes = 0
    /// Those that the database refused, such as on a full disk.
    package var failures = 0
    /// The time of all of them, in microseconds.
    package var microseconds = 0
}

extension Directory {
    /// Reads what metrics show. Counts the waiting messages, so it takes milliseconds for each ten thousand of them.
    package func read() async -> DatabaseReading {
        var reading = DatabaseReading(waitingWrites: writer.waitingCount, commits: writer.tally)
        let messages = try? await pool.read { database -> (count: Int, oldest: Milliseconds?) in
            (
                try Int.fetchOne(database, sql: "SELECT count(*) FROM delivery") ?? 0,
                try Int64.fetchOne(database, sql: "SELECT created_at FROM delivery ORDER BY id LIMIT 1")
            )
        }
        guard let messages else { return reading }
        reading.waitingMessages = messages.count
        reading.oldestMessage = messages.oldest
        return reading
    }
}
