import Basics

@testable import JOSE

/// Tokens that try to choose how they are checked.
enum AlgorithmForgeries {
    static let all: [Forgery] = [none, names, types, missing, confusion, crossed].flatMap { $0 }

    /// `none` in every spelling, without a signature and with a valid one.
    private static let none: [Forgery] = [
        "none", "None", "NONE", "nOnE", "NoNe", "none ", " none", "", "null", "no\\u006ee", "n\u{43E}ne", "none\\u0000",
        "none,HS256", "\\u006eone", "nonE",
    ].flatMap { (name: String) -> [Forgery] in
        let header = "{\"alg\":\"\(name)\",\"kid\":\"hs\"}"
        return [
            Forgery("alg \"\(name)\" without a signature", .algorithm, carrying([], header)),
            Forgery("alg \"\(name)\" with an HMAC", .algorithm, signed(header, goodClaims, by: Keys.hs256)),
        ]
    }

    /// Names that resemble a known one, and names of things other than signatures.
    private static let names: [Forgery] = [
        "hs256", "Hs256", "HS256 ", "\\tHS256", "HS256\\u0000", "HS-256", "HS2560", "HS1", "HS", "\u{FF28}\u{FF33}256",
        "HS256\u{200B}", "rs256", "es256", "eddsa", "EDDSA", "Ed25519", "Ed448", "ES256K", "RS1", "SHA256", "dir",
        "A128KW", "RSA-OAEP", "PBES2-HS256+A128KW", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
    ].map { (name: String) -> Forgery in
        Forgery(
            "alg \"\(name)\"",
            .algorithm,
            signed("{\"alg\":\"\(name)\",\"kid\":\"hs\"}", goodClaims, by: Keys.hs256)
        )
    }

    private static let types =
        ["null", "0", "256", "true", "[]", "[\"HS256\"]", "{}", "{\"HS256\":1}"].map { (value: String) -> Forgery in
            Forgery("alg that is \(value)", .algorithm, signed("{\"alg\":\(value)}", goodClaims, by: Keys.hs256))
        }

    private static let missing: [Forgery] = [
        Forgery("no alg", .algorithm, signed(#"{"kid":"hs"}"#, goodClaims, by: Keys.hs256)),
        Forgery("an empty header object", .algorithm, signed("{}", goodClaims, by: Keys.hs256)),
        Forgery("alg under a look-alike name", .algorithm, signed(#"{"ALG":"HS256"}"#, goodClaims, by: Keys.hs256)),
    ]

    /// HS256 keyed with a public key's bytes, the oldest of JWT attacks (CVE-2015-9235): the verifier takes its public
    /// key for an HMAC secret.
    private static let confusion: [Forgery] = [Keys.rs256, Keys.es256, Keys.eddsa].flatMap { (key: Key) -> [Forgery] in
        forms(of: key).flatMap { (form: String, secret: [UInt8]) -> [Forgery] in
            let named = "{\"alg\":\"HS256\",\"kid\":\"\(key.id ?? "")\"}"
            let attack = "\(key.algorithm.rawValue)/HS256 confusion, secret is the public key's \(form)"
            return [
                Forgery(attack + ", by kid", .algorithm, hmacSigned(secret, named)),
                Forgery(attack + ", no kid", .signature, hmacSigned(secret, #"{"alg":"HS256"}"#)),
                Forgery(attack + ", the only key", .algorithm, hmacSigned(secret, #"{"alg":"HS256"}"#), keys: [key]),
            ]
        }
    }

    private static func forms(of key: Key) -> [(String, [UInt8])] {
        let der = PublicForms.der(of: key)
        let pem = PublicForms.pem(of: key)
        return [
            ("PEM", pem), ("PEM without its last newline", Array(pem.dropLast())), ("DER", der),
            ("JWK", key.publicJWK?.serialized() ?? []),
        ]
    }

    /// A valid signature under another algorithm's name or key.
    private static let crossed: [Forgery] = {
        func token(_ alg: String, _ kid: String?, by key: Key) -> String {
            let kid = kid.map { ",\"kid\":\"\($0)\"" } ?? ""
            return signed("{\"alg\":\"\(alg)\"\(kid)}", goodClaims, by: key)
        }
        let rsAsPS = Keys.again(Keys.rs256, as: .ps256, id: "rs")
        let rsAs384 = Keys.again(Keys.rs256, as: .rs384, id: "rs")
        return [
            Forgery("PS256 signature by the RS256 key, called PS256", .algorithm, token("PS256", "rs", by: rsAsPS)),
            Forgery("PS256 signature by the RS256 key, called RS256", .signature, token("RS256", "rs", by: rsAsPS)),
            Forgery(
                "RS256 signature called PS256 under the PS256 key",
                .signature,
                token("PS256", "ps", by: Keys.rs256)
            ),
            Forgery("RS384 signature by the RS256 key, called RS384", .algorithm, token("RS384", "rs", by: rsAs384)),
            Forgery("RS384 signature by the RS256 key, called RS256", .signature, token("RS256", "rs", by: rsAs384)),
            Forgery("HS384 token under the HS256 key", .algorithm, token("HS384", "hs", by: Keys.hs384)),
            Forgery("HS256 token under the HS384 key", .algorithm, token("HS256", "hs384", by: Keys.hs256)),
            Forgery("HS512 token, for which there is no key", .algorithm, token("HS512", nil, by: Keys.hs256)),
            Forgery("HS384 code called HS256", .signature, token("HS256", "hs", by: Keys.hs384)),
            Forgery("ES256 signature under the ES384 key", .algorithm, token("ES256", "es384", by: Keys.es256)),
            Forgery("ES256 signature called ES384", .signature, token("ES384", "es384", by: Keys.es256)),
            Forgery("ES384 signature called ES256", .signature, token("ES256", "es", by: Keys.es384)),
            Forgery("ES512 signature called ES256", .signature, token("ES256", "es", by: Keys.es512)),
            Forgery("ES256 signature called EdDSA", .signature, token("EdDSA", "ed", by: Keys.es256)),
            Forgery("EdDSA signature called ES256", .signature, token("ES256", "es", by: Keys.eddsa)),
            Forgery("HMAC called RS256", .signature, token("RS256", "rs", by: Keys.hs256)),
            Forgery("HMAC called EdDSA", .signature, token("EdDSA", "ed", by: Keys.hs256)),
            Forgery("RS256 signature called HS256", .signature, token("HS256", "hs", by: Keys.rs256)),
            Forgery("RS256 token that names the HMAC key", .algorithm, token("RS256", "hs", by: Keys.rs256)),
        ]
    }()
}
