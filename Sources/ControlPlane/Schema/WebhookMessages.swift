import Basics
import Directory

/// Messages to webhooks in the OpenAPI document
/// ([its `webhooks`](https://spec.openapis.org/oas/v3.1.1.html#oas-webhooks)). Their data is described by the list that
/// makes it: ``Payload``.
enum WebhookMessages {
    /// The messages by type, as the document has them.
    static func json(_ named: inout [ExactText: JSONValue]) -> JSONValue {
        var members: [JSONMember] = []
        for type in WebhookType.allCases {
            let operation = operation(type.rawValue, summary(of: type), Payload.members(of: type), &named)
            members.append(JSONMember(type.rawValue, operation))
        }
        let test = "What `POST /api/v1/webhooks/{id}/test` sends"
        members.append(JSONMember("webhook.test", operation("webhook.test", test, Payload.test, &named)))
        return .object(members)
    }

    private static func summary(of type: WebhookType) -> String {
        switch type {
        case .registrationCreated: "Somebody has registered"
        case .registrationUpdated: "A registration was changed"
        case .registrationCancelled: "A registration was deleted, and its session ended"
        case .sessionJoined: "A viewer has come"
        case .sessionLeft: "A viewer's session has ended"
        case .sessionReplaced: "A viewer's session has ended because the viewer has joined elsewhere"
        case .viewerRemoved: "A viewer was removed from an event, or the removal was changed"
        case .roleChanged: "An event's lists make something else of a person"
        case .eventCreated: "An event or networking hub was created"
        case .eventUpdated: "An event or networking hub was changed"
        case .eventDeleted: "An event or networking hub was deleted"
        case .eventStarted: "An event's start has come"
        case .eventEnded: "An event's end has come; who was there"
        }
    }

    private static func operation(
        _ type: String,
        _ summary: String,
        _ data: [PayloadMember],
        _ named: inout [ExactText: JSONValue]
    ) -> JSONValue {
        let content = JSONValue.object([
            JSONMember("schema", schema(type, data).json(&named)), JSONMember("example", example(type, data)),
        ])
        let post = JSONValue.object([
            JSONMember("summary", .string(summary)),
            JSONMember("tags", .array([.string("Webhooks")])),
            JSONMember("parameters", .array(fields)),
            JSONMember(
                "requestBody",
                .object([
                    JSONMember("required", .bool(true)),
                    JSONMember("content", .object([JSONMember("application/json", content)])),
                ])
            ),
            JSONMember(
                "responses",
                .object([
                    JSONMember("2XX", described("It has arrived. Any other answer is retried, for a day.")),
                    JSONMember("410", described("No more messages, please: the webhook is switched off.")),
                ])
            ),
            JSONMember("security", .array([])),
        ])
        return .object([JSONMember("post", post)])
    }

    private static func described(_ text: String) -> JSONValue { .object([JSONMember("description", .string(text))]) }

    /// The header fields of [Standard Webhooks](https://www.standardwebhooks.com).
    private static let fields = [
        field("webhook-id", "The message's id, the same in every attempt."),
        field("webhook-timestamp", "Seconds since 1970, of the attempt."),
        field(
            "webhook-signature",
            "`v1,` and the Base64 HMAC-SHA256 of id, timestamp and body with dots between, for each secret; separated by spaces."
        ),
    ]

    private static func field(_ name: String, _ description: String) -> JSONValue {
        .object([
            JSONMember("name", .string(name)), JSONMember("in", .string("header")),
            JSONMember("required", .bool(true)), JSONMember("description", .string(description)),
            JSONMember("schema", .object([JSONMember("type", .string("string"))])),
        ])
    }

    // MARK: Content

    private static func schema(_ type: String, _ data: [PayloadMember]) -> Schema {
        .object([
            Schema.Member(name: "id", schema: .uuid, isRequired: true, description: "The same as `webhook-id`."),
            Schema.Member(name: "type", schema: .choice([type]), isRequired: true),
            Schema.Member(name: "timestamp", schema: .moment, isRequired: true, description: "When it happened."),
            Schema.Member(
                name: "sequence",
                schema: .integer(0...(1 << 53)),
                isRequired: true,
                description: "Grows with everything that the company is told of; the order in which it happened."
            ),
            Schema.Member(name: "companyId", schema: .anyText, isRequired: true),
            Schema.Member(name: "eventId", schema: .nullable(.anyText), isRequired: true),
            Schema.Member(name: "data", schema: .object(members(data)), isRequired: true),
        ])
    }

    private static func members(_ members: [PayloadMember]) -> [Schema.Member] {
        members.map { member in
            let schema = schema(member.form)
            return Schema.Member(
                name: member.name,
                schema: member.presence == .nullable ? .nullable(schema) : schema,
                isRequired: member.presence != .optional,
                description: member.description
            )
        }
    }

    private static func schema(_ form: PayloadMember.Form) -> Schema {
        switch form {
        case .text: .anyText
        case .uuid: .uuid
        case .moment: .moment
        case .choice(let choices): .choice(choices)
        case .count: .integer(0...1_000_000_000)
        case .minutes: .number
        case .document: .document
        case .people(let members, let limit): .list(.object(Self.members(members)), upTo: limit)
        }
    }

    private static func example(_ type: String, _ data: [PayloadMember]) -> JSONValue {
        .object([
            JSONMember("id", .string("0c1d2e3f-4a5b-4c6d-8e7f-8091a2b3c4d5")), JSONMember("type", .string(type)),
            JSONMember("timestamp", .string("2027-01-15T09:00:00.000Z")), JSONMember("sequence", .number(42)),
            JSONMember("companyId", .string("acme")),
            JSONMember("eventId", .string("9b2b2c5e-5d0e-4f8e-8a55-6f1d0a8b2c33")),
            JSONMember("data", .object(data.map { JSONMember($0.name, $0.example) })),
        ])
    }
}
