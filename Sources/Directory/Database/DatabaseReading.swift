package import Basics

/// What the database does, for metrics.
package struct DatabaseReading: Sendable, Equatable {
    /// Writes that wait for the transaction before them.
    package var waitingWrites = 0
    package var commits = CommitTally()
    /// Messages that no webhook has got yet, also those to webhooks that are switched off. `nil` if they cannot be read.
    package var waitingMessages: Int?
    /// When the oldest one was written to a webhook that is switched on, of a company that is not suspended.
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
    /// Reads what metrics show. Looks at each webhook, and not at each message.
    package func read() async -> DatabaseReading {
        var reading = DatabaseReading(waitingWrites: writer.waitingCount, commits: writer.tally)
        let messages = try? await storage.read { database -> (count: Int, oldest: Milliseconds?) in
            (
                try database.value("SELECT CAST(coalesce(sum(waiting), 0) AS BIGINT) FROM webhook", as: Int.self) ?? 0,
                try database.value(
                    """
                    SELECT min(coalesce(requeued_at, delivery.created_at)) FROM webhook JOIN delivery
                        ON delivery.id = (SELECT min(id) FROM delivery WHERE webhook = webhook.id)
                        WHERE waiting > 0 AND disabled_at IS NULL
                        AND company NOT IN (SELECT id FROM company WHERE suspended_at IS NOT NULL)
                    """,
                    as: Int64.self
                )
            )
        }
        guard let messages else { return reading }
        reading.waitingMessages = messages.count
        reading.oldestMessage = messages.oldest
        return reading
    }
}
