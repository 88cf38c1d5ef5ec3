import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("WebSockets whose peers go, each in its own way")
    struct WebSocketPeerTests {
        let site: Site

        init() throws { site = try Site() }

        private func open() throws -> WebSocketEnd {
            let client = try Client(port: site.port)
            try #require(try client.openWebSocket("/public/ws").status == 101)
            return WebSocketEnd(client.reader, isClient: true)
        }

        /// What the upstream got from the client, once there is no more.
        private final class Seen: Sendable {
            private let value = Mutex<[WebSocketFrame]?>(nil)
            var frames: [WebSocketFrame]? { value.withLock { $0 } }
            func set(_ frames: [WebSocketFrame]) { value.withLock { $0 = frames } }
        }

        /// Serves a WebSocket and keeps what is left to read after `script`.
        private func serve(_ script: @escaping @Sendable (WebSocketEnd) throws -> Bool) -> Seen {
            let seen = Seen()
            site.upstream.on("/public/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange), try script(socket) else { return false }
                seen.set(try socket.remainder())
                return false
            }
            return seen
        }

        // MARK: The upstream goes

        @Test("Without a close frame: the client gets what was sent, and 1014")
        func upstreamGone() throws {
            _ = serve { socket in
                socket.send(.text("last words"))
                return false
            }
            let frames = try open().remainder()
            #expect(frames.first == .text("last words"))
            #expect(frames.dropFirst().map(\.close) == ["1014 upstream_unavailable"])
        }

        @Test("With a reset between frames: 1014")
        func upstreamReset() throws {
            _ = serve { socket in
                socket.send(.text("last words"))
                _ = try socket.receive()
                socket.socket.resetOnClose()
                return false
            }
            let socket = try open()
            #expect(try socket.receive() == .text("last words"))
            socket.send(.text("go"))
            #expect(try socket.remainder().map(\.close) == ["1014 upstream_unavailable"])
        }

        @Test("Within a frame: the client is cut off without a close frame")
        func upstreamGoneWithinFrame() throws {
            _ = serve { socket in
                socket.socket.send([0x81, 5, 0x68])
                return false
            }
            #expect(try open().reader.rest() == [0x81, 5, 0x68])
        }

        @Test("With a close frame and megabytes before it: the client gets all of it and nothing more")
        func upstreamCloses() throws {
            let message = WebSocketFrame(opcode: 2, payload: .init(repeating: 7, count: 4 << 20))
            _ = serve { socket in
                socket.send(message)
                socket.send(.close(1000, "done"))
                return false
            }
            let frames = try open().remainder()
            let isWhole = frames.first == message
            #expect(isWhole)
            #expect(frames.dropFirst().map(\.close) == ["1000 done"])
        }

        @Test("With a close frame and the end of its side: the client's answer still reaches it")
        func upstreamHalfCloses() throws {
            let seen = serve { socket in
                socket.send(.close(1000))
                socket.socket.finishSending()
                return true
            }
            let socket = try open()
            #expect(try socket.remainder().map(\.close) == ["1000 "])
            socket.send(.text("one more thing"))
            socket.send(.close(1000))
            socket.socket.finishSending()
            #expect(eventually { seen.frames == [.text("one more thing"), .close(1000)] })
        }

        // MARK: The client goes

        @Test("With a close frame and the end of its side: the upstream's last octets still reach it")
        func clientHalfCloses() throws {
            let message = WebSocketFrame(opcode: 2, payload: .init(repeating: 7, count: 4 << 20))
            let seen = serve { socket in
                guard try socket.receive() == .close(1000) else { return false }
                socket.send(message)
                socket.send(.close(1000))
                return true
            }
            let socket = try open()
            socket.send(.close(1000))
            socket.socket.finishSending()
            let frames = try socket.remainder()
            let isWhole = frames.first == message
            #expect(isWhole)
            #expect(frames.dropFirst().map(\.close) == ["1000 "])
            #expect(eventually { seen.frames == [] })
        }

        @Test("With the end of its side only: the upstream is told 1001, and its answer reaches the client")
        func clientEnds() throws {
            let seen = serve { socket in
                guard try socket.receive() == .close(1001) else { return false }
                socket.send(.close(1001))
                return true
            }
            let socket = try open()
            socket.socket.finishSending()
            #expect(try socket.remainder().map(\.close) == ["1001 "])
            #expect(eventually { seen.frames == [] })
        }

        @Test("With a reset: the upstream is told 1001")
        func clientResets() throws {
            let seen = serve { _ in true }
            let socket = try open()
            socket.send(.text("hello"))
            socket.socket.resetOnClose()
            socket.socket.close()
            #expect(eventually { seen.frames == [.close(1001)] || seen.frames == [.text("hello"), .close(1001)] })
        }

        @Test("Within a frame: the upstream gets no close frame, only the end")
        func clientGoneWithinFrame() throws {
            let octets = Mutex<[UInt8]?>(nil)
            site.upstream.on("/public/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                let rest = try socket.reader.rest()
                octets.withLock { $0 = rest }
                return false
            }
            let socket = try open()
            let half = Array(WebSocketFrame.text("never whole").octets(masked: true)[..<8])
            socket.socket.send(half)
            socket.socket.finishSending()
            #expect(eventually { octets.withLock { $0 } == half })
        }

        @Test("Half-open: an upstream that does not end after the client has, is not waited for")
        func halfOpenUpstream() throws {
            let mayEnd = Flag()
            let seen = serve { socket in
                guard try socket.receive() == .close(1000) else { return false }
                _ = eventually(within: 10) { mayEnd.isSet }
                return true
            }
            let socket = try open()
            let start = monotonic()
            socket.send(.close(1000))
            socket.socket.finishSending()
            #expect(try socket.remainder().map(\.close) == ["1014 upstream_unavailable"])
            #expect(monotonic() - start < 4)
            mayEnd.set()
            #expect(eventually { seen.frames == [] })
        }

        @Test("Half-open: a client that does not end after the upstream has, is not waited for")
        func halfOpenClient() throws {
            let endedAt = Mutex<Double?>(nil)
            site.upstream.on("/public/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                socket.send(.close(1000))
                socket.socket.finishSending()
                _ = try? socket.remainder()
                endedAt.withLock { $0 = monotonic() }
                return false
            }
            let start = monotonic()
            let socket = try open()
            #expect(try socket.remainder().map(\.close) == ["1000 "])
            #expect(eventually { endedAt.withLock { $0 } != nil })
            #expect((endedAt.withLock { $0 } ?? .infinity) - start < 4)
        }
    }
}
