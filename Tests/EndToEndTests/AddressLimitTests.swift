import Foundation
import Testing

extension EndToEnd {
    @Suite("Limits by client address: rates and denied ranges")
    struct AddressLimitTests {
        private func forwarded(_ address: String) -> [String] { ["X-Forwarded-For: \(address)"] }

        @Test("Requests beyond the rate get 429 with a page or a problem, by address, until the bucket fills again")
        func requests() throws {
            let site = try Site {
                $0.limits += """

                    requests_per_address = "6/m"
                    requests_burst = 3
                    trusted_proxies = ["127.0.0.1"]
                    rate_exempt = ["192.0.2.0/24"]
                    """
            }
            func status(_ address: String) throws -> Int {
                try fetch(site.port, "/public/x", forwarded(address)).status
            }
            for _ in 0..<3 { #expect(try status("198.51.100.1") == 200) }
            let refused = try fetch(site.port, "/public/x", forwarded("198.51.100.1"))
            #expect(refused.status == 429)
            #expect((1...10).contains(Int(refused["Retry-After"] ?? "") ?? 0))
            #expect(refused["Content-Type"] == "application/problem+json" && refused.text.contains("too_many_requests"))
            let page = try fetch(
                site.port,
                "/public/x",
                forwarded("198.51.100.1") + ["Accept: text/html", "Sec-Fetch-Mode: navigate"]
            )
            #expect(page.status == 429 && page.text.contains("Too many requests"))
            // Others are not affected; exempt ones and the proxy's own checks have no limit.
            #expect(try status("198.51.100.2") == 200)
            for _ in 0..<5 { #expect(try status("192.0.2.7") == 200) }
            for _ in 0..<5 { #expect(try fetch(site.port, "/.gateway/healthz").status == 200) }
            // A /64 is one client.
            for number in 0..<3 { #expect(try status("2001:db8::\(number)") == 200) }
            #expect(try status("2001:db8::99") == 429)
            #expect(try status("2001:db8:0:1::1") == 200)
            #expect(try eventually(within: 60) { try status("198.51.100.1") == 200 })
            let metrics = try fetch(site.gateway.adminPort, "/metrics").text
            #expect(metrics.contains("gateway_requests_limited_total{limit=\"requests_per_address\"}"))
        }

        @Test("All streams of an HTTP/2 connection count")
        func streams() throws {
            let site = try Site { $0.limits += "\nrequests_per_address = \"1/m\"\nrequests_burst = 4" }
            // The start of the site has asked at least once.
            let client = try HTTP2Client.connected(port: site.port)
            let statuses = try (0..<6).map { _ in try client.exchange("/public/x").status }
            #expect(statuses.filter { $0 == 429 }.count >= 2)
        }

        @Test("New connections beyond the rate are closed unserved, and the others go on")
        func connections() throws {
            let site = try Site { $0.limits += "\nnew_connections_per_address = \"60/m\"\nnew_connections_burst = 200" }
            let first = try Client(port: site.port)
            #expect(try first.exchange("/public/x").status == 200)
            var isClosed = false
            for _ in 0..<400 where !isClosed {
                let client = try Client(port: site.port)
                isClosed = (try? client.exchange("/public/x").status) == nil
            }
            #expect(isClosed)
            #expect(try first.exchange("/public/x").status == 200)
            #expect(eventually(within: 20) { (try? fetch(site.port, "/public/x").status) == 200 })
            let metrics = try fetch(site.gateway.adminPort, "/metrics").text
            #expect(!metrics.contains("limit=\"new_connections_per_address\"} 0\n"))
        }

        @Test(
            "Denied clients: 403 behind a proxy, closed otherwise; a reload takes and lifts it, on open connections too"
        )
        func deny() throws {
            let site = try Site { $0.limits += "\ntrusted_proxies = [\"127.0.0.1\"]\ndeny = [\"203.0.113.0/24\"]" }
            let proxy = try Client(port: site.port)
            func status(_ address: String) throws -> Int { try proxy.exchange("/public/x", forwarded(address)).status }
            #expect(try status("203.0.113.9") == 403)
            #expect(try status("203.0.114.9") == 200)
            #expect(try status("203.0.113.9, 198.51.100.1") == 200, "what the last proxy says counts")
            #expect(site.upstream.requests(for: "/public/x").count == 2)
            try site.gateway.directory.write("deny", "# us\n127.0.0.0/8\n")
            let open = try Client(port: site.port)
            #expect(try open.exchange("/public/x").status == 200)
            try site.gateway.rewrite(site.configuration { $0.limits += "\ndeny_file = \"deny\"" })
            site.gateway.reload()
            #expect(try open.exchange("/public/x").status == 403)
            #expect(try Client(port: site.port).isClosed())
            // The admin listener is the operator's.
            let metrics = try fetch(site.gateway.adminPort, "/metrics").text
            #expect(metrics.contains("gateway_connections_refused_total{limit=\"deny\"} 1\n"))
            try site.gateway.directory.write("deny", "\n")
            site.gateway.reload()
            #expect(try fetch(site.port, "/public/x").status == 200)
        }

        @Test(
            "A reload that denies an address ends its WebSockets with 1008, and its streams",
            arguments: [false, true]
        )
        func deniedMeanwhile(isForwarded: Bool) throws {
            let site = try Site { $0.limits += isForwarded ? "\ntrusted_proxies = [\"127.0.0.1\"]" : "" }
            site.serveStreams(of: "e1")
            func from(_ address: String) -> [String] { isForwarded ? forwarded(address) : [] }
            let token = "Authorization: Bearer \(Minter.acme.token())"
            let socket = try Client(port: site.port)
            #expect(try socket.openWebSocket("/event/e1/ws", from("192.0.2.1") + [token]).status == 101)
            let other = try Client(port: site.port, host: 2)
            #expect(try other.openWebSocket("/event/e1/ws", from("192.0.2.2") + [token]).status == 101)
            let stream = try Client(port: site.port)
            let lines = (from("192.0.2.1") + [token]).map { "\($0)\r\n" }.joined()
            stream.send("GET /event/e1/stream HTTP/1.1\r\nHost: localhost\r\n\(lines)\r\n")
            #expect(eventually { !site.upstream.requests(for: "/event/e1/stream").isEmpty })
            try site.gateway.rewrite(
                site.configuration {
                    $0.limits += isForwarded ? "\ntrusted_proxies = [\"127.0.0.1\"]" : ""
                    $0.limits += "\ndeny = [\"\(isForwarded ? "192.0.2.1" : "127.0.0.1")\"]"
                }
            )
            site.gateway.reload()
            let close = try WebSocketEnd(socket.reader, isClient: true).receive()
            #expect(close?.close == "1008 address_denied")
            #expect(stream.remainder(within: 20) != nil)
            if isForwarded { #expect(try other.echo("still here") == "still here") }
        }

        @Test("The address that a PROXY header names is denied and counted, not the proxy's")
        func proxyProtocol() throws {
            let way = try ProxySite {
                $0.limits +=
                    "\ndeny = [\"203.0.113.0/24\"]\nnew_connections_per_address = \"1/m\"\nnew_connections_burst = 3"
                $0.limits += "\ntrusted_proxies = [\"127.0.0.1\"]"
            }
            #expect(try way.connect(ProxyHeader.line("203.0.113.9")).isClosed())
            for _ in 0..<3 {
                #expect(try way.fetch(ProxyHeader.line("203.0.114.9"), "/public/x").status == 200)
            }
            #expect(try way.connect(ProxyHeader.line("203.0.114.9")).isClosed())
            #expect(try way.fetch(ProxyHeader.line("203.0.114.10"), "/public/x").status == 200)
        }

        @Test("A route's body_size replaces that of all routes, by its length and in transit")
        func bodySize() throws {
            let site = try Site {
                $0.limits += "\nbody_size = \"100B\""
                $0.more =
                    "[[route]]\npath = \"/upload/**\"\nupstream = \"embed-host\"\naccess = \"public\"\nbody_size = \"1KiB\""
            }
            func status(_ path: String, _ count: Int) throws -> Int {
                try fetch(site.port, path, method: "POST", body: [UInt8](repeating: 120, count: count)).status
            }
            #expect(try status("/public/x", 100) == 200)
            #expect(try status("/public/x", 101) == 413)
            #expect(try status("/upload/x", 1024) == 200)
            #expect(try status("/upload/x", 1025) == 413)
            let client = try Client(port: site.port)
            client.send("POST /upload/c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n")
            client.send([UInt8](repeating: 120, count: 1024))
            client.send("\r\n1\r\nx\r\n0\r\n\r\n")
            #expect(try client.response().status == 413)
        }
    }
}
