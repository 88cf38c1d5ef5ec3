package import Basics

/// One key, pinned to one algorithm: a token never chooses how it is checked.
///
/// Immutable, so threads may share it. Its description and reflection contain no byte of the key.
package final class Key: Sendable {
    /// The `kid` in tokens.
    package let id: String?
    package let algorithm: Algorithm
    /// Equal whenever the same key is read again, and different for every other key.
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

    /// Whether it has the private half or is a secret.
    package var canSign: Bool {
        switch material {
        case .secret: true
        case .pair(let pair): pair.isPrivate
        }
    }

    /// Signs `input`. Returns the form that JWS uses: for ECDSA the numbers R and S, not DER.
    package func sign(_ input: Span<UInt8>) throws(KeyError) -> [UInt8] {
        switch material {
        case .secret(let mac): mac.code(for: input)
        case .pair(let pair): try pair.sign(input)
        }
    }

    /// Whether `signature` is this key's signature of `input`. Accepts any bytes.
    package func verifies(_ signature: Span<UInt8>, of input: Span<UInt8>) -> Bool {
        switch material {
        case .secret(let mac): mac.verifies(signature, of: input)
        case .pair(let pair): pair.verifies(signature, of: input)
        }
    }

    /// The approximate CPU time to detect a bad signature, in microseconds. 0 for a secret: a MAC takes less than
    /// reading the token does.
    package var checkCost: Int {
        switch material {
        case .secret: 0
        case .pair(let pair): pair.checkCost
        }
    }

    /// The private half in PKCS #8 PEM. Store it in a file that only its owner can read.
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

/// Distinguishes keys by their content, whatever their names: the first 128 bits of a hash, which reveal nothing about
/// the key.
package struct KeyThumbprint: Hashable, Sendable {
    /// Sixteen bytes.
    package let bytes: [UInt8]

    /// Restores a thumbprint that was stored.
    package init(bytes: [UInt8]) { self.bytes = bytes }

    /// For a secret, hashes a MAC instead of the secret, so that guesses are no easier to test against it than against
    /// a token.
    fileprivate init(_ algorithm: Algorithm, _ material: Key.Material) {
        var text = Array(algorithm.rawValue.utf8)
        switch material {
        case .secret(let mac): text += mac.code(for: Array("thumbprint".utf8).span)
        case .pair(let pair): text += JSONValue.object(pair.publicMembers()).serialized()
        }
        bytes = Array(SHA256.hash(text.span).prefix(16))
    }
}
