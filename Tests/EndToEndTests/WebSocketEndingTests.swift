import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("WebSockets that the gateway ends, end properly and within two seconds")
    struct WebSocketEndingTests {
        let site: Site

        init() throws {
            site = try Site { $0.limits += "\nconnections_per_address = 0" }
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
        }

        private func open(_ token: String, receiveBuffer: Int32? = nil) throws -> WebSocketEnd {
            let client = try Client(port: site.port, receiveBuffer: receiveBuffer)
            try #require(try client.openWebSocket("/event/e1/ws?token=\(token)").status == 101)
            return WebSocketEnd(client.reader, isClient: true)
        }

        private func join(_ token: String) throws {
            #expect(try fetch(site.port, "/event/e1?token=\(token)").status == 200)
        }

        @Test("Replaced: 4409 and the end for the client, a masked 1001 and the end for the upstream")
        func replaced() throws {
            let seen = Mutex<[WebSocketFrame]?>(nil)
            site.upstream.on("/event/e1/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                let frames = try socket.remainder()
                seen.withLock { $0 = frames }
                return false
            }
            let token = Minter.acme.registration("r1")
            let socket = try open(token)
            socket.send(.text("hello"))
            let start = monotonic()
            try join(token)
            #expect(try socket.remainder().map(\.close) == ["4409 session_replaced"])
            #expect(eventually { seen.withLock { $0 } == [.text("hello"), .close(1001)] })
            #expect(monotonic() - start < 1)
        }

        @Test(
            "A viewer who leaves gets 1000 on the other connections, at which scripts stop",
            arguments: ["HTTP/1.1", "HTTP/2"]
        )
        func left(way: String) throws {
            // Open sockets are checked every third of it.
            let site = try Site { $0.sessions = "idle_timeout = \"9s\"" }
            let seen = Mutex<[WebSocketFrame]?>(nil)
            site.upstream.on("/event/e1/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                let frames = try socket.remainder()
                seen.withLock { $0 = frames }
                return false
            }
            let token = Minter.acme.registration("left")
            let socket: any WebSocketPeer
            let session: String
            if way == "HTTP/2" {
                let opened = try HTTP2WebSocket("/event/e1/ws?token=\(token)", port: site.port)
                session = try #require(opened.client.streams[opened.stream]?.response["Gateway-Session"])
                socket = opened
            } else {
                let client = try Client(port: site.port)
                let answer = try client.openWebSocket("/event/e1/ws?token=\(token)")
                session = try #require(answer["Gateway-Session"])
                let end = WebSocketEnd(client.reader, isClient: true)
                end.reader.patience = 30
                socket = end
            }
            socket.send(.text("hello"))
            let fields = ["Gateway-Session: \(session)"]
            let since = monotonic()
            #expect(
                try fetch(site.port, "/.gateway/leave", method: "POST", fields + ["Content-Length: 0"]).status == 204
            )
            #expect(try socket.remainder().map(\.close) == ["1000 session_left"])
            // Streams are judged every five seconds by themselves.
            #expect(monotonic() - since < 2.5)
            #expect(eventually { seen.withLock { $0 } == [.text("hello"), .close(1001)] })
            #expect(
                eventually {
                    site.gateway.log.contains("\"refusal\":\"session_left\",\"cut\":\"session\"")
                }
            )
            #expect(try fetch(site.port, "/event/e1/back", fields).status == 200)
        }

        @Test("Replaced during a message: the frame is completed, then 4409, and nothing that follows")
        func replacedWithinFrame() throws {
            let isReplaced = Flag()
            let isFinishing = Flag()
            let seen = Mutex<[WebSocketFrame]?>(nil)
            let message = WebSocketFrame(opcode: 2, payload: .init(repeating: 0xa5, count: 8 << 20))
            site.upstream.on("/event/e1/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                let bytes = message.bytes(masked: false)
                Thread.detachNewThread { [socket = exchange.socket] in
                    let start = bytes.count - 100_000
                    socket.send(Array(bytes[..<start]))
                    _ = eventually { isReplaced.isSet }
                    // So slowly that the session has ended before the frame has.
                    for index in stride(from: start, to: bytes.count, by: 1000) {
                        socket.send(Array(bytes[index..<min(index + 1000, bytes.count)]))
                        usleep(2000)
                        if index - start >= 50_000 { isFinishing.set() }
                    }
                    for _ in 0..<100 { socket.send(WebSocketFrame.text("too late").bytes(masked: false)) }
                }
                let frames = try socket.remainder()
                seen.withLock { $0 = frames }
                return false
            }
            let token = Minter.acme.registration("r2")
            let socket = try open(token)
            while socket.reader.buffer.count < 100_000 { try #require(try socket.reader.fill()) }
            try join(token)
            isReplaced.set()
            Thread.detachNewThread { [socket = socket.socket] in
                _ = eventually { isFinishing.isSet }
                socket.send(WebSocketFrame.text("from a session that is over").bytes(masked: true))
            }
            let frames = try socket.remainder()
            let isWhole = frames.first == message
            #expect(isWhole)
            #expect(frames.dropFirst().map(\.close) == ["4409 session_replaced"])
            #expect(eventually { seen.withLock { $0 } == [.close(1001)] })
        }

        @Test("Replaced during a frame that does not complete: cut within two seconds")
        func replacedWithinStalledFrame() throws {
            let isGone = Flag()
            site.upstream.on("/event/e1/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                exchange.socket.send([0x82, 0x10, 1, 2, 3])
                _ = try? socket.remainder()
                isGone.set()
                return false
            }
            let token = Minter.acme.registration("r3")
            let socket = try open(token)
            while socket.reader.buffer.count < 5 { try #require(try socket.reader.fill()) }
            let start = monotonic()
            try join(token)
            #expect(try socket.reader.rest() == [0x82, 0x10, 1, 2, 3])
            #expect(eventually { isGone.isSet })
            #expect(monotonic() - start < 2)
        }

        @Test("Replaced during a frame that the client is sending: the upstream gets no part of another, and the end")
        func replacedWithinClientFrame() throws {
            let seen = Mutex<[UInt8]?>(nil)
            let isReading = Flag()
            site.upstream.on("/event/e1/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                while socket.reader.buffer.count < 8 { guard try socket.reader.fill() else { return false } }
                isReading.set()
                let bytes = try socket.reader.rest()
                seen.withLock { $0 = bytes }
                return false
            }
            let token = Minter.acme.registration("r4")
            let socket = try open(token)
            let half = Array(WebSocketFrame.text("never whole").bytes(masked: true)[..<8])
            socket.socket.send(half)
            #expect(eventually { isReading.isSet })
            try join(token)
            #expect(try socket.remainder().map(\.close) == ["4409 session_replaced"])
            #expect(eventually { seen.withLock { $0 } == half })
        }

        @Test("Replaced while the client does not read: both ends are closed within two seconds")
        func replacedWithoutReader() throws {
            let isStuck = Flag()
            let endedAt = Mutex<Double?>(nil)
            site.upstream.on("/event/e1/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                let frame = WebSocketFrame(opcode: 2, payload: .init(repeating: 1, count: 60_000)).bytes(masked: false)
                Thread.detachNewThread { [socket = exchange.socket] in
                    while socket.send(frame, within: 0.3) {}
                    isStuck.set()
                }
                _ = try? socket.remainder()
                endedAt.withLock { $0 = monotonic() }
                return false
            }
            let token = Minter.acme.registration("r5")
            let socket = try open(token, receiveBuffer: 2048)
            #expect(eventually(within: 10) { isStuck.isSet })
            let start = monotonic()
            try join(token)
            #expect(eventually { endedAt.withLock { $0 } != nil })
            #expect((endedAt.withLock { $0 } ?? .infinity) - start < 2)
            // Nobody accepts the client's bytes any more.
            #expect(eventually(within: 2.2 - (monotonic() - start)) { !socket.send(.text("anybody?")) })
        }

        @Test("An expired token: 4401 within a second of its end")
        func expired() throws {
            let expires = Minter.now + 3
            let socket = try open(Minter.acme.token(Minter.Viewer(registration: "r6", expires: expires)))
            #expect(try socket.receive()?.close == "4401 token_expired")
            let late = Date().timeIntervalSince1970 - expires
            #expect(late > -0.1 && late < 1)
            #expect(try socket.receive() == nil)
        }

        @Test("A drain: 1001 for everybody, spread over most of drain_timeout")
        func drain() throws {
            let site = try Site { $0.top = "drain_timeout = \"5s\"" }
            site.upstream.on("/public/ws") { try WebSocket.serveEcho($0) }
            let idle = try Client(port: site.port)
            #expect(try idle.exchange("/public/x").status == 200)
            let sockets = try (0..<200).map { _ in
                let client = try Client(port: site.port)
                try #require(try client.openWebSocket("/public/ws").status == 101)
                return client.reader.socket
            }
            let start = monotonic()
            site.gateway.send(SIGTERM)
            #expect(idle.isClosed(within: 1))
            let ends = Mutex<[Double]>([])
            inParallel(sockets.count) { index in
                let reader = MessageReader(sockets[index])
                reader.patience = 10
                let frames = try? WebSocketEnd(reader, isClient: true).remainder()
                guard frames?.map(\.close) == ["1001 draining"] else { return }
                let time = monotonic() - start
                ends.withLock { $0.append(time) }
            }
            let times = ends.withLock { $0.sorted() }
            try #require(times.count == sockets.count)
            for second in 0..<4 {
                let share = times.count { Int($0) == second }
                #expect((15...90).contains(share), "second \(second): \(share) of 200")
            }
            #expect(times[199] < 4.5)
            #expect(site.gateway.wait(within: 5) == 0)
            #expect(monotonic() - start < 6)
        }

        @Test("A thousand idle sockets, a hundred of them replaced: each sees 4409, within 50 ms at the median")
        func many() throws {
            let tokens = (0..<1000).map { Minter.acme.registration("many-\($0)") }
            let sockets = try tokens.map { token in
                let client = try Client(port: site.port)
                try #require(try client.openWebSocket("/event/e1/ws?token=\(token)").status == 101)
                return client.reader.socket
            }
            let times = Mutex<[Double]>([])
            inParallel(10) { worker in
                for index in stride(from: worker * 10, to: 1000, by: 100) {
                    let start = monotonic()
                    guard (try? fetch(site.port, "/event/e1?token=\(tokens[index])").status) == 200 else { return }
                    let socket = WebSocketEnd(MessageReader(sockets[index]), isClient: true)
                    guard (try? socket.receive())?.close == "4409 session_replaced" else { return }
                    let time = monotonic() - start
                    times.withLock { $0.append(time) }
                }
            }
            let sorted = times.withLock { $0.sorted() }
            try #require(sorted.count == 100)
            #expect(sorted[50] < 0.05 && sorted[99] < 1, "median \(sorted[50]), worst \(sorted[99])")
            // The others are not affected.
            let other = WebSocketEnd(MessageReader(sockets[1]), isClient: true)
            other.send(.text("still here"))
            #expect(try other.receive() == .text("still here"))
        }
    }
}
