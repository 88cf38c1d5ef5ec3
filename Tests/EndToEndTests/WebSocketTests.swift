import Foundation
import Testing

extension EndToEnd {
    @Suite("WebSockets pass unchanged")
    struct WebSocketTests {
        let site: Site

        init() throws {
            site = try Site()
            site.upstream.on("/public/ws") { try WebSocket.serveEcho($0) }
        }

        private func open(_ target: String = "/public/ws") throws -> WebSocketEnd {
            let client = try Client(port: site.port)
            try #require(try client.openWebSocket(target).status == 101)
            return WebSocketEnd(client.reader, isClient: true)
        }

        private static func payload(_ count: Int) -> [UInt8] {
            var random = SplitMix64(seed: UInt64(count))
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count + 8)
            while bytes.count < count {
                unsafe withUnsafeBytes(of: random.next()) { unsafe bytes.append(contentsOf: $0) }
            }
            return Array(bytes[..<count])
        }

        @Test("Frames that arrive byte by byte pass as well")
        func slowly() throws {
            let socket = try open()
            let frame = WebSocketFrame(opcode: 2, payload: Self.payload(300))
            for byte in frame.bytes(masked: true) { socket.socket.send([byte]) }
            #expect(try socket.receive() == frame)
        }

        @Test("Bytes that are not WebSocket frames pass too, until one side ends")
        func otherProtocol() throws {
            site.upstream.on("/public/other") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                let line = try socket.reader.line()
                exchange.send("\u{ff}\u{3}you said \(line)\r\n")
                return false
            }
            let socket = try open("/public/other")
            socket.socket.send(Array("\u{7f}hello\r\n".utf8))
            let rest = String(decoding: try socket.reader.rest(), as: UTF8.self)
            #expect(rest == "\u{ff}\u{3}you said \u{7f}hello\r\n")
        }

        // MARK: The handshake

        @Test(
            "A handshake with an invalid key gets 400, and does not reach the upstream",
            arguments: ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZSE=", "dGhlIHNhbXBs*SBub25jZQ=="]
        )
        func badKey(key: String) throws {
            let fields = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
            let response = try fetch(site.port, "/public/ws", fields + ["Sec-WebSocket-Key: \(key)"])
            #expect(response.status == 400)
            #expect(site.upstream.requests.isEmpty)
        }

        @Test(
            "Another version than 13 gets 426 with the supported one",
            arguments: ["8", "7", "014", "13, 8", "x"]
        )
        func badVersion(version: String) throws {
            let fields = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
            let response = try fetch(site.port, "/public/ws", fields + ["Sec-WebSocket-Version: \(version)"])
            #expect(response.status == 426 && response["Sec-WebSocket-Version"] == "13")
            #expect(response["Upgrade"] == "websocket")
            #expect(site.upstream.requests.isEmpty)
        }

        @Test(
            "An upstream that has not read the key does not switch protocols: 502",
            arguments: [
                "", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n",
                "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
                "Sec-WebSocket-Accept: \(WebSocket.accept)\r\nSec-WebSocket-Accept: \(WebSocket.accept)\r\n",
            ]
        )
        func badAccept(field: String) throws {
            site.upstream.on("/public/wrong") { exchange in
                exchange.send(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\(field)\r\n"
                )
                _ = exchange.socket.receive()
                return false
            }
            #expect(try Client(port: site.port).openWebSocket("/public/wrong").status == 502)
        }

        // MARK: Back-pressure

        @Test("An upstream that does not read makes the client wait, and nothing is lost")
        func slowUpstream() throws {
            let mayRead = Flag()
            site.upstream.on("/public/slow") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                _ = eventually(within: 20) { mayRead.isSet }
                while let frame = try socket.receive(), frame.opcode != 8 {
                    socket.send(WebSocketFrame(opcode: 2, payload: frame.payload))
                }
                return false
            }
            let socket = try open("/public/slow")
            socket.reader.patience = 20
            let frame = WebSocketFrame(opcode: 2, payload: Self.payload(32 << 20))
            let bytes = frame.bytes(masked: true)
            let sent = Self.sendUntilStuck(socket.socket, bytes)
            #expect(sent < 20 << 20)
            mayRead.set()
            Thread.detachNewThread { [descriptor = socket.socket] in
                descriptor.send(Array(bytes[sent...]), within: 20)
            }
            let isSame = try socket.receive() == frame
            #expect(isSame)
        }

        @Test("A client that does not read makes the upstream wait, and nothing is lost")
        func slowClient() throws {
            let sent = Counter()
            let isStuck = Flag()
            let frame = WebSocketFrame(opcode: 2, payload: Self.payload(32 << 20))
            site.upstream.on("/public/flood") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                let bytes = frame.bytes(masked: false)
                let count = Self.sendUntilStuck(socket.socket, bytes)
                for _ in 0..<(count >> 20) { sent.add() }
                isStuck.set()
                socket.socket.send(Array(bytes[count...]), within: 20)
                socket.send(.close(1000))
                return false
            }
            let socket = try open("/public/flood")
            socket.reader.patience = 20
            #expect(eventually(within: 20) { isStuck.isSet })
            #expect(sent.count < 20)
            let isSame = try socket.receive() == frame
            #expect(isSame)
            #expect(try socket.remainder().map(\.close) == ["1000 "])
        }

        /// The number of bytes that are accepted before no more are taken for half a second.
        private static func sendUntilStuck(_ socket: Socket, _ bytes: [UInt8]) -> Int {
            var sent = 0
            var since = monotonic()
            while sent < bytes.count, monotonic() - since < 0.5 {
                let count = socket.sendSome(bytes, from: sent)
                if count > 0 {
                    sent += count
                    since = monotonic()
                } else {
                    usleep(2000)
                }
            }
            return sent
        }
    }
}
