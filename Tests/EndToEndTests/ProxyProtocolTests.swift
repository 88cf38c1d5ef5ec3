import Foundation
import Testing

extension EndToEnd {
    @Suite("Behind a load balancer that speaks the PROXY protocol")
    struct ProxyProtocolTests {
        /// Its trusted proxies are 127.0.0.1, from where the tests connect, and a network in front of that.
        static let shared = Result {
            try ProxySite { $0.limits += "\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\"]" }
        }
        let proxied: ProxySite

        init() throws { proxied = try Self.shared.get() }

        /// The client of the access log's line for a path.
        private func loggedClient(_ path: String) -> String? {
            var client: String?
            _ = eventually {
                client =
                    proxied.site.gateway.log.split(separator: "\n").lazy
                    .compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
                    .first { $0["path"] as? String == path }?["client"] as? String
                return client != nil
            }
            return client
        }

        @Test(
            "The header's address is the client's: for the upstream and in the access log",
            arguments: [
                ("203.0.113.7", "203.0.113.7"), ("2001:db8::7", "2001:db8::7"),
                ("::ffff:203.0.113.8", "203.0.113.8"),
            ]
        )
        func named(client: String, name: String) throws {
            for (version, header) in [ProxyHeader.line(client), ProxyHeader.binary(client)].enumerated() {
                let path = "/public/named-\(version)-\(name.replacing(":", with: "-"))"
                #expect(try proxied.fetch(header, path, ["X-Forwarded-For: 6.6.6.6"]).status == 200)
                #expect(proxied.forwarded(path) == [name])
                #expect(loggedClient(path) == name)
            }
        }

        @Test("It comes before TLS, for HTTP/1.1 and HTTP/2", arguments: ["http/1.1", "h2"])
        func overTLS(protocolName: String) throws {
            for (client, header) in [
                ("203.0.113.17", ProxyHeader.line("203.0.113.17")),
                ("2001:db8::18", ProxyHeader.binary("2001:db8::18")),
            ] {
                let tunnel = try TLSTunnel(
                    to: proxied.tlsPort,
                    authority: proxied.certificates.path("ca.pem"),
                    protocol: protocolName,
                    header: header
                )
                let path = "/public/tls-\(header.count)-\(protocolName.utf8.count)"
                let response =
                    protocolName == "h2"
                    ? try HTTP2Client.connected(port: tunnel.port).exchange(path)
                    : try fetch(tunnel.port, path)
                #expect(response.status == 200)
                #expect(proxied.forwarded(path) == [client])
                #expect(proxied.site.upstream.requests(for: path).last?["X-Forwarded-Proto"] == "https")
            }
        }

        @Test("curl's own header is understood", arguments: ["--http1.1", "--http2"])
        func curl(version: String) throws {
            let finished = try run(
                "/usr/bin/curl",
                [
                    "-sS", "-m", "30", "--haproxy-protocol", version, "--cacert", proxied.certificates.path("ca.pem"),
                    "https://localhost:\(proxied.tlsPort)/.gateway/healthz",
                ],
                within: 40
            )
            #expect(finished.output == "ok\n", "\(finished.errors)")
        }

        @Test("HTTP/2 without TLS comes behind it too")
        func priorKnowledge() throws {
            let socket = try Socket.connect(port: proxied.port)
            socket.send(ProxyHeader.binary("203.0.113.27"))
            let client = HTTP2Client(socket)
            try client.start()
            #expect(try client.exchange("/public/h2c").status == 200)
            #expect(proxied.forwarded("/public/h2c") == ["203.0.113.27"])
        }

        @Test("A Unix socket's permissions are enough for a proxy")
        func unixSocket() throws {
            let client = try Client(path: proxied.socketPath)
            client.send(ProxyHeader.line("203.0.113.37"))
            #expect(try client.exchange("/public/unix").status == 200)
            #expect(proxied.forwarded("/public/unix") == ["203.0.113.37"])
        }

        @Test("Header and request may arrive byte by byte")
        func singleBytes() throws {
            for header in [ProxyHeader.line("203.0.113.47"), ProxyHeader.binary("203.0.113.47")] {
                let client = try Client(port: proxied.port)
                client.sendSlowly(header)
                client.sendSlowly(Array("GET /public/slowly HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
                #expect(try client.response(within: 20).status == 200)
                #expect(proxied.forwarded("/public/slowly") == ["203.0.113.47"])
            }
        }

        @Test("A health check of the balancer's own is answered")
        func health() throws {
            #expect(try proxied.fetch(ProxyHeader.local, "/.gateway/healthz").text == "ok\n")
        }

        @Test("Attack: a client that the proxy does not name, or a forwarded one, cannot claim another address")
        func claims() throws {
            let forged = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: gopher"]
            for (number, (header, client)) in [
                (ProxyHeader.local, "127.0.0.1"), (Array("PROXY UNKNOWN\r\n".utf8), "127.0.0.1"),
                (ProxyHeader.line("203.0.113.57"), "203.0.113.57"),
            ].enumerated() {
                let path = "/public/claim-\(number)"
                #expect(try proxied.fetch(header, path, forged).status == 200)
                let request = try #require(proxied.site.upstream.requests(for: path).last)
                #expect(request.fields.values("x-forwarded-for") == [client])
                #expect(request.fields.values("x-forwarded-host") == ["localhost"])
                #expect(request.fields.values("x-forwarded-proto") == ["http"])
                #expect(loggedClient(path) == client)
            }
        }

        @Test("A trusted proxy that the header names may report its client")
        func proxyBehindProxy() throws {
            let path = "/public/chain"
            #expect(
                try proxied.fetch(ProxyHeader.line("10.1.2.3"), path, ["X-Forwarded-For: 203.0.113.67"]).status == 200
            )
            #expect(proxied.forwarded(path) == ["203.0.113.67, 10.1.2.3"])
            #expect(loggedClient(path) == "203.0.113.67")
        }

        @Test("Smuggling: a second header where HTTP starts is 400, and the upstream sees nothing")
        func secondHeader() throws {
            let request = Array("GET /public/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
            for first in [ProxyHeader.line("203.0.113.77"), ProxyHeader.binary("203.0.113.77")] {
                for second in [ProxyHeader.line("6.6.6.6"), ProxyHeader.binary("6.6.6.6"), ProxyHeader.local] {
                    let client = try proxied.connect(first + second + request)
                    #expect(try client.response().status == 400)
                    #expect(client.remainder() == [])
                }
            }
            #expect(proxied.site.upstream.requests(for: "/public/smuggled").isEmpty)
        }
    }
}
