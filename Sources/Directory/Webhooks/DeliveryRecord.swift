package import Basics

/// What became of a message to a webhook.
package struct DeliveryRecord: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable {
        /// It waits for its first or next attempt.
        case pending
        case delivered
        /// It was given up.
        case failed
    }

    /// Grows with each message.
    let row: Int64
    /// The message's own id.
    package let uid: String
    package let type: String
    package let event: String
    package let status: Status
    /// When it was first queued.
    package let createdAt: Milliseconds
    /// All of them, also those before it was delivered again.
    package let attempts: Int
    /// The last attempt; `nil` if there was none.
    package let triedAt: Milliseconds?
    /// The status of the last answer; `nil` if there was none.
    package let response: Int?
    /// Why the last attempt failed, worded for the company.
    package let error: String?
    /// When it is tried next, at the earliest; `nil` if it is over.
    package let dueAt: Milliseconds?
    /// Whether it waits until an older one of its event is over.
    package let isBehind: Bool
}

/// A page of a webhook's messages.
package struct DeliveryPage: Sendable {
    package let deliveries: [DeliveryRecord]
    /// How many there are on all pages.
    package let total: Int
    /// Where the list continues; `nil` at its end.
    package let next: Int64?
}

extension Directory {
    /// A webhook's messages, latest first: those that wait, and those that are kept. Returns `nil` if the company has no
    /// such webhook.
    ///
    /// - Parameter before: the `next` of the previous page.
    package func deliveries(
        to webhook: String,
        company: String,
        status: DeliveryRecord.Status?,
        limit: Int,
        before: Int64?
    ) async throws -> DeliveryPage? {
        try await storage.read { database in
            guard try Self.hasWebhook(webhook, company, database) else { return nil }
            var (found, total): ([DeliveryRecord], Int) = ([], 0)
            func add(
                from table: String,
                _ condition: String,
                count: String,
                _ record: (Row) -> DeliveryRecord
            ) throws {
                found += try database.rows(
                    "SELECT * FROM \(table) WHERE webhook = ? AND id < ? \(condition) ORDER BY id DESC LIMIT ?",
                    [webhook, before ?? .max, limit + 1]
                ).map(record)
                total += try database.value(count, [webhook], as: Int.self) ?? 0
            }
            if status == nil || status == .pending {
                let count = "SELECT waiting FROM webhook WHERE id = ?"
                try add(from: "delivery", "", count: count) { DeliveryRecord(waiting: $0) }
            }
            if status != .pending {
                let condition =
                    switch status {
                    case .delivered: "AND has_arrived = 1"
                    case .failed: "AND has_arrived = 0"
                    case .pending, nil: ""
                    }
                let count = "SELECT count(*) FROM past_delivery WHERE webhook = ? \(condition)"
                try add(from: "past_delivery", condition, count: count) { DeliveryRecord(past: $0) }
            }
            found.sort { $0.row > $1.row }
            let page = Array(found.prefix(limit))
            return DeliveryPage(deliveries: page, total: total, next: found.count > limit ? page.last?.row : nil)
        }
    }

    /// Delivers a message again, under the same id, behind those that wait; one that waits is tried at once. Returns
    /// `nil` if the company's webhook has no such message.
    package func redeliver(_ uid: String, to webhook: String, company: String) async throws -> DeliveryRecord? {
        let moment = now
        return try await writer.write { [self] database, effects in
            guard try Self.hasWebhook(webhook, company, database) else { return nil }
            let row =
                try Self.hasten(uid, to: webhook, at: moment, database)
                ?? Self.requeue(uid, to: webhook, at: moment, database)
            guard let row else { return nil }
            effects.add(.switched(webhook, company: company)) { [self] in
                guard let webhook = self.webhook(webhook, company: company) else { return }
                // The company thinks that its endpoint works: it need not rest.
                isSwitchedOn(webhook)
                deliveryIsDue(to: webhook)
            }
            return DeliveryRecord(waiting: row)
        }
    }

    private static func hasten(_ uid: String, to webhook: String, at moment: Milliseconds, _ database: Database)
        throws -> Row?
    {
        try database.row(
            "UPDATE delivery SET due_at = iif(due_at > ?1, ?1, due_at) WHERE uid = ?2 AND webhook = ?3 RETURNING *",
            [moment, uid, webhook]
        )
    }

    private static func requeue(_ uid: String, to webhook: String, at moment: Milliseconds, _ database: Database)
        throws -> Row?
    {
        let past = try database.row(
            "DELETE FROM past_delivery WHERE webhook = ? AND uid = ? RETURNING *",
            [webhook, uid]
        )
        guard let past else { return nil }
        return try database.row(
            """
            INSERT INTO delivery
                (webhook, event, uid, type, message, folded_email, folded_user, requeued_at, due_at, is_head,
                created_at, earlier_attempts, tried_at, response, error)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8,
                iif(EXISTS (SELECT 1 FROM delivery WHERE webhook = ?1 AND event = ?2), 0, 1), ?9, ?10, ?11, ?12, ?13)
            RETURNING *
            """,
            [
                webhook, past["event"] as String, uid, past["type"] as String, past["message"] as String,
                past["folded_email"] as String?, past["folded_user"] as String?, moment,
                past["created_at"] as Milliseconds, past["attempts"] as Int, past["tried_at"] as Milliseconds,
                past["response"] as Int?, past["error"] as String?,
            ]
        )
    }
}

extension DeliveryRecord {
    fileprivate init(waiting row: Row) {
        self.init(row, .pending, attempts: row["attempts"] + row["earlier_attempts"], dueAt: row["due_at"])
    }

    fileprivate init(past row: Row) {
        self.init(row, row["has_arrived"] ? .delivered : .failed, attempts: row["attempts"], dueAt: nil)
    }

    private init(_ row: Row, _ status: Status, attempts: Int, dueAt: Milliseconds?) {
        self.init(
            row: row["id"],
            uid: row["uid"],
            type: row["type"],
            event: row["event"],
            status: status,
            createdAt: row["created_at"],
            attempts: attempts,
            triedAt: attempts > 0 ? row["tried_at"] : nil,
            response: row["response"],
            error: row["error"],
            dueAt: dueAt,
            isBehind: dueAt != nil && !(row["is_head"] as Bool)
        )
    }
}
