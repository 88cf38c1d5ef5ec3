import Admission
import Basics
import HTTPTypes

/// The description of the API ([OpenAPI 3.1](https://spec.openapis.org/oas/v3.1.1.html)), generated from the calls that
/// are served.
struct OpenAPIDocument {
    let json: JSONValue

    init(calls: [Call], server: String) {
        var named: [ExactText: JSONValue] = [:]
        var faults = SharedFaults()
        var order: [ExactText] = []
        var paths: [ExactText: [JSONMember]] = [:]
        for call in calls {
            let path = ExactText(call.path)
            if paths[path] == nil { order.append(path) }
            paths[path, default: []].append(
                JSONMember(call.method.rawValue.lowercased(), Self.operation(call, &named, &faults))
            )
        }
        let webhooks = WebhookMessages.json(&named)
        let schemas = named.map { JSONMember($0.key.text, $0.value) }.sorted { $0.name < $1.name }
        json = .object([
            JSONMember("openapi", .string("3.1.0")),
            JSONMember(
                "info",
                .object([
                    JSONMember("title", .string("Embed Gateway control API")), JSONMember("version", .string("1")),
                    JSONMember("description", .string(APIOverview.text)),
                ])
            ),
            JSONMember("servers", .array([.object([JSONMember("url", .string(server))])])),
            JSONMember(
                "tags",
                .array(
                    APIOverview.tags.map { tag in
                        .object([
                            JSONMember("name", .string(tag.name)), JSONMember("description", .string(tag.description)),
                        ])
                    }
                )
            ),
            JSONMember("paths", .object(order.map { JSONMember($0.text, .object(paths[$0] ?? [])) })),
            JSONMember("webhooks", webhooks),
            JSONMember(
                "components",
                .object([
                    JSONMember("schemas", .object(schemas)), JSONMember("responses", .object(faults.responses)),
                    JSONMember(
                        "securitySchemes",
                        .object([
                            JSONMember("token", Self.scheme("bearer")), JSONMember("client", Self.scheme("basic")),
                        ])
                    ),
                ])
            ),
        ])
    }

    private static func scheme(_ name: String) -> JSONValue {
        .object([JSONMember("type", .string("http")), JSONMember("scheme", .string(name))])
    }

    private static func operation(
        _ call: Call,
        _ named: inout [ExactText: JSONValue],
        _ faults: inout SharedFaults
    ) -> JSONValue {
        var members = [
            JSONMember("operationId", .string(call.id)), JSONMember("summary", .string(call.summary)),
            JSONMember("tags", .array([.string(call.tag)])),
        ]
        var parameters = pathParameters(call, &named) + call.query.map { parameter($0, &named) }
        if call.mayBeNamed { parameters.append(idempotencyKey) }
        if !parameters.isEmpty { members.append(JSONMember("parameters", .array(parameters))) }
        if let body = call.body {
            let schema = JSONValue.object([
                JSONMember("schema", body.json(&named)), JSONMember("example", body.example),
            ])
            var content = [JSONMember("application/json", schema)]
            if call.takesForms { content.append(JSONMember("application/x-www-form-urlencoded", schema)) }
            members.append(
                JSONMember(
                    "requestBody",
                    .object([JSONMember("required", .bool(true)), JSONMember("content", .object(content))])
                )
            )
        }
        members.append(JSONMember("responses", responses(call, &named, &faults)))
        members.append(JSONMember("security", security(call)))
        return .object(members)
    }

    private static func security(_ call: Call) -> JSONValue {
        if call.needsToken { return .array([.object([JSONMember("token", .array([]))])]) }
        // If the client's id and secret are in the body, the header has no credentials.
        if call.hasOAuthFaults { return .array([.object([]), .object([JSONMember("client", .array([]))])]) }
        return .array([])
    }

    private static func pathParameters(_ call: Call, _ named: inout [ExactText: JSONValue]) -> [JSONValue] {
        call.path.split(separator: "/").filter { $0.utf8.first == UInt8(ascii: "{") }.map { segment in
            let name = String(segment.dropFirst().dropLast())
            let schema: Schema = name.hasSameBytes(as: "id") ? .uuid : CommonSchemas.pathPart
            let example = JSONMember("example", schema.example(name, in: ""))
            return parameter(name, "path", isRequired: true, schema.json(&named), [example])
        }
    }

    private static let idempotencyKey = parameter(
        "Idempotency-Key",
        "header",
        isRequired: false,
        .object([
            JSONMember("type", .string("string")),
            // A comma stands between two keys.
            JSONMember(
                "pattern",
                .string(#"^[!#-+\u002d-~][!-+\u002d-~]{0,"# + "\(IdempotencyKey.maxLength - 1)}$")
            ),
        ]),
        [
            JSONMember(
                "description",
                .string(
                    """
                    A name for this call, best a UUID, with or without quotation marks. Repeating the call with the same \
                    name within a day has no second effect, and gives the first answer with `Idempotent-Replayed: true`. \
                    Calls that were refused may be repeated with other content.
                    """
                )
            )
        ]
    )

    private static func parameter(_ parameter: Call.Parameter, _ named: inout [ExactText: JSONValue]) -> JSONValue {
        Self.parameter(
            parameter.name,
            "query",
            isRequired: parameter.isRequired,
            parameter.schema.json(&named),
            [
                JSONMember("description", .string(parameter.description)),
                JSONMember("example", parameter.schema.example(parameter.name, in: "query")),
            ]
        )
    }

    private static func parameter(
        _ name: String,
        _ place: String,
        isRequired: Bool,
        _ schema: JSONValue,
        _ more: [JSONMember] = []
    ) -> JSONValue {
        .object(
            [
                JSONMember("name", .string(name)), JSONMember("in", .string(place)),
                JSONMember("required", .bool(isRequired)), JSONMember("schema", schema),
            ] + more
        )
    }

    // MARK: Answers

    private static func responses(
        _ call: Call,
        _ named: inout [ExactText: JSONValue],
        _ shared: inout SharedFaults
    ) -> JSONValue {
        let success = JSONMember(String(call.success.status), success(call, &named))
        return .object([success] + shared.responses(of: call, &named))
    }

    private static func success(_ call: Call, _ named: inout [ExactText: JSONValue]) -> JSONValue {
        var members = [JSONMember("description", .string(call.success.description))]
        if let schema = call.success.schema {
            let example = call.success.example ?? schema.example
            var content = [JSONMember(call.success.mediaType, media(schema.json(&named), example))]
            if let other = call.success.otherMediaType {
                let example = JSONValue.string(call.success.otherExample ?? "")
                content.append(JSONMember(other, media(Schema.anyText.json(&named), example)))
            }
            members.append(JSONMember("content", .object(content)))
        }
        if call.success.isPage {
            let link = header("Link", "Where the list continues, with rel=\"next\"; absent at its end.")
            let total = header("X-Total-Count", "The number of entries on all pages.", type: "integer")
            members.append(JSONMember("headers", .object(link + total)))
        }
        if !call.links.isEmpty { members.append(JSONMember("links", links(call.links))) }
        return .object(members)
    }

    private static func links(_ links: [Call.Link]) -> JSONValue {
        .object(
            links.map { link in
                let value = JSONValue.string("$response.body#/\(link.member)")
                return JSONMember(
                    link.operation,
                    .object([
                        JSONMember("operationId", .string(link.operation)),
                        JSONMember("parameters", .object([JSONMember(link.parameter, value)])),
                    ])
                )
            }
        )
    }

    /// What a body of one media type may be.
    static func media(_ schema: JSONValue, _ example: JSONValue) -> JSONValue {
        .object([JSONMember("schema", schema), JSONMember("example", example)])
    }

    static func header(_ name: String, _ description: String, type: String = "string") -> [JSONMember] {
        [
            JSONMember(
                name,
                .object([
                    JSONMember("description", .string(description)),
                    JSONMember("schema", .object([JSONMember("type", .string(type))])),
                ])
            )
        ]
    }
}
