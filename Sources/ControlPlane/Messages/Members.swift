import Basics

/// Named values that were checked against their ``Schema``. `null` counts as absent.
struct Members: Sendable {
    private let all: [JSONMember]

    init(_ all: [JSONMember] = []) { self.all = all }

    /// All of them, as an object.
    var json: JSONValue { .object(all) }

    /// Names and values as a query has them, in their order.
    var queryTexts: [(name: String, text: String)] {
        all.map { member in
            switch member.value {
            case .string(let text): (member.name, text)
            case let value: (member.name, String(decoding: value.serialized(), as: UTF8.self))
            }
        }
    }

    /// Whether the member is present, `null` or not.
    func has(_ name: String) -> Bool { all[name] != nil }

    /// The value of a member as it was given; `nil` if it is null.
    func value(_ name: String) -> JSONValue? { all[name].flatMap { $0 == .null ? nil : $0 } }

    func text(_ name: String) -> String? {
        guard case .string(let text)? = all[name] else { return nil }
        return text
    }

    /// The text of a member, unless it is blank.
    func words(_ name: String) -> String? { text(name).flatMap { Text.isBlank($0) ? nil : $0 } }

    func bool(_ name: String) -> Bool? {
        guard case .bool(let value)? = all[name] else { return nil }
        return value
    }

    func integer(_ name: String) -> Int? {
        all[name]?.number.flatMap { Int(exactly: $0) }
    }

    func list(_ name: String) -> [String]? {
        guard case .array(let values)? = all[name] else { return nil }
        return values.compactMap { value in
            guard case .string(let text) = value else { return nil }
            return text
        }
    }

    func object(_ name: String) -> [JSONMember]? {
        guard case .object(let members)? = all[name] else { return nil }
        return members
    }
}

extension JSONValue {
    /// The same for every order in which a client may have written the members.
    var inOrderOfNames: JSONValue {
        switch self {
        case .array(let values): .array(values.map(\.inOrderOfNames))
        case .object(let members):
            .object(
                members.map { JSONMember($0.name, $0.value.inOrderOfNames) }
                    .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            )
        default: self
        }
    }
}
