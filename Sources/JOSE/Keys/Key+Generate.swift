import Basics

extension Key {
    /// Makes a new key: a secret as long as the digest, or a key pair (RSA with 2048 bits).
    package static func generate(_ algorithm: Algorithm, id: String?) throws(KeyError) -> Key {
        guard algorithm.family == .hmac, let digest = algorithm.digest else {
            return Key(id: id, algorithm: algorithm, material: .pair(try KeyPair.generate(algorithm)))
        }
        var secret = SystemRandom.bytes(digest.byteCount)
        defer { wipe(&secret) }
        return try Key.secret(secret, algorithm: algorithm, id: id)
    }
}
