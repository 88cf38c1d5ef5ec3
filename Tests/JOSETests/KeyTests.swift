import Basics
import Testing

@testable import JOSE

struct KeyTests {
    static func description(_ make: () throws(KeyError) -> Key) -> String? {
        do throws(KeyError) {
            _ = try make()
            return nil
        } catch {
            return error.description
        }
    }

    // MARK: Secrets

    @Test(
        "A secret shorter than its hash is refused, one equally long is accepted",
        arguments: [(Algorithm.hs256, 32), (.hs384, 48), (.hs512, 64)]
    )
    func secretLength(_ algorithm: Algorithm, _ least: Int) throws {
        for length in [0, 1, 16, least - 1] {
            let fault = Self.description { () throws(KeyError) in
                try Key.secret([UInt8](repeating: 1, count: length), algorithm: algorithm, id: nil)
            }
            #expect(fault?.contains("needs \(least) random bytes") == true)
        }
        let key = try Key.secret([UInt8](repeating: 1, count: least), algorithm: algorithm, id: "a")
        #expect(key.canSign)
        #expect(key.publicJWK == nil)
        #expect(throws: KeyError.self) { try key.privatePEM() }
    }

    @Test("A secret serves HMAC only", arguments: Algorithm.allCases.filter { !$0.isSymmetric })
    func secretAlgorithm(_ algorithm: Algorithm) {
        #expect(throws: KeyError.self) { try Key.secret(Keys.secret, algorithm: algorithm, id: nil) }
    }

    @Test("A key file in place of a secret is a mistake that would let everybody sign")
    func keyFileAsSecret() throws {
        for key in [Keys.rs256, Keys.es256, Keys.eddsa] {
            let jwk = try #require(key.publicJWK?.serialized())
            let set = bytes("{\"keys\":[") + jwk + bytes("]}")
            let forms = [PublicForms.pem(of: key), PublicForms.der(of: key), jwk, set, try key.privatePEM()]
            for form in forms {
                #expect(throws: KeyError.self) { try Key.secret(form, algorithm: .hs256, id: nil) }
            }
        }
        for text in [KeyFixtures.certificate, KeyFixtures.pkcs1, "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ== me@example"]
        {
            #expect(throws: KeyError.self) { try Key.secret(bytes("\n  " + text), algorithm: .hs256, id: nil) }
        }
    }

    // MARK: PEM

    @Test(
        "A private key converts to PEM and back, for every kind of pair",
        arguments: Algorithm.allCases.filter { !$0.isSymmetric }
    )
    func pemRoundTrip(_ algorithm: Algorithm) throws {
        let key = try Key.generate(algorithm, id: "a")
        let again = try Key.pem(key.privatePEM(), algorithm: algorithm, id: "b")
        #expect(again.canSign)
        #expect(again.id == "b")
        let message = bytes("message")
        #expect(key.verifies(try again.sign(message), of: message))
        let open = try Key.pem(PublicForms.pem(of: key), algorithm: algorithm, id: nil)
        #expect(!open.canSign)
        #expect(open.verifies(try key.sign(message), of: message))
        #expect(throws: KeyError.self) { try open.sign(message) }
        #expect(throws: KeyError.self) { try open.privatePEM() }
    }

    @Test(
        "PEM forms that are accepted",
        arguments: [
            (KeyFixtures.p256, Algorithm.es256, false), (KeyFixtures.p256Compressed, .es256, false),
            (KeyFixtures.p256Parameters, .es256, true), (KeyFixtures.rsa, .rs256, false),
            (KeyFixtures.rsa, .ps512, false), (KeyFixtures.pkcs1, .rs512, false), (KeyFixtures.rsaPSS, .ps256, false),
            ("text before it\n" + KeyFixtures.p256, .es256, false),
        ]
    )
    func pemRead(_ pem: String, _ algorithm: Algorithm, _ canSign: Bool) throws {
        let key = try Key.pem(bytes(pem), algorithm: algorithm, id: nil)
        #expect(key.canSign == canSign)
    }

    @Test("A compressed point is the same key")
    func compressed() throws {
        let key = try Key.pem(bytes(KeyFixtures.p256), algorithm: .es256, id: nil)
        let compressed = try Key.pem(bytes(KeyFixtures.p256Compressed), algorithm: .es256, id: nil)
        #expect(key.publicJWK == compressed.publicJWK)
    }

    @Test(
        "Keys of the wrong type, curve or size are refused, with an explanation",
        arguments: [
            (KeyFixtures.rsa1024, Algorithm.rs256, "1024 bits"), (KeyFixtures.rsa1024, .ps256, "1024 bits"),
            (KeyFixtures.rsa, .es256, "elliptic curve"), (KeyFixtures.rsa, .eddsa, "Ed25519"),
            (KeyFixtures.rsa, .hs256, "secret"), (KeyFixtures.p256, .rs256, "RSA"),
            (KeyFixtures.p256, .hs256, "secret"),
            (KeyFixtures.p256, .es384, "P-384"), (KeyFixtures.p256, .es512, "P-521"),
            (KeyFixtures.p256, .eddsa, "Ed25519"),
            (KeyFixtures.secp256k1, .es256, "P-256"), (KeyFixtures.p256Explicit, .es256, "naming"),
            (KeyFixtures.x25519, .eddsa, "Ed25519"), (KeyFixtures.ed448, .eddsa, "Ed25519"),
            (KeyFixtures.rsaPSS, .rs256, "RSA"), (KeyFixtures.rsaPSS, .ps384, "PS384"),
            (KeyFixtures.encrypted, .es256, "encrypted"), (KeyFixtures.encryptedTraditional, .es256, "encrypted"),
            (KeyFixtures.certificate, .es256, "certificate"), ("", .es256, "no PEM"), ("hello", .es256, "no PEM"),
            (KeyFixtures.p256 + "\n" + KeyFixtures.p256, .es256, "2 PEM blocks"),
            ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", .es256, "no key"),
            ("-----BEGIN PUBLIC KEY-----\n", .es256, "no key"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", .es256, "no key"),
        ]
    )
    func pemRefused(_ pem: String, _ algorithm: Algorithm, _ word: String) throws {
        let sentence = Self.description { () throws(KeyError) in
            try Key.pem(bytes(pem), algorithm: algorithm, id: nil)
        }
        #expect(try #require(sentence).contains(word))
    }

    // MARK: JWK

    @Test(
        "Wrong or weak JWKs are refused",
        arguments: [
            "", "[]", "{}", #"{"keys":{}}"#, #"{"keys":[]}"#, #"{"keys":[1]}"#, #"{"keys":[{}]}"#, #"{"kty":1}"#,
            #"{"kty":"oct","k":"c2hvcnQ"}"#, #"{"kty":"oct"}"#, #"{"kty":"oct","k":""}"#, #"{"kty":"oct","k":7}"#,
            #"{"kty":"oct","alg":"RS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4h"}"#,
            #"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0iPS4h"}"#,
            #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{"kty":"RSA","e":"AQAB"}"#, #"{"kty":"EC"}"#,
            #"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
            // A point that is not on the curve, and one on another's.
            #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}"#,
            #"{"kty":"EC","crv":"P-384","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            #"{"kty":"EC","crv":"P-256","alg":"ES384","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
            // The private half of another key.
            #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"AQsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#,
            #"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}"#,
            #"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, #"{"kty":"OKP","crv":"Ed25519"}"#,
            // Not for signatures.
            #"{"kty":"OKP","crv":"X25519","x":"AAAA"}"#, #"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}"#,
            #"{"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"}"#,
            #"{"kty":"RSA","alg":"RSA-OAEP","n":"AQAB","e":"AQAB"}"#,
            #"{"kty":"oct","alg":"none","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4h"}"#,
            #"{"kty":"RSA","kty":"oct"}"#, #"{"kty":"quantum"}"#,
        ]
    )
    func jwkRefused(_ text: String) {
        #expect(throws: KeyError.self) { try Key.jwks(bytes(text)).count }
    }

    @Test("An RSA exponent that makes forging easy is refused", arguments: ["AQ", "Ag", "AQAC", "AQAAAAAAAAAB", "AA"])
    func exponent(_ e: String) throws {
        guard case .object(let jwk)? = Keys.rs256.publicJWK, case .string(let n)? = jwk["n"] else { return }
        #expect(throws: KeyError.self) { try Key.jwks(bytes(#"{"kty":"RSA","n":"\#(n)","e":"\#(e)"}"#)).count }
        #expect(try Key.jwks(bytes(#"{"kty":"RSA","alg":"RS256","n":"\#(n)","e":"Aw"}"#)).count == 1)
    }

    @Test("A set keeps the keys for signatures, and pins each to its possible algorithms")
    func set() throws {
        let members = Keys.all.compactMap { $0.publicJWK.map { String(decoding: $0.serialized(), as: UTF8.self) } }
        let others = [
            #"{"kty":"RSA","use":"enc","n":"AQAB","e":"AQAB"}"#, #"{"kty":"EC","crv":"brainpool","x":"","y":""}"#,
            #"{"kty":"RSA","key_ops":["encrypt"]}"#, #"{"kty":"new"}"#,
            // With the Kelvin sign, which `==` on texts takes for the letter.
            "{\"kty\":\"O\u{212A}P\",\"crv\":\"Ed25519\",\"x\":\"\"}",
        ]
        let keys = try Key.jwks(bytes("{\"keys\":[" + (members + others).joined(separator: ",") + "],\"x\":1}"))
        #expect(keys.map(\.algorithm) == [.rs256, .ps256, .es256, .es384, .es512, .eddsa])
        #expect(keys.map(\.id) == ["rs", "ps", "es", "es384", "es512", "ed"])
        #expect(keys.allSatisfy { !$0.canSign })
    }

    @Test("A key without an algorithm becomes one key for each that its type allows, and never a secret")
    func unpinned() throws {
        let pair = try Key.jwks(bytes(members(of: Keys.rs256, without: "alg")))
        #expect(pair.map(\.algorithm) == [.rs256, .rs384, .rs512, .ps256, .ps384, .ps512])
        #expect(try Key.jwks(bytes(members(of: Keys.es384, without: "alg"))).map(\.algorithm) == [.es384])
        for (length, algorithms) in [(32, [Algorithm.hs256]), (48, [.hs256, .hs384]), (64, [.hs256, .hs384, .hs512])] {
            let secret = encoded([UInt8](repeating: 7, count: length))
            #expect(try Key.jwks(bytes(#"{"kty":"oct","kid":"s","k":"\#(secret)"}"#)).map(\.algorithm) == algorithms)
        }
        let short = encoded([UInt8](repeating: 7, count: 31))
        #expect(throws: KeyError.self) { try Key.jwks(bytes(#"{"kty":"oct","kid":"s","k":"\#(short)"}"#)).count }
        let token = bytes(
            signed(#"{"alg":"PS384","kid":"rs"}"#, goodClaims, by: Keys.again(Keys.rs256, as: .ps384, id: "rs"))
        )
        #expect(fault(of: token, with: pair) == nil)
    }

    @Test("A key that occurs twice in a set is one key, whatever the order of its members")
    func duplicates() throws {
        guard case .object(let members)? = Keys.es256.publicJWK else { return }
        let again = [members, members.reversed()].map {
            String(decoding: JSONValue.object($0).serialized(), as: UTF8.self)
        }
        #expect(try Key.jwks(bytes("{\"keys\":[\(again[0]),\(again[1])]}")).count == 1)
        let renamed = again[0].replacing(#""kid":"es""#, with: #""kid":"other""#)
        #expect(try Key.jwks(bytes("{\"keys\":[\(again[0]),\(renamed)]}")).map(\.id) == ["es", "other"])
    }

    @Test(
        "A key whose key_ops do not permit verifying is not used",
        arguments: [(#"["verify"]"#, true), (#"["encrypt"]"#, false), ("[]", false), (#"["sign"]"#, false)]
    )
    func operations(_ operations: String, isUsed: Bool) throws {
        let jwk = try members(of: Keys.es256, without: "use").dropLast() + ",\"key_ops\":\(operations)}"
        let other = try members(of: Keys.eddsa, without: "use")
        let keys = try Key.jwks(bytes("{\"keys\":[\(jwk),\(other)]}"))
        #expect(keys.map(\.algorithm) == (isUsed ? [.es256, .eddsa] : [.eddsa]))
    }

    @Test(
        "Attack: an Ed25519 key of small order, for which signatures fit many messages",
        arguments: [
            String(repeating: "00", count: 32), "01" + String(repeating: "00", count: 31),
            "01" + String(repeating: "00", count: 30) + "80", "ec" + String(repeating: "ff", count: 30) + "7f",
            "ec" + String(repeating: "ff", count: 31), "ed" + String(repeating: "ff", count: 30) + "7f",
            "ee" + String(repeating: "ff", count: 31), String(repeating: "00", count: 31) + "80",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        ]
    )
    func smallOrder(_ hex: String) throws {
        let point = stride(from: 0, to: 64, by: 2).map { start in
            let from = hex.index(hex.startIndex, offsetBy: start)
            return UInt8(hex[from..<hex.index(from, offsetBy: 2)], radix: 16) ?? 0
        }
        let fault = Self.description { () throws(KeyError) in
            try Key.jwks(bytes(#"{"kty":"OKP","crv":"Ed25519","x":"\#(encoded(point))"}"#))[0]
        }
        #expect(fault != nil)
    }

    private func members(of key: Key, without name: String) throws -> String {
        guard case .object(let members)? = key.publicJWK else { return "" }
        return String(decoding: JSONValue.object(members.filter { $0.name != name }).serialized(), as: UTF8.self)
    }

    // MARK: Words

    @Test("Neither a key nor a token nor an error reveals its bytes")
    func descriptions() throws {
        var dumped = ""
        for key in Keys.all {
            dump(key, to: &dumped)
            dumped += "\(key)"
        }
        let token = try Token(bytes(honestToken))
        dumped += "\(token)"
        let short = Self.description { () throws(KeyError) in
            try Key.secret(bytes("hunter2hunter2"), algorithm: .hs256, id: nil)
        }
        dumped += short ?? ""
        for secret in ["an HMAC secret", "hunter2", "BEGIN", honest.claims, honest.signature, "user-1"] {
            #expect(!dumped.contains(secret))
        }
    }
}
