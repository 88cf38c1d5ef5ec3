import Admission
import Basics

/// What is announced to many webhooks, and how much of it may wait for each.
extension Directory {
    /// Makes messages of the announcements that wait, in short writes, in turns by company. Call it at the start, and
    /// when the handler of ``onAnnouncement(_:)`` is called.
    package func spread() async throws {
        var company: String? = ""
        while let last = company {
            try Task.checkCancellation()
            company = try await writer.write { [self] database, effects in
                let next = try Self.nextAnnouncer(after: last, database)
                if let next { try spread(announcementsOf: next, database, &effects) }
                return next
            }
        }
    }

    /// The company whose turn comes after another's. Returns `nil` if no announcement waits.
    private static func nextAnnouncer(after company: String, _ database: Database) throws -> String? {
        let next = "SELECT company FROM announcement WHERE company > ? ORDER BY company LIMIT 1"
        return try database.value(next, [company]) ?? database.value(next, [""])
    }

    private func spread(
        announcementsOf company: String,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let turn = WriteTurn()
        let rows = try database.rows("SELECT * FROM announcement WHERE company = ? ORDER BY id LIMIT 100", [company])
        var told: [ExactText: Webhook] = [:]
        for row in rows {
            let announcement = Announcement(row)
            if let type = WebhookType(rawValue: announcement.type) {
                let webhooks = webhookIndex.webhooks(of: company, type: type, event: announcement.event)
                for webhook in webhooks where webhook.createdAt <= announcement.createdAt {
                    try queue(announcement, for: webhook, database, &effects)
                    told[ExactText(webhook.id)] = webhook
                }
            }
            try database.execute("DELETE FROM announcement WHERE id = ?", [row["id"] as Int64])
            if turn.isOver { break }
        }
        effects.add(told.values.map { .messages($0.id, company: company) }) { [self, told] in
            for webhook in told.values { deliveryIsDue(to: webhook) }
        }
    }

    // MARK: Backlogs

    /// The most messages of a company that wait, which its webhooks share in equal parts.
    package static let maxBacklog = 200_000
    /// The most bytes of them.
    package static let maxBacklogBytes = 256 << 20
    /// The most messages of a webhook that are given up for another one.
    private static let maxGivenUp = 1000

    /// Queues the message of an announcement for a webhook. If as many wait as may, gives up the oldest ones.
    func queue(
        _ announcement: Announcement,
        for webhook: Webhook,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let backlog = try database.row("SELECT waiting, waiting_bytes FROM webhook WHERE id = ?", [webhook.id])
        // A write of the same group may have deleted the webhook, which the index does not reflect yet.
        guard let backlog else { return }
        let uid = UUIDText.random()
        let message = announcement.message(id: uid)
        let shares = max(webhookIndex.count(of: webhook.company), 1)
        let (waiting, bytes): (Int, Int) = (backlog[0], backlog[1] + message.utf8.count)
        try giveUp(
            waiting + 1 - max(Self.maxBacklog / shares, 1),
            bytes: bytes - Self.maxBacklogBytes / shares,
            of: webhook,
            database,
            &effects
        )
        try database.execute(
            """
            INSERT INTO delivery
                (webhook, event, message, created_at, due_at, folded_email, folded_user, uid, type, is_head)
            VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8,
                iif(EXISTS (SELECT 1 FROM delivery WHERE webhook = ?1 AND event = ?2), 0, 1))
            """,
            [
                webhook.id, announcement.event, message, announcement.createdAt,
                announcement.foldedEmail, announcement.foldedUser, uid, announcement.type,
            ]
        )
    }

    /// Gives up the oldest messages of a webhook: at least so many, with at least so many bytes.
    private func giveUp(
        _ count: Int,
        bytes: Int,
        of webhook: Webhook,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        guard count > 0 || bytes > 0 else { return }
        let oldest = try database.rows(
            """
            SELECT id, octet_length(message) FROM delivery WHERE webhook = ? ORDER BY id
            LIMIT \(Self.maxGivenUp)
            """,
            [webhook.id]
        )
        var (given, freed) = (0, 0)
        for message in oldest where given < count || freed < bytes {
            try Self.giveUp(message[0], of: webhook, at: now, database)
            given += 1
            freed += message[1] as Int
        }
        effects.add { [self, given] in gaveUp(given, of: webhook) }
    }
}

/// How long a write of the gateway's own takes, so that others need not wait for it.
struct WriteTurn {
    private let end = ContinuousClock.now + .milliseconds(5)

    /// Whether to go on in another write.
    var isOver: Bool { ContinuousClock.now >= end }
}
