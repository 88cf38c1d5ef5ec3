import Basics

extension Key {
    /// The length of the shortest secret, in bytes: that of the digest
    /// ([RFC 7518, section 3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
    static func minSecret(_ algorithm: Algorithm) -> Int {
        switch algorithm {
        case .hs512: 64
        case .hs384: 48
        default: 32
        }
    }

    /// Makes an HMAC key from a secret shared with the issuer of the tokens.
    ///
    /// Refuses a public key in place of the secret: everybody knows it, so everybody could sign.
    package static func secret(_ bytes: [UInt8], algorithm: Algorithm, id: String?) throws(KeyError) -> Key {
        guard algorithm.family == .hmac, let digest = algorithm.digest else {
            throw KeyError("\(algorithm.rawValue) needs a key pair, not a secret")
        }
        let least = minSecret(algorithm)
        guard bytes.count >= least else {
            throw KeyError(
                "the secret has \(bytes.count) bytes; \(algorithm.rawValue) needs \(least) random bytes or more"
            )
        }
        guard !KeyFile.isOne(bytes) else {
            throw KeyError(
                "the secret is a key file (PEM, DER, JWK or SSH); a secret is random bytes that nobody else has"
            )
        }
        return Key(
            id: id,
            algorithm: algorithm,
            material: .secret(KeyedMAC(secret: bytes.span, digest: digest))
        )
    }
}

/// The file formats of public and private keys.
private enum KeyFile {
    /// Whether `bytes` are PEM, DER, a JWK or JWK set, or an SSH public key.
    static func isOne(_ bytes: [UInt8]) -> Bool {
        if bytes.contains(sequence: "-----BEGIN ") { return true }
        let text = bytes.drop { $0 <= 0x20 }
        if text.starts(with: "ssh-".utf8) || text.starts(with: "ecdsa-sha2-".utf8) { return true }
        if case .object(let members)? = try? JSONValue(parsing: bytes.span, limits: JSONLimits(size: 1 << 20)) {
            return members["kty"] != nil || members["keys"] != nil
        }
        return KeyPair.isPublicDER(bytes.span)
    }
}

extension [UInt8] {
    fileprivate func contains(sequence: StaticString) -> Bool {
        let wanted = Array(sequence.description.utf8)
        guard count >= wanted.count else { return false }
        return (0...(count - wanted.count)).contains { self[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }
}
