import JOSE
import Testing

/// The messages for invalid companies and keys.
@Suite struct BadCompanyTests {
    @Test("Each invalid company or key gets an exact message", arguments: cases)
    func isReported(_ bad: BadConfiguration) {
        #expect(problems(Sample(bad.part, bad.body).text) == bad.problems)
    }

    static let sources = "secret_file, private_key_file, public_key_file, jwks_file, jwks_url, openid"
    static let key = "id = \"one\"\nalgorithm = \"HS256\"\nsecret_file = \"/secret\"\n"

    static let cases: [BadConfiguration] = [
        .init(
            .company,
            "name = \"Acme\"",
            "company[0].id: is missing"
        ),
        .init(
            .company,
            "id = \"a:b\"",
            "company[0].id: \"a:b\" is not 1 to 64 letters, digits, -, . and _"
        ),
        .init(.company, "id = \"\"", "company[0].id: \"\" is not 1 to 64 letters, digits, -, . and _"),
        .init(.company, "id = \"acme\"\nname = \"\"", "company[0].name: must not be empty"),
        .init(
            .company,
            "id = \"acme\"\nname = \"a\\nb\"",
            "company[0].name: \"a\\u000ab\" holds a control character"
        ),
        .init(
            .company,
            "id = \"acme\"\nembed_origins = [\"www.acme.example\", \"https://a.example/x\"]",
            "company[0].embed_origins[0]: \"www.acme.example\" is not a URL: it must begin with https:// or http://",
            "company[0].embed_origins[1]: \"https://a.example/x\" is not an origin: it must end after the host, as "
                + "\"https://a.example\""
        ),
        .init(
            .company,
            "id = \"acme\"\nembed_origins = [\"https://a.example; script-src *\"]",
            "company[0].embed_origins[0]: \"a.example; script-src *\" is not a host name"
        ),
        .init(
            .company,
            "id = \"acme\"\nembed_origins = [\"*\", \"https://a.example\"]",
            "company[0].embed_origins: \"*\" makes the others pointless"
        ),
        .init(
            .company,
            "id = \"acme\"\nembed_origins = [\"https://a.*.example\"]",
            "company[0].embed_origins[0]: \"a.*.example\" is not a host name"
        ),
        .init(
            .company,
            "id = \"acme\"\nissuer = \"https://embed.example.com\"",
            "company[0].issuer: is public_url, which issues the gateway's own tokens"
        ),
        .init(
            .company,
            "id = \"acme\"\nevent_ids = [\"a*b\", \"\", \"a*\", \"ab\"]",
            "company[0].event_ids: \"ab\" and \"a*\" match the same ids",
            "company[0].event_ids[0]: \"a*b\": * may only stand at the end",
            "company[0].event_ids[1]: must not be empty"
        ),
        .init(
            .key,
            key + "[[company]]\nid = \"b\"\nevent_ids = [\"x-*\"]\n[[company.key]]\nalgorithm = \"HS256\"\n"
                + "secret_file = \"/secret2\"\n[[company]]\nid = \"c\"\nevent_ids = [\"x-1\", \"y\"]\n"
                + "[[company.key]]\nalgorithm = \"HS384\"\nsecret_file = \"/secret3\"",
            "company[2].event_ids: \"x-1\" and \"x-*\" of company[1] match the same ids",
            "company[2].key[0].secret_file: no such file: /secret3"
        ),
        .init(.company, "id = \"acme\"\naudience = \"\"", "company[0].audience: must not be empty"),
        .init(.company, "id = \"acme\"\naudience = []", "company[0].audience: must not be empty"),
        .init(
            .company,
            "id = \"acme\"\nissuer = [\"i\", \"i\", 1]",
            "company[0].issuer[1]: stands there twice",
            "company[0].issuer[2]: expected a string, found the integer 1"
        ),
        .init(
            .key,
            "algorithm = \"HS512\"\nsecret_file = \"/secret\"",
            "company[0].key[0].secret_file: the secret has 32 bytes; HS512 needs 64 random bytes or more"
        ),
        .init(
            .company,
            "id = \"acme\"\nclient_secret_file = \"/short\"",
            "company[0].client_secret_file: the secret in /short has 5 bytes; at least 16 are needed"
        ),
        .init(
            .company,
            "id = \"acme\"\nclient_secret_files = [\"/short\", \"/secret\", \"/secret\"]",
            "company[0].client_secret_files[0]: the secret in /short has 5 bytes; at least 16 are needed",
            "company[0].client_secret_files[2]: stands there twice"
        ),
        .init(
            .company,
            "id = \"acme\"\nclient_secret_files = []",
            "company[0].client_secret_files: is empty; without a secret, leave it out"
        ),
        .init(
            .company,
            "id = \"acme\"\nclient_secret_files = [\"/secret\"]\nclient_secret_file = \"/secret2\"",
            "company[0].client_secret_file: belongs in client_secret_files, which stands there too"
        ),
        .init(
            .key,
            key + "signed_before = true",
            "company[0].key[0].signed_before: the first key signs now; write it at the keys that did so before"
        ),
        .init(
            .key,
            key + "[[company.key]]\nsigned_before = true\njwks_file = \"/jwks\"",
            "company[0].key[1].signed_before: a key set signs none of the gateway's own tokens"
        ),
        .init(
            .key,
            key + "[[company]]\nid = \"acme\"\n[[company.key]]\nalgorithm = \"HS256\"\nsecret_file = \"/secret2\"",
            "company[1].id: company[0] has the same id"
        ),
        .init(
            .key,
            key + "[[company]]\nid = \"b\"\n[[company.key]]\nalgorithm = \"HS256\"\nsecret_file = \"/secret\"",
            "company[1].key[0].secret_file: company[0].key[0] has the same secret"
        ),
        .init(.key, nil, "company[0]: needs at least one [[company.key]]"),
        .init(.key, "", "company[0].key[0]: needs one of \(sources); it has none"),
        .init(
            .key,
            key + "public_key_file = \"/x\"",
            "company[0].key[0]: needs one of \(sources); it has secret_file and public_key_file"
        ),
        .init(.key, "secret_file = \"/secret\"", "company[0].key[0].algorithm: is missing"),
        .init(
            .key,
            "algorithm = \"none\"\nsecret_file = \"/secret\"",
            "company[0].key[0].algorithm: \"none\" is not one of \"HS256\", \"HS384\", \"HS512\", \"RS256\", \"RS384\", "
                + "\"RS512\", \"PS256\", \"PS384\", \"PS512\", \"ES256\", \"ES384\", \"ES512\", \"EdDSA\""
        ),
        .init(
            .key,
            "algorithm = \"RS256\"\nsecret_file = \"/secret\"",
            "company[0].key[0].algorithm: RS256 needs private_key_file or public_key_file, not secret_file"
        ),
        .init(
            .key,
            "algorithm = \"HS256\"\npublic_key_file = \"/none\"",
            "company[0].key[0].algorithm: HS256 needs secret_file, not public_key_file",
            "company[0].key[0].public_key_file: no such file: /none"
        ),
        .init(
            .key,
            "algorithm = \"HS256\"\nsecret_file = \"/none\"",
            "company[0].key[0].secret_file: no such file: /none"
        ),
        .init(
            .key,
            "algorithm = \"HS256\"\nsecret_file = \"/broken\"",
            "company[0].key[0].secret_file: Input/output error: /broken"
        ),
        .init(
            .key,
            "id = \"one\"\nalgorithm = \"HS256\"\njwks_file = \"/none\"",
            "company[0].key[0].id: has no effect with jwks_file: the key set says it",
            "company[0].key[0].algorithm: has no effect with jwks_file: the key set says it",
            "company[0].key[0].jwks_file: no such file: /none"
        ),
        .init(
            .key,
            "jwks_url = \"http://a.example\"",
            "company[0].key[0].jwks_url: \"http://a.example\" must be https: whoever can change the answer can sign "
                + "tokens"
        ),
        .init(
            .key,
            "openid = true",
            "company[0].key[0].openid: needs the company's issuer, whose discovery document names its keys"
        ),
        .init(.key, "openid = false", "company[0].key[0].openid: is false; leave the key out"),
        .init(
            .key,
            "jwks_url = \"https://user:pass@a.example\"",
            "company[0].key[0].jwks_url: a user name or password does not belong here"
        ),
        .init(
            .key,
            key + "[[company.key]]\nid = \"one\"\nalgorithm = \"HS256\"\nsecret_file = \"/secret2\"",
            "company[0].key[1].id: company[0].key[0] has the same id \"one\""
        ),
        .init(
            .key,
            key + "[[company.key]]\n" + key,
            "company[0].key[1].id: company[0].key[0] has the same id \"one\"",
            "company[0].key[1].secret_file: company[0].key[0] has the same secret"
        ),
    ]

    @Test("Without a company, routes that need tokens are an error and public ones are not")
    func noCompany() {
        var sample = Sample(.company, nil)
        sample.bodies[.key] = nil
        #expect(
            problems(sample.text) == [
                "company: at least one [[company]] is needed: a route with access \"token\" or \"session\" needs one, "
                    + "whose keys sign the tokens, unless the control API serves companies of the directory"
            ]
        )
        sample.bodies[.route] = "path = \"/**\"\nupstream = \"host\"\naccess = \"public\""
        #expect(problems(sample.text) == [])
    }

    @Test("Two companies cannot have the same issuer")
    func sameIssuer() {
        let second = "[[company]]\nid = \"b\"\nissuer = \"i\"\n[[company.key]]\nalgorithm = \"HS256\"\n"
        var sample = Sample(.company, "id = \"acme\"\nissuer = \"i\"")
        sample.bodies[.rest] = second + "secret_file = \"/secret2\""
        #expect(problems(sample.text) == ["company[1].issuer: company[0] has the same issuer"])
    }

    @Test(
        "A problem with the key's bytes is reported at the key's file",
        arguments: ["/short", "/empty", "/zeros", "/pem"]
    )
    func faultyBytes(_ path: String) {
        let files: [String: [UInt8]] = [
            "/zeros": [0, 0, 0], "/pem": Array("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".utf8),
        ]
        for (algorithm, source) in [("HS256", "secret_file"), ("ES256", "public_key_file")] {
            let found = problems(
                Sample(.key, "algorithm = \"\(algorithm)\"\n\(source) = \"\(path)\"").text,
                files: files
            )
            #expect(found.count == 1)
            #expect(found.first?.hasPrefix("company[0].key[0].\(source): ") == true)
            #expect(found.first?.contains("AAAA") == false && found.first?.contains("/") == false)
        }
        let set = problems(Sample(.key, "jwks_file = \"\(path)\"").text, files: files)
        #expect(set.count == 1 && set.first?.hasPrefix("company[0].key[0].jwks_file: ") == true)
    }

    /// What operators have put in place of a path, by mistake or through `${NAME}`.
    private static let secrets = [
        "hKx3uE0bQ9pV7mZr2Yt5", "0f8a3c1d9b7e6f5a4c3b2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a",
        "tq8/Zk1+Rr0vXW5p3mB7uQ9sJd2hLc4fGy6nEaTzKxw=", "/q8Zk1+Rr0vXW5p3mB7uQ9sJd2hLc4fGy6nEaTzKxw==",
        "correct horse battery staple", "no-such-folder/secret.txt", "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2Vw",
        String(repeating: "s", count: 5000),
    ]

    @Test("Attack: a secret in place of its file's path is not repeated", arguments: secrets)
    func secretAsPath(secret: String) throws {
        let hint =
            "no such file; the value is not shown, for it may be the secret itself: write the path of a file that "
            + "holds the secret"
        let written: [(Sample.Part, String, String)] = [
            (.company, "id = \"acme\"\nclient_secret_file = \"\(secret)\"", "company[0].client_secret_file"),
            (.company, "id = \"acme\"\nclient_secret_files = [\"\(secret)\"]", "company[0].client_secret_files[0]"),
            (.key, "algorithm = \"HS256\"\nsecret_file = \"\(secret)\"", "company[0].key[0].secret_file"),
            (.key, "algorithm = \"EdDSA\"\nprivate_key_file = \"\(secret)\"", "company[0].key[0].private_key_file"),
            (.admin, "token_file = \"\(secret)\"", "admin.token_file"),
            (
                .admin, "token_file = \"/secret\"\nread_token_file = \"\(secret)\"", "admin.read_token_file"
            ),
        ]
        for (part, body, key) in written { #expect(problems(Sample(part, body).text) == ["\(key): \(hint)"]) }
        let named = Sample(.key, "algorithm = \"HS256\"\nsecret_file = \"${KEY}\"").text
        #expect(
            problems(named, environment: ["KEY": "tq8/Zk1+Rr0vXW5p3mB7uQ9sJd2hLc4fGy6nEaTzKxw="])
                == ["company[0].key[0].secret_file: \(hint)"]
        )
    }

    @Test(
        "A path is repeated: one in an existing folder, one too short for a secret, and one of an existing file",
        arguments: [
            ("/etc/acme-client-secret", "no such file"), ("/no/such/folder/acme.secret", "no such file"),
            ("acme.secret", "no such file"), ("/huge", "too large"),
            ("/etc", "is a directory, not a file"), ("/denied", "permission denied"),
        ]
    )
    func pathIsShown(path: String, reason: String) {
        #expect(
            problems(Sample(.key, "algorithm = \"HS256\"\nsecret_file = \"\(path)\"").text)
                == ["company[0].key[0].secret_file: \(reason): \(path)"]
        )
    }
}
