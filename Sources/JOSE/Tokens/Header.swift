import Basics

/// The members of a token's protected header that are used: algorithm, key and type.
///
/// `jwk`, `jku`, `x5c` and `x5u`, which would let a token bring its own key, are never read
/// ([RFC 8725, section 3.10](https://www.rfc-editor.org/rfc/rfc8725#section-3.10)).
struct Header {
    let algorithm: Algorithm
    let keyID: String?
    let type: String?

    /// The longest `kid` and `typ` in bytes. Legitimate ones are shorter, and they are compared with the ids of our
    /// keys.
    private static let maxName = 256
    private static let limits = JSONLimits(size: 8192)

    init(parsing bytes: Span<UInt8>) throws(TokenFault) {
        guard case .object(let members)? = try? JSONValue(parsing: bytes, limits: Header.limits) else { throw .header }
        guard case .string(let name)? = members["alg"], let algorithm = Algorithm(name: name) else { throw .algorithm }
        // Each of these changes what is signed or what the claims mean. Ignoring one would read something other than
        // what the signer wrote (RFC 7515 section 4.1.11, RFC 7797 section 6, RFC 7516 section 4.1.3).
        for name in ["crit", "b64", "zip"] where members[name] != nil { throw .critical }
        self.algorithm = algorithm
        keyID = try Header.name("kid", in: members)
        type = try Header.name("typ", in: members)
    }

    private static func name(_ name: String, in members: [JSONMember]) throws(TokenFault) -> String? {
        switch members[name] {
        case nil: nil
        case .string(let value) where value.utf8.count <= maxName: value
        default: throw .header
        }
    }
}
