import Basics
internal import COpenSSL

extension KeyPair {
    /// Makes a new key pair; RSA with 2048 bits.
    static func generate(_ algorithm: Algorithm) throws(KeyError) -> KeyPair {
        let type =
            switch algorithm.family {
            case .hmac: throw KeyError("\(algorithm.rawValue) needs a secret, not a key pair")
            case .rsaPKCS1, .rsaPSS: "RSA"
            case .ecdsa: "EC"
            case .eddsa: "ED25519"
            }
        let key = withCleanErrorQueue { () -> Handle? in
            // SAFETY: the handle owns the context; the names are read during the calls only; the key made is owned by
            // the handle returned.
            guard let context = unsafe Handle(EVP_PKEY_CTX_new_from_name(nil, type, nil), freedBy: EVP_PKEY_CTX_free),
                unsafe EVP_PKEY_keygen_init(context.pointer) == 1
            else { return nil }
            if ExactText(type) == "RSA" {
                guard unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(context.pointer, CInt(minRSABits)) == 1 else {
                    return nil
                }
            }
            if let curve = algorithm.curve {
                guard unsafe EVP_PKEY_CTX_set_group_name(context.pointer, curve.groupName) == 1 else { return nil }
            }
            var key: OpaquePointer?
            guard unsafe EVP_PKEY_generate(context.pointer, &key) == 1 else { return nil }
            return unsafe Handle(key, freedBy: EVP_PKEY_free)
        }
        guard let key else { throw KeyError("OpenSSL could not make a key for \(algorithm.rawValue)") }
        return try KeyPair(key, algorithm: algorithm, isPrivate: true)
    }
}
