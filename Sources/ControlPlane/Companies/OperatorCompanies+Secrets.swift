import Basics
import Directory
import GatewayConfiguration
import JOSE
import Logging

/// Client secrets and keys: made or given, rotated with overlap, revoked.
extension OperatorCompanies {
    /// Adds a client secret, which the answer shows once.
    func addSecret(_ call: OperatorCall, _ id: String) async throws -> OperatorAnswer {
        let now = now
        var body = try OperatorBody(call.body, ["secret", "previousUntil"])
        let given = body.text("secret", Self.readClientSecret)
        let until = body.moment("previousUntil", after: now)
        try body.finish()
        let text = given ?? Self.makeSecret()
        let secret = CompanySecret(id: Self.makeID(), form: .clientSecret, content: Array(text.utf8), createdAt: now)
        _ = try await update(id) { company in
            guard company.secrets.count(where: { !$0.isKey }) < Self.maxSecrets else {
                let message = "Revoke one of the \(Self.maxSecrets) client secrets first"
                throw OperatorFault(409, "too_many_secrets", message)
            }
            if let until { company.endSecrets(at: until) { !$0.isKey } }
            company.secrets.append(secret)
        }
        await tell("client secret added", of: id, ["secret": "\(secret.id)"])
        return OperatorAnswer(
            201,
            CompanyJSON.secret(secret) + (given == nil ? [JSONMember("secret", .string(text))] : [])
        )
    }

    /// Revokes a client secret, and the API tokens that it obtained.
    func removeSecret(_ call: OperatorCall, _ id: String, _ secret: String) async throws -> OperatorAnswer {
        try await revoke(secret, of: id) { !$0.isKey }
        await tell("client secret revoked", of: id, ["secret": "\(secret)"])
        return OperatorAnswer(204)
    }

    /// Adds a key: one that the gateway makes and that signs from now on, or a given one that verifies.
    func addKey(_ call: OperatorCall, _ id: String) async throws -> OperatorAnswer {
        let now = now
        var body = try OperatorBody(
            call.body,
            ["id", "algorithm", "secret", "publicKey", "jwksUrl", "signs", "previousUntil"]
        )
        let key = try readKey(&body, at: now)
        let until = body.moment("previousUntil", after: now)
        if until != nil, key?.signs == false { body.report("previousUntil", "is for a key that signs") }
        try body.finish()
        guard let key else { throw OperatorFault.notFound }
        let changed = try await update(id) { company in
            guard company.secrets.count(where: \.isKey) < Self.maxKeys else {
                throw OperatorFault(409, "too_many_keys", "Revoke one of the \(Self.maxKeys) keys first")
            }
            guard !company.secrets.contains(where: { $0.id.hasSameBytes(as: key.id) }) else {
                throw OperatorFault.field("id", "the company has a key or secret with this id")
            }
            if let until { company.endSecrets(at: until, where: \.signs) }
            company.secrets.append(key)
        }
        await tell("key added", of: id, ["key": "\(key.id)", "form": "\(key.form.rawValue)"])
        return OperatorAnswer(201, CompanyJSON.key(key, of: changed, at: now))
    }

    /// Revokes a key, and the sessions and links that stand on it.
    func removeKey(_ call: OperatorCall, _ id: String, _ key: String) async throws -> OperatorAnswer {
        try await revoke(key, of: id, where: \.isKey)
        await tell("key revoked", of: id, ["key": "\(key)"])
        return OperatorAnswer(204)
    }

    private func revoke(
        _ secret: String,
        of id: String,
        where isMeant: @escaping @Sendable (CompanySecret) -> Bool
    ) async throws {
        _ = try await update(id) { company in
            let found = company.secrets.firstIndex { isMeant($0) && $0.id.hasSameBytes(as: secret) }
            guard let found else { throw OperatorFault.notFound }
            let removed = company.secrets.remove(at: found)
            // One whose end is set would leave the company without.
            if removed.signs, !company.secrets.contains(where: { $0.signs && $0.until == nil }) {
                throw OperatorFault(409, "last_signing_key", "No other key signs for good: add one first")
            }
        }
    }

    private func readKey(_ body: inout OperatorBody, at now: Milliseconds) throws -> CompanySecret? {
        let id = body.text("id", Self.readKeyID) ?? Self.makeID()
        let named = body.text("algorithm", Self.readAlgorithm).flatMap { Algorithm(name: $0) }
        let secret = body.text("secret") { text throws(ValueFault) in text }
        let publicKey = body.text("publicKey") { text throws(ValueFault) in text }
        let url = body.text("jwksUrl") { text throws(ValueFault) in try KeySetURL(parsing: text).text }
        let signs = body.bool("signs")
        let given = [("secret", secret), ("publicKey", publicKey), ("jwksUrl", url)].filter { $0.1 != nil }
        guard given.count <= 1 else {
            body.report(given[1].0, "cannot stand beside \(given[0].0): add one key at a time")
            return nil
        }
        if given.isEmpty {
            if signs == false { body.report("signs", "a key that the gateway makes signs") }
            return try Self.makeKey(named ?? .hs256, id: id, at: now)
        }
        if url != nil, named != nil { body.report("algorithm", "has no effect with jwksUrl: the key set says it") }
        if signs == true, secret == nil {
            body.report("signs", "only a secret, or a key that the gateway makes, signs")
        }
        if url == nil, named == nil { body.report("algorithm", "is required with a given key") }
        let key = CompanySecret(
            id: id,
            form: secret != nil ? .secret : publicKey != nil ? .publicKey : .keySetURL,
            algorithm: named,
            signs: signs ?? false,
            content: Array((secret ?? publicKey ?? url ?? "").utf8),
            createdAt: now
        )
        if url == nil, named != nil {
            do {
                if try key.key().canSign, key.form == .publicKey { body.report("publicKey", "is a private key") }
            } catch {
                body.report(given[0].0, "\(error)")
            }
        }
        return key
    }

    /// A new key that the gateway signs with. Nobody is shown its secret.
    static func makeKey(_ algorithm: Algorithm, id: String, at now: Milliseconds) throws -> CompanySecret {
        let isSecret = algorithm.isSymmetric
        let content = isSecret ? SystemRandom.bytes(64) : try Key.generate(algorithm, id: id).privatePEM()
        return CompanySecret(
            id: id,
            form: isSecret ? .secret : .privateKey,
            algorithm: algorithm,
            signs: true,
            content: content,
            createdAt: now
        )
    }

    static func makeSecret() -> String {
        String(decoding: Base64URL.encode(SystemRandom.bytes(32).span), as: UTF8.self)
    }

    static func makeID() -> String { Hexadecimal.text(SystemRandom.word()) }

    private static func readClientSecret(_ text: String) throws(ValueFault) -> String {
        guard text.utf8.count >= CompanySettings.minClientSecret else {
            throw ValueFault("must have \(CompanySettings.minClientSecret) bytes or more")
        }
        return try CompanyText.readName(text)
    }

    /// Reads an id that needs no encoding in a path.
    private static func readKeyID(_ text: String) throws(ValueFault) -> String {
        guard (1...128).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0.isLetterOrDigit || "-._~".utf8.contains($0) }),
            !text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") })
        else { throw ValueFault("must be 1 to 128 letters, digits, -, ., _ and ~") }
        return text
    }

    private static func readAlgorithm(_ text: String) throws(ValueFault) -> String {
        guard Algorithm(name: text) != nil else {
            throw ValueFault("must be one of \(Algorithm.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return text
    }
}

extension StoredCompany {
    /// Lets secrets end at a time, unless they end earlier.
    fileprivate mutating func endSecrets(at moment: Milliseconds, where isMeant: (CompanySecret) -> Bool) {
        for index in secrets.indices where isMeant(secrets[index]) {
            secrets[index].until = min(secrets[index].until ?? moment, moment)
        }
    }
}
