import Admission
package import Basics

/// A message on its way to a webhook.
package struct Delivery: Sendable {
    package let id: Int64
    package let webhook: Webhook
    /// The message's own id, the same in every attempt.
    package let uid: String
    /// What it announces, as in the message.
    package let type: String
    /// The JSON text to send.
    package let message: String
    /// When it was queued; the last time, if it is delivered again.
    package let queuedAt: Milliseconds
    /// How often delivery was tried since.
    package let attempts: Int
}

/// What to deliver to a webhook next.
package enum NextMessage: Sendable {
    case message(Delivery)
    /// Nothing to deliver now.
    case none(until: Milliseconds?)
}

extension Delivery {
    init(_ row: Row, _ webhook: Webhook) {
        id = row["id"]
        self.webhook = webhook
        uid = row["uid"]
        type = row["type"]
        message = row["message"]
        queuedAt = row["queued_at"]
        attempts = row["attempts"]
    }
}

extension Directory {
    /// How far ahead a retry may be. A message due later than that was written with a wrong clock, and is due now.
    package static let farthestRetry: Milliseconds = 3_600_000

    /// The next message for a webhook. A webhook's messages about one event form a queue; of the messages at the head
    /// of their queues, this is the one that has been due longest. Looks at only a few messages, however many wait.
    ///
    /// - Parameter running: the messages under way.
    package func nextMessage(
        for webhook: Webhook,
        except running: Set<Int64> = [],
        at now: Milliseconds
    ) async throws -> NextMessage {
        try await storage.read { database in
            let limit = running.count + 1
            for (condition, moment) in [("<=", now), (">", now + Self.farthestRetry)] {
                let rows = try database.rows(
                    """
                    SELECT id, uid, type, message, coalesce(requeued_at, created_at) AS queued_at, attempts
                    FROM delivery
                    WHERE webhook = ? AND is_head = 1 AND due_at \(condition) ? ORDER BY due_at, id LIMIT ?
                    """,
                    [webhook.id, moment, limit]
                )
                if let row = rows.first(where: { !running.contains($0["id"]) }) {
                    return .message(Delivery(row, webhook))
                }
            }
            return .none(
                until: try database.value(
                    "SELECT min(due_at) FROM delivery WHERE webhook = ? AND is_head = 1 AND due_at > ?",
                    [webhook.id, now],
                    as: Int64.self
                )
            )
        }
    }

    /// Records that the message has arrived.
    ///
    /// - Parameter response: the status of the answer.
    package func finish(_ delivery: Delivery, response: Int? = nil) async throws {
        let moment = now
        let webhook = delivery.webhook
        let isWell = self.webhook(webhook.id, company: webhook.company)?.failingSince != nil
        try await writer.write { [self] database, effects in
            try Self.keep(delivery, Outcome(moment: moment, hasArrived: true, response: response), database)
            guard isWell else { return }
            try database.execute(
                "UPDATE webhook SET failing_since = NULL, failures = 0, last_error = NULL WHERE id = ?",
                [webhook.id]
            )
            effects.add(.webhook(webhook.id, company: webhook.company)) { [webhookIndex] in
                webhookIndex.change(webhook.id, company: webhook.company) {
                    ($0.failingSince, $0.failures, $0.lastError) = (nil, 0, nil)
                }
            }
        }
    }

    /// Records that the message did not arrive, and when to try again.
    ///
    /// - Parameters:
    ///   - dueAt: when to try again; `nil` to give up.
    ///   - reason: why it did not arrive, worded for the company.
    ///   - response: the status of the answer; `nil` if there was none.
    package func retry(
        _ delivery: Delivery,
        at dueAt: Milliseconds?,
        reason: String,
        response: Int? = nil
    ) async throws {
        let moment = now
        let webhook = delivery.webhook
        try await writer.write { [self] database, effects in
            if let dueAt {
                try database.execute(
                    """
                    UPDATE delivery SET attempts = attempts + 1, due_at = ?, tried_at = ?, response = ?, error = ?
                    WHERE id = ?
                    """,
                    [dueAt, moment, response, reason, delivery.id]
                )
            } else {
                let outcome = Outcome(moment: moment, hasArrived: false, response: response, error: reason)
                try Self.keep(delivery, outcome, database)
            }
            try database.execute(
                """
                UPDATE webhook SET failing_since = coalesce(failing_since, ?), failures = failures + 1, last_error = ?
                WHERE id = ?
                """,
                [moment, reason, webhook.id]
            )
            effects.add(.webhook(webhook.id, company: webhook.company)) { [webhookIndex] in
                webhookIndex.change(webhook.id, company: webhook.company) {
                    $0.failingSince = $0.failingSince ?? moment
                    $0.failures += 1
                    $0.lastError = reason
                }
            }
        }
    }

    private struct Outcome {
        let moment: Milliseconds
        let hasArrived: Bool
        let response: Int?
        var error: String?
    }

    /// Gives up a message that could not be tried, or not again, since too many waited behind it.
    static func giveUp(_ delivery: Int64, of webhook: Webhook, at moment: Milliseconds, _ database: Database) throws {
        try database.execute(
            """
            INSERT INTO past_delivery (id, webhook, event, uid, type, message, folded_email, folded_user, created_at,
                attempts, tried_at, has_arrived, response, error)
            SELECT id, webhook, event, uid, type, message, folded_email, folded_user, created_at,
                attempts + earlier_attempts, coalesce(tried_at, ?), 0, response, ? FROM delivery WHERE id = ?
            """,
            [moment, "too many messages waited behind it", delivery]
        )
        try forget(delivery, of: webhook, database)
    }

    /// How many messages of a webhook that have arrived or were given up are kept.
    static let maxPastDeliveries = 1000

    /// Moves a message from those that wait to those that are over. Does nothing if it was deleted meanwhile.
    private static func keep(_ delivery: Delivery, _ outcome: Outcome, _ database: Database) throws {
        let count = try database.execute(
            """
            INSERT INTO past_delivery (id, webhook, event, uid, type, message, folded_email, folded_user, created_at,
                attempts, tried_at, has_arrived, response, error)
            SELECT id, webhook, event, uid, type, message, folded_email, folded_user, created_at,
                attempts + earlier_attempts + 1, ?, ?, ?, ? FROM delivery WHERE id = ?
            """,
            [outcome.moment, outcome.hasArrived, outcome.response, outcome.error, delivery.id]
        )
        if count > 0 { return try forget(delivery.id, of: delivery.webhook, database) }
        guard outcome.hasArrived else { return }
        // It was given up while it was under way.
        try database.execute(
            """
            UPDATE past_delivery SET has_arrived = 1, attempts = attempts + 1, tried_at = ?, response = ?, error = NULL
            WHERE id = ? AND has_arrived = 0
            """,
            [outcome.moment, outcome.response, delivery.id]
        )
    }

    /// Deletes a message that waits, and those that are over beyond those that are kept.
    private static func forget(_ delivery: Int64, of webhook: Webhook, _ database: Database) throws {
        try database.execute(
            """
            DELETE FROM past_delivery WHERE webhook = ?1 AND id <= (
                SELECT id FROM past_delivery WHERE webhook = ?1 ORDER BY id DESC LIMIT 1 OFFSET \(maxPastDeliveries)
            )
            """,
            [webhook.id]
        )
        try database.execute("DELETE FROM delivery WHERE id = ?", [delivery])
    }
}
