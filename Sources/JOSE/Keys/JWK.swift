/// The members of one JWK ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)), read strictly.
struct JWK {
    private let members: [JSONMember]

    init(_ value: JSONValue) throws(KeyError) {
        guard case .object(let members) = value else { throw KeyError("a JWK is a JSON object") }
        self.members = members
    }

    /// The text of a member; `nil` if there is none.
    func text(_ name: String) throws(KeyError) -> String? {
        switch members[name] {
        case nil: nil
        case .string(let text): text
        default: throw KeyError("the member \"\(name)\" of a JWK is a string")
        }
    }

    /// The texts of a member that is an array; `nil` if there is none.
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

    /// The octets of a member that must be there, in base64url.
    func octets(_ name: String, count: Int? = nil) throws(KeyError) -> [UInt8] {
        guard let text = try text(name), let octets = Base64URL.decode(Array(text.utf8).span), !octets.isEmpty else {
            throw KeyError("the member \"\(name)\" of the JWK is missing or not base64url without padding")
        }
        if let count, octets.count != count {
            throw KeyError("the member \"\(name)\" of the JWK has \(octets.count) octets instead of \(count)")
        }
        return octets
    }
}
