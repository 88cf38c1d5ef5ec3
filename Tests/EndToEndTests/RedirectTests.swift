import Foundation
import Testing

extension EndToEnd {
    @Suite("From plaintext to TLS: redirect, ACME's challenges and HSTS")
    struct RedirectTests {
        static let shared = Result { try RedirectSite() }
        let site: RedirectSite

        init() throws { site = try Self.shared.get() }

        /// A request to the redirecting listener, with a host that the gateway does not know.
        private func ask(
            _ target: String,
            method: String = "GET",
            _ fields: [String] = [],
            body: [UInt8] = []
        ) throws -> Response { try fetch(site.plainPort, target, method: method, fields, body: body) }

        @Test(
            "Every path is redirected to the same path and query under public_url",
            arguments: [
                "/", "/event/e1?a=b&c=%20d", "/public/redirected", "/.gateway/session", "/%C3%A4//b?x=//y", "/a%0d%0ab",
            ]
        )
        func everyPath(target: String) throws {
            for host in ["localhost", "evil.example", "evil.example:1"] {
                let client = try Client(port: site.plainPort)
                client.send("GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
                let response = try client.response()
                guard !target.contains("%0d") else {
                    #expect(response.status == 400)
                    #expect(response["Location"] == nil)
                    continue
                }
                #expect(response.status == 301)
                // A path is judged, and passed on, with its slashes merged.
                #expect(response.fields.values("Location") == [site.url + target.replacing("A4//b", with: "A4/b")])
                #expect(response["Cache-Control"] == "no-store")
                #expect(response["Strict-Transport-Security"] == nil)
            }
            #expect(site.upstream.requests(for: target).isEmpty)
        }

        @Test(
            "A path that looks like another site's stays on public_url",
            arguments: ["//evil.example/x", "/\\evil.example"]
        )
        func notOpen(target: String) throws {
            let response = try ask(target)
            if response.status == 301 {
                #expect(response["Location"] == "\(site.url)/evil.example/x")
            } else {
                #expect(response.status == 400)
            }
        }

        @Test("An absolute target with another host is redirected to public_url")
        func absolute() throws {
            let client = try Client(port: site.plainPort)
            client.send("GET http://evil.example/x HTTP/1.1\r\nHost: evil.example\r\n\r\n")
            #expect(try client.response()["Location"] == "\(site.url)/x")
        }

        @Test("A form keeps its method: 308")
        func method() throws {
            let response = try ask("/public/form", method: "POST", body: Array("a=b".utf8))
            #expect(response.status == 308)
            #expect(response["Location"] == "\(site.url)/public/form")
            #expect(try ask("/public/form", method: "HEAD").status == 301)
        }

        @Test("Over HTTP/2 with prior knowledge too")
        func http2() throws {
            let response = try HTTP2Client.connected(port: site.plainPort).exchange("/event/e1?x=1")
            #expect(response.status == 301)
            #expect(response.fields["location"] == "\(site.url)/event/e1?x=1")
        }

        @Test("Health checks are answered")
        func health() throws {
            #expect(try ask("/.gateway/healthz").text == "ok\n")
            #expect(try ask("/.gateway/readyz").text == "ready\n")
        }

        @Test("A link with a token is redirected whole; the log says so without the token")
        func token() throws {
            let token = Minter.acme.registration("R-1")
            let response = try ask("/event/e1?token=\(token)")
            #expect(response.status == 301)
            #expect(response["Location"] == "\(site.url)/event/e1?token=\(token)")
            #expect(eventually { site.gateway.log.contains("token_in_plaintext") })
            #expect(!site.gateway.log.contains(token))
        }

        @Test(
            "A program's credentials are refused, so that nobody relies on sending them in plaintext",
            arguments: ["Authorization: Bearer x", "Gateway-Session: x"]
        )
        func credentials(field: String) throws {
            let response = try ask("/event/e1", [field])
            #expect(response.status == 403)
            #expect(response["Location"] == nil)
            #expect(response.text.contains("https_required"))
            #expect(response.text.contains(site.url))
        }

        @Test("Calls of the control API are refused in its own form")
        func controlCall() throws {
            let response = try ask("/api/oauth/token", method: "POST", body: Array("client_secret=x".utf8))
            #expect(response.status == 403)
            #expect(response.text.contains("\"hasError\":true"))
        }

        // MARK: ACME

        @Test("A challenge's file is served as it is")
        func challenge() throws {
            try site.leave("Abc_-123", "Abc_-123.thumbprint")
            let response = try ask("/.well-known/acme-challenge/Abc_-123")
            #expect(response.status == 200)
            #expect(response.text == "Abc_-123.thumbprint")
            #expect(try ask("/.well-known/acme-challenge/Abc_-123", method: "POST").status == 405)
            #expect(try ask("/.well-known/acme-challenge/none").status == 404)
        }

        @Test("Nothing else can be read: no other folder, link, pipe, folder or large file")
        func noOtherFile() throws {
            try site.leave("../secret", "secret")
            try site.leave("large", String(repeating: "x", count: 1025))
            let folder = site.challenges
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/link",
                withDestinationPath: "\(folder)/../secret"
            )
            try FileManager.default.createDirectory(atPath: "\(folder)/folder", withIntermediateDirectories: true)
            // SAFETY: the path is a C string during the call.
            #expect(unsafe mkfifo("\(folder)/pipe", 0o600) == 0)
            for name in ["link", "pipe", "folder", "large"] {
                #expect(try ask("/.well-known/acme-challenge/\(name)").status == 404, "\(name)")
            }
            for name in ["..%2fsecret", "../secret", "%2e%2e/secret", ".", "a/b", "", "a%00", "x.html"] {
                let response = try ask("/.well-known/acme-challenge/\(name)")
                #expect([301, 400].contains(response.status), "\(name): \(response)")
                #expect(!response.text.contains("secret"))
            }
        }

        // MARK: HSTS

        private func secure(_ target: String, protocol name: String = "http/1.1", _ fields: [String] = []) throws
            -> Response
        {
            let authority = site.certificates.path("ca.pem")
            let tunnel = try TLSTunnel(to: site.tlsPort, authority: authority, protocol: name)
            return name == "h2"
                ? try HTTP2Client.connected(port: tunnel.port).exchange(target) : try fetch(tunnel.port, target, fields)
        }

        @Test(
            "Every answer over TLS has the configured policy once, refusals and errors too",
            arguments: ["http/1.1", "h2"]
        )
        func transportPolicy(protocolName: String) throws {
            site.upstream.on("/public/own") { exchange in
                exchange.send(
                    "HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=0\r\nstrict-transport-security: max-age=5\r\n"
                        + "Content-Length: 0\r\n\r\n"
                )
                return true
            }
            for target in ["/public/x", "/public/own", "/event/e1", "/.gateway/healthz", "/.gateway/none"] {
                let response = try secure(target, protocol: protocolName)
                #expect(
                    response.fields.values("Strict-Transport-Security") == ["max-age=31536000; includeSubDomains"],
                    "\(target): \(response)"
                )
            }
        }

        @Test("A plaintext listener sends none, and leaves the upstream's alone")
        func plaintextPolicy() throws {
            site.upstream.on("/public/theirs") { exchange in
                exchange.send("HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=7\r\nContent-Length: 0\r\n\r\n")
                return true
            }
            #expect(
                try fetch(site.gateway.port, "/public/theirs").fields.values("Strict-Transport-Security") == [
                    "max-age=7"
                ]
            )
            #expect(try fetch(site.gateway.port, "/event/e1").fields.values("Strict-Transport-Security") == [])
        }
    }
}

/// A gateway with a plaintext listener that serves, one that redirects, and one with TLS.
final class RedirectSite: Sendable {
    let certificates: TestCertificates
    let upstream: RecordingUpstream
    let gateway: Gateway
    let webroot: TemporaryDirectory
    let plainPort: UInt16
    let tlsPort: UInt16
    var url: String { "https://localhost:\(tlsPort)" }
    var challenges: String { webroot[".well-known/acme-challenge"] }

    init() throws {
        certificates = try TestCertificates.shared.get()
        upstream = try RecordingUpstream()
        webroot = try TemporaryDirectory()
        let ports = try Listener.freePorts(2)
        (plainPort, tlsPort) = (ports[0], ports[1])
        try FileManager.default.createDirectory(
            atPath: webroot[".well-known/acme-challenge"],
            withIntermediateDirectories: true
        )
        var configuration = GatewayConfiguration(upstream: upstream.port)
        configuration.publicURL = "https://localhost:\(tlsPort)"
        configuration.control = ""
        configuration.top = """
            [[listener]]
            address = "127.0.0.1:\(plainPort)"
            redirect = "https"
            acme_directory = "\(webroot.path)"
            [[listener]]
            address = "127.0.0.1:\(tlsPort)"
            certificate = "\(certificates.path("standard.pem"))"
            key = "\(certificates.path("standard.key"))"
            hsts = "365d"
            hsts_include_subdomains = true
            """
        gateway = try Gateway(configuration)
    }

    /// Leaves a file where an ACME client would.
    func leave(_ name: String, _ text: String) throws {
        try webroot.write(".well-known/acme-challenge/\(name)", text)
    }
}
