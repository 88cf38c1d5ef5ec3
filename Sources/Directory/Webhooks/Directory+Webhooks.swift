package import Admission
import GRDB
import JOSE

/// A message on its way to a webhook.
package struct Delivery: Sendable {
    package let id: Int64
    package let webhook: Webhook
    /// The JSON text that is sent.
    package let message: String
    package let createdAt: Milliseconds
    /// How often it was tried.
    package let attempts: Int
}

extension Directory {
    /// Makes a webhook, with a secret of its own.
    ///
    /// - Parameter event: an event of the company; nil: all of them.
    package func createWebhook(
        _ type: WebhookType,
        endpoint: String,
        event: String?,
        company: String
    ) async throws -> Webhook {
        let webhook = Webhook(
            id: UUIDText.random(),
            company: company,
            type: type,
            endpoint: endpoint,
            event: event,
            secret: "whsec_" + String(decoding: Base64URL.encode(SystemRandom.bytes(32).span), as: UTF8.self),
            createdAt: now
        )
        return try await writer.write { [self] database, effects in
            try database.execute(
                sql: """
                    INSERT INTO webhook (id, company, event, type, endpoint, secret, created_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    webhook.id, company, webhook.event, type.rawValue, endpoint, webhook.secret, webhook.createdAt,
                ]
            )
            effects.add { [webhookIndex] in webhookIndex.add(webhook) }
            return webhook
        }
    }

    package func webhooks(of company: String) -> [Webhook] { webhookIndex.webhooks(of: company) }

    /// Deletes a webhook and what was still to be delivered to it. False where the company has no such webhook.
    package func removeWebhook(_ id: String, company: String) async throws -> Bool {
        try await writer.write { [self] database, effects in
            try database.execute(sql: "DELETE FROM webhook WHERE id = ? AND company = ?", arguments: [id, company])
            guard database.changesCount > 0 else { return false }
            effects.add { [webhookIndex] in webhookIndex.remove(id, company: company) }
            return true
        }
    }

    /// How far ahead a retry may be. What is due later than that was written while the clock was wrong, and is due now.
    package static let farthestRetry: Milliseconds = 3_600_000

    /// The next message of each row of messages, where it is due: a webhook's messages of one event go out in order.
    ///
    /// - Parameter webhooks: ids of webhooks whose messages are left out.
    package func dueDeliveries(
        at now: Milliseconds,
        limit: Int,
        except webhooks: Set<String> = []
    ) async throws -> [Delivery] {
        let excluded = JSONText.write(webhooks.sorted())
        return try await pool.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT delivery.id AS delivery_id, message, delivery.created_at AS delivery_created_at, attempts,
                        webhook.*
                    FROM delivery JOIN webhook ON webhook.id = delivery.webhook
                    WHERE delivery.id IN (\(Self.headsOfRows)) AND (due_at <= ? OR due_at > ?)
                    AND delivery.webhook NOT IN (SELECT value FROM json_each(?))
                    ORDER BY delivery.id LIMIT ?
                    """,
                arguments: [now, now + Self.farthestRetry, excluded, limit]
            ).compactMap { row in
                guard let webhook = Webhook(row) else { return nil }
                return Delivery(
                    id: row["delivery_id"],
                    webhook: webhook,
                    message: row["message"],
                    createdAt: row["delivery_created_at"],
                    attempts: row["attempts"]
                )
            }
        }
    }

    /// When the next message is due after `moment`; nil: none is. Those that wait for another one in their row do not
    /// count.
    package func nextDelivery(after moment: Milliseconds = .min) async throws -> Milliseconds? {
        try await pool.read { database in
            try Int64.fetchOne(
                database,
                sql: "SELECT min(due_at) FROM delivery WHERE id IN (\(Self.headsOfRows)) AND due_at > ?",
                arguments: [moment]
            )
        }
    }

    private static let headsOfRows = "SELECT min(id) FROM delivery GROUP BY webhook, event"

    /// The message arrived, or has been given up.
    package func finish(_ delivery: Delivery) async throws {
        try await writer.write { database, _ in
            try database.execute(sql: "DELETE FROM delivery WHERE id = ?", arguments: [delivery.id])
        }
    }

    /// The message did not arrive, and is to be tried again.
    package func retry(_ delivery: Delivery, at dueAt: Milliseconds) async throws {
        try await writer.write { database, _ in
            try database.execute(
                sql: "UPDATE delivery SET attempts = attempts + 1, due_at = ? WHERE id = ?",
                arguments: [dueAt, delivery.id]
            )
        }
    }

    // MARK: What is told

    func announce(
        _ type: WebhookType,
        _ event: Event,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let data = [
            JSONMember("uid", .string(event.uid)), JSONMember("name", .string(event.fields.name)),
            JSONMember("startDate", .string(Timestamp.text(event.fields.startsAt))),
            JSONMember("endDate", .string(Timestamp.text(event.fields.endsAt))),
        ]
        try announce(type, company: event.company, event: event.uid, data, database, &effects)
    }

    func announce(
        _ registration: Registration,
        of event: Event,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let data = [
            JSONMember("registrationId", .string(registration.uid)), JSONMember("name", .string(registration.name)),
            JSONMember("email", .string(registration.email)), JSONMember("metadata", .object(registration.metadata)),
            JSONMember("registeredAt", .string(Timestamp.text(registration.registeredAt))),
        ]
        try announce(
            .registrationCreated,
            company: event.company,
            event: event.uid,
            data,
            database,
            &effects
        )
    }

    /// Writes what webhooks are to be told, in the transaction of what it tells of.
    func announce(
        _ type: WebhookType,
        company: String,
        event: String,
        _ data: [JSONMember],
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let webhooks = webhookIndex.webhooks(of: company, type: type, event: event)
        guard !webhooks.isEmpty else { return }
        let createdAt = now
        for webhook in webhooks {
            let message: [JSONMember] = [
                JSONMember("id", .string(UUIDText.random())), JSONMember("type", .string(type.rawValue)),
                JSONMember("createdAt", .string(Timestamp.text(createdAt))), JSONMember("companyId", .string(company)),
                JSONMember("eventId", .string(event)), JSONMember("data", .object(data)),
            ]
            // A write of the same group may have deleted the webhook, which the index does not know yet.
            try database.cachedStatement(
                sql: """
                    INSERT INTO delivery (webhook, event, message, created_at, due_at)
                    SELECT id, ?, ?, ?, ? FROM webhook WHERE id = ?
                    """
            ).execute(arguments: [event, JSONText.write(message), createdAt, createdAt, webhook.id])
        }
        effects.add { [self] in deliveryIsDue() }
    }
}
