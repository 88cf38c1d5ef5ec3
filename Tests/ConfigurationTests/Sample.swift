import GatewayConfiguration

/// A small valid configuration in parts, each of which a test can replace.
struct Sample {
    enum Part: CaseIterable {
        case top, listener, admin, upstream, route, tokens, company, key, rest
    }

    private static let header: [Part: String] = [
        .listener: "[[listener]]", .admin: "[admin]", .upstream: "[[upstream]]", .route: "[[route]]",
        .tokens: "[tokens]", .company: "[[company]]", .key: "[[company.key]]",
    ]

    var bodies: [Part: String] = [
        .top: "public_url = \"https://embed.example.com\"",
        .listener: "address = \"127.0.0.1:8080\"",
        .upstream: "name = \"host\"\nservers = [\"127.0.0.1:3000\"]",
        .route: "path = \"/event/{event}\"\nupstream = \"host\"\naccess = \"token\"",
        .company: "id = \"acme\"",
        .key: "id = \"one\"\nalgorithm = \"HS256\"\nsecret_file = \"/secret\"",
    ]

    /// The sample with one part's keys replaced; `nil` removes the part with its header.
    init(_ part: Part? = nil, _ body: String? = nil) {
        if let part { bodies[part] = body }
    }

    var text: String {
        Part.allCases.compactMap { part in
            bodies[part].map { body in [Self.header[part], body].compactMap { $0 }.joined(separator: "\n") }
        }.joined(separator: "\n\n") + "\n"
    }

    static let files: [String: [UInt8]] = [
        "/secret": Array("0123456789abcdef0123456789abcdef\n".utf8),
        // The public key of RFC 8037, appendix A.2.
        "/jwks": Array(
            #"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#
                .utf8
        ),
        "/secret2": Array("another secret of thirty-two bytes".utf8),
        "/short": Array("short\n".utf8),
        "/wide": [0xff, 0xfe] + "sixteen.letters.\n".utf16.flatMap { [UInt8($0 & 0xff), 0] },
        "/lines": Array("sixteen.letters.\nsixteen.letters.\n".utf8),
        "/blank": Array("sixteen.letters. \n".utf8),
        "/marked": [0xef, 0xbb, 0xbf] + "sixteen.letters.\n".utf8,
        "/empty": [],
        "/tls.crt": Array("certificate".utf8),
        "/tls.key": Array("key".utf8),
    ]
}

/// Loads a text with the files of the sample and those given.
func load(
    _ text: String,
    files: [String: [UInt8]] = [:],
    environment: [String: String] = [:]
) throws(ConfigurationError) -> Settings {
    try Settings(
        loading: ConfigurationSource(
            name: "gateway.conf",
            text: text,
            environment: { environment[$0] },
            readFile: { path in
                switch path {
                case "/denied": .failure(.permissionDenied)
                case "/etc": .failure(.isDirectory)
                case "/huge": .failure(.tooLarge)
                case "/broken": .failure(.other("Input/output error"))
                default: (files[path] ?? Sample.files[path]).map { .success($0) } ?? .failure(.notFound)
                }
            }
        )
    )
}

/// The problems of a text without the file's name; empty if it loads.
func problems(
    _ text: String,
    files: [String: [UInt8]] = [:],
    environment: [String: String] = [:]
) -> [String] {
    do throws(ConfigurationError) {
        _ = try load(text, files: files, environment: environment)
        return []
    } catch {
        let prefix = "gateway.conf: "
        return error.problems.map { $0.hasPrefix(prefix) ? String($0.dropFirst(prefix.count)) : "NO NAME: \($0)" }
    }
}
