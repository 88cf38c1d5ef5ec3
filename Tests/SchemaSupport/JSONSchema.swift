package import Basics

/// Checks values against JSON Schema, as far as the OpenAPI document uses it, independently of the code that writes the
/// document.
package struct JSONSchema {
    /// Where references lead.
    private let document: JSONValue

    package init(document: JSONValue) { self.document = document }

    /// What is wrong with a value.
    package func faults(in value: JSONValue, _ schema: JSONValue, at place: String = "$") -> [String] {
        guard case .object(let words) = schema else { return ["\(place): the schema is not an object"] }
        if case .string(let reference)? = words["$ref"] {
            guard let found = follow(reference) else { return ["\(place): \(reference) leads nowhere"] }
            return faults(in: value, found, at: place)
        }
        if case .array(let choices)? = words["anyOf"] {
            let found = choices.map { faults(in: value, $0, at: place) }
            return found.contains { $0.isEmpty } ? [] : found.first ?? ["\(place): no choice"]
        }
        if let schema = words["not"], faults(in: value, schema, at: place).isEmpty {
            return ["\(place): \(value) is what it must not be"]
        }
        if case .array(let choices)? = words["oneOf"] {
            let count = choices.count { faults(in: value, $0, at: place).isEmpty }
            if count != 1 { return ["\(place): fits \(count) of \(choices.count) choices, not one"] }
        }
        // A choice may be about some members only.
        let isPartial = words["not"] != nil || words["required"] != nil && words["additionalProperties"] == nil
        if !isPartial || words["type"] != nil {
            guard case .string(let type)? = words["type"], Self.isOf(type, value) else {
                return ["\(place): \(value) is not of \(words["type"] ?? .null)"]
            }
        }
        if case .array(let values)? = words["enum"], !values.contains(value) {
            return ["\(place): \(value) is none of \(values)"]
        }
        switch value {
        case .object(let members): return faults(in: members, words, at: place)
        case .array(let elements):
            guard let items = words["items"] else { return isPartial ? [] : ["\(place): the schema has no items"] }
            if let least = words["minItems"]?.number, Double(elements.count) < least {
                return ["\(place): has fewer than \(least) entries"]
            }
            return elements.enumerated().flatMap { faults(in: $1, items, at: "\(place)[\($0)]") }
        case .string(let text):
            guard case .string(let format)? = words["format"] else { return [] }
            let fits =
                switch format {
                case "uuid": UUIDText.parse(text) != nil
                case "idn-email": text.contains("@")
                default: RFC3339.parse(text) != nil
                }
            return fits ? [] : ["\(place): \(text) is not a \(format)"]
        default: return []
        }
    }

    /// Members that the schema does not name count as wrong, although it allows others to be added later.
    private func faults(in members: [JSONMember], _ words: [JSONMember], at place: String) -> [String] {
        // A document of the company's own.
        guard case .object(let properties)? = words["properties"] else { return [] }
        var faults: [String] = []
        if case .array(let required)? = words["required"] {
            for case .string(let name) in required where members[name] == nil {
                faults.append("\(place).\(name): missing")
            }
        }
        for member in members {
            if let schema = properties[member.name] {
                faults += self.faults(in: member.value, schema, at: "\(place).\(member.name)")
            } else if words["additionalProperties"] != nil {
                faults.append("\(place).\(member.name): not described")
            }
        }
        return faults
    }

    private func follow(_ reference: String) -> JSONValue? {
        var value: JSONValue? = document
        for name in reference.split(separator: "/").dropFirst() {
            guard case .object(let members)? = value else { return nil }
            value = members[String(name)]
        }
        return value
    }

    private static func isOf(_ type: String, _ value: JSONValue) -> Bool {
        switch (type, value) {
        case ("null", .null), ("boolean", .bool), ("string", .string), ("array", .array), ("object", .object): true
        case ("number", _): value.number != nil
        case ("integer", _): value.number.map { $0 == $0.rounded() } ?? false
        default: false
        }
    }
}
