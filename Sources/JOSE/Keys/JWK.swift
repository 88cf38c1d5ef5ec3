import Basics

/// The members of one JWK ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)), read strictly.
struct JWK {
    private let members: [JSONMember]

    init(_ value: JSONValue) throws(KeyError) {
        guard case .object(let members) = value else { throw KeyError("a JWK is a JSON object") }
        self.members = members
    }

    /// A text member; `nil` if absent.
    func text(_ name: String) throws(KeyError) -> String? {
        switch members[name] {
        case nil: nil
        case .string(let text): text
        default: throw KeyError("the member \"\(name)\" of a JWK is a string")
        }
    }

    /// A member that is an array of texts; `nil` if absent.
    func texts(_ name: String) throws(KeyError) -> [String]? {
        guard let value = members[name] else { return nil }
        guard case .array(let values) = value else {
            throw KeyError("the member \"\(name)\" of a JWK is an array of strings")
        }
        var texts: [String] = []
        for value in values {
            guard case .string(let text) = value else {
                throw KeyError("the member \"\(name)\" of a JWK is an array of strings")
            }
            texts.append(text)
        }
        return texts
    }

    func has(_ name: String) -> Bool { members[name] != nil }

    /// The bytes of a required base64url member.
    func bytes(_ name: String, count: Int? = nil) throws(KeyError) -> [UInt8] {
        guard let text = try text(name), let bytes = Base64URL.decode(Array(text.utf8).span), !bytes.isEmpty else {
            throw KeyError("the member \"\(name)\" of the JWK is missing or not base64url without padding")
        }
        if let count, bytes.count != count {
            throw KeyError("the member \"\(name)\" of the JWK has \(bytes.count) bytes instead of \(count)")
        }
        return bytes
    }
}
