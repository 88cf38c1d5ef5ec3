import Admission
package import Basics
import Synchronization

/// What a webhook announces.
package enum WebhookType: String, Sendable, CaseIterable {
    case registrationCreated = "registration.created"
    case registrationUpdated = "registration.updated"
    case registrationCancelled = "registration.cancelled"
    case sessionJoined = "session.joined"
    case sessionLeft = "session.left"
    case sessionReplaced = "session.replaced"
    case viewerRemoved = "viewer.removed"
    case roleChanged = "role.changed"
    case eventCreated = "event.created"
    case eventUpdated = "event.updated"
    case eventDeleted = "event.deleted"
    case eventStarted = "event.started"
    case eventEnded = "event.ended"

    /// Reads what ``text(_:)`` wrote. Leaves out types that this version does not know.
    static func list(_ text: String) -> [WebhookType] {
        text.utf8.split(separator: UInt8(ascii: " ")).compactMap { WebhookType(rawValue: String(Substring($0))) }
    }

    /// The stored form of several types.
    static func text(_ types: [WebhookType]) -> String { types.map(\.rawValue).joined(separator: " ") }
}

/// An endpoint that a company wants to be notified at.
package struct Webhook: Sendable, Equatable {
    package let id: String
    package let company: String
    /// What it announces: at least one, each once.
    package var types: [WebhookType]
    package var endpoint: String
    /// Announces this event only; `nil` for every event of the company.
    package var event: String?
    /// Signs the deliveries.
    package var secret: WebhookSecret
    /// The secrets before it, each of which signs too for a while; the latest first.
    package var formers: [FormerSecret] = []
    package let createdAt: Milliseconds
    /// When its endpoint began to fail without a success since; `nil` if it works.
    package var failingSince: Milliseconds?
    /// Failures without a success since it was last switched on.
    package var failures = 0
    /// Why the last attempt failed, worded for the company; `nil` if none has failed since the last success.
    package var lastError: String?
    /// When it was last switched on by a call; `nil` if never.
    package var enabledAt: Milliseconds?
    /// When it was switched off; `nil` if it is on. While off, it gets no new messages and its pending ones keep
    /// waiting.
    package var disabledAt: Milliseconds?
    /// `nil` if it is on, or if an earlier version switched it off.
    package var disabledBy: Switcher?

    /// What switched a webhook off.
    package enum Switcher: String, Sendable, CaseIterable {
        case api
        /// Its endpoint failed for too long.
        case failures
        /// Its endpoint answered that it is gone for good.
        case gone
    }

    package struct FormerSecret: Sendable, Equatable {
        let secret: WebhookSecret
        package let expiresAt: Milliseconds
    }

    package var isEnabled: Bool { disabledAt == nil }

    /// What to sign with, the present secret first.
    package func secrets(at now: Milliseconds) -> [WebhookSecret] {
        [secret] + formers.filter { $0.expiresAt > now }.map(\.secret)
    }

    /// Until when a secret before the present one signs too. Returns `nil` if none does.
    package func formersExpire(at now: Milliseconds) -> Milliseconds? {
        formers.map(\.expiresAt).filter { $0 > now }.max()
    }
}

/// What to change about a webhook. What is `nil` stays as it is.
package struct WebhookChange: Sendable {
    package var endpoint: String?
    package var types: [WebhookType]?
    /// The new scope: an event, or all of them for `.some(nil)`.
    package var event: String??
    package var isOn: Bool?

    package init(endpoint: String? = nil, types: [WebhookType]? = nil, event: String?? = nil, isOn: Bool? = nil) {
        self.endpoint = endpoint
        self.types = types
        self.event = event
        self.isOn = isOn
    }
}

/// All webhooks by company, so that a write for a company without webhooks need not query the database.
final class WebhookIndex: Sendable {
    private let webhooks = Mutex<[ExactText: [Webhook]]>([:])

    func load(from storage: any Storage) throws {
        let all = try storage.read { try Self.webhooks("true", [], $0) }
        webhooks.withLock { $0 = Dictionary(grouping: all, by: { ExactText($0.company) }) }
    }

    /// The webhooks that fulfil a condition, oldest first.
    static func webhooks(_ condition: String, _ arguments: Arguments, _ database: Database) throws -> [Webhook] {
        let formers = Dictionary(
            grouping: try database.rows(
                """
                SELECT webhook, secret, until FROM former_secret
                WHERE webhook IN (SELECT id FROM webhook WHERE \(condition)) ORDER BY until DESC, rowid DESC
                """,
                arguments
            ),
            by: { ExactText($0[0]) }
        )
        let rows = try database.rows("SELECT * FROM webhook WHERE \(condition) ORDER BY created_at, id", arguments)
        return rows.compactMap { row in
            var webhook = Webhook(row)
            webhook?.formers = (formers[ExactText(row["id"])] ?? []).compactMap(Webhook.FormerSecret.init)
            return webhook
        }
    }

    func add(_ webhook: Webhook) { webhooks.withLock { $0[ExactText(webhook.company), default: []].append(webhook) } }

    /// Adds or replaces a webhook.
    func set(_ webhook: Webhook) {
        webhooks.withLock { webhooks in
            let company = ExactText(webhook.company)
            guard let index = webhooks[company]?.firstIndex(where: { $0.id.hasSameBytes(as: webhook.id) }) else {
                webhooks[company, default: []].append(webhook)
                return
            }
            webhooks[company]?[index] = webhook
        }
    }

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

    /// How many webhooks a company has.
    func count(of company: String) -> Int { webhooks.withLock { $0[ExactText(company)]?.count ?? 0 } }

    var all: [Webhook] { webhooks.withLock { $0.values.flatMap { $0 } } }

    /// The enabled webhooks of this type that cover the event.
    func webhooks(of company: String, type: WebhookType, event: String) -> [Webhook] {
        webhooks(of: company).filter {
            $0.isEnabled && $0.types.contains(type) && ($0.event?.hasSameBytes(as: event) ?? true)
        }
    }

    var isEmpty: Bool { webhooks.withLock { $0.isEmpty } }
}

extension Webhook.FormerSecret {
    /// Returns `nil` for a secret that this version does not know.
    init?(_ row: Row) {
        guard let secret = WebhookSecret(row["secret"]) else { return nil }
        self.init(secret: secret, expiresAt: row["until"])
    }
}

extension Webhook {
    /// Without ``formers``. Returns `nil` for types or a secret that this version does not know.
    init?(_ row: Row) {
        let types = WebhookType.list(row["types"])
        guard !types.isEmpty, let secret = WebhookSecret(row["secret"]) else { return nil }
        id = row["id"]
        company = row["company"]
        self.types = types
        endpoint = row["endpoint"]
        event = row["event"]
        self.secret = secret
        createdAt = row["created_at"]
        failingSince = row["failing_since"]
        failures = row["failures"]
        lastError = row["last_error"]
        enabledAt = row["enabled_at"]
        disabledAt = row["disabled_at"]
        disabledBy = (row["disabled_by"] as String?).flatMap(Switcher.init(rawValue:))
    }
}
