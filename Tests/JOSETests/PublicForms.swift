import Basics

@testable import JOSE

/// The public half of a key in the forms that an attacker has.
enum PublicForms {
    /// SubjectPublicKeyInfo, made from the JWK.
    static func der(of key: Key) -> [UInt8] {
        guard case .object(let jwk)? = key.publicJWK else { fatalError("the key has no public half") }
        func member(_ name: String) -> [UInt8] {
            guard case .string(let text)? = jwk[name], let value = decoded(text) else { fatalError("no \(name)") }
            return value
        }
        if let curve = key.algorithm.curve { return DER.publicKey(DER.ec(curve), [4] + member("x") + member("y")) }
        if key.algorithm == .eddsa { return DER.publicKey(DER.ed25519, member("x")) }
        return DER.publicKey(DER.rsa, DER.sequence(DER.integer(member("n")), DER.integer(member("e"))))
    }

    static func pem(of key: Key) -> [UInt8] {
        let text = Array(
            encoded(der(of: key)).replacing("-", with: "+").replacing("_", with: "/")
        )
        let padded = text + [Character](repeating: "=", count: (4 - text.count % 4) % 4)
        let lines = stride(from: 0, to: padded.count, by: 64).map { String(padded[$0..<min($0 + 64, padded.count)]) }
        return bytes("-----BEGIN PUBLIC KEY-----\n" + lines.joined(separator: "\n") + "\n-----END PUBLIC KEY-----\n")
    }
}
