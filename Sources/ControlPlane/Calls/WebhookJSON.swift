import Basics
import Directory

/// Webhooks in answers.
enum WebhookJSON {
    static let types = Schema.choice(WebhookType.allCases.map(\.rawValue))

    static let schema = Schema.named(
        "Webhook",
        .object([
            Schema.Member(name: "id", schema: .uuid, isRequired: true),
            Schema.Member(name: "eventTypes", schema: .list(types), isRequired: true),
            Schema.Member(name: "eventType", schema: types, description: "If it has one only."),
            Schema.Member(name: "endpoint", schema: .anyText, isRequired: true),
            Schema.Member(name: "eventId", schema: .nullable(.uuid), isRequired: true),
            Schema.Member(name: "createdAt", schema: .moment, isRequired: true),
            Schema.Member(
                name: "enabled",
                schema: .boolean,
                isRequired: true,
                description: """
                    false: what happens until it is true again is not kept for it, and it is never told of it. A webhook \
                    whose endpoint has failed for a day, or has answered 410, becomes false.
                    """
            ),
            Schema.Member(
                name: "failingSince",
                schema: .nullable(.moment),
                isRequired: true,
                description: "Since when deliveries have failed; reset when one arrives."
            ),
            Schema.Member(
                name: "lastError",
                schema: .nullable(.anyText),
                isRequired: true,
                description: "Why the last message did not arrive; null if it did."
            ),
            Schema.Member(name: "disabledAt", schema: .nullable(.moment), isRequired: true),
            Schema.Member(
                name: "disabledBy",
                schema: .nullable(.choice(Webhook.Switcher.allCases.map(\.rawValue))),
                isRequired: true,
                description: "`failures` if its endpoint has failed for a day, `gone` if it has answered 410."
            ),
            Schema.Member(
                name: "oldSecretExpiresAt",
                schema: .nullable(.moment),
                isRequired: true,
                description: "Until when a secret before the present one signs too; null if none does."
            ),
        ])
    )

    static func value(_ webhook: Webhook, now: Milliseconds) -> JSONValue {
        let types = webhook.types.map { JSONValue.string($0.rawValue) }
        var members = [JSONMember("id", .string(webhook.id)), JSONMember("eventTypes", .array(types))]
        if types.count == 1 { members.append(JSONMember("eventType", types[0])) }
        members += [
            JSONMember("endpoint", .string(webhook.endpoint)),
            JSONMember("eventId", webhook.event.map(JSONValue.string) ?? .null),
            JSONMember("createdAt", moment(webhook.createdAt)),
            JSONMember("enabled", .bool(webhook.isEnabled)),
            JSONMember("failingSince", moment(webhook.failingSince)),
            JSONMember("lastError", webhook.lastError.map(JSONValue.string) ?? .null),
            JSONMember("disabledAt", moment(webhook.disabledAt)),
            JSONMember("disabledBy", webhook.disabledBy.map { .string($0.rawValue) } ?? .null),
            JSONMember("oldSecretExpiresAt", moment(webhook.formersExpire(at: now))),
        ]
        return .object(members)
    }

    static func moment(_ moment: Milliseconds?) -> JSONValue { moment.map { .string(Timestamp.text($0)) } ?? .null }
}

/// Messages to webhooks in answers.
enum DeliveryJSON {
    static let schema = Schema.named(
        "Delivery",
        .object([
            Schema.Member(
                name: "id",
                schema: .anyText,
                isRequired: true,
                description: "The message's id, which `webhook-id` has in every attempt."
            ),
            Schema.Member(name: "type", schema: .anyText, isRequired: true),
            Schema.Member(name: "eventId", schema: .anyText, isRequired: true),
            Schema.Member(
                name: "status",
                schema: status,
                isRequired: true,
                description: "`pending`: it waits for its first or next attempt; `failed`: it was given up."
            ),
            Schema.Member(
                name: "createdAt",
                schema: .moment,
                isRequired: true,
                description: "When it was queued; delivering it again does not change it."
            ),
            Schema.Member(
                name: "attempts",
                schema: .integer(0...1_000_000_000),
                isRequired: true,
                description: "All of them, also those before it was delivered again."
            ),
            Schema.Member(name: "lastAttemptAt", schema: .nullable(.moment), isRequired: true),
            Schema.Member(
                name: "nextAttemptAt",
                schema: .nullable(.moment),
                isRequired: true,
                description: "At the earliest; it may wait for others. null if it is over."
            ),
            Schema.Member(
                name: "responseStatus",
                schema: .nullable(.integer(100...999)),
                isRequired: true,
                description: "Of the last attempt; null if there was no answer."
            ),
            Schema.Member(
                name: "error",
                schema: .nullable(.anyText),
                isRequired: true,
                description: "Why the last attempt failed; null if it did not."
            ),
        ])
    )

    static let status = Schema.choice(DeliveryRecord.Status.allCases.map(\.rawValue))

    static func value(_ delivery: DeliveryRecord) -> JSONValue {
        .object([
            JSONMember("id", .string(delivery.uid)),
            JSONMember("type", .string(delivery.type)),
            JSONMember("eventId", .string(delivery.event)),
            JSONMember("status", .string(delivery.status.rawValue)),
            JSONMember("createdAt", WebhookJSON.moment(delivery.createdAt)),
            JSONMember("attempts", .number(Double(delivery.attempts))),
            JSONMember("lastAttemptAt", WebhookJSON.moment(delivery.triedAt)),
            JSONMember("nextAttemptAt", WebhookJSON.moment(delivery.dueAt)),
            JSONMember("responseStatus", delivery.response.map { .number(Double($0)) } ?? .null),
            JSONMember("error", delivery.error.map(JSONValue.string) ?? .null),
        ])
    }
}
