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

    var calls: [Call] { [create, list, get, change, rotate, remove] + DeliveryCalls.calls }

    private var create: Call {
        Call(
            method: .post,
            path: Self.path,
            id: "createWebhook",
            summary: "Notifies the company about some types of what happens",
            tag: "Webhooks",
            body: .named("NewWebhook", .oneOf(Self.namesOfTypes, isRequired: true, .input(members(isNew: true)))),
            success: Call.Success(
                status: 201,
                schema: .named("WebhookSecret", .object(Self.secretMembers)),
                description: "It is made"
            ),
            faults: [404, 409, 503],
            conflicts: [Self.tooMany],
            links: [Call.Link(operation: "deleteWebhook", parameter: "id", member: "id")],
            handler: .company { [addresses] incoming, tenant in
                let (directory, body) = (incoming.directory, incoming.body)
                let event = try await Self.event(incoming, tenant)
                try await Self.checkEndpoint(addresses, incoming, tenant)
                guard directory.webhooks(of: tenant.id).count < Self.maxCount else {
                    throw Self.tooMany
                }
                let webhook = try await directory.createWebhook(
                    Self.types(body) ?? [],
                    endpoint: body.text("endpoint") ?? "",
                    event: event,
                    company: tenant.id
                )
                return Answer(.object(Self.secretValues(webhook)), status: .created)
            }
        )
    }

    private static let tooMany = Fault(.conflict, "too_many_webhooks", "There are \(maxCount) webhooks already")

    // MARK: What is asked for

    private func members(isNew: Bool) -> [Schema.Member] {
        [
            Schema.Member(
                name: "eventTypes",
                schema: .list(WebhookJSON.types, from: 1, upTo: 2 * WebhookType.allCases.count),
                description: "What it announces, at least one type."
            ),
            Schema.Member(
                name: "eventType",
                schema: .nullable(WebhookJSON.types),
                description: "The same for one type, instead of `eventTypes`."
            ),
            Schema.Member(
                name: "endpoint",
                schema: .text(Text(kind: .endpoint(isSecure: !allowsPlain), maxLength: 2048)),
                isRequired: isNew,
                description: """
                    The URL that messages are posted to, without user name and fragment. Its host has an address now, and \
                    is public, unless the operator of the gateway allows it.
                    """
            ),
            Schema.Member(
                name: "eventId",
                schema: .nullable(.uuid),
                description: "For this event only; if \(isNew ? "absent" : "null"), for all of them."
            ),
        ]
    }

    private static let namesOfTypes = ["eventTypes", "eventType"]

    /// The types that a body names, each once; `nil` if none.
    private static func types(_ body: Members) -> [WebhookType]? {
        let names = body.list("eventTypes") ?? body.text("eventType").map { [$0] }
        guard let names else { return nil }
        return WebhookType.allCases.filter { type in names.contains { $0.hasSameBytes(as: type.rawValue) } }
    }

    /// The event that a body names, which must be the company's.
    private static func event(_ incoming: Incoming, _ tenant: Tenant) async throws -> String? {
        guard let event = incoming.body.text("eventId")?.lowercased() else { return nil }
        for kind in EventKind.allCases {
            if try await incoming.directory.event(event, kind, company: tenant.id) != nil { return event }
        }
        throw Fault.notFound
    }

    /// Refuses an endpoint that cannot be called.
    private static func checkEndpoint(
        _ addresses: DeliveryAddresses,
        _ incoming: Incoming,
        _ tenant: Tenant
    ) async throws {
        guard let text = incoming.body.text("endpoint"), let endpoint = WebhookEndpoint(text) else { return }
        if addresses.exclude(endpoint) { throw Fault.field("endpoint", Self.excluded(endpoint)) }
        // What the name stands for is checked again with every delivery.
        if try await !incoming.plane.webhooks.accepts(endpoint, of: tenant.id) {
            let fault = "\(endpoint.host) has no address, or not only such as messages may be delivered to"
            throw Fault.field("endpoint", fault)
        }
    }

    /// Why nothing can be delivered to an endpoint.
    private static func excluded(_ endpoint: WebhookEndpoint) -> String {
        let what = endpoint.isSecure ? "is not a public address" : "is to be called with https"
        return "\(endpoint.host) \(what), unless the operator of the gateway allows it"
    }

    // MARK: Existing ones

    private var list: Call {
        Call(
            method: .get,
            path: Self.path,
            id: "listWebhooks",
            summary: "The company's webhooks, oldest first",
            tag: "Webhooks",
            success: Call.Success(schema: .list(WebhookJSON.schema), description: "The webhooks"),
            handler: .company { incoming, tenant in
                let now = incoming.plane.now
                return Answer(
                    .array(incoming.directory.webhooks(of: tenant.id).map { WebhookJSON.value($0, now: now) })
                )
            }
        )
    }

    private var get: Call {
        Call(
            method: .get,
            path: "\(Self.path)/{id}",
            id: "getWebhook",
            summary: "A webhook",
            tag: "Webhooks",
            success: Call.Success(schema: WebhookJSON.schema, description: "The webhook"),
            faults: [404],
            handler: .company { incoming, tenant in
                let webhook = incoming.directory.webhook(try incoming.uuid(at: 0), company: tenant.id)
                guard let webhook else { throw Fault.notFound }
                return Answer(WebhookJSON.value(webhook, now: incoming.plane.now))
            }
        )
    }

    private var change: Call {
        let enabled = Schema.Member(
            name: "enabled",
            schema: .boolean,
            description: "true sends all waiting messages at once."
        )
        return Call(
            method: .patch,
            path: "\(Self.path)/{id}",
            id: "patchWebhook",
            summary: "Changes what a webhook announces, and where; switches it on or off",
            tag: "Webhooks",
            body: .named(
                "WebhookChange",
                .oneOf(Self.namesOfTypes, isRequired: false, .input(members(isNew: false) + [enabled]))
            ),
            success: Call.Success(schema: WebhookJSON.schema, description: "The webhook after the change"),
            faults: [404, 503],
            handler: .company { [addresses] incoming, tenant in
                let (id, body) = (try incoming.uuid(at: 0), incoming.body)
                guard incoming.directory.webhook(id, company: tenant.id) != nil else { throw Fault.notFound }
                let event = try await Self.event(incoming, tenant)
                try await Self.checkEndpoint(addresses, incoming, tenant)
                let change = WebhookChange(
                    endpoint: body.text("endpoint"),
                    types: Self.types(body),
                    event: body.has("eventId") ? .some(event) : nil,
                    isOn: body.bool("enabled")
                )
                let webhook = try await incoming.directory.changeWebhook(id, company: tenant.id, change)
                guard let webhook else { throw Fault.notFound }
                return Answer(WebhookJSON.value(webhook, now: incoming.plane.now))
            }
        )
    }

    private var rotate: Call {
        Call(
            method: .post,
            path: "\(Self.path)/{id}/rotate-secret",
            id: "rotateWebhookSecret",
            summary: "Gives a webhook another secret; each of those before it signs too, for a day",
            tag: "Webhooks",
            success: Call.Success(
                schema: .named(
                    "RotatedSecret",
                    .object(
                        Self.secretMembers + [
                            Schema.Member(
                                name: "oldSecretExpiresAt",
                                schema: .moment,
                                isRequired: true,
                                description: """
                                    Until then the secret that was replaced signs too: `webhook-signature` has a signature by \
                                    each secret.
                                    """
                            )
                        ]
                    )
                ),
                description: "The new secret"
            ),
            faults: [404, 409],
            conflicts: [Self.tooManySecrets(until: 1_801_483_200_000)],
            handler: .company { incoming, tenant in
                let id = try incoming.uuid(at: 0)
                switch try await incoming.directory.rotateSecret(of: id, company: tenant.id) {
                case .unknown: throw Fault.notFound
                case .full(let moment): throw Self.tooManySecrets(until: moment)
                case .rotated(let webhook):
                    let expiry = webhook.formersExpire(at: incoming.plane.now)
                    let member = JSONMember("oldSecretExpiresAt", WebhookJSON.moment(expiry))
                    return Answer(.object(Self.secretValues(webhook) + [member]))
                }
            }
        )
    }

    /// - Parameter moment: when the first of them ends.
    private static func tooManySecrets(until moment: Milliseconds) -> Fault {
        Fault(
            .conflict,
            "too_many_secrets",
            """
            \(Directory.maxFormerSecrets) earlier secrets still sign besides the present one: rotate again after \
            \(Timestamp.text(moment)), or make another webhook
            """
        )
    }

    private static let secretMembers = [
        Schema.Member(name: "id", schema: .uuid, isRequired: true),
        Schema.Member(
            name: "secret",
            schema: .anyText,
            isRequired: true,
            description: """
                Signs the deliveries, as in Standard Webhooks: `whsec_` and the Base64 form of the key. Shown only once.
                """
        ),
    ]

    private static func secretValues(_ webhook: Webhook) -> [JSONMember] {
        [JSONMember("id", .string(webhook.id)), JSONMember("secret", .string(webhook.secret.text))]
    }

    private var remove: Call {
        Call(
            method: .delete,
            path: "\(Self.path)/{id}",
            id: "deleteWebhook",
            summary: "Deletes a webhook and its messages",
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
