import Admission
import Basics
import Testing

@testable import GatewayConfiguration

/// How values of each kind are read.
@Suite struct ValueTests {
    @Test(
        "Durations",
        arguments: [
            ("0s", 0), ("250ms", 250), ("90s", 90_000), ("15m", 900_000), ("4h", 14_400_000),
            ("30d", 2_592_000_000), ("007s", 7000),
        ]
    )
    func durations(_ text: String, _ milliseconds: Int64) throws {
        #expect(try Duration(parsing: text) == .milliseconds(milliseconds))
        #expect(
            try Duration(parsing: Duration.milliseconds(milliseconds).configurationText) == .milliseconds(milliseconds)
        )
    }

    @Test(
        "Texts that are not durations",
        arguments: [
            "", "s", "90", "90 s", " 90s", "90s ", "90S", "1.5s", "+1s", "-1s", "1e3s", "1w", "١s", "1h30m", "0x1s",
            "9223372036854775808ms", "9223372036854775807s", "106751991168d",
        ]
    )
    func noDurations(_ text: String) {
        #expect(throws: ValueFault.self) { try Duration(parsing: text) }
    }

    @Test(
        "Sizes",
        arguments: [
            ("0B", 0), ("256B", 256), ("64KiB", 65_536), ("1GiB", 1 << 30), ("1TiB", 1 << 40),
            ("1025KiB", 1025 << 10),
        ]
    )
    func sizes(_ text: String, _ bytes: Int) throws {
        #expect(try Size.bytes(parsing: text) == bytes)
        #expect(Size.text(of: bytes) == text)
    }

    @Test(
        "Texts that are not sizes",
        arguments: ["", "64", "64K", "64KB", "64kib", "1.5MiB", "-1B", "B", "8388608TiB"]
    )
    func noSizes(_ text: String) {
        #expect(throws: ValueFault.self) { try Size.bytes(parsing: text) }
    }

    @Test("Address ranges")
    func ranges() throws {
        #expect(
            try AddressRange(parsing: "10.0.0.0/8")
                == AddressRange(text: "10.0.0.0/8", bytes: [10, 0, 0, 0], prefixLength: 8)
        )
        #expect(try AddressRange(parsing: "10.1.2.3").prefixLength == 32)
        #expect(try AddressRange(parsing: "::1").prefixLength == 128)
        // Clients are known by their IPv4 address.
        #expect(try AddressRange(parsing: "::ffff:203.0.113.0/120").prefixLength == 24)
        #expect(try AddressRange(parsing: "::ffff:203.0.113.0/120").bytes == [203, 0, 113, 0])
        #expect(try AddressRange(parsing: "0.0.0.0/0").prefixLength == 0)
        #expect(try AddressRange(parsing: "10.255.255.254/31").prefixLength == 31)
        for text in [
            "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/33", "10.0.0.0/8/8", "/8", "10.0.0.0/ 8", "10.255.255.255/31",
            "::/129", "2001:db8::1/64", "10.0.0.0/255.0.0.0",
        ] {
            #expect(throws: ValueFault.self, "\(text)") { try AddressRange(parsing: text) }
        }
    }

    @Test("Socket addresses are printed as they were written")
    func sockets() throws {
        #expect(try SocketAddress(parsing: "0.0.0.0:443") == .tcp(host: "0.0.0.0", port: 443))
        #expect(try SocketAddress(parsing: "[2001:DB8::1]:0") == .tcp(host: "2001:db8::1", port: 0))
        #expect(try SocketAddress(parsing: "Embed_host.Internal:80") == .tcp(host: "embed_host.internal", port: 80))
        #expect(try SocketAddress(parsing: "unix:/run/a b.sock") == .unix(path: "/run/a b.sock"))
        for text in ["0.0.0.0:443", "[::1]:80", "localhost:1", "unix:/run/x"] {
            #expect(try SocketAddress(parsing: text).text == text)
        }
        for (text, isLoopback) in [
            ("127.9.9.9:1", true), ("[::1]:1", true), ("localhost:1", true), ("unix:/x", true),
            ("0.0.0.0:1", false), ("[::]:1", false), ("localhost.example:1", false), ("[::ffff:127.0.0.1]:1", false),
        ] {
            #expect(try SocketAddress(parsing: text).isLoopback == isLoopback, "\(text)")
        }
    }

    @Test("Ranges of statuses")
    func statuses() throws {
        for (text, range) in [("200-399", 200...399), ("204", 204...204), ("200-200", 200...200)] {
            #expect(try ClosedRange<Int>(parsing: text) == range)
            #expect(try ClosedRange<Int>(parsing: range.configurationText) == range)
        }
        for text in ["", "2xx", "399-200", "100-399", "200-600", "200-", "-200", "200-300-400", "+20-300", "0200"] {
            #expect(throws: ValueFault.self, "\(text)") { try ClosedRange<Int>(parsing: text) }
        }
    }

    @Test("Upstream servers")
    func servers() throws {
        #expect(
            try UpstreamServerSettings(parsing: "http://a")
                == .init(isSecure: false, address: .tcp(host: "a", port: 80))
        )
        #expect(
            try UpstreamServerSettings(parsing: "https://[::1]/")
                == .init(isSecure: true, address: .tcp(host: "::1", port: 443))
        )
        for text in ["a:1", "https://a:443", "unix:/x", "[::1]:80", "https://[::1]:8443"] {
            #expect(try UpstreamServerSettings(parsing: text).text == text)
        }
        for (text, authority) in [
            ("a:1", "a:1"), ("a:80", "a"), ("https://a", "a"), ("https://a:80", "a:80"), ("http://[::1]", "[::1]"),
            ("unix:/x", nil),
        ] {
            #expect(try UpstreamServerSettings(parsing: text).authority == authority)
        }
    }

    @Test("What an upstream sees in Host")
    func upstreamHosts() throws {
        #expect(try UpstreamHost(parsing: "preserve") == .preserve)
        #expect(try UpstreamHost(parsing: "upstream") == .upstream)
        for (text, name) in [
            ("App.example", "app.example"), ("app.example:8080", "app.example:8080"), ("preserve:80", "preserve:80"),
            ("10.0.0.1", "10.0.0.1"), ("[::1]", "[::1]"), ("[::1]:81", "[::1]:81"),
        ] {
            #expect(try UpstreamHost(parsing: text) == .name(name))
        }
        for text in ["", ":80", "a:", "a/b", "https://a", "unix:/x", "::1", "[::1", "upstreams", "a\r\nX: y"] {
            #expect(throws: ValueFault.self, "\(text)") { try UpstreamHost(parsing: text) }
        }
    }

    @Test(
        "Public URLs and their origins",
        arguments: [
            ("https://embed.example.com", "https://embed.example.com"),
            ("https://embed.example.com/", "https://embed.example.com"),
            ("HTTPS://Embed.Example.com:443", "https://embed.example.com"),
            ("https://embed.example.com:8443", "https://embed.example.com:8443"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://a.localhost:80", "http://a.localhost"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
        ]
    )
    func publicURLs(_ text: String, _ origin: String) throws {
        let url = try PublicURL(parsing: text)
        #expect(url.origin == origin && origin.hasSuffix("://" + url.authority))
        #expect(!url.text.hasSuffix("/"))
        #expect(url.isSecure == origin.hasPrefix("https"))
    }

    @Test("Route patterns")
    func patterns() throws {
        #expect(try RoutePattern(parsing: "/") == RoutePattern(text: "/", segments: [], takesRest: false))
        #expect(try RoutePattern(parsing: "/**") == RoutePattern(text: "/**", segments: [], takesRest: true))
        #expect(
            try RoutePattern(parsing: "/event/{event}/**")
                == RoutePattern(text: "/event/{event}/**", segments: [.literal("event"), .event], takesRest: true)
        )
        #expect(
            try RoutePattern(parsing: "/a-b._~!$&'()+,;=:@/...")
                == RoutePattern(
                    text: "/a-b._~!$&'()+,;=:@/...",
                    segments: [.literal("a-b._~!$&'()+,;=:@"), .literal("...")],
                    takesRest: false
                )
        )
    }

    @Test("Values arrive in the right settings")
    func settings() throws {
        var sample = Sample(
            .top,
            "public_url = \"https://e.example\"\ndrain_timeout = \"5s\"\n"
                + "allowed_origins = [\"https://b.example:443\"]"
        )
        sample.bodies[.company] =
            "id = \"acme\"\nissuer = \"i\"\naudience = [\"a\", \"b\"]\n"
            + "embed_origins = [\"https://*.Acme.example\", \"http://localhost:3000\"]"
        sample.bodies[.rest] =
            "[sessions]\nsecond_join = \"ask\"\napplies_to = \"all\"\nidle_timeout = \"2m\"\n"
            + "[limits]\nmin_rate = \"1KiB\"\ntrusted_proxies = [\"10.0.0.0/8\"]\n[log]\nlevel = \"debug\""
        sample.bodies[.rest]? += "\n[identity.claims]\nTier = \"https://acme.example/tier\"\nSeat-No = \"seat\""
        let settings = try load(sample.text)
        #expect(
            settings.identity.claims == [
                ClaimField(name: "Seat-No", claim: "seat"),
                ClaimField(name: "Tier", claim: "https://acme.example/tier"),
            ]
        )
        #expect(settings.drainTimeout == .seconds(5))
        #expect(settings.allowedOrigins == ["https://b.example"])
        #expect(settings.listeners.map(\.address) == [.tcp(host: "127.0.0.1", port: 8080)])
        #expect(settings.routes.map(\.access) == [.token] && settings.routes.map(\.upstream) == [0])
        let company = try #require(settings.companies.first)
        #expect(company.name == "acme" && company.issuers == ["i"] && company.audiences == ["a", "b"])
        #expect(company.embedOrigins == ["https://*.acme.example", "http://localhost:3000"])
        #expect(settings.sessions.policy.secondJoin == .ask && settings.sessions.policy.appliesTo == .all)
        #expect(settings.sessions.policy.idleTimeout == 120_000)
        #expect(settings.limits.minRate == 1024 && settings.limits.trustedProxies.map(\.text) == ["10.0.0.0/8"])
        #expect(settings.log.level == .debug)
    }

    @Test("A secret is never shown")
    func secret() {
        let secret = Secret(Array("hidden".utf8))
        var dump = ""
        Swift.dump(secret, to: &dump)
        #expect("\(secret)" == "***" && !dump.contains("hidden") && !dump.contains("104"))
    }
}
