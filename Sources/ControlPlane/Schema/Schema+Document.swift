import Basics

/// Schemas in the form of the OpenAPI document: JSON Schema 2020-12.
extension Schema {
    /// The schema in JSON. Named schemas become references and are added to `named`.
    func json(_ named: inout [ExactText: JSONValue]) -> JSONValue {
        switch self {
        case .text(let text): return .object(text.members)
        case .boolean: return Self.type("boolean")
        case .number: return Self.type("number")
        case .integer(let range):
            return Self.type(
                "integer",
                [
                    JSONMember("minimum", .number(Double(range.lowerBound))),
                    JSONMember("maximum", .number(Double(range.upperBound))),
                ]
            )
        case .list(let element, let least, let limit):
            var members = [JSONMember("items", element.json(&named))]
            if least > 0 { members.append(JSONMember("minItems", .number(Double(least)))) }
            if let limit { members.append(JSONMember("maxItems", .number(Double(limit)))) }
            return Self.type("array", members)
        case .tuple(let elements):
            var items: [JSONValue] = []
            for element in elements { items.append(element.json(&named)) }
            let count = JSONValue.number(Double(items.count))
            return Self.type(
                "array",
                [
                    JSONMember("prefixItems", .array(items)), JSONMember("minItems", count),
                    JSONMember("maxItems", count),
                ]
            )
        case .object(let members): return Self.object(members, isOpen: true, &named)
        case .input(let members): return Self.object(members, isOpen: false, &named)
        case .oneOf(let names, let isRequired, let schema):
            guard case .object(let words) = schema.json(&named) else { return .null }
            let given = names.map(Self.given)
            let choices =
                isRequired
                ? given : given + [.object([JSONMember("not", .object([JSONMember("anyOf", .array(given))]))])]
            return .object(words + [JSONMember("oneOf", .array(choices))])
        case .document:
            return Self.type("object", [JSONMember("description", .string("Your own data, at most 16 KiB of JSON."))])
        case .nothing: return Self.type("null")
        case .nullable(let schema):
            return .object([JSONMember("anyOf", .array([schema.json(&named), Self.type("null")]))])
        case .named(let name, let schema):
            if named[ExactText(name)] == nil {
                named[ExactText(name)] = .null
                named[ExactText(name)] = schema.json(&named)
            }
            return .object([JSONMember("$ref", .string("#/components/schemas/\(name)"))])
        }
    }

    /// An object in which a member is given and not null.
    private static func given(_ name: String) -> JSONValue {
        let value = JSONValue.object([JSONMember("not", type("null"))])
        return .object([
            JSONMember("required", .array([.string(name)])),
            JSONMember("properties", .object([JSONMember(name, value)])),
        ])
    }

    private static func object(
        _ members: [Member],
        isOpen: Bool,
        _ named: inout [ExactText: JSONValue]
    ) -> JSONValue {
        var properties: [JSONMember] = []
        for member in members {
            var schema = member.schema.json(&named)
            if let description = member.description, case .object(let words) = schema {
                let others = words.filter { !$0.name.hasSameBytes(as: "description") }
                schema = .object(others + [JSONMember("description", .string(description))])
            }
            properties.append(JSONMember(member.name, schema))
        }
        let required = members.filter(\.isRequired).map { JSONValue.string($0.name) }
        var words = [JSONMember("properties", .object(properties))]
        if !required.isEmpty { words.append(JSONMember("required", .array(required))) }
        words.append(JSONMember("additionalProperties", .bool(isOpen)))
        return type("object", words)
    }

    private static func type(_ name: String, _ members: [JSONMember] = []) -> JSONValue {
        .object([JSONMember("type", .string(name))] + members)
    }
}
