package import Admission
import GRDB
import JOSE
import Synchronization

/// What webhooks tell of.
package enum WebhookType: String, Sendable, CaseIterable {
    case registrationCreated = "registration.created"
    case sessionJoined = "session.joined"
    case sessionLeft = "session.left"
    case sessionReplaced = "session.replaced"
    case viewerRemoved = "viewer.removed"
    case eventCreated = "event.created"
    case eventUpdated = "event.updated"
    case eventDeleted = "event.deleted"
}

/// Where a company wants to be told of something.
package struct Webhook: Sendable, Equatable {
    package let id: String
    package let company: String
    package let type: WebhookType
    package let endpoint: String
    /// Of this event only; nil: of every event of the company.
    package let event: String?
    /// Signs what is delivered.
    package let secret: String
    package let createdAt: Milliseconds
    /// Since when its endpoint has failed without a success; nil: it has not.
    package var failingSince: Milliseconds?
    /// How often it has failed without a success, since it was last switched on.
    package var failures = 0
    /// Why the last attempt failed, in words for the company; nil: since the last success none has.
    package var lastError: String?
    /// When it was last switched on by a call; nil: it never was.
    package var enabledAt: Milliseconds?
    /// When it was switched off: it is told of nothing, and what waited for it goes on waiting; nil: it is on.
    package var disabledAt: Milliseconds?
    /// Nil where it is on, or an earlier version has switched it off.
    package var disabledBy: Switcher?

    /// What has switched a webhook off.
    package enum Switcher: String, Sendable, CaseIterable {
        case api
        /// Its endpoint has failed for too long.
        case failures
    }

    package var isEnabled: Bool { disabledAt == nil }
}

/// All webhooks by company, so that a write for a company that has none asks the database for nothing.
final class WebhookIndex: Sendable {
    private let webhooks = Mutex<[ExactText: [Webhook]]>([:])

    func load(from pool: DatabasePool) throws {
        let all = try pool.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM webhook ORDER BY created_at, id").compactMap(Webhook.init)
        }
        webhooks.withLock { $0 = Dictionary(grouping: all, by: { ExactText($0.company) }) }
    }

    func add(_ webhook: Webhook) { webhooks.withLock { $0[ExactText(webhook.company), default: []].append(webhook) } }

    func remove(_ id: String, company: String) {
        webhooks.withLock { $0[ExactText(company)]?.removeAll { $0.id.hasSameBytes(as: id) } }
    }

    func change(_ id: String, company: String, _ change: (inout Webhook) -> Void) {
        let company = ExactText(company)
        webhooks.withLock { webhooks in
            guard let index = webhooks[company]?.firstIndex(where: { $0.id.hasSameBytes(as: id) }) else { return }
            if var webhook = webhooks[company]?[index] {
                change(&webhook)
                webhooks[company]?[index] = webhook
            }
        }
    }

    func webhooks(of company: String) -> [Webhook] { webhooks.withLock { $0[ExactText(company)] ?? [] } }

    var all: [Webhook] { webhooks.withLock { $0.values.flatMap { $0 } } }

    /// Those that are to be told of something that happened in an event.
    func webhooks(of company: String, type: WebhookType, event: String) -> [Webhook] {
        webhooks(of: company).filter { $0.isEnabled && $0.type == type && ($0.event?.hasSameBytes(as: event) ?? true) }
    }

    var isEmpty: Bool { webhooks.withLock { $0.isEmpty } }
}

extension Webhook {
    /// Nil for a type that this version does not know.
    init?(_ row: Row) {
        guard let type = WebhookType(rawValue: row["type"]) else { return nil }
        id = row["id"]
        company = row["company"]
        self.type = type
        endpoint = row["endpoint"]
        event = row["event"]
        secret = row["secret"]
        createdAt = row["created_at"]
        failingSince = row["failing_since"]
        failures = row["failures"]
        lastError = row["last_error"]
        enabledAt = row["enabled_at"]
        disabledAt = row["disabled_at"]
        disabledBy = (row["disabled_by"] as String?).flatMap(Switcher.init(rawValue:))
    }
}
