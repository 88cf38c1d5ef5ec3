import Foundation
import Testing

extension EndToEnd {
    @Suite("Descriptors are shared so that every admitted client is served")
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

        @Test("600 descriptors and 700 idle clients: admitted clients get their answers, and health does too")
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
            #expect(eventually { site.gateway.log.contains("600 descriptors") })
            for client in idle { client.socket.close() }
            #expect(eventually { (try? fetch(site.port, "/event/e1", [bearer]).status) == 200 })
        }

        @Test(
            "300 descriptors, four upstreams and 200 idle clients: admitted clients are answered by each, never with 502"
        )
        func severalUpstreams() throws {
            let others = try (0..<3).map { _ in try RecordingUpstream() }
            let site = try Site {
                $0.descriptors = 300
                $0.limits += "\nheader_timeout = \"60s\""
                $0.more = others.enumerated().map { number, upstream in
                    """
                    [[upstream]]
                    name = "other-\(number)"
                    servers = ["127.0.0.1:\(upstream.port)"]
                    [[route]]
                    path = "/other/\(number)/**"
                    upstream = "other-\(number)"
                    access = "public"
                    """
                }.joined(separator: "\n")
            }
            let viewers = try Self.connect(site, 20)
            for client in viewers { #expect(try client.exchange("/.gateway/healthz").status == 200) }
            let idle = try Self.connect(site, 200)
            #expect(eventually { Self.open(idle) < 300 / 2 })
            let bearer = "Authorization: Bearer \(Minter.acme.token())"
            for round in 0..<8 {
                for (number, client) in viewers.enumerated() {
                    let path = ["/event/e1", "/other/0/x", "/other/1/x", "/other/2/x"][(number + round) % 4]
                    client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\(bearer)\r\n\r\n")
                }
                for client in viewers { #expect(try client.response().status == 200) }
            }
            // They are there until the last request.
            for upstream in others { #expect(!upstream.requests.isEmpty) }
            for client in idle { client.socket.close() }
        }

        @Test("Attack: idle connections hold every place; a new client gets one of theirs, and not one in use")
        func idlePlaces() throws {
            let site = try Site {
                $0.descriptors = 400
                $0.limits += "\nheader_timeout = \"60s\""
            }
            let go = Flag()
            Self.slow(site, "/public/slow", until: go)
            let kept = try Client(port: site.port)
            #expect(try kept.exchange("/public/x").status == 200)
            let waiting = try Client(port: site.port)
            waiting.send("GET /public/slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(eventually { !site.upstream.requests(for: "/public/slow").isEmpty })
            let idle = try Self.connect(site, 200)
            #expect(eventually { Self.open(idle) < 128 })
            // They keep their places until they have been idle for a while.
            for _ in 0..<5 { #expect(eventually { (try? fetch(site.port, "/public/x").status) == 200 }) }
            #expect(try kept.exchange("/public/x").status == 200, "those that were never used go first")
            go.set()
            #expect(try waiting.response().status == 200)
            for client in idle { client.socket.close() }
        }

        @Test("The admin listener's clients have their own share, and take none of the viewers'")
        func adminClients() throws {
            let site = try Site { $0.descriptors = 600 }
            let idle = try (0..<700).map { _ in try Client(port: site.gateway.adminPort) }
            #expect(eventually { Self.open(idle) <= 64 })
            for _ in 0..<5 { #expect(try fetch(site.port, "/public/x").status == 200) }
            for client in idle { client.socket.close() }
            #expect(eventually { (try? fetch(site.gateway.adminPort, "/healthz").status) == 200 })
        }

        #if os(Linux)
            @Test("Without any descriptor, listeners pause, and everything resumes when there are some")
            func noDescriptors() throws {
                let site = try Site()
                try site.gateway.allowDescriptors(1)
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

        /// An HTTP/2 connection with 90 streams.
        private static func streams(_ site: Site, host: UInt8, _ path: String, _ fields: [Field] = []) throws
            -> HTTP2Client
        {
            let client = try HTTP2Client(port: site.port, host: host)
            try client.start()
            for _ in 0..<90 { _ = client.request(path, fields) }
            return client
        }

        /// Makes requests for a path wait for the flag.
        private static func slow(_ site: Site, _ path: String, until go: Flag) {
            site.upstream.on(path) { exchange in
                _ = eventually(within: 60) { go.isSet }
                return try exchange.echo()
            }
        }

        /// Waits until the gateway has refused every stream that the upstream does not have, and returns how many it
        /// has.
        private static func expectRefused(_ site: Site, _ clients: [HTTP2Client], _ path: String) throws -> Int {
            var (held, refused) = (0, 0)
            let isSettled = eventually(within: 10) {
                for client in clients { _ = client.wait(within: 0.01) { false } }
                held = site.upstream.requests(for: path).count
                refused = clients.reduce(0) { $0 + $1.streams.values.count { $0.isOver } }
                return held + refused == 90 * clients.count
            }
            #expect(isSettled, "\(held) are held, \(refused) are refused")
            for stream in clients.flatMap({ $0.streams.values }) where stream.isOver {
                try expectProblem(stream.response, 503, "try_again")
                #expect(stream.response["Retry-After"] != nil)
            }
            return held
        }

        private static func expectServed(_ site: Site, host: UInt8, _ count: Int) throws {
            let bearer = "Authorization: Bearer \(Minter.acme.token())"
            let viewers = try (0..<count).map { _ in try Client(port: site.port, host: host) }
            for client in viewers { client.send("GET /event/e1 HTTP/1.1\r\nHost: localhost\r\n\(bearer)\r\n\r\n") }
            for client in viewers { #expect(try client.response().status == 200) }
        }

        @Test(
            "180 slow HTTP/2 streams on a public route, 400 descriptors: viewers are served, and the operator is told"
        )
        func publicStreams() throws {
            let site = try Site { $0.descriptors = 400 }
            let go = Flag()
            Self.slow(site, "/public/slow", until: go)
            let clients = try [7, 8].map { try Self.streams(site, host: $0, "/public/slow") }
            let held = try Self.expectRefused(site, clients, "/public/slow")
            #expect((32...64).contains(held), "a share goes to public routes: \(held)")
            try Self.expectServed(site, host: 9, 60)
            try expectProblem(try fetch(site.port, "/public/other"), 503, "try_again")
            #expect(try fetch(site.port, "/.gateway/readyz").status == 200, "the upstream is not blamed")
            #expect(eventually { site.gateway.log.contains("because public routes use") })
            #expect(eventually { site.gateway.log.contains("LimitNOFILE") })
            go.set()
            #expect(eventually { (try? fetch(site.port, "/public/other").status) == 200 })
        }

        @Test("180 slow HTTP/2 streams of one address with a valid token: others are served")
        func streamsOfOneAddress() throws {
            let site = try Site { $0.descriptors = 400 }
            let go = Flag()
            Self.slow(site, "/event/e1/slow", until: go)
            let bearer = Field("authorization", "Bearer \(Minter.acme.token())")
            let clients = try (0..<2).map { _ in try Self.streams(site, host: 7, "/event/e1/slow", [bearer]) }
            let held = try Self.expectRefused(site, clients, "/event/e1/slow")
            #expect((32...64).contains(held), "\(held)")
            try Self.expectServed(site, host: 8, 60)
            #expect(eventually { site.gateway.log.contains("because one client address uses") })
            // Streams that the client gives up no longer count.
            for client in clients {
                (client.transport as? Socket)?.resetOnClose()
                client.transport.close()
            }
            #expect(eventually { (try? Client(port: site.port, host: 7).exchange("/public/x").status) == 200 })
            go.set()
        }

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

        @Test("A trusted proxy's address stands for many clients, and has no limit")
        func trustedProxy() throws {
            let site = try Site {
                $0.limits += "\nconnections_per_address = 5\ntrusted_proxies = [\"127.0.0.7/32\"]"
            }
            let clients = try (0..<20).map { _ in try Client(port: site.port, host: 7) }
            for client in clients { #expect(try client.exchange("/public/x").status == 200) }
        }
    }
}
