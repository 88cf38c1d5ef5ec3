extension Key {
    /// The shortest HMAC secret. [RFC 7518, section 3.2][1] asks for as many octets as the digest has; 32 random ones
    /// are past guessing with each of the three, and companies share one secret among them.
    ///
    /// [1]: https://www.rfc-editor.org/rfc/rfc7518#section-3.2
    static let minSecret = 32

    /// A secret for HMAC, shared with whoever makes the tokens.
    ///
    /// A public key in a place where a secret belongs is refused: everybody knows it, so everybody could sign.
    package static func secret(_ bytes: [UInt8], algorithm: Algorithm, id: String?) throws(KeyError) -> Key {
        guard algorithm.family == .hmac, let digest = algorithm.digest else {
            throw KeyError("\(algorithm.rawValue) needs a key pair, not a secret")
        }
        guard bytes.count >= minSecret else {
            throw KeyError(
                "the secret has \(bytes.count) bytes; \(algorithm.rawValue) needs \(minSecret) random bytes or more"
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
