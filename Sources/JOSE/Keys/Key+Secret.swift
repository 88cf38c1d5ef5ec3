extension Key {
    /// Octets of the shortest secret: as many as the digest has
    /// ([RFC 7518, section 3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
    static func minSecret(_ algorithm: Algorithm) -> Int {
        switch algorithm {
        case .hs512: 64
        case .hs384: 48
        default: 32
        }
    }

    /// A secret for HMAC, shared with whoever makes the tokens.
    ///
    /// A public key in a place where a secret belongs is refused: everybody knows it, so everybody could sign.
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

/// The forms in which the halves of key pairs are kept in files.
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
