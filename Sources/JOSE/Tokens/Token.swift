package import Basics

/// A JSON Web Token in compact form, parsed but *not yet verified*.
///
/// Trust nothing in it before ``verify(with:)`` returns. The claims can be read earlier, because they say whose keys to
/// try. See [RFC 7515](https://www.rfc-editor.org/rfc/rfc7515), [RFC 7519](https://www.rfc-editor.org/rfc/rfc7519) and
/// the advice of [RFC 8725](https://www.rfc-editor.org/rfc/rfc8725).
package struct Token: Sendable {
    package let algorithm: Algorithm
    package let keyID: String?
    package let type: String?
    package let claims: Claims
    package let validity: Validity

    /// The signed bytes: header, dot and claims as received.
    private let signed: [UInt8]
    private let signature: [UInt8]

    /// Parses a token.
    ///
    /// - Parameter maxSize: the longest token that is accepted, in bytes.
    package init(parsing bytes: Span<UInt8>, maxSize: Int) throws(TokenFault) {
        guard bytes.count <= maxSize else { throw .tooLarge }
        guard let dots = Token.dots(in: bytes) else { throw .malformed }
        let header = try Token.decode(bytes.extracting(0..<dots.first))
        let claims = try Token.decode(bytes.extracting((dots.first + 1)..<dots.second))
        signature = try Token.decode(bytes.extracting((dots.second + 1)..<bytes.count))

        let fields = try Header(parsing: header.span)
        algorithm = fields.algorithm
        keyID = fields.keyID
        type = fields.type

        guard case .object(let members)? = try? JSONValue(parsing: claims.span, limits: JSONLimits(size: maxSize))
        else { throw .claims }
        self.claims = Claims(members)
        validity = try Validity(self.claims)

        signed = [UInt8](copying: bytes.extracting(0..<dots.second))
    }

    /// Whether `typ` is this type, which must be in lower case.
    package func hasType(_ name: String) -> Bool { isMediaType(type, name) }

    /// The keys among `keys` that may have made the signature; never empty.
    ///
    /// A `kid` selects the keys with that id, or if there are none, those without an id. Without a `kid`, selects at
    /// most three keys of the token's algorithm: each costs a signature check, and the sender of tokens decides how
    /// many there are.
    package func candidates(among keys: [Key]) throws(TokenFault) -> [Key] {
        let named = keyID.map { id in keys.filter { $0.id.hasSameBytes(as: id) } } ?? keys
        let candidates = named.isEmpty ? keys.filter { $0.id == nil } : named
        guard !candidates.isEmpty else { throw .unknownKey }
        let matching = candidates.filter { $0.algorithm == algorithm }.prefix(3)
        guard !matching.isEmpty else { throw .algorithm }
        return Array(matching)
    }

    /// Returns the key that made the signature, if it is one of `keys`.
    @discardableResult
    package func verify(with keys: [Key]) throws(TokenFault) -> Key {
        guard let key = try candidates(among: keys).first(where: { $0.verifies(signature.span, of: signed.span) })
        else {
            throw .signature
        }
        return key
    }

    /// Makes and signs a token.
    ///
    /// - Parameter type: the `typ` of its header; `nil` for none.
    package static func sign(_ claims: [JSONMember], type: String?, with key: Key) throws(KeyError) -> String {
        var header = [JSONMember("alg", .string(key.algorithm.rawValue))]
        if let id = key.id { header.append(JSONMember("kid", .string(id))) }
        if let type { header.append(JSONMember("typ", .string(type))) }
        var token = Base64URL.encode(JSONValue.object(header).serialized().span)
        token.append(UInt8(ascii: "."))
        token += Base64URL.encode(JSONValue.object(claims).serialized().span)
        let signature = try key.sign(token.span)
        token.append(UInt8(ascii: "."))
        token += Base64URL.encode(signature.span)
        return String(decoding: token, as: UTF8.self)
    }

    /// The positions of the dots, if there are exactly two.
    private static func dots(in bytes: Span<UInt8>) -> (first: Int, second: Int)? {
        var first: Int?
        var second: Int?
        for index in bytes.indices where bytes[index] == UInt8(ascii: ".") {
            if first == nil {
                first = index
            } else if second == nil {
                second = index
            } else {
                return nil
            }
        }
        guard let first, let second else { return nil }
        return (first, second)
    }

    private static func decode(_ part: Span<UInt8>) throws(TokenFault) -> [UInt8] {
        guard let bytes = Base64URL.decode(part) else { throw .encoding }
        return bytes
    }
}

extension Token: CustomStringConvertible {
    /// Shows only the algorithm: a token in a log is a stolen token.
    package var description: String { "Token(\(algorithm.rawValue))" }
}
