internal import COpenSSL

extension KeyPair {
    /// The members of a JWK that tell the public half.
    func publicMembers() -> [JSONMember] {
        withCleanErrorQueue {
            func member(_ name: String, _ bytes: [UInt8]?) -> JSONMember {
                let bytes = bytes ?? []
                return JSONMember(name, .string(String(decoding: Base64URL.encode(bytes.span), as: UTF8.self)))
            }
            if let curve = algorithm.curve {
                return [
                    JSONMember("kty", .string("EC")), JSONMember("crv", .string(curve.rawValue)),
                    member("x", key.number(OSSL_PKEY_PARAM_EC_PUB_X, octets: curve.octets)),
                    member("y", key.number(OSSL_PKEY_PARAM_EC_PUB_Y, octets: curve.octets)),
                ]
            }
            if algorithm == .eddsa {
                return [
                    JSONMember("kty", .string("OKP")), JSONMember("crv", .string("Ed25519")),
                    member("x", ed25519PublicHalf),
                ]
            }
            return [
                JSONMember("kty", .string("RSA")),
                member("n", key.number(OSSL_PKEY_PARAM_RSA_N)), member("e", key.number(OSSL_PKEY_PARAM_RSA_E)),
            ]
        }
    }

    private var ed25519PublicHalf: [UInt8]? {
        var size = 32
        var half = [UInt8](repeating: 0, count: size)
        // SAFETY: the call writes at most `size` bytes into the array, which is ours meanwhile.
        let done = unsafe half.withUnsafeMutableBufferPointer { half in
            unsafe EVP_PKEY_get_raw_public_key(key.pointer, half.baseAddress, &size)
        }
        return done == 1 && size == half.count ? half : nil
    }
}
