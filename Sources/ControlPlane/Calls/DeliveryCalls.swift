import Basics
import Directory
import HTTPTypes

/// The calls that try out a webhook, and that show and repeat what was delivered to it.
enum DeliveryCalls {
    static let calls = [test, list, redeliver]

    private static let path = "/api/v1/webhooks/{id}"
    /// How many messages a page has if the caller does not say.
    private static let defaultLimit = 100

    private static let test = Call(
        method: .post,
        path: "\(path)/test",
        id: "testWebhook",
        summary: "Sends a `webhook.test` message now, once, and waits for the answer, at most ten seconds",
        tag: "Webhooks",
        success: Call.Success(
            schema: .named(
                "WebhookTest",
                .object([
                    Schema.Member(
                        name: "messageId",
                        schema: .uuid,
                        isRequired: true,
                        description: "The value of `webhook-id`."
                    ),
                    Schema.Member(
                        name: "delivered",
                        schema: .boolean,
                        isRequired: true,
                        description: "Whether the endpoint has answered with a 2xx status."
                    ),
                    Schema.Member(
                        name: "responseStatus",
                        schema: .nullable(.integer(100...999)),
                        isRequired: true,
                        description: "null if there was no answer."
                    ),
                    Schema.Member(name: "error", schema: .nullable(.anyText), isRequired: true),
                    Schema.Member(
                        name: "milliseconds",
                        schema: .integer(0...60_000),
                        isRequired: true,
                        description: "How long it took, from the look-up of the host."
                    ),
                ])
            ),
            description: "How the endpoint did"
        ),
        faults: [404],
        handler: .company { incoming, tenant in
            let webhook = incoming.directory.webhook(try incoming.uuid(at: 0), company: tenant.id)
            guard let webhook else { throw Fault.notFound }
            let turn = try await incoming.plane.webhookTests.enter(tenant.id)
            defer { turn.leave() }
            let result = await incoming.plane.webhooks.test(webhook)
            return Answer(
                .object([
                    JSONMember("messageId", .string(result.id)),
                    JSONMember("delivered", .bool(result.error == nil)),
                    JSONMember("responseStatus", result.status.map { .number(Double($0)) } ?? .null),
                    JSONMember("error", result.error.map(JSONValue.string) ?? .null),
                    JSONMember("milliseconds", .number(Double(min(result.milliseconds, 60_000)))),
                ])
            )
        }
    )

    private static let list = Call(
        method: .get,
        path: "\(path)/deliveries",
        id: "listWebhookDeliveries",
        summary: "The messages that wait, and the latest thousand of those that are over, latest first",
        tag: "Webhooks",
        query: [
            Call.Parameter(name: "status", schema: DeliveryJSON.status, description: "Only those with this status."),
            PageRequest.limitParameter(byDefault: defaultLimit), PageRequest.cursorParameter(digits: 15),
        ],
        success: Call.Success(schema: .list(DeliveryJSON.schema), description: "A page of the messages", isPage: true),
        faults: [404],
        cost: .list,
        handler: .company { incoming, tenant in
            let request = PageRequest(incoming)
            let page = try await incoming.directory.deliveries(
                to: try incoming.uuid(at: 0),
                company: tenant.id,
                status: incoming.query.text("status").flatMap(DeliveryRecord.Status.init),
                limit: request.limit ?? defaultLimit,
                before: request.cursor.flatMap { Int64($0, radix: 16) }
            )
            guard let page else { throw Fault.notFound }
            let next = page.next.map { row in
                let digits = String(row, radix: 16)
                return String(repeating: "0", count: 15 - digits.utf8.count) + digits
            }
            return request.answer(page.deliveries.map(DeliveryJSON.value), total: page.total, next: next)
        }
    )

    private static let redeliver = Call(
        method: .post,
        path: "\(path)/deliveries/{delivery}/redeliver",
        id: "redeliverWebhookMessage",
        summary: "Delivers a message again, under the same id, or one that waits at once",
        tag: "Webhooks",
        success: Call.Success(status: 202, schema: DeliveryJSON.schema, description: "The message, which waits"),
        faults: [404, 409],
        conflicts: [disabled],
        handler: .company { incoming, tenant in
            let id = try incoming.uuid(at: 0)
            guard let webhook = incoming.directory.webhook(id, company: tenant.id) else { throw Fault.notFound }
            guard webhook.isEnabled else { throw disabled }
            let delivery = try await incoming.directory.redeliver(
                incoming.parameters[1],
                to: webhook.id,
                company: tenant.id
            )
            guard let delivery else { throw Fault.notFound }
            return Answer(DeliveryJSON.value(delivery), status: .accepted)
        }
    )

    private static let disabled = Fault(
        .conflict,
        "webhook_disabled",
        "The webhook is off: switch it on, and call again"
    )
}
