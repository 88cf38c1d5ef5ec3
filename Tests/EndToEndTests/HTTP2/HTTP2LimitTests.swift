import Foundation
import Testing

extension EndToEnd {
    @Suite("HTTP/2: a connection's limits and its end")
    struct HTTP2LimitTests {
        @Test("Heads past the limits are refused, and the connection continues or ends with a reason")
        func limits() throws {
            let site = try Site {
                $0.limits += "\nheader_size = \"2KiB\"\nheader_count = 10\nbody_size = \"1KiB\""
                $0.tokens = "max_size = \"1KiB\""
            }
            for fields in [
                [Field("x", String(repeating: "x", count: 3000))], (0..<12).map { Field("x\($0)", "1") },
            ] {
                let client = try HTTP2Client.connected(port: site.port)
                let outcome = client.outcome(of: client.request("/public/x", fields))
                switch outcome {
                case .answered(let status): #expect(status == 431)
                case .reset(let code): #expect([.enhanceYourCalm, .protocolError, .refusedStream].contains(code))
                default: Issue.record("\(outcome)")
                }
                #expect(try client.exchange("/public/fits").status == 200)
            }
            let client = try HTTP2Client.connected(port: site.port)
            let body = [UInt8](repeating: 120, count: 1025)
            #expect(try client.exchange("/public/body", method: "POST", body: body).status == 413)
            let declared = [Field("content-length", "1025")]
            #expect(try client.exchange("/public/body", method: "POST", declared, body: body).status == 413)
            #expect(site.upstream.requests.filter { $0.target != "/public/fits" }.allSatisfy { !$0.isComplete })
        }

        /// The second route leaves the number of fields to the limit of all.
        private static func siteWithRoutes() throws -> Site {
            try Site {
                $0.more = ["small", "short"].map { name in
                    "[[route]]\npath = \"/\(name)/**\"\nupstream = \"embed-host\"\naccess = \"public\"\n"
                        + (name == "small" ? "header_size = \"2KiB\"\nheader_count = 20\n" : "header_size = \"1KiB\"\n")
                }.joined()
            }
        }

        /// Heads by route, and whether the upstream gets them.
        private static let heads: [(path: String, size: Int, count: Int, fits: Bool)] = [
            ("/public/x", 3000, 30, true), ("/small/x", 1500, 1, true), ("/small/x", 2500, 1, false),
            ("/small/x", 1, 15, true), ("/small/x", 1, 25, false), ("/short/x", 500, 30, true),
            ("/short/x", 1200, 1, false),
        ]

        @Test(
            "A route's own limits of the head answer 431 over HTTP/1 and HTTP/2, with a line in the log",
            arguments: [false, true]
        )
        func routes(isHTTP2: Bool) throws {
            let site = try Self.siteWithRoutes()
            for (path, size, count, fits) in Self.heads {
                let fields = (0..<count).map { number in
                    Field("x\(number)", number == 0 ? String(repeating: "x", count: size) : "1")
                }
                let status: Int
                if isHTTP2 {
                    status = try HTTP2Client.connected(port: site.port).exchange(path, fields).status
                } else {
                    status = try fetch(site.port, path, fields.map { "\($0.name): \($0.value)" }).status
                }
                #expect(status == (fits ? 200 : 431), "\(path) \(size) \(count)")
            }
            let refused = Self.heads.count { !$0.fits }
            #expect(site.upstream.requests.count == Self.heads.count - refused)
            #expect(
                eventually { site.gateway.log.components(separatedBy: "\"fault\":\"too_large\"").count == refused + 1 }
            )
        }

        @Test("RFC 9113, 6.8: SIGTERM sends GOAWAY twice, and exchanges in progress are served")
        func drain() throws {
            let site = try Site()
            let go = Flag()
            site.upstream.on("/public/slow") { exchange in
                _ = eventually(within: 20) { go.isSet }
                return try exchange.echo()
            }
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.request("/public/slow")
            #expect(eventually { !site.upstream.requests(for: "/public/slow").isEmpty })
            site.gateway.send(SIGTERM)
            #expect(client.wait { !client.goAways.isEmpty })
            #expect(client.goAways.first?.code == .noError)
            go.set()
            #expect((try? client.response(stream).text) == "GET /public/slow 0", "\(site.gateway.log)")
            #expect(client.isClosed(within: 5))
            #expect(client.goAways.allSatisfy { $0.code == .noError && $0.last >= stream })
            #expect(site.gateway.wait() == 0)
        }

        @Test("An idle connection is ended with GOAWAY after its time, not before")
        func idle() throws {
            let site = try Site { $0.limits += "\nidle_timeout = \"1s\"" }
            let client = try HTTP2Client.connected(port: site.port)
            #expect(try client.exchange("/public/x").status == 200)
            let start = monotonic()
            #expect(client.isClosed(within: 5))
            #expect((0.8...3).contains(monotonic() - start))
            #expect(client.goAways.last?.code == .noError)
        }

        @Test("A replaced session's streams are reset within a second, and the connection stays")
        func replaced() throws {
            let site = try Site()
            site.upstream.on("/event/e1/events") { exchange in
                exchange.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                )
                while exchange.socket.send(Array("5\r\ndata\n\r\n".utf8)) { usleep(100_000) }
                return false
            }
            let first = Browser(site)
            #expect(try first.open("/event/e1?token=\(Minter.acme.registration("h2-replaced"))").status == 200)
            let client = try HTTP2Client.connected(port: site.port)
            let cookies = first.cookies.map { Field("cookie", "\($0.key)=\($0.value)") }
            let stream = client.request("/event/e1/events", cookies)
            #expect(client.wait { client.streams[stream]!.response.body.count > 10 })
            let second = Browser(site)
            #expect(try second.open("/event/e1?token=\(Minter.acme.registration("h2-replaced"))").status == 200)
            let start = monotonic()
            #expect(client.wait { client.streams[stream]!.isOver })
            #expect(monotonic() - start < 1)
            #expect(client.streams[stream]!.reset != nil)
            #expect(try client.exchange("/event/e1/page", cookies).status == 409)
            #expect(try client.exchange("/public/x").status == 200)
        }
    }
}
