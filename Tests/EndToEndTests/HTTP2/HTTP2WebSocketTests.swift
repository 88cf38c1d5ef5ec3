import Foundation
import Testing

extension EndToEnd {
    @Suite("WebSockets over HTTP/2 (RFC 8441)")
    struct HTTP2WebSocketTests {
        static let shared = Result { try Site() }
        let site: Site

        init() throws {
            site = try Self.shared.get()
            site.upstream.forget()
            site.upstream.on("/public/ws") { try WebSocket.serveEcho($0) }
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
        }

        private static func connect(_ path: String, protocol name: String = "websocket", _ fields: [Field] = [])
            -> [Field]
        {
            [
                Field(":method", "CONNECT"), Field(":protocol", name), Field(":scheme", "http"),
                Field(":authority", "localhost"), Field(":path", path), Field("sec-websocket-version", "13"),
            ] + fields
        }

        private func open(_ client: HTTP2Client, _ path: String, _ fields: [Field] = []) -> UInt32 {
            let stream = client.newStream()
            client.send(.headers(stream, HPACK.block(Self.connect(path, fields)), end: false))
            client.wait { client.streams[stream]!.hasHead || client.streams[stream]!.isOver || client.failure != nil }
            return stream
        }

        /// Sends a text and waits for it to come back.
        private func echo(_ client: HTTP2Client, _ stream: UInt32, _ text: String) -> Bool {
            let before = client.streams[stream]!.response.body.count
            client.send(.data(stream, WebSocket.frame(text)))
            let expected = [0x81, UInt8(text.utf8.count)] + Array(text.utf8)
            client.wait { client.streams[stream]!.response.body.count >= before + expected.count }
            return Array(client.streams[stream]!.response.body.dropFirst(before)) == expected
        }

        @Test("Section 3: SETTINGS_ENABLE_CONNECT_PROTOCOL is announced")
        func announced() throws {
            let client = try HTTP2Client.connected(port: site.port)
            #expect(client.settings[.enableConnectProtocol] == 1)
        }

        @Test("Section 5: a socket becomes an HTTP/1.1 upgrade, and echoes")
        func bridged() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let stream = open(
                client,
                "/public/ws",
                [Field("sec-websocket-protocol", "chat"), Field("origin", "http://localhost:\(site.port)")]
            )
            #expect(client.streams[stream]!.response.status == 200)
            #expect(client.streams[stream]!.response["sec-websocket-accept"] == nil)
            for number in 0..<20 { #expect(echo(client, stream, "hello \(number)")) }
            let seen = try #require(site.upstream.requests(for: "/public/ws").first)
            #expect(seen.method == "GET" && seen.version == "HTTP/1.1")
            #expect(seen["Connection"]?.lowercased() == "upgrade" && seen["Upgrade"]?.lowercased() == "websocket")
            #expect(seen["Sec-WebSocket-Version"] == "13" && seen["Sec-WebSocket-Protocol"] == "chat")
            #expect(seen["Sec-WebSocket-Key"]?.count == 24 && seen["Host"] == "localhost")
            #expect(client.faults.isEmpty, "\(client.faults)")
        }

        @Test("Section 5: other streams of the connection are served beside sockets")
        func beside() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let sockets = (0..<10).map { _ in open(client, "/public/ws") }
            for socket in sockets {
                #expect(echo(client, socket, "one"))
                #expect(try client.exchange("/public/x").status == 200)
            }
            for socket in sockets.reversed() { #expect(echo(client, socket, "two")) }
            #expect(client.faults.isEmpty, "\(client.faults)")
        }

        @Test("Section 5: the close handshake ends the stream regularly")
        func close() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let stream = open(client, "/public/ws")
            #expect(echo(client, stream, "hello"))
            client.send(.data(stream, [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]))
            #expect(client.wait { client.streams[stream]!.response.body.suffix(4) == [0x88, 2, 0x03, 0xe8] })
            client.send(.data(stream, "", end: true))
            #expect(client.wait { client.streams[stream]!.isOver })
            #expect(client.streams[stream]!.reset ?? .noError == .noError)
            #expect(try client.exchange("/public/x").status == 200)
        }

        @Test("Section 5: RST_STREAM ends the socket at the upstream")
        func reset() throws {
            let isOver = Flag()
            site.upstream.on("/public/ws-reset") { exchange in
                defer { isOver.set() }
                return try WebSocket.serveEcho(exchange)
            }
            let client = try HTTP2Client.connected(port: site.port)
            let stream = open(client, "/public/ws-reset")
            #expect(echo(client, stream, "hello"))
            client.send(.reset(stream))
            #expect(eventually { isOver.isSet })
            #expect(try client.exchange("/public/x").status == 200)
        }

        @Test("Section 5: a socket that the upstream ends, ends")
        func upstreamEnd() throws {
            site.upstream.on("/public/ws-gone") { exchange in
                _ = try WebSocket.accept(exchange)
                return false
            }
            let client = try HTTP2Client.connected(port: site.port)
            let stream = open(client, "/public/ws-gone")
            #expect(client.wait { client.streams[stream]!.isOver })
            #expect(try client.exchange("/public/x").status == 200)
        }

        @Test("An upstream's refusal of the upgrade is passed on, and no socket opens")
        func refusedUpgrade() throws {
            site.upstream.on("/public/ws-no") { try $0.reply("403 Forbidden", ["X-Why: no"], "no") }
            let client = try HTTP2Client.connected(port: site.port)
            let stream = open(client, "/public/ws-no")
            let response = try client.response(stream)
            #expect(response.status == 403 && response.text == "no")
            #expect(try client.exchange("/public/x").status == 200)
        }

        @Test("An upstream that accepts another key is refused", arguments: ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", ""])
        func wrongAccept(accept: String) throws {
            site.upstream.on("/public/ws-wrong") { exchange in
                exchange.send(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        + (accept.isEmpty ? "" : "Sec-WebSocket-Accept: \(accept)\r\n") + "\r\n"
                )
                _ = exchange.socket.receive(within: 5)
                return false
            }
            let client = try HTTP2Client.connected(port: site.port)
            let outcome = client.outcome(of: open(client, "/public/ws-wrong"))
            #expect([.answered(502), .reset(.internalError), .reset(.cancel)].contains(outcome), "\(outcome)")
        }

        @Test(
            "Section 4: extended CONNECT for another protocol is refused",
            arguments: ["connect-udp", "webtransport", "WebSocket2", ""]
        )
        func otherProtocol(name: String) throws {
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.newStream()
            client.send(.headers(stream, HPACK.block(Self.connect("/public/ws", protocol: name)), end: false))
            expectRefused(client, stream)
        }

        @Test(
            "Section 4: extended CONNECT without a pseudo-header field is malformed",
            arguments: [":scheme", ":path", ":authority"]
        )
        func incomplete(name: String) throws {
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.newStream()
            let fields = Self.connect("/public/ws").filter { $0.name != name }
            client.send(.headers(stream, HPACK.block(fields), end: false))
            expectRefused(client, stream)
        }

        @Test("Section 4: :protocol belongs to CONNECT alone, once", arguments: ["GET", "POST", "twice"])
        func misplaced(method: String) throws {
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.newStream()
            let fields = Self.connect("/public/ws").map {
                $0.name == ":method" && method != "twice" ? Field(":method", method) : $0
            }
            let twice = method == "twice" ? [Field(":protocol", "websocket")] : []
            client.send(.headers(stream, HPACK.block(twice + fields), end: false))
            expectRefused(client, stream)
        }

        @Test(
            "Fields of an HTTP/1.1 upgrade are malformed beside it",
            arguments: ["connection", "upgrade", "transfer-encoding"]
        )
        func connectionFields(name: String) throws {
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.newStream()
            let value = name == "connection" ? "upgrade" : name == "upgrade" ? "websocket" : "chunked"
            client.send(.headers(stream, HPACK.block(Self.connect("/public/ws", [Field(name, value)])), end: false))
            expectRefused(client, stream)
        }

        @Test("A body length is not allowed for a socket", arguments: ["0", "5"])
        func length(value: String) throws {
            let client = try HTTP2Client.connected(port: site.port)
            let stream = open(client, "/public/ws", [Field("content-length", value)])
            for request in site.upstream.requests(for: "/public/ws") { #expect(request["Content-Length"] == nil) }
            if client.streams[stream]!.response.status == 200, client.streams[stream]!.reset == nil {
                _ = echo(client, stream, "hello world")
            }
            #expect(try fetch(site.port, "/public/x").text == "GET /public/x 0")
        }

        @Test("There is no socket before the upstream has agreed: early bytes do not become a request")
        func early() throws {
            let go = Flag()
            site.upstream.on("/public/ws-late") { exchange in
                _ = eventually(within: 10) { go.isSet }
                return try exchange.reply("403 Forbidden")
            }
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.newStream()
            client.send(.headers(stream, HPACK.block(Self.connect("/public/ws-late")), end: false))
            client.send(.data(stream, "GET /public/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"))
            #expect(client.isAlive())
            go.set()
            client.wait { client.streams[stream]!.isOver }
            #expect(client.streams[stream]!.response.status == 403)
            #expect(try fetch(site.port, "/public/x").text == "GET /public/x 0")
            #expect(site.upstream.requests(for: "/public/smuggled").isEmpty)
        }

        @Test("A socket needs the same token as a page")
        func admission() throws {
            let client = try HTTP2Client.connected(port: site.port)
            #expect(client.outcome(of: open(client, "/event/e1/ws")) == .answered(401))
            let token = Minter.acme.registration("h2-socket")
            let stream = open(client, "/event/e1/ws", [Field("authorization", "Bearer \(token)")])
            #expect(client.streams[stream]!.response.status == 200)
            #expect(echo(client, stream, "hello"))
            let seen = try #require(site.upstream.requests(for: "/event/e1/ws").first)
            #expect(seen["X-Gateway-Registration"] == "h2-socket" && seen["Authorization"] == nil)
        }

        @Test("A socket of a replaced session gets close 4409 and ends within two seconds")
        func replaced() throws {
            let token = Minter.acme.registration("h2-taken")
            let client = try HTTP2Client.connected(port: site.port)
            let stream = open(client, "/event/e1/ws", [Field("authorization", "Bearer \(token)")])
            #expect(echo(client, stream, "hello"))
            let before = client.streams[stream]!.response.body.count
            let start = monotonic()
            #expect(try fetch(site.port, "/event/e1?token=\(token)").status == 200)
            #expect(client.wait { client.streams[stream]!.response.body.count >= before + 4 })
            let frame = Array(client.streams[stream]!.response.body.dropFirst(before))
            #expect(frame.first == 0x88 && frame.dropFirst(2).prefix(2) == [0x11, 0x39], "\(frame)")
            #expect(monotonic() - start < 1)
            #expect(client.wait { client.streams[stream]!.isOver })
            #expect(monotonic() - start < 3)
            #expect(try client.exchange("/public/x").status == 200)
        }

        @Test("Back-pressure: a socket that is not read blocks its upstream, and not another stream")
        func backPressure() throws {
            let sent = Counter()
            site.upstream.on("/public/ws-flood") { exchange in
                _ = try WebSocket.accept(exchange)
                let frame = [0x82, 126, 0xff, 0xff] + [UInt8](repeating: 7, count: 65_535)
                while exchange.socket.send(frame, within: 5) { sent.add() }
                return false
            }
            let before = try residentKilobytes(site.gateway.pid)
            let client = try HTTP2Client.connected(port: site.port)
            client.refillsWindows = false
            client.send(.windowUpdate(0, 1 << 20))
            let stream = open(client, "/public/ws-flood")
            #expect(client.wait { client.streams[stream]!.response.body.count == 65_535 })
            #expect(try client.exchange("/public/x").status == 200)
            #expect(try residentKilobytes(site.gateway.pid) - before < 20 << 10)
            client.send(.windowUpdate(stream, 200_000))
            #expect(client.wait { client.streams[stream]!.response.body.count == 265_535 })
            #expect(client.faults.isEmpty, "\(client.faults)")
        }

        private func expectRefused(_ client: HTTP2Client, _ stream: UInt32) {
            let outcome = client.outcome(of: stream)
            switch outcome {
            case .answered(let status): #expect((400...501).contains(status))
            case .reset(let code): #expect([.protocolError, .refusedStream].contains(code))
            case .goAway(let code): #expect(code == .protocolError)
            case .closed, .nothing: Issue.record("\(outcome)")
            }
            #expect((try? fetch(site.port, "/public/x").status) == 200)
            #expect(site.upstream.requests(for: "/public/ws").isEmpty)
        }
    }
}
