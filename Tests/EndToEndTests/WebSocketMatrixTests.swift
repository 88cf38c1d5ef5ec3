import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("WebSockets over HTTP/1.1 and HTTP/2, in plaintext and over TLS")
    struct WebSocketMatrixTests {
        static let shared = Result { try WebSocketSite() }
        let site: WebSocketSite

        init() throws {
            site = try Self.shared.get()
            site.upstream.on("/public/ws") { try WebSocket.serveEcho($0) }
        }

        private func open(_ way: WebSocketWay) throws -> any WebSocketPeer { try site.open("/public/ws", way) }

        private static func payload(_ count: Int) -> [UInt8] {
            var random = SplitMix64(seed: UInt64(count))
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count + 8)
            while bytes.count < count {
                unsafe withUnsafeBytes(of: random.next()) { unsafe bytes.append(contentsOf: $0) }
            }
            return Array(bytes[..<count])
        }

        @Test(
            "Texts and binary messages of every size come back unchanged",
            arguments: WebSocketWay.allCases,
            [0, 1, 125, 126, 65_535, 65_536, 1 << 20, 64 << 20]
        )
        func sizes(_ way: WebSocketWay, _ count: Int) throws {
            let (socket, payload) = (try open(way), Self.payload(count))
            for opcode: UInt8 in [1, 2] {
                let frame = WebSocketFrame(opcode: opcode, payload: payload)
                // Comparing is fast, printing 64 MiB of difference is not.
                let isSame = try socket.exchange(frame) == frame
                #expect(isSame)
            }
        }

        @Test("Fragments stay fragments, with control frames between them", arguments: WebSocketWay.allCases)
        func fragments(_ way: WebSocketWay) throws {
            let socket = try open(way)
            let frames = [
                WebSocketFrame(opcode: 1, isFinal: false, payload: Array("one".utf8)),
                WebSocketFrame(opcode: 9, payload: Self.payload(125)), WebSocketFrame(opcode: 0, isFinal: false),
                WebSocketFrame(opcode: 10), WebSocketFrame(opcode: 0, payload: Self.payload(70_000)),
            ]
            for frame in frames { socket.send(frame) }
            for frame in frames { #expect(try socket.receive() == frame) }
        }

        private static let codes = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4409, 4999,
        ]

        @Test(
            "Every close code passes both ways, and nothing is added",
            arguments: WebSocketWay.allCases,
            codes
        )
        func closeCodes(_ way: WebSocketWay, _ code: Int) throws {
            let socket = try open(way)
            socket.send(.close(code, "because"))
            #expect(try socket.remainder().map(\.close) == ["\(code) because"])
        }

        @Test("A close frame without a code passes", arguments: WebSocketWay.allCases)
        func emptyClose(_ way: WebSocketWay) throws {
            let socket = try open(way)
            socket.send(WebSocketFrame(opcode: 8))
            #expect(try socket.remainder() == [WebSocketFrame(opcode: 8)])
        }

        // MARK: One side ends

        /// What the upstream got from the client, once there is no more, and when.
        private final class Seen: Sendable {
            private let value = Mutex<(frames: [WebSocketFrame], at: Double)?>(nil)
            var frames: [WebSocketFrame]? { value.withLock { $0?.frames } }
            var endedAt: Double? { value.withLock { $0?.at } }
            func set(_ frames: [WebSocketFrame]) { value.withLock { $0 = (frames, monotonic()) } }
        }

        /// Serves WebSockets and records what is left to read after `script`.
        private func serve(_ script: @escaping @Sendable (WebSocketEnd) throws -> Bool) -> Seen {
            let seen = Seen()
            site.upstream.on("/public/ws") { exchange in
                guard let socket = try WebSocket.accept(exchange), try script(socket) else { return false }
                seen.set(try socket.remainder())
                return false
            }
            return seen
        }

        @Test(
            "A client that closes and ends its side: the upstream's last bytes still reach it",
            arguments: WebSocketWay.allCases
        )
        func clientHalfCloses(_ way: WebSocketWay) throws {
            let message = WebSocketFrame(opcode: 2, payload: Self.payload(4 << 20))
            let seen = serve { socket in
                guard try socket.receive() == .close(1000) else { return false }
                socket.send(message)
                socket.send(.close(1000))
                return true
            }
            let socket = try open(way)
            socket.send(.close(1000))
            socket.finishSending()
            let frames = try socket.remainder()
            let isWhole = frames.first == message
            #expect(isWhole)
            #expect(frames.dropFirst().map(\.close) == ["1000 "])
            #expect(eventually { seen.frames == [] })
        }

        @Test(
            "A client that only ends its side: the upstream gets 1001, and its answer reaches the client",
            arguments: WebSocketWay.allCases
        )
        func clientEnds(_ way: WebSocketWay) throws {
            let seen = serve { socket in
                guard try socket.receive() == .close(1001) else { return false }
                socket.send(.close(1001))
                return true
            }
            let socket = try open(way)
            socket.finishSending()
            #expect(try socket.remainder().map(\.close) == ["1001 "])
            #expect(eventually { seen.frames == [] })
        }

        @Test(
            "An upstream that closes and ends its side: the client's answer still reaches it",
            arguments: WebSocketWay.allCases
        )
        func upstreamHalfCloses(_ way: WebSocketWay) throws {
            let seen = serve { socket in
                socket.send(.close(1000))
                socket.socket.finishSending()
                return true
            }
            let socket = try open(way)
            #expect(try socket.remainder().map(\.close) == ["1000 "])
            socket.send(.text("one more thing"))
            socket.send(.close(1000))
            socket.finishSending()
            #expect(eventually { seen.frames == [.text("one more thing"), .close(1000)] })
        }

        @Test(
            "Half-open: an upstream that does not end after the client is not waited for",
            arguments: WebSocketWay.allCases
        )
        func halfOpenUpstream(_ way: WebSocketWay) throws {
            let mayEnd = Flag()
            let seen = serve { socket in
                guard try socket.receive() == .close(1000) else { return false }
                _ = eventually(within: 10) { mayEnd.isSet }
                return true
            }
            let socket = try open(way)
            let start = monotonic()
            socket.send(.close(1000))
            socket.finishSending()
            #expect(try socket.remainder() == [])
            #expect(monotonic() - start < 4)
            mayEnd.set()
            #expect(eventually { seen.frames == [] })
        }

        @Test(
            "Half-open: a client that does not end after the upstream is not waited for",
            arguments: WebSocketWay.allCases
        )
        func halfOpenClient(_ way: WebSocketWay) throws {
            let seen = serve { socket in
                socket.send(.close(1000))
                socket.socket.finishSending()
                return true
            }
            let start = monotonic()
            let socket = try open(way)
            #expect(try socket.remainder().map(\.close) == ["1000 "])
            #expect(eventually { seen.frames == [] })
            #expect((seen.endedAt ?? .infinity) - start < 4)
        }
    }
}
