extension Key {
    /// Reads a JWK set, or a single JWK.
    ///
    /// Keys of a kind or for a use that is not ours (encryption, other curves) are passed over, as
    /// [RFC 7517, section 5][1] asks. A key that is ours but wrong or weak is an error, because its owner counts on it.
    /// A key that names no `alg` becomes one key for each algorithm that its type allows, a secret for those that it is
    /// long enough for. None of them is both a public key and a secret, so that is no way to confuse the two. A key that
    /// stands there twice is one key.
    ///
    /// Private halves and secrets pass through strings on their way, which cannot be wiped; PEM does not.
    ///
    /// [1]: https://www.rfc-editor.org/rfc/rfc7517#section-5
    package static func jwks(_ bytes: [UInt8]) throws(KeyError) -> [Key] {
        let document: JSONValue
        do {
            document = try JSONValue(parsing: bytes.span, limits: JSONLimits(size: 1 << 20))
        } catch {
            throw KeyError("it is not a JSON text, or one that names a member twice")
        }
        guard case .object(let members) = document else { throw KeyError("a JWK set is a JSON object") }
        guard let list = members["keys"] else {
            let keys = try Key.keys(of: JWK(document))
            guard !keys.isEmpty else { throw KeyError("the JWK is not for signatures that are known here") }
            return keys
        }
        guard case .array(let values) = list else { throw KeyError("the member \"keys\" of a JWK set is an array") }
        var keys: [Key] = []
        var seen: Set<Identity> = []
        for (index, value) in values.enumerated() {
            do {
                for key in try Key.keys(of: JWK(value)) where seen.insert(Identity(key)).inserted { keys.append(key) }
            } catch {
                throw KeyError("keys[\(index)]: \(error.description)")
            }
        }
        guard !keys.isEmpty else { throw KeyError("the JWK set has no key for signatures that are known here") }
        return keys
    }

    /// What two keys that are the same have in common.
    private struct Identity: Hashable {
        let id: ExactText?
        let thumbprint: KeyThumbprint

        init(_ key: Key) {
            id = key.id.map { ExactText($0) }
            thumbprint = key.thumbprint
        }
    }

    private static func keys(of jwk: JWK) throws(KeyError) -> [Key] {
        guard let type = try jwk.text("kty") else { throw KeyError("the member \"kty\" of the JWK is missing") }
        guard try isForSignatures(jwk) else { return [] }
        var allowed = try algorithms(for: type, jwk)
        if let name = try jwk.text("alg") {
            guard let algorithm = Algorithm(name: name) else { return [] }
            guard !allowed.isEmpty else { return [] }
            guard allowed.contains(algorithm) else {
                throw KeyError("the \"alg\" of the JWK does not go with its type or curve")
            }
            allowed = [algorithm]
        }
        let id = try jwk.text("kid")
        var keys: [Key] = []
        for algorithm in allowed { keys.append(try key(from: jwk, algorithm: algorithm, id: id)) }
        return keys
    }

    private static func isForSignatures(_ jwk: JWK) throws(KeyError) -> Bool {
        if let use = try jwk.text("use"), !use.hasSameBytes(as: "sig") { return false }
        guard let operations = try jwk.texts("key_ops") else { return true }
        // A private half is for signing; what it has signed its public one verifies.
        return operations.contains { $0.hasSameBytes(as: "verify") || (jwk.has("d") && $0.hasSameBytes(as: "sign")) }
    }

    /// The algorithms that a key of this type can be for; none if it is of no use here.
    private static func algorithms(for type: String, _ jwk: JWK) throws(KeyError) -> [Algorithm] {
        switch ExactText(type) {
        case "oct":
            var secret = try jwk.octets("k")
            defer { wipe(&secret) }
            // One that is too short for all of them is for the first, which says so.
            let fit = [Algorithm.hs256, .hs384, .hs512].filter { secret.count >= Key.minSecret($0) }
            return jwk.has("alg") ? [.hs256, .hs384, .hs512] : fit.isEmpty ? [.hs256] : fit
        case "RSA": return [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512]
        case "EC":
            guard let name = try jwk.text("crv") else { throw KeyError("the member \"crv\" of the JWK is missing") }
            return Curve.allCases.first { $0.rawValue.hasSameBytes(as: name) }.map { [$0.algorithm] } ?? []
        case "OKP": return try jwk.text("crv").hasSameBytes(as: "Ed25519") ? [.eddsa] : []
        default: return []
        }
    }

    private static func key(from jwk: JWK, algorithm: Algorithm, id: String?) throws(KeyError) -> Key {
        guard algorithm.family != .hmac else {
            var secret = try jwk.octets("k")
            defer { wipe(&secret) }
            return try Key.secret(secret, algorithm: algorithm, id: id)
        }
        let isPrivate = jwk.has("d")
        var der = try isPrivate ? privateDER(jwk, algorithm) : publicDER(jwk, algorithm)
        defer { wipe(&der) }
        let pair = try KeyPair.reading(der: der.span, algorithm: algorithm, isPrivate: isPrivate)
        if isPrivate {
            // The private half brings its own public one, which must be the one that is written beside it.
            let publicHalf = try publicDER(jwk, algorithm)
            let stated = try KeyPair.reading(der: publicHalf.span, algorithm: algorithm, isPrivate: false)
            guard stated.publicMembers() == pair.publicMembers() else {
                throw KeyError("the private half of the JWK does not go with the public one")
            }
        }
        return Key(id: id, algorithm: algorithm, material: .pair(pair))
    }

    // MARK: As DER

    private static func publicDER(_ jwk: JWK, _ algorithm: Algorithm) throws(KeyError) -> [UInt8] {
        if let curve = algorithm.curve { return DER.publicKey(DER.ec(curve), try point(jwk, curve)) }
        if algorithm == .eddsa { return DER.publicKey(DER.ed25519, try jwk.octets("x", count: 32)) }
        return DER.publicKey(
            DER.rsa,
            DER.sequence(DER.integer(try jwk.octets("n")), DER.integer(try jwk.octets("e")))
        )
    }

    private static func privateDER(_ jwk: JWK, _ algorithm: Algorithm) throws(KeyError) -> [UInt8] {
        if let curve = algorithm.curve {
            // ECPrivateKey, RFC 5915 section 3: version 1, the number, and the public half under [1].
            return DER.privateKey(
                DER.ec(curve),
                DER.sequence(
                    DER.integer([1]),
                    DER.octetString(try jwk.octets("d", count: curve.octets)),
                    DER.explicit(1, DER.bitString(try point(jwk, curve)))
                )
            )
        }
        if algorithm == .eddsa {
            // CurvePrivateKey, RFC 8410 section 7.
            return DER.privateKey(DER.ed25519, DER.octetString(try jwk.octets("d", count: 32)))
        }
        guard !jwk.has("oth") else { throw KeyError("RSA keys with more than two primes are not known here") }
        // RSAPrivateKey, RFC 8017 appendix A.1.2.
        var numbers = DER.integer([0])
        for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] { numbers += DER.integer(try jwk.octets(name)) }
        return DER.privateKey(DER.rsa, DER.sequence(numbers))
    }

    /// An uncompressed point: 4, X, Y (SEC 1, section 2.3.3).
    private static func point(_ jwk: JWK, _ curve: Curve) throws(KeyError) -> [UInt8] {
        [4] + (try jwk.octets("x", count: curve.octets)) + (try jwk.octets("y", count: curve.octets))
    }
}
