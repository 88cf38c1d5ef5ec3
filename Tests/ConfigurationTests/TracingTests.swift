import GatewayConfiguration
import Testing

@Suite("The settings of tracing")
struct TracingTests {
    private func load(_ keys: String, headers: String = "") throws(ConfigurationError) -> Settings {
        try ConfigurationTests.load(Sample(.rest, "[tracing]\n\(keys)").text, files: ["/headers": Array(headers.utf8)])
    }

    @Test("Without an endpoint, nothing is traced")
    func standard() throws {
        #expect(try load("").tracing.endpoint == nil)
    }

    @Test("An endpoint is taken apart")
    func endpoint() throws {
        let url = try #require(try load("endpoint = \"https://[::1]/otlp/v1/traces\"").tracing.endpoint)
        #expect(url.isSecure && url.host == "::1" && url.port == 443)
        #expect(url.path == "/otlp/v1/traces" && url.authority == "[::1]")
        let other = try #require(try load("endpoint = \"http://collector:4318/v1/traces\"").tracing.endpoint)
        #expect(!other.isSecure && other.port == 4318 && other.authority == "collector:4318")
    }

    @Test("The fields of a file are passed on; its empty lines and comments are not")
    func headers() throws {
        let file = "# from the vault\r\nAuthorization: Bearer s\r\n\nX-Scope-OrgID:1"
        let settings = try load("headers_file = \"/headers\"", headers: file)
        #expect(settings.tracing.headers.bytes == Array("Authorization: Bearer s\r\nX-Scope-OrgID:1\r\n".utf8))
    }

    @Test(
        "Attack: a file cannot end the head, nor change what the gateway writes; the message does not repeat it",
        arguments: [
            "Authorization Bearer secret", ": secret", "A\u{7}: secret", "A: secret\rB: x", "A: secret\u{e9}", "A:",
            "Host: secret", "content-LENGTH: 5", "Transfer-Encoding: secret",
            "A: \(String(repeating: "secret", count: 1000))",
            String(repeating: "A: secret\n", count: 33),
        ]
    )
    func badHeaders(_ file: String) {
        let error = #expect(throws: ConfigurationError.self) { try load("headers_file = \"/headers\"", headers: file) }
        #expect(error?.problems.count == 1)
        for problem in error?.problems ?? [] {
            #expect(
                problem.contains("tracing.headers_file: /headers: line ") && !problem.contains("secret"),
                "\(problem)"
            )
        }
    }

    @Test("What is probably not meant is remarked on")
    func remarks() throws {
        #expect(try load("endpoint = \"http://localhost:4318/v1/traces\"\nheaders_file = \"/headers\"").remarks == [])
        #expect(
            try load("endpoint = \"http://c:4317/v1/traces\"").remarks.map { $0.prefix(16) } == ["tracing.endpoint"]
        )
        let open = try load("endpoint = \"http://c:4318/v1/traces\"\nheaders_file = \"/headers\"").remarks
        #expect(open.count == 1 && open[0].hasPrefix("tracing.headers_file: its content goes to c unencrypted"))
    }

    @Test("The fields for the collector are not printed")
    func printed() throws {
        let printed = try load("headers_file = \"/headers\"", headers: "Authorization: Bearer secret").printed()
        #expect(printed.contains("headers_file = \"/headers\"") && !printed.contains("Bearer"))
    }
}
