import Admission
import Basics
import Directory
import HTTPTypes

/// The calls about webhooks, the endpoints at which a company is notified.
struct WebhookCalls {
    /// What webhooks may be delivered to.
    let addresses: DeliveryAddresses
    /// Whether endpoints may be plain http.
    private var allowsPlain: Bool { !addresses.allowedPrivate.isEmpty }

    private static let maxCount = 100
    private static let path = "/api/v1/webhooks"
    private static let types = Schema.choice(WebhookType.allCases.map(\.rawValue))

    var calls: [Call] { [create, list, change, remove] }

    private var create: Call {
        Call(
            method: .post,
            path: Self.path,
            id: "createWebhook",
            summary: "Notifies the company about one type of event",
            tag: "Webhooks",
            body: .named(
                "NewWebhook",
                .input([
                    Schema.Member(name: "eventType", schema: Self.types, isRequired: true),
                    Schema.Member(
                        name: "endpoint",
                        schema: .text(Text(kind: .endpoint(isSecure: !allowsPlain), maxLength: 2048)),
                        isRequired: true,
                        description: """
                            The URL that messages are posted to, without user name and fragment. Its host is public, unless \
                            the operator of the gateway allows it.
                            """
                    ),
                    Schema.Member(
                        name: "eventId",
                        schema: .nullable(.uuid),
                        description: "For this event only; if absent, for all of them."
                    ),
                ])
            ),
            success: Call.Success(
                status: 201,
                schema: .named(
                    "WebhookSecret",
                    .object([
                        Schema.Member(name: "id", schema: .uuid, isRequired: true),
                        Schema.Member(
                            name: "secret",
                            schema: .anyText,
                            isRequired: true,
                            description: """
                                Signs the deliveries, as in Standard Webhooks: `whsec_` and the Base64 form of the key. \
                                Shown only once.
                                """
                        ),
                    ])
                ),
                description: "It is made"
            ),
            faults: [404, 409],
            conflicts: [Self.tooMany],
            links: [Call.Link(operation: "deleteWebhook", parameter: "id", member: "id")],
            handler: .company { [addresses] incoming, tenant in
                let (directory, body) = (incoming.directory, incoming.body)
                if let endpoint = WebhookEndpoint(body.text("endpoint") ?? ""), addresses.exclude(endpoint) {
                    throw Fault.field("endpoint", Self.excluded(endpoint))
                }
                guard directory.webhooks(of: tenant.id).count < Self.maxCount else {
                    throw Self.tooMany
                }
                let event = body.text("eventId")?.lowercased()
                if let event, try await !Self.exists(event, incoming, tenant) { throw Fault.notFound }
                let webhook = try await directory.createWebhook(
                    WebhookType(rawValue: body.text("eventType") ?? "") ?? .eventCreated,
                    endpoint: body.text("endpoint") ?? "",
                    event: event,
                    company: tenant.id
                )
                return Answer(
                    .object([JSONMember("id", .string(webhook.id)), JSONMember("secret", .string(webhook.secret.text))]
                    ),
                    status: .created
                )
            }
        )
    }

    private static let tooMany = Fault(.conflict, "too_many_webhooks", "There are \(maxCount) webhooks already")

    /// Why nothing can be delivered to an endpoint.
    private static func excluded(_ endpoint: WebhookEndpoint) -> String {
        let what = endpoint.isSecure ? "is not a public address" : "is to be called with https"
        return "\(endpoint.host) \(what), unless the operator of the gateway allows it"
    }

    private static func exists(_ event: String, _ incoming: Incoming, _ tenant: Tenant) async throws -> Bool {
        for kind in EventKind.allCases {
            if try await incoming.directory.event(event, kind, company: tenant.id) != nil { return true }
        }
        return false
    }

    private var list: Call {
        Call(
            method: .get,
            path: Self.path,
            id: "listWebhooks",
            summary: "The company's webhooks, oldest first",
            tag: "Webhooks",
            success: Call.Success(
                schema: .list(Self.schema),
                description: "The webhooks"
            ),
            handler: .company { incoming, tenant in
                Answer(.array(incoming.directory.webhooks(of: tenant.id).map(Self.value)))
            }
        )
    }

    private static let schema = Schema.named(
        "Webhook",
        .object([
            Schema.Member(name: "id", schema: .uuid, isRequired: true),
            Schema.Member(name: "eventType", schema: types, isRequired: true),
            Schema.Member(name: "endpoint", schema: .anyText, isRequired: true),
            Schema.Member(name: "eventId", schema: .nullable(.uuid), isRequired: true),
            Schema.Member(name: "createdAt", schema: .moment, isRequired: true),
            Schema.Member(
                name: "enabled",
                schema: .boolean,
                isRequired: true,
                description: """
                    false: what happens until it is true again is not kept for it, and it is never told of it. A webhook \
                    whose endpoint has failed for a day becomes false.
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
        ])
    )

    private static func value(_ webhook: Webhook) -> JSONValue {
        func moment(_ moment: Milliseconds?) -> JSONValue { moment.map { .string(Timestamp.text($0)) } ?? .null }
        return .object([
            JSONMember("id", .string(webhook.id)),
            JSONMember("eventType", .string(webhook.type.rawValue)),
            JSONMember("endpoint", .string(webhook.endpoint)),
            JSONMember("eventId", webhook.event.map(JSONValue.string) ?? .null),
            JSONMember("createdAt", moment(webhook.createdAt)),
            JSONMember("enabled", .bool(webhook.isEnabled)),
            JSONMember("failingSince", moment(webhook.failingSince)),
            JSONMember("lastError", webhook.lastError.map(JSONValue.string) ?? .null),
            JSONMember("disabledAt", moment(webhook.disabledAt)),
            JSONMember("disabledBy", webhook.disabledBy.map { .string($0.rawValue) } ?? .null),
        ])
    }

    private var change: Call {
        Call(
            method: .patch,
            path: "\(Self.path)/{id}",
            id: "patchWebhook",
            summary: "Switches a webhook on, which sends all waiting messages at once, or off",
            tag: "Webhooks",
            body: .named(
                "WebhookChange",
                .input([Schema.Member(name: "enabled", schema: .boolean, isRequired: true)])
            ),
            success: Call.Success(schema: Self.schema, description: "The webhook after the change"),
            faults: [404],
            handler: .company { incoming, tenant in
                let webhook = try await incoming.directory.switchWebhook(
                    try incoming.uuid(at: 0),
                    company: tenant.id,
                    isOn: incoming.body.bool("enabled") ?? false
                )
                guard let webhook else { throw Fault.notFound }
                return Answer(Self.value(webhook))
            }
        )
    }

    private var remove: Call {
        Call(
            method: .delete,
            path: "\(Self.path)/{id}",
            id: "deleteWebhook",
            summary: "Deletes a webhook and its waiting messages",
            tag: "Webhooks",
            success: Call.Success(status: 204, description: "It is deleted"),
            faults: [404],
            handler: .company { incoming, tenant in
                let id = try incoming.uuid(at: 0)
                guard try await incoming.directory.removeWebhook(id, company: tenant.id) else { throw Fault.notFound }
                return .nothing
            }
        )
    }
}
