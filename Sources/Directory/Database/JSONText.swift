import Basics

/// The stored form of lists and metadata.
enum JSONText {
    /// Generous limits: the writer has already bounded what was stored.
    private static let limits: JSONLimits = {
        var limits = JSONLimits(size: 1 << 20)
        limits.depth = 64
        limits.members = 1 << 14
        return limits
    }()

    static func write(_ members: [JSONMember]) -> String {
        members.isEmpty ? "{}" : String(decoding: JSONValue.object(members).serialized(), as: UTF8.self)
    }

    static func write(_ list: [String]) -> String {
        list.isEmpty ? "[]" : String(decoding: JSONValue.array(list.map(JSONValue.string)).serialized(), as: UTF8.self)
    }

    static func members(_ text: String) throws(DirectoryFault) -> [JSONMember] {
        guard !text.hasSameBytes(as: "{}") else { return [] }
        guard case .object(let members)? = parse(text) else { throw damaged }
        return members
    }

    static func list(_ text: String) throws(DirectoryFault) -> [String] {
        guard !text.hasSameBytes(as: "[]") else { return [] }
        guard case .array(let values)? = parse(text) else { throw damaged }
        var list: [String] = []
        for value in values {
            guard case .string(let text) = value else { throw damaged }
            list.append(text)
        }
        return list
    }

    private static let damaged = DirectoryFault(description: "a value in the database was not written by the gateway")

    private static func parse(_ text: String) -> JSONValue? {
        let bytes = Array(text.utf8)
        return try? JSONValue(parsing: bytes.span, limits: limits)
    }
}
