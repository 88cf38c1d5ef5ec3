import Admission
package import Basics

/// How long ended and removed data is kept.
package struct Retention: Sendable {
    package var stays: Milliseconds
    /// For registrations and events, counted from their removal.
    package var removed: Milliseconds
    /// For messages that did not arrive, and for those that are over, counted from their last attempt.
    package var webhooks: Milliseconds

    package init(stays: Milliseconds, removed: Milliseconds, webhooks: Milliseconds) {
        self.stays = stays
        self.removed = removed
        self.webhooks = webhooks
    }
}

/// How much a purge deleted.
package struct Purge: Sendable, Equatable {
    package var stays = 0
    package var registrations = 0
    package var events = 0
    package var messages = 0
    /// Removals that have ended.
    package var removals = 0
    /// Calls that may no longer be repeated.
    package var calls = 0

    package var isEmpty: Bool { self == Purge() }
}

extension Directory {
    /// Deletes what was kept for long enough, in parts, so that no write waits for all of it.
    ///
    /// Keeps the uid and company of a removed event, and the uid of a removed registration, so that their tokens stay
    /// refused.
    ///
    /// - Returns: `nil` while the time of day is not trusted; then nothing is deleted. See ``ClockNews``.
    package func purge(_ retention: Retention) async throws -> Purge? {
        try await beat()
        guard pulse.isTrusted else { return nil }
        let now = now
        let removed = now - retention.removed
        var purge = Purge()
        purge.stays = try await inParts(
            """
            DELETE FROM stay WHERE id IN (SELECT id FROM stay WHERE left_at < ? ORDER BY left_at LIMIT \(Self.part))
            """,
            [now - retention.stays]
        )
        try await purgeAttendance(before: now - retention.stays)
        // Ids grow with time, so the oldest come first.
        purge.messages = try await inParts(
            """
            DELETE FROM delivery WHERE coalesce(requeued_at, created_at) < ?
                AND id IN (SELECT id FROM delivery ORDER BY id LIMIT \(Self.part))
            """,
            [now - retention.webhooks]
        )
        purge.messages += try await inParts(
            """
            DELETE FROM past_delivery WHERE id IN (
                SELECT id FROM past_delivery WHERE tried_at < ? ORDER BY tried_at LIMIT \(Self.part)
            )
            """,
            [now - retention.webhooks]
        )
        try await purgeFormerSecrets(at: now)
        purge.registrations = try await inParts(
            """
            UPDATE registration SET name = '', email = '', folded_email = uid, metadata = '{}' WHERE id IN (
                SELECT id FROM registration WHERE removed_at IS NOT NULL AND name <> '' AND removed_at < ?
                LIMIT \(Self.part)
            )
            """,
            [removed]
        )
        while let (id, company, uid) = try await removedEvent(before: removed) {
            // The event itself refuses their tokens.
            purge.registrations += try await inParts(
                "DELETE FROM registration WHERE id IN (SELECT id FROM registration WHERE event = ? LIMIT \(Self.part))",
                [id]
            )
            purge.stays += try await purgeAttendance(of: uid, company: company)
            purge.events += try await inParts(
                """
                UPDATE event SET name = '', creator = '', picture = NULL, presenters = '[]', organizers = '[]',
                    metadata = '{}', extras = '{}', page = '{}', networking_hub = NULL WHERE id = ? AND name <> ''
                """,
                [id]
            )
        }
        purge.removals = try await purgeRemovals(at: now)
        purge.calls = try await inParts(
            """
            DELETE FROM named_call WHERE id IN (
                SELECT id FROM named_call WHERE made_at < ? ORDER BY made_at LIMIT \(Self.part)
            )
            """,
            [now - Self.namedCallLifetime]
        )
        try await removeWebhooksOfRemovedEvents(before: now - Self.lastWord)
        try await purgeCompanies(removedBefore: now - max(retention.removed, retention.stays))
        return purge
    }

    /// How long after an event's deletion its webhooks may still be told about it, for example because sessions end.
    private static let lastWord: Milliseconds = 3_600_000

    private func removeWebhooksOfRemovedEvents(before moment: Milliseconds) async throws {
        let over = try await storage.read { database in
            try database.rows(
                """
                SELECT webhook.id, webhook.company FROM webhook JOIN event ON event.uid = webhook.event
                WHERE event.removed_at < ? AND NOT EXISTS (SELECT 1 FROM delivery WHERE webhook = webhook.id)
                """,
                [moment]
            ).map { (id: $0[0] as String, company: $0[1] as String) }
        }
        for webhook in over { _ = try await removeWebhook(webhook.id, company: webhook.company) }
    }

    /// The most rows that one write deletes.
    static let part = 500

    private func removedEvent(before moment: Milliseconds) async throws -> (Int64, String, String)? {
        try await storage.read { database in
            try database.row(
                """
                SELECT id, company, uid FROM event WHERE removed_at IS NOT NULL AND name <> '' AND removed_at < ? LIMIT 1
                """,
                [moment]
            ).map { ($0[0], $0[1], $0[2]) }
        }
    }

    /// Runs a statement until it changes less than a part. Returns the total number of changed rows.
    func inParts(_ sql: String, _ arguments: [any Storable]) async throws -> Int {
        var count = 0
        while true {
            try Task.checkCancellation()
            let changed = try await writer.write { database, _ in
                try database.execute(sql, Arguments(arguments))
            }
            count += changed
            if changed < Self.part { return count }
        }
    }
}
