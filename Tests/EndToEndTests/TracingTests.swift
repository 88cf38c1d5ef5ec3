import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("Traces: spans for a collector")
    struct TracingTests {
        private static let trace = "0af7651916cd43dd8448eb211c80319c"
        private static let parent = "b7ad6b7169203331"

        private func traceparent(_ flags: String = "01") -> String {
            "traceparent: 00-\(Self.trace)-\(Self.parent)-\(flags)"
        }

        private func site(
            _ collector: Collector,
            _ keys: String = "",
            _ adjust: (inout GatewayConfiguration) -> Void = { _ in },
            standard: @escaping RecordingUpstream.Script = { try $0.echo() }
        ) throws -> Site {
            try Site(
                {
                    $0.top = "threads = 1"
                    $0.tracing = "\(collector.keys)\n\(keys)"
                    adjust(&$0)
                },
                standard: standard
            )
        }

        /// The id of the upstream's parent, if the trace and its flags are these.
        private func parent(at upstream: RecordingUpstream, _ path: String, flags: String = "01") throws -> String {
            let field = try #require(upstream.requests(for: path).last?["traceparent"])
            let parts = field.split(separator: "-").map(String.init)
            try #require(parts.count == 4 && parts[0] == "00" && parts[3] == flags, "\(field)")
            return parts[2]
        }

        // MARK: The spans

        @Test("A viewer's request has three spans, and the upstream's parent is the one for the upstream")
        func tree() throws {
            let collector = try Collector()
            let folder = try TemporaryDirectory()
            let headers = try folder.write("headers", "# of the collector\nAuthorization: Bearer for-the-collector\n")
            let site = try site(collector, "service_name = \"edge\"\nheaders_file = \"\(headers)\"")
            let token = Minter.acme.token()
            let before = Int64(Date().timeIntervalSince1970 * 1e9)
            let fields = ["Authorization: Bearer \(token)", traceparent(), "User-Agent: probe/1", "tracestate: a=b"]
            for _ in 0..<2 { #expect(try fetch(site.port, "/event/e1/page?x=secret", fields).status == 200) }
            let spans = try collector.spans(of: 2)
            #expect(spans.count == 6)
            #expect(Set(spans.map(\.id)).count == 6 && Set(spans.map(\.trace)) == [Self.trace])
            let first = Array(spans[..<3])
            let (server, verdict, client) = try (first.only(.server), first.only(.internal), first.only(.client))
            #expect(server.parent == Self.parent && server.flags == 0x301)
            #expect(verdict.parent == server.id && client.parent == server.id && client.flags == 0x101)
            #expect(try parent(at: site.upstream, "/event/e1/page") == spans[3...].filter { $0.kind == .client }[0].id)
            #expect(site.upstream.requests.allSatisfy { $0["tracestate"] == "a=b" })

            #expect(server.name == "GET /event/{event}/**" && client.name == "GET" && verdict.name == "verdict")
            let after = Int64(Date().timeIntervalSince1970 * 1e9)
            #expect(server.start >= before - 50_000_000 && server.end <= after + 50_000_000)
            for span in [verdict, client] {
                #expect(server.start <= span.start && span.start <= span.end && span.end <= server.end)
            }
            #expect(verdict.end <= client.start)

            #expect(server["http.request.method"] == "GET" && server["url.path"] == "/event/e1/page")
            #expect(server["http.response.status_code"] == "200" && server["http.route"] == "/event/{event}/**")
            #expect(server["url.scheme"] == "http" && server["network.protocol.version"] == "1.1")
            #expect(server["server.address"] == "localhost" && server["client.address"] == "127.0.0.1")
            #expect(server["user_agent.original"] == "probe/1" && !server.isError)
            #expect(verdict["gateway.verdict"] == "join" && verdict["gateway.credential"] == "authorization")
            #expect(verdict["gateway.token.algorithm"] == "HS256" && verdict["gateway.token.cached"] == "false")
            #expect(verdict["gateway.company"] == "acme" && verdict["gateway.role"] == "attendee")
            #expect(
                try spans.filter { $0.kind == .internal }.map { try #require($0["gateway.token.cached"]) } == [
                    "false", "true",
                ]
            )
            #expect(client["server.address"] == "127.0.0.1" && client["server.port"] == "\(site.upstream.port)")
            #expect(client["url.full"] == "http://127.0.0.1:\(site.upstream.port)/event/e1/page")
            #expect(client["http.response.status_code"] == "200" && client["http.request.resend_count"] == nil)
            #expect(Double(client["gateway.upstream.connect_time"] ?? "") ?? -1 >= 0)
            #expect(server.resource["service.name"] == "edge" && server.resource["service.instance.id"]?.count == 36)

            for export in collector.exports {
                #expect(export.method == "POST" && export.target == "/v1/traces")
                #expect(export["Content-Type"] == "application/json")
                #expect(export["Authorization"] == "Bearer for-the-collector")
            }
            #expect(!site.gateway.log.contains("for-the-collector"))
        }

        @Test("A refused request has a verdict and no span for an upstream; it is no error of the gateway")
        func refused() throws {
            let collector = try Collector()
            let site = try site(collector)
            #expect(try fetch(site.port, "/event/e1/page").status == 401)
            #expect(try fetch(site.port, "/event/e1/page", ["Authorization: Bearer a.b.c"]).status == 401)
            let spans = try collector.spans(of: 2)
            #expect(spans.map(\.kind) == [.server, .internal, .server, .internal])
            #expect(spans[0].parent.isEmpty && spans[1].parent == spans[0].id && spans[0].trace != spans[2].trace)
            #expect(spans[0]["http.response.status_code"] == "401" && !spans[0].isError)
            #expect(spans[1]["gateway.verdict"] == "refuse" && spans[1]["gateway.refusal"] == "token_missing")
            #expect(spans[3]["gateway.refusal"] == "token_invalid" && spans[3]["gateway.fault"] == "encoding")
            #expect(spans[1]["gateway.token.cached"] == nil && spans[3]["gateway.token.cached"] == "false")
            #expect(site.upstream.requests.isEmpty)
        }

        @Test("Whether the session was cached is said of the one that is refused, not of cookies that are then deleted")
        func refusedFromCache() throws {
            let collector = try Collector()
            let site = try site(collector)
            let joined = try fetch(site.port, "/event/e1/page", ["Authorization: Bearer \(Minter.acme.token())"])
            let session = "Gateway-Session: \(try #require(joined["Gateway-Session"]))"
            let cookie = try #require(joined["Set-Cookie"]?.split(separator: ";").first)
            #expect(try fetch(site.port, "/event/e1/page", [session]).status == 200)
            #expect(try fetch(site.port, "/event/e2/page", [session, "Cookie: \(cookie)x"]).status == 403)
            let verdicts = try collector.spans(of: 3).filter { $0.kind == .internal }
            #expect(verdicts.map { $0["gateway.verdict"] } == ["join", "admit", "refuse"])
            #expect(verdicts.last?["gateway.token.cached"] == "true")
        }

        @Test("A redirect from a link has a verdict; own endpoints and the admin listener are not traced")
        func links() throws {
            let collector = try Collector()
            let site = try site(collector)
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.token())").status == 200)
            #expect(try fetch(site.port, "/.gateway/readyz", [traceparent()]).status == 200)
            #expect(try fetch(site.gateway.adminPort, "/healthz", [traceparent()]).status == 200)
            #expect(try fetch(site.port, "/public/last").status == 200)
            #expect(try eventually { try collector.spans().contains { $0["url.path"] == "/public/last" } })
            let spans = try collector.spans()
            let servers = spans.filter { $0.kind == .server }
            #expect(servers.first?["http.response.status_code"] == "303")
            #expect(spans.first { $0.kind == .internal }?["gateway.credential"] == "query")
            #expect(servers.allSatisfy { $0["url.path"] == "/event/e1" || $0["url.path"] == "/public/last" })
        }

        @Test("An upstream that is down makes errors; a request that is sent again says how often")
        func faults() throws {
            let collector = try Collector()
            let seen = Mutex<Set<Int>>([])
            let standard: RecordingUpstream.Script = { exchange in
                try seen.withLock { $0.insert(exchange.request.connection).inserted } ? exchange.echo() : false
            }
            let dead = try Listener.freePorts(1)[0]
            let gone =
                "[[upstream]]\nname = \"gone\"\nservers = [\"127.0.0.1:\(dead)\"]\n"
                + "[[route]]\npath = \"/gone/**\"\nupstream = \"gone\"\naccess = \"public\""
            let site = try site(collector, "", { $0.more = gone }, standard: standard)
            let client = try Client(port: site.port)
            #expect(try client.exchange("/public/1").status == 200)
            #expect(try client.exchange("/public/2").status == 200)
            #expect(try client.exchange("/gone/x").status == 502)
            let spans = try collector.spans(of: 3)
            let clients = spans.filter { $0.kind == .client }
            #expect(clients.map { $0["http.request.resend_count"] } == [nil, "1", nil])
            #expect(clients.map(\.isError) == [false, false, true])
            #expect(clients[2]["error.type"] == "refused" && clients[2]["gateway.upstream"] == "gone")
            let server = try #require(spans.last { $0.kind == .server })
            #expect(server.isError && server["error.type"] == "upstream_unavailable")
            #expect(!spans.contains { $0.kind == .internal })
        }

        @Test("A WebSocket's spans last as long as it, over HTTP/1 and HTTP/2")
        func webSockets() throws {
            let collector = try Collector()
            let site = try site(collector)
            site.upstream.on("/public/ws") { try WebSocket.serveEcho($0) }
            let client = try Client(port: site.port)
            try #require(try client.openWebSocket("/public/ws").status == 101)
            let socket = WebSocketEnd(client.reader, isClient: true)
            socket.send(.text("a"))
            #expect(try socket.receive() == .text("a"))
            #expect(try fetch(site.port, "/public/x").status == 200)
            _ = try collector.spans(of: 1)
            #expect(try !collector.spans().contains { $0["url.path"] == "/public/ws" })
            socket.send(.close(1000))
            _ = try socket.receive()
            socket.socket.close()
            var spans = try collector.spans(of: 2).filter { $0["url.path"] == "/public/ws" || $0.kind == .client }
            #expect(spans.first { $0["url.path"] == "/public/ws" }?["http.response.status_code"] == "101")
            let parent = try parent(at: site.upstream, "/public/ws")
            #expect(spans.contains { $0.id == parent && $0.kind == .client })

            let http2 = try HTTP2Client.connected(port: site.port)
            let stream = http2.newStream()
            let head = [
                Field(":method", "CONNECT"), Field(":protocol", "websocket"), Field(":scheme", "http"),
                Field(":authority", "localhost"), Field(":path", "/public/ws"), Field("sec-websocket-version", "13"),
            ]
            http2.send(.headers(stream, HPACK.block(head), end: false))
            http2.wait { http2.streams[stream]?.hasHead ?? false }
            http2.send(.data(stream, WebSocketFrame.close(1000).bytes(masked: true), end: false))
            #expect(try http2.exchange("/public/y").status == 200)
            spans = try collector.spans(of: 4).filter { $0["network.protocol.version"] == "2" }
            #expect(Set(spans.map { $0["url.path"] }) == ["/public/ws", "/public/y"])
            #expect(spans.allSatisfy { $0["http.response.status_code"] == "200" })
        }

        // MARK: Sampling

        @Test("The caller's decision counts, or else the share; what is not recorded keeps its parent")
        func sampling() throws {
            let collector = try Collector()
            let site = try site(collector, "sample = 0.0")
            for (path, fields) in [
                ("/public/none", []), ("/public/unsampled", [traceparent("00")]), ("/public/sampled", [traceparent()]),
            ] {
                #expect(try fetch(site.port, path, fields).status == 200)
            }
            let spans = try collector.spans(of: 1)
            #expect(spans.map { $0["url.path"] ?? "" } == ["/public/sampled", ""])
            #expect(try parent(at: site.upstream, "/public/sampled") == spans[1].id)
            #expect(try parent(at: site.upstream, "/public/unsampled", flags: "00") == Self.parent)
            _ = try parent(at: site.upstream, "/public/none", flags: "00")
        }

        @Test("Attack: with parent = \"nobody\" or \"trusted_proxies\", a stranger causes no spans, nor any upstream's")
        func strangers() throws {
            let collector = try Collector()
            for parent in ["nobody", "trusted_proxies"] {
                let site = try site(collector, "sample = 0.0\nparent = \"\(parent)\"")
                #expect(try fetch(site.port, "/public/x", [traceparent()]).status == 200)
                #expect(try self.parent(at: site.upstream, "/public/x", flags: "00") != Self.parent)
                site.gateway.send(SIGTERM)
                #expect(site.gateway.wait(within: 20) == 0)
            }
            #expect(collector.exports.isEmpty)
            let trusting = try site(collector, "sample = 0.0\nparent = \"trusted_proxies\"") {
                $0.limits = "trusted_proxies = [\"127.0.0.1\"]"
            }
            let fields = [traceparent(), "X-Forwarded-For: 192.0.2.9"]
            #expect(try fetch(trusting.port, "/public/x", fields).status == 200)
            let server = try collector.spans(of: 1).only(.server)
            #expect(server["client.address"] == "192.0.2.9" && server["network.peer.address"] == "127.0.0.1")
        }
    }
}
