import JOSE
import Testing

@testable import GatewayConfiguration

/// Files of companies' keys and secrets that have changed are read again, each company by itself.
@Suite struct KeyRenewalTests {
    private let settings: Settings
    private static let first = [UInt8](repeating: 1, count: 32)
    private static let second = [UInt8](repeating: 2, count: 32)
    private static let third = [UInt8](repeating: 3, count: 32)

    private static let files: [String: [UInt8]] = [
        "/a": first, "/b": second, "/client": Array("0123456789abcdef".utf8),
    ]

    init() throws {
        var sample = Sample(.company, "id = \"acme\"\nclient_secret_file = \"/client\"")
        sample.bodies[.key] = """
            id = "one"
            algorithm = "HS256"
            secret_file = "/a"
            [[company.key]]
            jwks_file = "/jwks"
            [[company]]
            id = "globex"
            [[company.key]]
            algorithm = "HS256"
            secret_file = "/b"
            """
        settings = try load(sample.text, files: Self.files)
    }

    private func renewal(_ changed: [String: [UInt8]?]) -> FileRenewal {
        var files = Self.files.merging(Sample.files) { given, _ in given }
        for (path, bytes) in changed { files[path] = bytes }
        return settings.renewingFiles(
            readFile: { files[$0].map { .success($0) } ?? .failure(.notFound) },
            fault: { _ in nil }
        )
    }

    private func prints(_ settings: Settings) -> [[KeyThumbprint]] {
        settings.companies.map { $0.keys.map(\.thumbprint) }
    }

    @Test("The watched files are those of keys and of client secrets")
    func watched() { #expect(settings.keyFiles == ["/a", "/jwks", "/client", "/b"]) }

    @Test("Files with the same content change nothing")
    func unchanged() {
        let same = renewal([:])
        #expect(same.changes == [] && same.problems == [])
        #expect(same.settings.companies[0].keys[0] === settings.companies[0].keys[0])
    }

    @Test("A new secret is taken, and the keys of the other company stay the same objects")
    func changed() throws {
        let renewed = renewal(["/a": Self.third])
        #expect(renewed.problems == [])
        #expect(renewed.changes == ["company[0].key[0].secret_file: /a"])
        let key = try #require(renewed.settings.companies[0].keys.first)
        #expect(key.thumbprint == (try Key.secret(Self.third, algorithm: .hs256, id: nil)).thumbprint)
        #expect(key.id == "one")
        #expect(renewed.settings.companies[0].keys.count == 2)
        #expect(renewed.settings.companies[1].keys[0] === settings.companies[1].keys[0])
    }

    @Test("A new client secret is taken; one that is too short is not")
    func clientSecret() {
        let renewed = renewal(["/client": Array("fedcba9876543210\n".utf8)])
        #expect(renewed.changes == ["company[0].client_secret_files[0]: /client"])
        #expect(renewed.settings.companies[0].clientSecrets.map(\.bytes) == [Array("fedcba9876543210".utf8)])
        let short = renewal(["/client": [1]])
        #expect(short.problems.count == 1 && short.problems[0].contains("at least 16 are needed"))
        #expect(
            short.settings.companies[0].clientSecrets.map(\.bytes) == settings.companies[0].clientSecrets.map(\.bytes)
        )
    }

    @Test(
        "What cannot be used leaves the company's keys, and does not keep another company's from being renewed",
        arguments: [
            ("/a", Array("short".utf8), "company[0].key[0].secret_file: "),
            ("/a", nil, "company[0].key[0].secret_file: no such file: /a"),
            ("/jwks", Array("{".utf8), "company[0].key[1].jwks_file: "),
            ("/jwks", Array(#"{"keys": []}"#.utf8), "company[0].key[1].jwks_file: the JWK set has no key for "),
            (
                "/jwks",
                Array(
                    #"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#
                        .utf8
                ), "company[0].key[1].jwks_file: company[0].key[0].secret_file has the same id \"one\": /jwks"
            ),
        ]
    )
    func broken(path: String, bytes: [UInt8]?, said: String) {
        let renewed = renewal([path: bytes, "/b": Self.third])
        #expect(renewed.problems.count == 1)
        #expect(renewed.problems.first?.hasPrefix(said) == true, "\(renewed.problems)")
        #expect(prints(renewed.settings)[0] == prints(settings)[0])
        #expect(prints(renewed.settings)[1] != prints(settings)[1])
        #expect(renewed.changes == ["company[1].key[0].secret_file: /b"])
    }

    @Test(
        "Attack: a secret that another company has in use is not taken while that one's file cannot be read",
        arguments: [nil, Array("short".utf8)]
    )
    func sharedWithUnreadable(content: [UInt8]?) {
        let renewed = renewal(["/a": content, "/b": Self.first])
        #expect(renewed.problems.count == 2)
        #expect(
            renewed.problems.last == "company[1].key[0].secret_file: a key in use of company[0] has the same secret"
        )
        #expect(renewed.changes == [])
        #expect(prints(renewed.settings) == prints(settings))
    }

    @Test("Attack: two companies whose secrets are exchanged, while one has another file that cannot be used")
    func exchanged() {
        let renewed = renewal(["/a": Self.second, "/b": Self.first, "/jwks": [1]])
        #expect(renewed.changes == [])
        #expect(prints(renewed.settings) == prints(settings))
        #expect(renewal(["/a": Self.second, "/b": Self.first]).problems == [])
    }

    @Test("Attack: a secret that another company has is not taken", arguments: ["/a", "/b"])
    func shared(path: String) {
        let renewed = renewal([path: path == "/a" ? Self.second : Self.first])
        #expect(renewed.problems.count == 1 && renewed.problems[0].hasSuffix("has the same secret"))
        #expect(renewed.changes == [])
        #expect(prints(renewed.settings) == prints(settings))
    }
}
