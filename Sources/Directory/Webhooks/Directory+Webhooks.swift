import Admission
package import Basics
import GRDB

/// A message on its way to a webhook.
package struct Delivery: Sendable {
    package let id: Int64
    package let webhook: Webhook
    /// The JSON text to send.
    package let message: String
    package let createdAt: Milliseconds
    /// How often delivery was tried.
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
        message = row["message"]
        createdAt = row["created_at"]
        attempts = row["attempts"]
    }
}

extension Directory {
    /// Creates a webhook with its own secret.
    ///
    /// - Parameter event: an event of the company; `nil` for all of them.
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
            secret: .random(),
            createdAt: now
        )
        return try await writer.write { [self] database, effects in
            try database.execute(
                sql: """
                    INSERT INTO webhook (id, company, event, type, endpoint, secret, created_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    webhook.id, company, webhook.event, type.rawValue, endpoint, webhook.secret.text,
                    webhook.createdAt,
                ]
            )
            effects.add { [webhookIndex] in webhookIndex.add(webhook) }
            return webhook
        }
    }

    /// A company's webhooks. Leaves out those of a deleted event, although their pending messages are still sent.
    package func webhooks(of company: String) -> [Webhook] {
        webhookIndex.webhooks(of: company).filter { $0.event.map { view.event($0) != nil } ?? true }
    }

    /// Every company's webhooks.
    package var allWebhooks: [Webhook] { webhookIndex.all }

    package func webhook(_ id: String, company: String) -> Webhook? {
        webhookIndex.webhooks(of: company).first { $0.id.hasSameBytes(as: id) }
    }

    /// Deletes a webhook and its pending messages. Returns false if the company has no such webhook.
    package func removeWebhook(_ id: String, company: String) async throws -> Bool {
        // Delete pending messages first, in parts, so that no write waits for all of it.
        guard try await switchWebhook(id, company: company, isOn: false) != nil else { return false }
        while try await writer.write({ database, _ in try Self.deleteMessages(of: id, database) }) {}
        return try await writer.write { [self] database, effects in
            try database.execute(sql: "DELETE FROM webhook WHERE id = ? AND company = ?", arguments: [id, company])
            guard database.changesCount > 0 else { return false }
            effects.add { [webhookIndex] in webhookIndex.remove(id, company: company) }
            return true
        }
    }

    /// Deletes some of a webhook's messages. Returns false once all are gone.
    private static func deleteMessages(of webhook: String, _ database: Database) throws -> Bool {
        let limit = 1000
        // Delete from the end of a queue, so that no message becomes its head just before it is deleted.
        try database.execute(
            sql: """
                DELETE FROM delivery WHERE id IN (
                    SELECT id FROM delivery WHERE webhook = ? ORDER BY event DESC, id DESC LIMIT \(limit)
                )
                """,
            arguments: [webhook]
        )
        return database.changesCount == limit
    }

    /// Switches a webhook on or off. Returns `nil` if the company has no such webhook.
    ///
    /// Switching it on sends all pending messages at once, even if it was on already.
    package func switchWebhook(
        _ id: String,
        company: String,
        isOn: Bool,
        by switcher: Webhook.Switcher = .api
    ) async throws -> Webhook? {
        let moment = now
        let isKnown = try await writer.write { [self] database, effects in
            try database.execute(
                sql: isOn ? Self.switchOnSQL : Self.switchOffSQL,
                arguments: isOn ? [moment, id, company] : [switcher.rawValue, moment, id, company]
            )
            guard database.changesCount > 0 else { return false }
            if isOn {
                // Messages behind the head were never tried and are due.
                try database.execute(
                    sql: "UPDATE delivery SET due_at = ? WHERE webhook = ? AND is_head = 1 AND due_at > ?",
                    arguments: [moment, id, moment]
                )
            }
            effects.add { [self] in
                webhookIndex.change(id, company: company) { webhook in
                    if isOn {
                        (webhook.disabledAt, webhook.disabledBy) = (nil, nil)
                        (webhook.enabledAt, webhook.failures) = (moment, 0)
                    } else if webhook.isEnabled {
                        (webhook.disabledAt, webhook.disabledBy) = (moment, switcher)
                    }
                }
                if isOn, let webhook = webhook(id, company: company) {
                    isSwitchedOn(webhook)
                    deliveryIsDue(to: webhook)
                }
            }
            return true
        }
        return isKnown ? webhook(id, company: company) : nil
    }

    private static let switchOnSQL = """
        UPDATE webhook SET disabled_at = NULL, disabled_by = NULL, failures = 0, enabled_at = ? WHERE id = ? AND company = ?
        """

    private static let switchOffSQL = """
        UPDATE webhook SET disabled_by = CASE WHEN disabled_at IS NULL THEN ? ELSE disabled_by END,
            disabled_at = ifnull(disabled_at, ?) WHERE id = ? AND company = ?
        """

    // MARK: Delivering

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
        try await pool.read { database in
            let limit = running.count + 1
            for (condition, moment) in [("<=", now), (">", now + Self.farthestRetry)] {
                let rows = try Row.fetchAll(
                    database.cachedStatement(
                        sql: """
                            SELECT id, message, created_at, attempts FROM delivery
                            WHERE webhook = ? AND is_head = 1 AND due_at \(condition) ? ORDER BY due_at, id LIMIT ?
                            """
                    ),
                    arguments: [webhook.id, moment, limit]
                )
                if let row = rows.first(where: { !running.contains($0["id"]) }) {
                    return .message(Delivery(row, webhook))
                }
            }
            return .none(
                until: try Int64.fetchOne(
                    database.cachedStatement(
                        sql: "SELECT min(due_at) FROM delivery WHERE webhook = ? AND is_head = 1 AND due_at > ?"
                    ),
                    arguments: [webhook.id, now]
                )
            )
        }
    }

    /// Records that the message has arrived.
    package func finish(_ delivery: Delivery) async throws {
        let webhook = delivery.webhook
        let isWell = self.webhook(webhook.id, company: webhook.company)?.failingSince != nil
        try await writer.write { [self] database, effects in
            try Self.delete(delivery, database)
            guard isWell else { return }
            try database.execute(
                sql: "UPDATE webhook SET failing_since = NULL, failures = 0, last_error = NULL WHERE id = ?",
                arguments: [webhook.id]
            )
            effects.add { [webhookIndex] in
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
    package func retry(_ delivery: Delivery, at dueAt: Milliseconds?, reason: String) async throws {
        let moment = now
        let webhook = delivery.webhook
        try await writer.write { [self] database, effects in
            if let dueAt {
                try database.cachedStatement(
                    sql: "UPDATE delivery SET attempts = attempts + 1, due_at = ? WHERE id = ?"
                ).execute(arguments: [dueAt, delivery.id])
            } else {
                try Self.delete(delivery, database)
            }
            try database.cachedStatement(
                sql: """
                    UPDATE webhook SET failing_since = ifnull(failing_since, ?), failures = failures + 1, last_error = ?
                    WHERE id = ?
                    """
            ).execute(arguments: [moment, reason, webhook.id])
            effects.add { [webhookIndex] in
                webhookIndex.change(webhook.id, company: webhook.company) {
                    $0.failingSince = $0.failingSince ?? moment
                    $0.failures += 1
                    $0.lastError = reason
                }
            }
        }
    }

    private static func delete(_ delivery: Delivery, _ database: Database) throws {
        try database.cachedStatement(sql: "DELETE FROM delivery WHERE id = ?").execute(arguments: [delivery.id])
    }

    // MARK: Announcing

    func announce(
        _ type: WebhookType,
        _ event: Event,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let data =
            [
                JSONMember("uid", .string(event.uid)), JSONMember("name", .string(event.fields.name)),
            ] + event.fields.dates
        try announce(type, company: event.company, event: event.uid, at: now, data, database, &effects)
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
            at: registration.registeredAt,
            data,
            database,
            &effects
        )
    }

    /// Queues messages for webhooks, in the same transaction as the change that they announce. All messages about one
    /// change have the same number, which grows with each change announced to the company.
    ///
    /// - Parameter moment: when it happened.
    func announce(
        _ type: WebhookType,
        company: String,
        event: String,
        at moment: Milliseconds,
        _ data: [JSONMember],
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let webhooks = webhookIndex.webhooks(of: company, type: type, event: event)
        guard !webhooks.isEmpty else { return }
        let createdAt = now
        let number = try Int64.fetchOne(
            database.cachedStatement(
                sql: """
                    INSERT INTO happening (company, last) VALUES (?, 1)
                    ON CONFLICT (company) DO UPDATE SET last = last + 1 RETURNING last
                    """
            ),
            arguments: [company]
        )
        let (email, user) = (DeliveryPeople.foldedEmail(in: data), DeliveryPeople.foldedUser(in: data))
        for webhook in webhooks {
            let message: [JSONMember] = [
                JSONMember("id", .string(UUIDText.random())), JSONMember("type", .string(type.rawValue)),
                JSONMember("timestamp", .string(Timestamp.text(moment))),
                JSONMember("sequence", .number(Double(number ?? 0))), JSONMember("companyId", .string(company)),
                JSONMember("eventId", .string(event)), JSONMember("data", .object(data)),
            ]
            // A write of the same group may have deleted the webhook, which the index does not reflect yet.
            try database.cachedStatement(
                sql: """
                    INSERT INTO delivery (webhook, event, message, created_at, due_at, folded_email, folded_user, is_head)
                    SELECT id, ?2, ?3, ?4, ?4, ?5, ?6,
                        NOT EXISTS (SELECT 1 FROM delivery WHERE webhook = ?1 AND event = ?2)
                    FROM webhook WHERE id = ?1
                    """
            ).execute(arguments: [webhook.id, event, JSONText.write(message), createdAt, email, user])
        }
        effects.add { [self] in
            for webhook in webhooks { deliveryIsDue(to: webhook) }
        }
    }
}
