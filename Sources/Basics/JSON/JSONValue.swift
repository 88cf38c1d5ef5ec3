/// A JSON text in memory ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)).
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// Always finite if it comes from the parser.
    case number(Double)
    /// A number with more digits than a `Double` preserves, as written. Its value is finite too.
    case exactNumber(String)
    case string(String)
    case array([JSONValue])
    /// In the order of the text; names are unique.
    case object([JSONMember])
}

extension JSONValue {
    /// Compares texts as bytes, and exact numbers as written.
    package static func == (a: JSONValue, b: JSONValue) -> Bool {
        switch (a, b) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.exactNumber(let a), .exactNumber(let b)), (.string(let a), .string(let b)): a.hasSameBytes(as: b)
        case (.number, .exactNumber(let text)): a.serialized().elementsEqual(text.utf8)
        case (.exactNumber(let text), .number): b.serialized().elementsEqual(text.utf8)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a == b
        default: false
        }
    }

    /// The value of a number, to the precision of a `Double`; `nil` for anything else.
    package var number: Double? {
        switch self {
        case .number(let value): value
        case .exactNumber(let text): Double(text)
        default: nil
        }
    }
}

/// One name and its value in a JSON object.
package struct JSONMember: Sendable, Equatable {
    package let name: String
    package let value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
        self.name = name
        self.value = value
    }

    package static func == (a: JSONMember, b: JSONMember) -> Bool {
        a.name.hasSameBytes(as: b.name) && a.value == b.value
    }
}

extension [JSONMember] {
    /// The value of the member whose name has exactly these bytes.
    package subscript(name: String) -> JSONValue? {
        first { $0.name.hasSameBytes(as: name) }?.value
    }
}

/// Why bytes are not an acceptable JSON text.
package enum JSONFault: Error, Sendable, CaseIterable {
    /// Longer than the limit.
    case size
    /// Violates the grammar.
    case syntax
    /// A string is not UTF-8, or an escape names half of a surrogate pair.
    case encoding
    /// A number too large for a `Double`.
    case number
    /// An object repeats a member name, so that two readers could see two values.
    case duplicate
    /// Arrays and objects nested too deeply.
    case depth
    /// An object with too many members.
    case members
    /// Too many arrays and objects in total.
    case containers
}

/// Limits for JSON from untrusted sources.
package struct JSONLimits: Sendable {
    /// The length of the whole text, in bytes.
    package var size: Int
    /// The nesting of arrays and objects.
    package var depth = 16
    /// The number of members of one object.
    package var members = 256
    /// The total number of arrays and objects: each takes memory of its own, although two bytes are enough to make one.
    package var containers = Int.max

    package init(size: Int) {
        self.size = size
    }
}
