import Basics
import JOSE
import Testing

@testable import GatewayConfiguration

/// Keys are read from files as intended.
@Suite struct KeyTests {
    private let pair: Key
    private let privatePEM: [UInt8]

    init() throws {
        pair = try Key.generate(.es256, id: "pair")
        privatePEM = try pair.privatePEM()
    }

    /// A public key as written by OpenSSL.
    private static let publicPEM = Array(
        """
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
        -----END PUBLIC KEY-----

        """.utf8
    )

    private func company(_ keys: String, files: [String: [UInt8]]) throws -> CompanySettings {
        try #require(try load(Sample(.key, keys).text, files: files).companies.first)
    }

    @Test("A private key file signs, a public one only verifies, in the order of the file")
    func pairs() throws {
        let keys = """
            id = "a"
            algorithm = "ES256"
            private_key_file = "/private"
            [[company.key]]
            algorithm = "EdDSA"
            public_key_file = "/public"
            """
        let company = try company(keys, files: ["/private": privatePEM, "/public": Self.publicPEM])
        #expect(company.keys.map(\.canSign) == [true, false])
        #expect(company.keys.map(\.id) == ["a", nil])
        #expect(company.keys.map(\.algorithm) == [.es256, .eddsa])
        #expect(
            company.keyOrigins == [
                KeyOrigin(id: "a", algorithm: .es256, source: .privateKeyFile("/private")),
                KeyOrigin(id: nil, algorithm: .eddsa, source: .publicKeyFile("/public")),
            ]
        )
        #expect(try accepts(company.keys[0], signatureOf: pair))
    }

    @Test("A private key in place of a public one is refused, and the reverse")
    func mixedUp() {
        let files = ["/private": privatePEM, "/public": Self.publicPEM]
        #expect(
            problems(Sample(.key, "algorithm = \"ES256\"\npublic_key_file = \"/private\"").text, files: files)
                == ["company[0].key[0].public_key_file: holds a private key, which belongs in private_key_file"]
        )
        #expect(
            problems(Sample(.key, "algorithm = \"EdDSA\"\nprivate_key_file = \"/public\"").text, files: files)
                == ["company[0].key[0].private_key_file: holds a public key, which belongs in public_key_file"]
        )
    }

    @Test("A key set provides all its keys")
    func keySet() throws {
        let other = try Key.generate(.eddsa, id: "other")
        let set = try jwks([pair, other])
        let company = try company("jwks_file = \"/set\"", files: ["/set": set])
        #expect(company.keys.map(\.id) == ["pair", "other"])
        #expect(company.keys.map(\.algorithm) == [.es256, .eddsa])
        #expect(company.keyOrigins == [KeyOrigin(id: nil, algorithm: nil, source: .jwksFile("/set"))])
    }

    @Test("An id that is in a key set and beside it, or twice in it, is refused")
    func duplicateIDs() throws {
        let other = try Key.generate(.es256, id: "pair")
        let keys =
            "jwks_file = \"/set\"\n[[company.key]]\nid = \"pair\"\nalgorithm = \"HS256\"\nsecret_file = \"/secret\""
        #expect(
            problems(Sample(.key, keys).text, files: ["/set": try jwks([pair])])
                == ["company[0].key[1].id: company[0].key[0] has the same id \"pair\""]
        )
        #expect(
            problems(Sample(.key, "jwks_file = \"/set\"").text, files: ["/set": try jwks([pair, other])])
                == ["company[0].key[0].jwks_file: holds two keys with the id \"pair\""]
        )
    }

    @Test("A key without an algorithm in a set is not a duplicate of itself")
    func withoutAlgorithm() throws {
        let text = #"{"keys":[{"kty":"oct","kid":"s","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#
        let company = try company("jwks_file = \"/set\"", files: ["/set": Array(text.utf8)])
        #expect(Set(company.keys.map(\.id)) == ["s"])
    }

    @Test("One line end after a secret is not part of it", arguments: ["", "\n", "\r\n"])
    func lineEnd(_ end: String) throws {
        let secret = "0123456789abcdef0123456789abcdef"
        let company = try company(
            "algorithm = \"HS256\"\nsecret_file = \"/s\"",
            files: ["/s": Array((secret + end).utf8)]
        )
        let reference = try Key.secret(Array(secret.utf8), algorithm: .hs256, id: nil)
        #expect(try accepts(company.keys[0], signatureOf: reference))
    }

    @Test("A second line end, and any other byte, is part of the secret")
    func otherBytes() throws {
        let secret = Array("0123456789abcdef0123456789abcdef\n".utf8)
        let company = try company(
            "algorithm = \"HS256\"\nsecret_file = \"/s\"",
            files: ["/s": secret + Array("\n".utf8)]
        )
        let reference = try Key.secret(secret, algorithm: .hs256, id: nil)
        #expect(try accepts(company.keys[0], signatureOf: reference))
    }

    private func accepts(_ key: Key, signatureOf signer: Key) throws -> Bool {
        let input: [UInt8] = [1, 2, 3]
        let signature = try signer.sign(input.span)
        return key.verifies(signature.span, of: input.span)
    }

    @Test("openid finds the set of its company's one issuer, which has to be https or loopback, without a query")
    func openID() throws {
        func origins(_ issuer: String) throws -> [KeyOrigin] {
            let text = Sample(.company, "id = \"acme\"\nissuer = \(issuer)").text
            return try load(text + "[[company.key]]\nopenid = true\n").companies[0].keyOrigins
        }
        let urls = try ["\"https://a.example\"", "[\"http://localhost:8/realms/x/\"]"].flatMap { issuer in
            try origins(issuer).flatMap(\.keySetURLs)
        }
        #expect(urls.map(\.issuer) == ["https://a.example", "http://localhost:8/realms/x/"])
        #expect(
            urls.map(\.target)
                == ["/.well-known/openid-configuration", "/realms/x/.well-known/openid-configuration"]
        )
        #expect(urls.map(\.authority) == ["a.example", "localhost:8"])
        #expect(urls[0] != (try KeySetURL(parsing: urls[0].text)), "a key set is no discovery document")
        for (issuer, words) in [
            ("\"acme\"", "is not a URL"), ("\"http://a.example\"", "must be https"),
            ("\"https://a.example/?x\"", "has a query or fragment"),
            ("\"https://a.example#\"", "has a query or fragment"),
            ("[\"https://a.example\", \"https://b.example\"]", "needs a company with one issuer"),
        ] {
            let text = Sample(.company, "id = \"acme\"\nissuer = \(issuer)").text
            let found = problems(text + "[[company.key]]\nopenid = true\n")
            #expect(found.count == 1 && found[0].hasPrefix("company[0].key[1].openid: ") && found[0].contains(words))
        }
    }

    private func jwks(_ keys: [Key]) throws -> [UInt8] {
        let members = try keys.map { try #require($0.publicJWK) }
        return JSONValue.object([JSONMember("keys", .array(members))]).serialized()
    }
}
