import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("WebSockets over HTTP/2 end like those over HTTP/1")
    struct WebSocketHTTP2Tests {
        let site: Site

        init() throws { site = try Site { $0.top = "drain_timeout = \"3s\"" } }

        /// A stream that is a WebSocket.
        private struct Tunnel {
            let client: HTTP2Client
            let stream: UInt32

            var bytes: [UInt8] { client.streams[stream]?.response.body ?? [] }
            var isOver: Bool { client.streams[stream]?.isOver ?? true }
            var reset: HTTP2ErrorCode? { client.streams[stream]?.reset }

            /// The complete frames that have arrived, and how many bytes of another.
            var frames: ([WebSocketFrame], Int) {
                var frames: [WebSocketFrame] = []
                var rest = bytes[...]
                while rest.count >= 2 {
                    let short = Int(rest[rest.startIndex + 1])
                    let width = short < 126 ? 0 : short == 126 ? 2 : 8
                    let length = width == 0 ? short : rest.dropFirst(2).prefix(width).reduce(0) { $0 << 8 | Int($1) }
                    guard rest.count >= 2 + width + length else { break }
                    let first = rest[rest.startIndex]
                    let payload = Array(rest.dropFirst(2 + width).prefix(length))
                    frames.append(WebSocketFrame(opcode: first & 15, isFinal: first & 0x80 != 0, payload: payload))
                    rest = rest.dropFirst(2 + width + length)
                }
                return (frames, rest.count)
            }
        }

        private func open(_ client: HTTP2Client, _ path: String, _ fields: [Field] = []) throws -> Tunnel {
            let stream = client.newStream()
            let head = [
                Field(":method", "CONNECT"), Field(":protocol", "websocket"), Field(":scheme", "http"),
                Field(":authority", "localhost"), Field(":path", path), Field("sec-websocket-version", "13"),
            ]
            client.send(.headers(stream, HPACK.block(head + fields), end: false))
            client.wait { client.streams[stream]?.hasHead ?? false }
            try #require(client.streams[stream]?.response.status == 200)
            return Tunnel(client: client, stream: stream)
        }

        private func open(_ path: String, token: String? = nil) throws -> Tunnel {
            let fields = token.map { [Field("authorization", "Bearer \($0)")] } ?? []
            return try open(try HTTP2Client.connected(port: site.port), path, fields)
        }

        @Test("Replaced during a frame: it is completed, then 4409 and the stream's end")
        func replacedWithinFrame() throws {
            let mayFinish = Flag()
            let seen = Mutex<[WebSocketFrame]?>(nil)
            let message = WebSocketFrame(opcode: 2, payload: .init(repeating: 0xa5, count: 300_000))
            site.upstream.on("/event/e1/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                let bytes = message.bytes(masked: false)
                socket.socket.send(Array(bytes[..<200_000]))
                _ = eventually { mayFinish.isSet }
                // So slowly that the session has ended before the frame has.
                for index in stride(from: 200_000, to: bytes.count, by: 2000) {
                    socket.socket.send(Array(bytes[index..<min(index + 2000, bytes.count)]))
                    usleep(2000)
                }
                socket.send(.text("too late"))
                let frames = try socket.remainder()
                seen.withLock { $0 = frames }
                return false
            }
            let token = Minter.acme.registration("h2-frame")
            let socket = try open("/event/e1/ws", token: token)
            #expect(socket.client.wait { socket.bytes.count == 200_000 })
            #expect(try fetch(site.port, "/event/e1?token=\(token)").status == 200)
            mayFinish.set()
            #expect(socket.client.wait { socket.isOver })
            let (frames, rest) = socket.frames
            let isWhole = frames.first == message
            #expect(isWhole && rest == 0)
            #expect(frames.dropFirst().map(\.close) == ["4409 session_replaced"])
            #expect(eventually { seen.withLock { $0 } == [.close(1001)] })
            #expect(try socket.client.exchange("/public/x").status == 200)
        }

        @Test("Replaced while the client opens no window: the stream is reset within two seconds, others stay")
        func replacedWithoutWindow() throws {
            let isOver = Flag()
            site.upstream.on("/event/e1/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                let frame = WebSocketFrame(opcode: 2, payload: .init(repeating: 1, count: 60_000)).bytes(masked: false)
                Thread.detachNewThread { [socket = exchange.socket] in while socket.send(frame, within: 5) {} }
                _ = try? socket.remainder()
                isOver.set()
                return false
            }
            let client = try HTTP2Client.connected(port: site.port)
            client.refillsWindows = false
            client.send(.windowUpdate(0, 1 << 20))
            let token = Minter.acme.registration("h2-window")
            let socket = try open(client, "/event/e1/ws", [Field("authorization", "Bearer \(token)")])
            #expect(client.wait { socket.bytes.count == 65_535 })
            let start = monotonic()
            #expect(try fetch(site.port, "/event/e1?token=\(token)").status == 200)
            #expect(client.wait { socket.isOver })
            #expect(eventually { isOver.isSet })
            // The gateway waits 1.8 s for the window; the rest is for a busy machine.
            #expect(monotonic() - start < 4)
            #expect(socket.reset != nil)
            #expect(try client.exchange("/public/x").status == 200)
        }

        @Test("An upstream that disconnects without a close frame: 1014 and the stream's end")
        func upstreamGone() throws {
            site.upstream.on("/public/ws") { exchange in
                try WebSocket.accept(exchange)?.send(.text("last words"))
                return false
            }
            let socket = try open("/public/ws")
            #expect(socket.client.wait { socket.isOver })
            let frames = socket.frames.0
            #expect(frames.first == .text("last words"))
            #expect(frames.dropFirst().map(\.close) == ["1014 upstream_unavailable"])
        }

        @Test("A client that resets its stream: the upstream is told 1001")
        func clientResets() throws {
            let seen = Mutex<[WebSocketFrame]?>(nil)
            site.upstream.on("/public/ws") { exchange in
                let frames = try WebSocket.accept(exchange)?.remainder()
                seen.withLock { $0 = frames }
                return false
            }
            let socket = try open("/public/ws")
            socket.client.send(.data(socket.stream, WebSocket.frame("hello")))
            socket.client.send(.reset(socket.stream))
            #expect(eventually { seen.withLock { $0?.last } == .close(1001) })
        }

        @Test("A drain: 1001 for every socket of a connection, not all at once")
        func drain() throws {
            site.upstream.on("/public/ws") { try WebSocket.serveEcho($0) }
            let client = try HTTP2Client.connected(port: site.port)
            let sockets = try (0..<30).map { _ in try open(client, "/public/ws") }
            let start = monotonic()
            site.gateway.send(SIGTERM)
            var ends: [Double] = []
            for count in 1...sockets.count {
                try #require(client.wait { sockets.count { $0.isOver } >= count })
                ends.append(monotonic() - start)
            }
            for socket in sockets { #expect(socket.frames.0.map(\.close) == ["1001 draining"]) }
            #expect(ends[14] > 0.4 && ends[29] > 1.2 && ends[29] < 2.9, "\(ends)")
            #expect(site.gateway.wait(within: 4) == 0)
        }
    }
}
