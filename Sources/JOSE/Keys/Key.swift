/// One key, pinned to one algorithm: the token never chooses how it is checked.
///
/// Immutable, so that threads may share it. Its description and reflection hold no byte of the key.
package final class Key: Sendable {
    /// The `kid` that tokens name it by.
    package let id: String?
    package let algorithm: Algorithm
    /// What the same key has after it was read again, and no other one.
    package let thumbprint: KeyThumbprint
    private let material: Material

    enum Material: Sendable {
        case secret(KeyedMAC)
        case pair(KeyPair)
    }

    init(id: String?, algorithm: Algorithm, material: Material) {
        self.id = id
        self.algorithm = algorithm
        self.material = material
        thumbprint = KeyThumbprint(algorithm, material)
    }

    /// Whether it holds the private half, or is a secret.
    package var canSign: Bool {
        switch material {
        case .secret: true
        case .pair(let pair): pair.isPrivate
        }
    }

    /// The signature over `input` in the form that JWS has it: for ECDSA the two numbers R and S, not DER.
    package func sign(_ input: Span<UInt8>) throws(KeyError) -> [UInt8] {
        switch material {
        case .secret(let mac): mac.code(for: input)
        case .pair(let pair): try pair.sign(input)
        }
    }

    /// Whether `signature` is this key's over `input`. Any bytes may be asked about.
    package func verifies(_ signature: Span<UInt8>, of input: Span<UInt8>) -> Bool {
        switch material {
        case .secret(let mac): mac.verifies(signature, of: input)
        case .pair(let pair): pair.verifies(signature, of: input)
        }
    }

    /// What it takes to find that a signature is bad, in microseconds of CPU time, roughly. 0 for a secret: a MAC takes less
    /// than reading the token does.
    package var checkCost: Int {
        switch material {
        case .secret: 0
        case .pair(let pair): pair.checkCost
        }
    }

    /// The private half in PKCS #8 PEM, to be kept in a file that only its owner reads.
    package func privatePEM() throws(KeyError) -> [UInt8] {
        guard case .pair(let pair) = material else { throw KeyError("an HMAC secret has no PEM form") }
        return try pair.privatePEM()
    }

    /// The public half as a JWK, with `alg`, `use` and `kid`; `nil` for a secret.
    package var publicJWK: JSONValue? {
        guard case .pair(let pair) = material else { return nil }
        var members = pair.publicMembers()
        members.append(JSONMember("use", .string("sig")))
        members.append(JSONMember("alg", .string(algorithm.rawValue)))
        if let id { members.append(JSONMember("kid", .string(id))) }
        return .object(members)
    }
}

extension Key: CustomStringConvertible {
    package var description: String { "Key(\(algorithm.rawValue), \(id ?? "no id"))" }
}

/// What tells keys apart by what they are made of, whatever they are called: the first 128 bits of a hash, from which nothing
/// of the key can be found.
package struct KeyThumbprint: Hashable, Sendable {
    /// Sixteen of them.
    package let octets: [UInt8]

    /// A thumbprint that was written down.
    package init(octets: [UInt8]) { self.octets = octets }

    /// For a secret it is over a MAC, and not over the secret, so that it is no easier to try secrets on it than on a token.
    fileprivate init(_ algorithm: Algorithm, _ material: Key.Material) {
        var text = Array(algorithm.rawValue.utf8)
        switch material {
        case .secret(let mac): text += mac.code(for: Array("thumbprint".utf8).span)
        case .pair(let pair): text += JSONValue.object(pair.publicMembers()).serialized()
        }
        octets = Array(SHA256.hash(text.span).prefix(16))
    }
}
