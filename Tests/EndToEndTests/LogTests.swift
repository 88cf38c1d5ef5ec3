import Foundation
import Testing

extension WaitingEndToEnd {
    @Suite("The log gives reasons")
    struct LogTests {
        /// The access log's line for a path, once it exists.
        private func line(_ gateway: Gateway, _ path: String) throws -> [String: Any] {
            var found: [String: Any]?
            _ = eventually {
                found = gateway.log.split(separator: "\n").lazy
                    .compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
                    .first { $0["path"] as? String == path }
                return found != nil
            }
            return try #require(found, "no line for \(path) in \(gateway.log)")
        }

        private func said(_ gateway: Gateway, _ text: String, within seconds: Double = 10) -> Bool {
            eventually(within: seconds) { gateway.log.contains(text) }
        }

        /// An upstream's answer, and the fault that the log names for it.
        private static let answers: [(path: String, answer: String, fault: String)] = [
            ("/public/nothing", "", "closed_early"),
            ("/public/ssh", "SSH-2.0-OpenSSH_9.2p1\r\n", "bad_response:status_line"),
            ("/public/status", "HTTP/1.1 999 No\r\n\r\n", "bad_response:status_line"),
            ("/public/field", "HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n", "bad_response:field_line"),
            (
                "/public/lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                "bad_response:framing"
            ),
            (
                "/public/coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                "bad_response:framing"
            ),
            ("/public/switch", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "bad_response:handshake"),
            (
                "/public/interim", String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 20),
                "bad_response:interim"
            ),
        ]

        @Test("A 502 names the server and what was wrong with its answer")
        func badAnswers() throws {
            let site = try Site()
            for (path, answer, _) in Self.answers {
                site.upstream.on(path) { exchange in
                    exchange.send(answer)
                    return false
                }
            }
            for (path, _, fault) in Self.answers {
                #expect(try fetch(site.port, path).status == 502, "\(path)")
                let line = try line(site.gateway, path)
                #expect(line["fault"] as? String == fault, "\(path)")
                #expect(line["upstream"] as? String == "127.0.0.1:\(site.upstream.port)", "\(path)")
            }
        }

        @Test("A server that goes down and comes back has a line for each, and so has readiness")
        func downAndBack() throws {
            let site = try Site()
            #expect(try fetch(site.port, "/public/x").status == 200)
            let port = site.upstream.port
            site.upstream.stop()
            #expect(
                try eventually(within: 15) {
                    _ = try fetch(site.port, "/public/x")
                    return site.gateway.log.contains("not ready")
                }
            )
            #expect(said(site.gateway, "upstream embed-host: 127.0.0.1:\(port) is down: "))
            let again = try RecordingUpstream(port: port)
            #expect(try eventually(within: 15) { try fetch(site.port, "/public/x").status == 200 })
            #expect(said(site.gateway, "upstream embed-host: 127.0.0.1:\(port) is back"))
            #expect(said(site.gateway, "ready again"))
            again.stop()
        }

        @Test("A body that was cut has the side that cut it", arguments: ["json", "text"])
        func cutBodies(format: String) throws {
            let site = try Site {
                $0.log = "format = \"\(format)\""
                $0.top = "drain_timeout = \"500ms\""
            }
            for path in ["/public/client", "/public/upstream", "/public/drain", "/public/whole"] {
                site.upstream.on(path) { exchange in
                    exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
                    if path == "/public/upstream" { return false }
                    if path == "/public/whole" {
                        exchange.send("67890")
                    } else {
                        _ = exchange.socket.receive(within: 30)
                    }
                    return path == "/public/whole"
                }
            }
            func begin(_ path: String) throws -> Client {
                let client = try Client(port: site.port)
                client.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(client.socket.receive(within: 5) != .timeout)
                return client
            }
            #expect(try fetch(site.port, "/public/whole").text == "1234567890")
            let left = try begin("/public/client")
            left.socket.close()
            let short = try begin("/public/upstream")
            _ = short.remainder()
            let drained = try begin("/public/drain")
            // A client that has closed its sending side may still wait for an answer, for a while.
            #expect(
                eventually(within: 20) {
                    ["client", "upstream"].allSatisfy { site.gateway.log.contains("/public/\($0)") }
                }
            )
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait() == 0)
            drained.socket.close()
            let lines = site.gateway.log.split(separator: "\n").filter { $0.contains("/public/") }
            for name in ["client", "upstream", "drain"] {
                let line = try #require(lines.first { $0.contains("/public/\(name)") }, "\(lines)")
                #expect(line.contains(format == "json" ? "\"cut\":\"\(name)\"" : " cut=\(name)"), "\(line)")
                #expect(line.contains("closed_early") == (name == "upstream"), "\(line)")
            }
            let whole = try #require(lines.first { $0.contains("/public/whole") })
            #expect(!whole.contains("cut") && !whole.contains("fault"), "\(whole)")
        }

        @Test("Forged columns: an event's name is one word of a text line, which is ASCII")
        func forgedColumns() throws {
            let site = try Site { $0.log = "format = \"text\"" }
            let event = "e 200 1ms 0 0 forged.example Löwe"
            let path = try #require(event.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
            let token = Minter.acme.token(Minter.Viewer(event: event))
            #expect(try fetch(site.port, "/event/\(path)?token=\(token)").status == 200)
            var line: Substring?
            let isWritten = eventually {
                line = site.gateway.log.split(separator: "\n").first { $0.contains("/event/e%20200") }
                return line != nil
            }
            #expect(isWritten)
            let words = line?.split(separator: " ") ?? []
            // Time, client, method, path, status, duration, bytes up and down, server, company, event, session, refusal, id.
            #expect(words.count >= 14 && words[10].hasPrefix("e%20200%201ms"), "\(words)")
            #expect(words.dropFirst(14).allSatisfy { $0.contains("=") }, "\(words)")
            #expect(line?.utf8.allSatisfy { $0 < 0x7f } == true)
        }

        @Test("A socket that ends without a goodbye has the side that left; one that ends properly does not")
        func cutSockets() throws {
            let site = try Site()
            for path in ["/event/e1/left", "/event/e1/closed"] {
                site.upstream.on(path) { try WebSocket.serveEcho($0) }
            }
            site.upstream.on("/event/e1/dropped") { exchange in
                _ = try WebSocket.accept(exchange)
                _ = exchange.socket.receive(within: 10)
                return false
            }
            let bearer = ["Authorization: Bearer \(Minter.acme.token())"]
            func open(_ path: String) throws -> Client {
                let client = try Client(port: site.port)
                #expect(try client.openWebSocket(path, bearer).status == 101)
                return client
            }
            let left = try open("/event/e1/left")
            left.socket.close()
            let dropped = try open("/event/e1/dropped")
            dropped.send(WebSocket.frame("x"))
            _ = dropped.remainder()
            let closed = try open("/event/e1/closed")
            closed.send([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8])
            _ = closed.remainder()
            #expect(try line(site.gateway, "/event/e1/left")["cut"] as? String == "client")
            #expect(try line(site.gateway, "/event/e1/dropped")["cut"] as? String == "upstream")
            #expect(try line(site.gateway, "/event/e1/closed")["cut"] == nil)
        }

        @Test("Refused heads are logged with what can be read of them, and no token")
        func refusedHeads() throws {
            let site = try Site { $0.limits += "\nheader_timeout = \"1s\"" }
            let secret = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0.c2ln"
            let cases: [(path: String, head: String, status: Int, fault: String)] = [
                ("/a/space", "GET /a/space HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n", 400, "field_line"),
                ("/a/host", "GET /a/host HTTP/1.1\r\n\r\n", 400, "host"),
                (
                    "/a/both",
                    "POST /a/both HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n", 400, "framing"
                ),
                ("/a/dots/../x", "GET /a/dots/../x HTTP/1.1\r\nHost: h\r\n\r\n", 400, "path"),
                ("/a/version", "GET /a/version HTTP/1.7\r\nHost: h\r\n\r\n", 505, "version"),
                (
                    "/a/query?token=*", "GET /a/query?token=\(secret) HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n", 400,
                    "field_line"
                ),
                ("/a/fragment", "GET /a/fragment#token=\(secret) HTTP/1.1\r\nHost: h\r\n\r\n", 400, "target"),
                (
                    "/a/large",
                    "GET /a/large HTTP/1.1\r\nHost: h\r\nX: \(String(repeating: "x", count: 40_000))\r\n\r\n",
                    431, "too_large"
                ),
                ("/a/slow", "GET /a/slow HTTP/1.1\r\nHo", 408, "header_timeout"),
            ]
            for (path, head, status, fault) in cases {
                let client = try Client(port: site.port)
                client.send(head)
                #expect(try client.response().status == status, "\(path)")
                let line = try line(site.gateway, path)
                #expect(line["method"] as? String == String(head.prefix { $0 != " " }), "\(path)")
                #expect(line["fault"] as? String == fault, "\(path)")
            }
            let chunk = try Client(port: site.port)
            chunk.send("POST /public/chunk HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
            #expect(try chunk.response().status == 400)
            #expect(try line(site.gateway, "/public/chunk")["fault"] as? String == "chunk")
            let strange = try Client(port: site.port)
            strange.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
            #expect(try strange.response().status == 400)
            #expect(try line(site.gateway, "")["fault"] as? String == "request_line")
            for part in secret.split(separator: ".") { #expect(!site.gateway.log.contains(part)) }
        }

        @Test("Attack: a token in a link that was broken on its way is in no line, and every line is UTF-8 and ASCII")
        func brokenLinks() throws {
            let site = try Site()
            let token = Minter.acme.registration("broken")
            for target in [
                "/event/e1%3Ftoken=\(token)", "/event/e1&token=\(token)", "/event/e1?token%3D\(token)",
                "/event/e1?\(token)",
                "/event/e1;token=\(token)", "/event/\(token)", "/event/e1?a=1&\(token)=2",
            ] {
                let client = try Client(port: site.port)
                client.send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try client.response().status >= 400, "\(target)")
            }
            for target in [[0xff, 0xfe], Array("\u{2028}\u{85}\u{9b}31m".utf8)] {
                let client = try Client(port: site.port)
                client.send(Array("GET /last".utf8) + target + Array("\"} HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
                _ = try client.response()
            }
            #expect(eventually { site.gateway.log.components(separatedBy: "/last%").count == 3 })
            let log = site.gateway.log
            for part in token.split(separator: ".") { #expect(!log.contains(part.prefix(24))) }
            #expect(log.utf8.allSatisfy { $0 < 0x7f })
        }

        @Test("HTTP/2: refused heads are logged with what can be read of them")
        func refusedStreams() throws {
            let site = try Site {
                $0.limits += "\nheader_size = \"2KiB\""
                $0.tokens = "max_size = \"1KiB\""
            }
            let client = try HTTP2Client.connected(port: site.port)
            let fields = [Field("x", String(repeating: "x", count: 3000))]
            #expect(try client.exchange("/a/large", fields).status == 431)
            let line = try line(site.gateway, "/a/large")
            #expect(line["method"] as? String == "GET" && line["fault"] as? String == "too_large")
        }

        @Test("Attack: an HTTP/2 head that is reset or ends its connection leaves a line with the reason")
        func brokenStreams() throws {
            let site = try Site {
                $0.limits += "\nheader_size = \"2KiB\"\nheader_timeout = \"1s\""
                $0.tokens = "max_size = \"1KiB\""
            }
            func large(_ size: Int) -> Field { Field("x", String(repeating: "x", count: size)) }
            let cases: [(path: String, fields: [Field], status: Int, fault: String)] = [
                ("/b/4", [large(9000)], 431, "too_large"), ("/b/8", [large(20_000)], 431, "too_large"),
                ("/b/16", [large(16_000), large(16_000)], 431, "too_large"),
                ("/b/many", (0..<1000).map { Field("x\($0)", "1") }, 431, "too_large"),
                ("/b/huge", [large(70_000)], 400, "malformed"), ("/b/name", [Field("X", "1")], 400, "malformed"),
                ("/b/blank", [Field("x y", "1")], 400, "malformed"),
                ("/b/connection", [Field("connection", "close")], 400, "malformed"),
            ]
            for (path, fields, status, fault) in cases {
                let client = try HTTP2Client.connected(port: site.port)
                let block = HPACK.request(path, fields)
                let pieces = stride(from: 0, to: block.count, by: 16_000).map {
                    Array(block[$0..<min($0 + 16_000, block.count)])
                }
                client.open(1)
                for (number, piece) in pieces.enumerated() {
                    let isLast = number == pieces.count - 1
                    if number == 0 {
                        client.send(HTTP2Frame.headers(1, piece, end: true, endHeaders: isLast).bytes)
                    } else {
                        client.send(HTTP2Frame.continuation(1, piece, endHeaders: isLast).bytes)
                    }
                }
                let outcome = client.outcome(of: 1)
                let line = try line(site.gateway, path)
                #expect(line["status"] as? Int == status && line["fault"] as? String == fault, "\(outcome): \(line)")
                #expect(line["method"] as? String == "GET" && line["client"] as? String == "127.0.0.1")
            }
            let slow = try HTTP2Client.connected(port: site.port)
            slow.send(HTTP2Frame.headers(1, HPACK.request("/b/slow"), endHeaders: false).bytes)
            #expect(slow.isClosed(within: 10))
            let line = try line(site.gateway, "/b/slow")
            #expect(line["status"] as? Int == 408 && line["fault"] as? String == "header_timeout")
            #expect(line["cut"] as? String == "slow")
            #expect(site.gateway.log.components(separatedBy: "\"path\":\"/b/").count - 1 == cases.count + 1)
        }

        @Test("Connections refused by limits are reported in one line, with the limit and an address")
        func refusedConnections() throws {
            let site = try Site { $0.limits += "\nconnections_per_address = 5" }
            let clients = try (0..<12).map { _ in try Client(port: site.port, host: 77) }
            #expect(said(site.gateway, "connections were refused: "))
            let lines = site.gateway.log.split(separator: "\n").filter { $0.contains("connections were refused") }
            #expect(lines.count == 1)
            #expect(lines[0].contains("because 5 of one address are open (limits.connections_per_address)"))
            #expect(lines[0].contains("last of 127.0.0.77"))
            #expect(clients.count == 12)
        }

        @Test("Failed TLS handshakes are reported in one line, with the most frequent reason")
        func failedHandshakes() throws {
            let site = try TLSSite()
            for _ in 0..<3 {
                let client = try Client(port: site.tlsPort)
                client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                _ = client.remainder()
            }
            #expect(said(site.gateway, "TLS handshakes failed: "))
            let lines = site.gateway.log.split(separator: "\n").filter { $0.contains("TLS handshakes failed") }
            #expect(lines.count == 1 && lines[0].contains("of them: http request"), "\(lines)")
        }
    }
}
