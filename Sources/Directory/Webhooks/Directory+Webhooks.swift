import Admission
package import Basics

extension Directory {
    /// Creates a webhook with its own secret.
    ///
    /// - Parameters:
    ///   - types: at least one, each once.
    ///   - event: an event of the company; `nil` for all of them.
    package func createWebhook(
        _ types: [WebhookType],
        endpoint: String,
        event: String?,
        company: String
    ) async throws -> Webhook {
        let webhook = Webhook(
            id: UUIDText.random(),
            company: company,
            types: types,
            endpoint: endpoint,
            event: event,
            secret: .random(),
            createdAt: now
        )
        return try await writer.write { [self] database, effects in
            try Self.checkIsThere(company, database)
            try database.execute(
                """
                INSERT INTO webhook (id, company, event, types, endpoint, secret, created_at)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    webhook.id, company, webhook.event, WebhookType.text(types), endpoint, webhook.secret.text,
                    webhook.createdAt,
                ]
            )
            effects.add(.webhook(webhook.id, company: company)) { [webhookIndex] in webhookIndex.add(webhook) }
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
            let count = try database.execute("DELETE FROM webhook WHERE id = ? AND company = ?", [id, company])
            guard count > 0 else { return false }
            effects.add(.webhook(id, company: company)) { [webhookIndex] in
                webhookIndex.remove(id, company: company)
            }
            return true
        }
    }

    /// Deletes some of a webhook's messages. Returns false once all are gone.
    private static func deleteMessages(of webhook: String, _ database: Database) throws -> Bool {
        let limit = 1000
        // Delete from the end of a queue, so that no message becomes its head just before it is deleted.
        return try database.execute(
            """
            DELETE FROM delivery WHERE id IN (
                SELECT id FROM delivery WHERE webhook = ? ORDER BY event DESC, id DESC LIMIT \(limit)
            )
            """,
            [webhook]
        ) == limit
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
        try await changeWebhook(id, company: company, WebhookChange(isOn: isOn), by: switcher)
    }

    /// Changes a webhook. Returns `nil` if the company has no such webhook.
    ///
    /// Pending messages are sent at once if it is switched on, or to another endpoint if it is on.
    package func changeWebhook(
        _ id: String,
        company: String,
        _ change: WebhookChange,
        by switcher: Webhook.Switcher = .api
    ) async throws -> Webhook? {
        let moment = now
        let isKnown = try await writer.write { [self] database, effects in
            guard try Self.hasWebhook(id, company, database) else { return false }
            let isMoved = try Self.store(change, of: id, database)
            if let isOn = change.isOn {
                try database.execute(
                    isOn ? Self.switchOnSQL : Self.switchOffSQL,
                    isOn ? [moment, id, company] : [switcher.rawValue, moment, id, company]
                )
            }
            let hastens = change.isOn ?? isMoved
            if hastens {
                // Messages behind the head were never tried and are due.
                try database.execute(
                    "UPDATE delivery SET due_at = ? WHERE webhook = ? AND is_head = 1 AND due_at > ?",
                    [moment, id, moment]
                )
            }
            let changes: [Change] = [.webhook(id, company: company)]
            effects.add(changes + (hastens ? [.switched(id, company: company)] : [])) { [self] in
                webhookIndex.change(id, company: company) { webhook in
                    webhook.apply(change, isMoved: isMoved, by: switcher, at: moment)
                }
                if hastens, let webhook = webhook(id, company: company) {
                    isSwitchedOn(webhook)
                    deliveryIsDue(to: webhook)
                }
            }
            return true
        }
        return isKnown ? webhook(id, company: company) : nil
    }

    /// Stores all but ``WebhookChange/isOn``. Returns whether the endpoint is another one, of whose health nothing is
    /// known.
    private static func store(_ change: WebhookChange, of id: String, _ database: Database) throws -> Bool {
        if let types = change.types {
            try database.execute("UPDATE webhook SET types = ? WHERE id = ?", [WebhookType.text(types), id])
        }
        if let event = change.event {
            try database.execute("UPDATE webhook SET event = ? WHERE id = ?", [event, id])
        }
        guard let endpoint = change.endpoint else { return false }
        return try database.execute(
            """
            UPDATE webhook SET endpoint = ?1, failing_since = NULL, failures = 0, last_error = NULL
            WHERE id = ?2 AND endpoint <> ?1
            """,
            [endpoint, id]
        ) > 0
    }

    static func hasWebhook(_ id: String, _ company: String, _ database: Database) throws -> Bool {
        try database.value(
            "SELECT EXISTS (SELECT 1 FROM webhook WHERE id = ? AND company = ?)",
            [id, company],
            as: Bool.self
        ) ?? false
    }

    /// How many secrets before the present one may sign at a time.
    package static let maxFormerSecrets = 3
    /// How long a secret signs after it was replaced.
    private static let farewell: Milliseconds = 24 * 3_600_000

    /// Gives a webhook another secret. Each of those before it signs too for a day after it was replaced.
    package func rotateSecret(of id: String, company: String) async throws -> RotationOutcome {
        let (now, secret) = (now, WebhookSecret.random())
        let expiresAt = now + Self.farewell
        let refusal: RotationOutcome? = try await writer.write { [self] database, effects in
            guard try Self.hasWebhook(id, company, database) else { return .unknown }
            let others = try database.values(
                "SELECT until FROM former_secret WHERE webhook = ? AND until > ? ORDER BY until",
                [id, now],
                as: Int64.self
            )
            if others.count >= Self.maxFormerSecrets, let first = others.first { return .full(until: first) }
            try database.execute(
                """
                INSERT INTO former_secret (webhook, secret, until) SELECT id, secret, ? FROM webhook WHERE id = ?
                """,
                [expiresAt, id]
            )
            try database.execute("UPDATE webhook SET secret = ? WHERE id = ?", [secret.text, id])
            effects.add(.webhook(id, company: company)) { [webhookIndex] in
                webhookIndex.change(id, company: company) { webhook in
                    let former = Webhook.FormerSecret(secret: webhook.secret, expiresAt: expiresAt)
                    webhook.formers = [former] + webhook.formers.filter { $0.expiresAt > now }
                    webhook.secret = secret
                }
            }
            return nil
        }
        return refusal ?? webhook(id, company: company).map { .rotated($0) } ?? .unknown
    }

    /// Deletes secrets that no longer sign.
    func purgeFormerSecrets(at now: Milliseconds) async throws {
        try await writer.write { [self] database, effects in
            let over = try database.rows(
                """
                DELETE FROM former_secret WHERE until <= ?
                RETURNING webhook, (SELECT company FROM webhook WHERE id = former_secret.webhook)
                """,
                [now]
            ).map { (id: $0[0] as String, company: $0[1] as String) }
            effects.add(over.map { .webhook($0.id, company: $0.company) }) { [webhookIndex] in
                for webhook in over {
                    webhookIndex.change(webhook.id, company: webhook.company) { webhook in
                        webhook.formers.removeAll { $0.expiresAt <= now }
                    }
                }
            }
        }
    }

    private static let switchOnSQL = """
        UPDATE webhook SET disabled_at = NULL, disabled_by = NULL, failures = 0, enabled_at = ? WHERE id = ? AND company = ?
        """

    private static let switchOffSQL = """
        UPDATE webhook SET disabled_by = CASE WHEN disabled_at IS NULL THEN ? ELSE disabled_by END,
            disabled_at = coalesce(disabled_at, ?) WHERE id = ? AND company = ?
        """
}

/// The result of giving a webhook another secret.
package enum RotationOutcome: Sendable {
    /// The webhook with the new secret.
    case rotated(Webhook)
    /// As many secrets before the present one sign as may; the first of them until then.
    case full(until: Milliseconds)
    /// The company has no such webhook.
    case unknown
}

extension Webhook {
    /// - Parameter isMoved: whether the endpoint is another one.
    fileprivate mutating func apply(
        _ change: WebhookChange,
        isMoved: Bool,
        by switcher: Switcher,
        at moment: Milliseconds
    ) {
        endpoint = change.endpoint ?? endpoint
        types = change.types ?? types
        event = change.event ?? event
        if isMoved { (failingSince, failures, lastError) = (nil, 0, nil) }
        switch change.isOn {
        case true?:
            (disabledAt, disabledBy) = (nil, nil)
            (enabledAt, failures) = (moment, 0)
        case false? where isEnabled: (disabledAt, disabledBy) = (moment, switcher)
        case false?, nil: break
        }
    }
}
