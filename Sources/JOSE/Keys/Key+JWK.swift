import Basics

/// The keys of a set that its owner publishes.
package struct PublishedKeys: Sendable {
    /// A key that cannot be used, and why.
    package struct Skipped: Sendable, Equatable {
        /// Its `kid`: text from outside.
        package let id: String?
        package let reason: String
    }

    package var keys: [Key]
    package var skipped: [Skipped] = []
}

extension Key {
    /// Reads a JWK set or a single JWK.
    ///
    /// Skips keys of an unsupported kind or use (encryption, other curves), as [RFC 7517, section 5][1] requires. A
    /// supported key that is wrong or weak is an error, because its owner relies on it.
    ///
    /// A key without `alg` becomes one key for each algorithm that its type allows, or for a secret, that it is long
    /// enough for. None of them is both a public key and a secret, so the two cannot be confused. A key that occurs
    /// twice counts once.
    ///
    /// Private halves and secrets pass through strings on the way, which cannot be wiped. PEM avoids this.
    ///
    /// [1]: https://www.rfc-editor.org/rfc/rfc7517#section-5
    package static func jwks(_ bytes: [UInt8]) throws(KeyError) -> [Key] {
        let document: JSONValue
        do {
            document = try JSONValue(parsing: bytes.span, limits: JSONLimits(size: 1 << 20))
        } catch {
            throw KeyError("it is not a JSON text, or it repeats a member")
        }
        guard case .object(let members) = document else { throw KeyError("a JWK set is a JSON object") }
        guard members["keys"] != nil else {
            let keys = try Key.keys(of: JWK(document))
            guard !keys.isEmpty else { throw KeyError("the JWK is not for a supported kind of signature") }
            return keys
        }
        let keys = try keys(ofSet: document) { index, _, fault throws(KeyError) in
            if let fault { throw KeyError("keys[\(index)]: \(fault.description)") }
        }
        guard !keys.isEmpty else { throw KeyError("the JWK set has no key for a supported kind of signature") }
        return keys
    }

    /// Reads a JWK set that its owner publishes and changes at will: at most 64 public keys, maybe none.
    ///
    /// Skips whatever is wrong, weak or not supported, as RFC 7517, section 5 says.
    ///
    /// - Returns: `nil` if the set holds a private key or a secret. Whoever can read the set could sign with that.
    package static func publishedSet(_ bytes: [UInt8]) throws(KeyError) -> PublishedKeys? {
        let document: JSONValue
        do {
            document = try JSONValue(parsing: bytes.span, limits: JSONLimits(size: 1 << 20))
        } catch {
            throw KeyError("it is not a JSON text, or it repeats a member")
        }
        guard case .object(let members) = document, case .array(let values)? = members["keys"] else {
            throw KeyError("it is not a JWK set")
        }
        guard values.count <= maxPublished else { throw KeyError("it has more than \(maxPublished) keys") }
        let holdsSecret = values.contains { value in
            guard case .object(let members) = value else { return false }
            return members["d"] != nil || members["k"] != nil
        }
        guard !holdsSecret else { return nil }
        var skipped: [PublishedKeys.Skipped] = []
        let keys = try keys(ofSet: document) { _, value, fault in
            var id: String?
            if case .object(let members) = value, case .string(let text)? = members["kid"] { id = text }
            let reason = fault?.description ?? "it is not for signatures of a supported kind"
            skipped.append(PublishedKeys.Skipped(id: id, reason: reason))
        }
        return PublishedKeys(keys: keys, skipped: skipped)
    }

    private static let maxPublished = 64

    private static func keys(
        ofSet document: JSONValue,
        skipping: (_ index: Int, JSONValue, KeyError?) throws(KeyError) -> Void
    ) throws(KeyError) -> [Key] {
        guard case .object(let members) = document, case .array(let values)? = members["keys"] else {
            throw KeyError("the member \"keys\" of a JWK set is an array")
        }
        var keys: [Key] = []
        var seen: Set<Identity> = []
        for (index, value) in values.enumerated() {
            do throws(KeyError) {
                let found = try Key.keys(of: JWK(value))
                if found.isEmpty { try skipping(index, value, nil) }
                for key in found where seen.insert(Identity(key)).inserted { keys.append(key) }
            } catch {
                try skipping(index, value, error)
            }
        }
        return keys
    }

    /// The properties in which two equal keys agree.
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
                throw KeyError("the \"alg\" of the JWK does not match its type or curve")
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
        // A private half is meant for signing; its public half verifies those signatures.
        return operations.contains { $0.hasSameBytes(as: "verify") || (jwk.has("d") && $0.hasSameBytes(as: "sign")) }
    }

    /// The algorithms for a key of this type; empty if the type is not supported.
    private static func algorithms(for type: String, _ jwk: JWK) throws(KeyError) -> [Algorithm] {
        switch ExactText(type) {
        case "oct":
            var secret = try jwk.bytes("k")
            defer { wipe(&secret) }
            // A secret too short for all of them is tried with the first, which reports the problem.
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
            var secret = try jwk.bytes("k")
            defer { wipe(&secret) }
            return try Key.secret(secret, algorithm: algorithm, id: id)
        }
        let isPrivate = jwk.has("d")
        var der = try isPrivate ? privateDER(jwk, algorithm) : publicDER(jwk, algorithm)
        defer { wipe(&der) }
        let pair = try KeyPair.reading(der: der.span, algorithm: algorithm, isPrivate: isPrivate)
        if isPrivate {
            // The private half contains its own public half, which must equal the one given beside it.
            let publicHalf = try publicDER(jwk, algorithm)
            let stated = try KeyPair.reading(der: publicHalf.span, algorithm: algorithm, isPrivate: false)
            guard stated.publicMembers() == pair.publicMembers() else {
                throw KeyError("the private half of the JWK does not match the public one")
            }
        }
        return Key(id: id, algorithm: algorithm, material: .pair(pair))
    }

    // MARK: As DER

    private static func publicDER(_ jwk: JWK, _ algorithm: Algorithm) throws(KeyError) -> [UInt8] {
        if let curve = algorithm.curve { return DER.publicKey(DER.ec(curve), try point(jwk, curve)) }
        if algorithm == .eddsa { return DER.publicKey(DER.ed25519, try jwk.bytes("x", count: 32)) }
        return DER.publicKey(
            DER.rsa,
            DER.sequence(DER.integer(try jwk.bytes("n")), DER.integer(try jwk.bytes("e")))
        )
    }

    private static func privateDER(_ jwk: JWK, _ algorithm: Algorithm) throws(KeyError) -> [UInt8] {
        if let curve = algorithm.curve {
            // ECPrivateKey, RFC 5915 section 3: version 1, the number, and the public half under [1].
            return DER.privateKey(
                DER.ec(curve),
                DER.sequence(
                    DER.integer([1]),
                    DER.octetString(try jwk.bytes("d", count: curve.byteCount)),
                    DER.explicit(1, DER.bitString(try point(jwk, curve)))
                )
            )
        }
        if algorithm == .eddsa {
            // CurvePrivateKey, RFC 8410 section 7.
            return DER.privateKey(DER.ed25519, DER.octetString(try jwk.bytes("d", count: 32)))
        }
        guard !jwk.has("oth") else { throw KeyError("RSA keys with more than two primes are not supported") }
        // RSAPrivateKey, RFC 8017 appendix A.1.2.
        var numbers = DER.integer([0])
        for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] { numbers += DER.integer(try jwk.bytes(name)) }
        return DER.privateKey(DER.rsa, DER.sequence(numbers))
    }

    /// An uncompressed point: 4, X, Y (SEC 1, section 2.3.3).
    private static func point(_ jwk: JWK, _ curve: Curve) throws(KeyError) -> [UInt8] {
        [4] + (try jwk.bytes("x", count: curve.byteCount)) + (try jwk.bytes("y", count: curve.byteCount))
    }
}
