package import Basics

// JSON as tests write and read it.

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int) { self = .number(Double(value)) }
    package init(nilLiteral: ()) { self = .null }
    package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    package init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(elements.map { JSONMember($0.0, $0.1) })
    }
}

extension JSONValue {
    /// A member of an object. Setting it adds or replaces it.
    subscript(name: String) -> JSONValue? {
        get {
            guard case .object(let members) = self else { return nil }
            return members[name]
        }
        set {
            guard case .object(var members) = self else { return }
            members.removeAll { $0.name == name }
            if let newValue { members.append(JSONMember(name, newValue)) }
            self = .object(members)
        }
    }

    var text: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var number: Double? {
        guard case .number(let number) = self else { return nil }
        return number
    }

    var list: [JSONValue]? {
        guard case .array(let list) = self else { return nil }
        return list
    }

    /// The names of an object's members, sorted.
    var names: [String] {
        guard case .object(let members) = self else { return [] }
        return members.map(\.name).sorted()
    }

    var description: String { String(decoding: serialized(), as: UTF8.self) }
}

extension Response {
    /// The body, which is exactly one JSON text.
    func json() throws -> JSONValue {
        var limits = JSONLimits(size: 64 << 20)
        limits.depth = 64
        limits.members = 1 << 16
        do throws(JSONFault) {
            return try JSONValue(parsing: body.span, limits: limits)
        } catch {
            throw GatewayFailure(text: "no JSON (\(error)): \(self)")
        }
    }
}
