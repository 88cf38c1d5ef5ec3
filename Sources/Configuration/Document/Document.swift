import TOMLKit

/// Wraps the TOML library in one function. Nothing else in the package knows which library it is.
enum Document {
    /// Why a text is not a TOML document.
    struct Fault: Error {
        let line: Int
        let column: Int
        let reason: String
    }

    /// Deeper values are cut off. The schema has nothing that deep, so they are unknown keys anyway.
    private static let depthLimit = 16

    static func parse(_ text: String) throws(Fault) -> DocumentValue {
        // The library takes C strings and recurses. Refuse what it cannot handle before it sees the text.
        try DocumentScan.check(text)
        let root: TOMLTable
        do {
            root = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw Fault(line: error.source.begin.line, column: error.source.begin.column, reason: error.description)
        } catch {
            throw Fault(line: 1, column: 1, reason: "\(error)")
        }
        // The library never frees a tree, and a gateway may be reloaded thousands of times. What stays are copies that
        // it makes of keys and values, together about as long as the text.
        defer { root.clear() }
        return value(of: root, depth: 0)
    }

    private static func value(of table: TOMLTable, depth: Int) -> DocumentValue {
        guard depth < depthLimit else { return .table([:]) }
        var members: [String: DocumentValue] = [:]
        for key in table.keys {
            guard let member = table[key] else { continue }
            members[key] = value(of: member, depth: depth + 1)
        }
        return .table(members)
    }

    private static func value(of node: any TOMLValueConvertible, depth: Int) -> DocumentValue {
        switch node.type {
        case .string: node.string.map { .string($0) } ?? .faulty
        case .int: node.int.map { .integer($0) } ?? .faulty
        case .double: node.double.map { .number($0) } ?? .faulty
        case .bool: node.bool.map { .boolean($0) } ?? .faulty
        case .date, .time, .dateTime: .dateTime
        case .array: node.array.map { value(of: $0, depth: depth) } ?? .faulty
        case .table: node.table.map { value(of: $0, depth: depth) } ?? .faulty
        }
    }

    private static func value(of array: TOMLArray, depth: Int) -> DocumentValue {
        guard depth < depthLimit else { return .array([]) }
        return .array((0..<array.count).map { value(of: array[$0], depth: depth + 1) })
    }
}
