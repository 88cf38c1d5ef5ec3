import Basics
internal import COpenSSL

extension KeyPair {
    /// The JWK members of the public half.
    func publicMembers() -> [JSONMember] {
        withCleanErrorQueue {
            func member(_ name: String, _ bytes: [UInt8]?) -> JSONMember {
                let bytes = bytes ?? []
                return JSONMember(name, .string(String(decoding: Base64URL.encode(bytes.span), as: UTF8.self)))
            }
            if let curve = algorithm.curve {
                return [
                    JSONMember("kty", .string("EC")), JSONMember("crv", .string(curve.rawValue)),
                    member("x", key.number(OSSL_PKEY_PARAM_EC_PUB_X, byteCount: curve.byteCount)),
                    member("y", key.number(OSSL_PKEY_PARAM_EC_PUB_Y, byteCount: curve.byteCount)),
                ]
            }
            if algorithm == .eddsa {
                return [
                    JSONMember("kty", .string("OKP")), JSONMember("crv", .string("Ed25519")),
                    member("x", key.ed25519PublicHalf()),
                ]
            }
            return [
                JSONMember("kty", .string("RSA")),
                member("n", key.number(OSSL_PKEY_PARAM_RSA_N)), member("e", key.number(OSSL_PKEY_PARAM_RSA_E)),
            ]
        }
    }
}
