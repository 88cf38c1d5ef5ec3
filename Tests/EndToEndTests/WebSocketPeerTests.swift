import Foundation
import Synchronization
import TestSupport
import Testing

extension EndToEnd {
    @Suite("WebSockets whose peers leave, each in its own way")
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

        /// Serves a WebSocket and records what is left to read after `script`.
        private func serve(_ script: @escaping @Sendable (WebSocketEnd) throws -> Bool) -> Seen {
            let seen = Seen()
            site.upstream.on("/public/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange), try script(socket) else { return false }
                seen.set(try socket.remainder())
                return false
            }
            return seen
        }

        // MARK: The upstream leaves

        @Test("Without a close frame: the client gets what was sent, and 1014")
        func upstreamGone() throws {
            _ = serve { socket in
                socket.send(.text("last words"))
                return false
            }
            let frames = try open().remainder()
            #expect(frames.first == .text("last words"))
            #expect(frames.dropFirst().map(\.close) == ["1014 upstream_unavailable"])
            // It counts like every socket that ended before its time.
            let refusals = ["code": "upstream_unavailable"]
            #expect(try eventually { try site.gateway.metrics().value("gateway_refusals_total", refusals) == 1 })
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

        @Test("With a close frame after megabytes: the client gets all of it and nothing more")
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

        // MARK: The client leaves

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
            let seen = Mutex<[UInt8]?>(nil)
            site.upstream.on("/public/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange) else { return false }
                let rest = try socket.reader.rest()
                seen.withLock { $0 = rest }
                return false
            }
            let socket = try open()
            let half = Array(WebSocketFrame.text("never whole").bytes(masked: true)[..<8])
            socket.socket.send(half)
            socket.socket.finishSending()
            #expect(eventually { seen.withLock { $0 } == half })
        }
    }
}
