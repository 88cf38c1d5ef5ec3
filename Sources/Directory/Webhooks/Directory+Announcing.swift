import Admission
import Basics

extension Directory {
    func announce(
        _ type: WebhookType,
        _ event: Event,
        at moment: Milliseconds? = nil,
        with more: [JSONMember] = [],
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let data =
            [
                JSONMember("uid", .string(event.uid)), JSONMember("name", .string(event.fields.name)),
            ] + event.fields.dates
        try announce(
            type,
            company: event.company,
            event: event.uid,
            at: moment ?? now,
            data + more,
            database,
            &effects
        )
    }

    /// - Parameter moment: when it happened.
    func announce(
        _ type: WebhookType,
        _ registration: Registration,
        of event: Event,
        at moment: Milliseconds,
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let data = [
            JSONMember("registrationId", .string(registration.uid)), JSONMember("name", .string(registration.name)),
            JSONMember("email", .string(registration.email)), JSONMember("metadata", .object(registration.metadata)),
            JSONMember("registeredAt", .string(Timestamp.text(registration.registeredAt))),
        ]
        try announce(
            type,
            company: event.company,
            event: event.uid,
            at: moment,
            data,
            database,
            &effects
        )
    }

    /// Queues messages for webhooks, in the same transaction as the change that they announce. All messages about one
    /// change have the same number, which grows with each change announced to the company.
    ///
    /// What would make many messages of few changes is noted once, and becomes messages in writes of its own: see
    /// ``spread()``.
    ///
    /// - Parameters:
    ///   - moment: when it happened.
    ///   - values: the values of ``Payload/members(of:)``, in any order.
    func announce(
        _ type: WebhookType,
        company: String,
        event: String,
        at moment: Milliseconds,
        _ values: [JSONMember],
        _ database: Database,
        _ effects: inout Writer.Effects
    ) throws {
        let webhooks = webhookIndex.webhooks(of: company, type: type, event: event)
        guard !webhooks.isEmpty else { return }
        let data = Payload.data(Payload.members(of: type), values)
        let number = try database.value(
            """
            INSERT INTO happening (company, last) VALUES (?, 1)
            ON CONFLICT (company) DO UPDATE SET last = happening.last + 1 RETURNING last
            """,
            [company],
            as: Int64.self
        )
        let message: [JSONMember] = [
            JSONMember("type", .string(type.rawValue)), JSONMember("timestamp", .string(Timestamp.text(moment))),
            JSONMember("sequence", .number(Double(number ?? 0))), JSONMember("companyId", .string(company)),
            JSONMember("eventId", .string(event)), JSONMember("data", .object(data)),
        ]
        let announcement = Announcement(
            company: company,
            event: event,
            type: type.rawValue,
            message: JSONText.write(message),
            createdAt: now,
            foldedEmail: DeliveryPeople.foldedEmail(in: data),
            foldedUser: DeliveryPeople.foldedUser(in: data)
        )
        effects.copies += webhooks.count - 1
        if try effects.copies > Self.maxCopies || Announcement.waits(of: company, database) {
            try announcement.insert(database)
            effects.add(.announcements) { [self] in announcementWaits() }
        } else {
            for webhook in webhooks { try queue(announcement, for: webhook, database, &effects) }
            effects.add(webhooks.map { .messages($0.id, company: company) }) { [self] in
                for webhook in webhooks { deliveryIsDue(to: webhook) }
            }
        }
    }

    /// The most messages of one write beyond the first one of each change. With one webhook there are none.
    private static let maxCopies = 100

    /// The message that tries out a webhook. It is not stored.
    package func testMessage(for webhook: Webhook) -> Delivery {
        let (moment, uid, type) = (now, UUIDText.random(), "webhook.test")
        let message: [JSONMember] = [
            JSONMember("id", .string(uid)), JSONMember("type", .string(type)),
            JSONMember("timestamp", .string(Timestamp.text(moment))), JSONMember("sequence", .number(0)),
            JSONMember("companyId", .string(webhook.company)),
            JSONMember("eventId", webhook.event.map(JSONValue.string) ?? .null),
            JSONMember("data", .object(Payload.data(Payload.test, [JSONMember("webhookId", .string(webhook.id))]))),
        ]
        return Delivery(
            id: 0,
            webhook: webhook,
            uid: uid,
            type: type,
            message: JSONText.write(message),
            queuedAt: moment,
            attempts: 0
        )
    }
}
