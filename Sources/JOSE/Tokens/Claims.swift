package import Basics

/// The claims of a token, by name. Names are compared byte by byte.
package struct Claims: Sendable {
    package let members: [JSONMember]

    package init(_ members: [JSONMember]) {
        self.members = members
    }

    package subscript(name: String) -> JSONValue? { members[name] }

    /// A string claim; `nil` if absent.
    package func string(_ name: String) throws(TokenFault) -> String? {
        switch members[name] {
        case nil: nil
        case .string(let value): value
        default: throw .claim(name)
        }
    }

    /// An id: a string, or an integer, which counts as its decimal digits; `nil` if absent or `null`.
    package func id(_ name: String) throws(TokenFault) -> String? {
        switch members[name] {
        case nil, .null: nil
        case .string(let value): value
        case .number(let value) where value.rounded() == value && value.magnitude < 0x1p53:
            String(Int64(value))
        case .exactNumber(let text) where text.utf8.allSatisfy({ $0 &- 0x30 < 10 || $0 == UInt8(ascii: "-") }): text
        default: throw .claim(name)
        }
    }

    /// A boolean claim; `nil` if absent.
    package func bool(_ name: String) throws(TokenFault) -> Bool? {
        switch members[name] {
        case nil: nil
        case .bool(let value): value
        default: throw .claim(name)
        }
    }

    /// A number claim; `nil` if absent.
    package func number(_ name: String) throws(TokenFault) -> Double? {
        guard let value = members[name] else { return nil }
        guard let number = value.number else { throw .claim(name) }
        return number
    }

    /// Whether `aud`, a string or an array of strings, contains `audience`
    /// ([RFC 7519, section 4.1.3](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3)). Returns `false` if absent.
    package func hasAudience(_ audience: String) throws(TokenFault) -> Bool {
        switch members["aud"] {
        case nil: return false
        case .string(let value): return value.hasSameBytes(as: audience)
        case .array(let values):
            var found = false
            for value in values {
                guard case .string(let name) = value else { throw .claim("aud") }
                if name.hasSameBytes(as: audience) { found = true }
            }
            return found
        default: throw .claim("aud")
        }
    }
}
