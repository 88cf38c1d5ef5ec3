import Testing

@testable import ControlPlane

@Suite("Endpoints: http and https URLs that everybody reads the same way")
struct WebhookEndpointTests {
    @Test(
        "A URL is parsed into host, port, target and the Host field",
        arguments: [
            ("https://x.example", "x.example", 443, "/", "x.example"),
            ("https://X.Example/Hook?a=b&c#part", "x.example", 443, "/Hook?a=b&c", "x.example"),
            ("HTTPS://x.example:443/", "x.example", 443, "/", "x.example"),
            ("https://x.example:8443/a%20b/../c", "x.example", 8443, "/a%20b/../c", "x.example:8443"),
            ("https://x.example?a=/", "x.example", 443, "/?a=/", "x.example"),
            ("https://x.example#a", "x.example", 443, "/", "x.example"),
            ("http://10.0.0.1:80/", "10.0.0.1", 80, "/", "10.0.0.1"),
            ("http://10.0.0.1:443/", "10.0.0.1", 443, "/", "10.0.0.1:443"),
            ("https://[2001:DB8::1]:8443/x", "2001:db8::1", 8443, "/x", "[2001:db8::1]:8443"),
            ("https://[::1]/", "::1", 443, "/", "[::1]"),
            ("https://x.example/@y.example", "x.example", 443, "/@y.example", "x.example"),
        ] as [(String, String, Int, String, String)]
    )
    func parts(text: String, host: String, port: Int, target: String, authority: String) throws {
        let endpoint = try #require(WebhookEndpoint(text))
        #expect(endpoint.isSecure == text.lowercased().hasPrefix("https"))
        #expect(endpoint.host == host && endpoint.port == port)
        #expect(endpoint.target == target && endpoint.authority == authority)
    }

    @Test(
        "Texts that are no such URL, or that two readers could read differently",
        arguments: [
            "", "x.example", "/hook", "//x.example/", "ftp://x.example/", "unix:/run/x.sock", "file:///etc/passwd",
            "https:/x.example/", "https://", "https:///x", "https://:443/", "https://u@x.example/",
            "https://u:p@x.example/", "https://x.example@10.0.0.1/", "https://x.example\\@10.0.0.1/",
            "https://x.example:0/", "https://x.example:65536/", "https://x.example:/", "https://x.example:443x/",
            "https://x example/", "https://x.example/a b", "https://x.example/\r\nX: y", "https://x.example/\u{0}",
            "https://x.example/\t", "https://ü.example/", "https://x.example/ü", "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/", "https://0177.0.0.1/", "https://[::1/", "https://::1/", "https://[fe80::1%25eth0]/",
            "https://[127.0.0.1]/", "https://*.x.example/", "https://x..example/", "https://-x.example/",
            " https://x.example/", "https://x.example/\u{7F}", "javascript:alert(1)", "gopher://x.example:25/",
            "https://x.example/" + String(repeating: "a", count: 2048),
        ]
    )
    func none(text: String) {
        #expect(WebhookEndpoint(text) == nil)
    }
}
