import Foundation
import Testing

extension EndToEnd {
    @Suite("Descriptors are shared out, so that who is let in is served")
    struct DescriptorTests {
        private static func connect(_ site: Site, _ count: Int) throws -> [Client] {
            try (0..<count).map { _ in try Client(port: site.port) }
        }

        /// How many of them the gateway has not closed.
        private static func open(_ clients: [Client]) -> Int {
            clients.count { client in
                guard case .timeout = client.socket.receive(within: 0) else { return false }
                return true
            }
        }

        @Test("600 descriptors and 700 idle clients: who is let in gets its answers, and health does too")
        func idleClients() throws {
            let site = try Site {
                $0.descriptors = 600
                $0.limits += "\nheader_timeout = \"60s\""
            }
            let viewers = try Self.connect(site, 20)
            let bearer = "Authorization: Bearer \(Minter.acme.token())"
            for client in viewers { #expect(try client.exchange("/.gateway/healthz").status == 200) }
            let idle = try Self.connect(site, 700)
            #expect(eventually { Self.open(idle) < 600 / 2 })
            let left = Self.open(idle)
            #expect(left > 100, "not everybody is turned away: \(left) are left")
            for client in viewers {
                // All at once, so that each needs a connection to the upstream.
                client.send("GET /event/e1 HTTP/1.1\r\nHost: localhost\r\n\(bearer)\r\n\r\n")
            }
            for client in viewers { #expect(try client.response().status == 200) }
            #expect(try viewers[0].exchange("/.gateway/healthz").status == 200)
            #expect(try viewers[0].exchange("/.gateway/readyz").status == 200)
            for path in ["/healthz", "/readyz"] { #expect(try fetch(site.gateway.adminPort, path).status == 200) }
            #expect(site.gateway.log.contains("600 descriptors"))
            for client in idle { client.socket.close() }
            #expect(eventually { (try? fetch(site.port, "/event/e1", [bearer]).status) == 200 })
        }

        @Test("The admin listener's clients have a share of their own, and take none of the viewers'")
        func adminClients() throws {
            let site = try Site { $0.descriptors = 600 }
            let idle = try (0..<700).map { _ in try Client(port: site.gateway.adminPort) }
            #expect(eventually { Self.open(idle) <= 64 })
            for _ in 0..<5 { #expect(try fetch(site.port, "/public/x").status == 200) }
            for client in idle { client.socket.close() }
            #expect(eventually { (try? fetch(site.gateway.adminPort, "/healthz").status) == 200 })
        }

        #if os(Linux)
            @Test(
                "No descriptor left at all: listeners rest, upstreams are not blamed, and all goes on when there are some"
            )
            func noDescriptors() throws {
                let site = try Site()
                let client = try Client(port: site.port)
                #expect(try client.exchange("/.gateway/healthz").status == 200)
                try site.gateway.allowDescriptors(1)
                try expectProblem(try client.exchange("/public/x"), 502, "upstream_unavailable")
                #expect(try client.exchange("/.gateway/readyz").status == 200)
                let waiting = try Client(port: site.port)
                waiting.send("GET /public/waiting HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let before = try site.gateway.processorTime()
                #expect(waiting.socket.receive(within: 1) == .timeout)
                #expect(try site.gateway.processorTime() - before < 0.5, "the listener does not spin")
                try site.gateway.allowDescriptors(1000)
                #expect(try waiting.response().status == 200)
                #expect(try fetch(site.port, "/public/x").status == 200)
            }
        #endif

        @Test("An address has no more connections than its limit, and others are served")
        func perAddress() throws {
            let site = try Site { $0.limits += "\nconnections_per_address = 5" }
            var clients = try (0..<5).map { _ in try Client(port: site.port, host: 7) }
            for client in clients { #expect(try client.exchange("/public/x").status == 200) }
            #expect(try Client(port: site.port, host: 7).isClosed())
            #expect(try Client(port: site.port, host: 8).exchange("/public/x").status == 200)
            for client in clients { #expect(try client.exchange("/public/x").status == 200) }
            clients.removeLast().socket.close()
            #expect(
                eventually {
                    (try? Client(port: site.port, host: 7).exchange("/public/x", ["Connection: close"]).status) == 200
                }
            )
            for client in clients { client.socket.close() }
        }

        @Test("A trusted proxy's address is that of many, and has no limit")
        func trustedProxy() throws {
            let site = try Site {
                $0.limits += "\nconnections_per_address = 5\ntrusted_proxies = [\"127.0.0.7/32\"]"
            }
            let clients = try (0..<20).map { _ in try Client(port: site.port, host: 7) }
            for client in clients { #expect(try client.exchange("/public/x").status == 200) }
        }
    }
}
