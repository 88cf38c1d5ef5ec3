import Foundation
import Testing

extension EndToEnd {
    @Suite("HTTP/2 attacks are cut off, leave no memory behind, and do not affect others")
    struct HTTP2AttackTests {
        static let shared = Result { try Site { $0.limits += "\nheader_timeout = \"5s\"" } }
        let site: Site

        init() throws { site = try Self.shared.get() }

        /// Runs an attack while a well-behaved client is served, and checks both.
        private func withstand(_ attack: () throws -> Void) throws {
            site.upstream.keepRequests(false)
            let warmUp = try HTTP2Client.connected(port: site.port)
            for _ in 0..<50 { #expect(try warmUp.exchange("/public/x").status == 200) }
            let quiet = HTTP2Witness(port: site.port)
            quiet.wait(for: 100)
            let usual = quiet.end().seconds
            let before = try residentKilobytes(site.gateway.pid)
            try expectUndisturbed(quietSeconds: usual) {
                let witness = HTTP2Witness(port: site.port)
                witness.wait(for: 10)
                try attack()
                witness.wait(for: 20)
                return witness.end()
            }
            var after = 0
            let isBack = try eventually(within: 30) {
                after = try residentKilobytes(site.gateway.pid)
                return after <= before + 20 << 10
            }
            #expect(isBack, "\(before) KB before, \(after) KB after")
            #expect(site.gateway.isRunning)
        }

        /// Expects that the gateway sends ENHANCE_YOUR_CALM, or another of `codes`, and closes.
        private func expectCut(
            _ client: HTTP2Client,
            or codes: Set<HTTP2ErrorCode> = [],
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            client.wait(within: 5) { client.failure != nil }
            #expect(
                client.failure.map { $0 == .enhanceYourCalm || codes.contains($0) } ?? false,
                "\(client.failure?.description ?? "no GOAWAY"); closed: \(client.isEnded); \(client.trace.suffix(3))",
                sourceLocation: sourceLocation
            )
            #expect(client.isClosed(within: 5), "not closed", sourceLocation: sourceLocation)
        }

        @Test("Rapid reset: 10,000 times HEADERS and RST_STREAM (CVE-2023-44487)")
        func rapidReset() throws {
            let connections = site.upstream.connections
            try withstand {
                let client = try HTTP2Client.connected(port: site.port)
                let block = HPACK.request()
                client.flood(100) { batch in
                    (0..<100).flatMap { number in
                        let stream = UInt32(batch * 200 + number * 2 + 1)
                        client.open(stream)
                        return HTTP2Frame.headers(stream, block).bytes + HTTP2Frame.reset(stream).bytes
                    }
                }
                expectCut(client)
            }
            #expect(site.upstream.connections - connections < 300)
        }

        @Test("Rapid reset, one stream at a time as answers begin")
        func slowReset() throws {
            try withstand {
                let client = try HTTP2Client.connected(port: site.port)
                for _ in 0..<5000 where client.failure == nil && !client.isEnded {
                    let stream = client.request("/public/x", method: "POST", end: false)
                    client.send(.reset(stream))
                    client.wait(within: 0.0005) { false }
                }
                expectCut(client)
            }
        }

        /// An input that makes the gateway reset a stream with a request in progress.
        struct OwnReset: Sendable, CustomStringConvertible {
            var description: String
            var codes: Set<HTTP2ErrorCode>
            var frames: @Sendable (UInt32) -> [HTTP2Frame]

            static let all = [
                OwnReset(description: "WINDOW_UPDATE of 0", codes: [.protocolError]) {
                    [.headers($0, HPACK.request(method: "POST"), end: false), .windowUpdate($0, 0)]
                },
                OwnReset(description: "WINDOW_UPDATE past 2^31-1", codes: [.flowControlError]) {
                    [.headers($0, HPACK.request(method: "POST"), end: false), .windowUpdate($0, 0x7fff_ffff)]
                },
                OwnReset(description: "PRIORITY of 4 bytes", codes: [.frameSizeError]) {
                    [.headers($0, HPACK.request()), HTTP2Frame(kind: 2, stream: $0, payload: [0, 0, 0, 0])]
                },
                OwnReset(description: "PRIORITY of a stream that depends on itself", codes: [.protocolError]) {
                    [.headers($0, HPACK.request()), .priority($0, on: $0)]
                },
                OwnReset(description: "DATA behind the end", codes: [.streamClosed, .protocolError]) {
                    [.headers($0, HPACK.request()), .data($0, "x", end: true)]
                },
                OwnReset(description: "HEADERS behind the end", codes: [.streamClosed, .protocolError]) {
                    [.headers($0, HPACK.request()), .headers($0, HPACK.request())]
                },
                OwnReset(description: "a body longer than its length", codes: [.protocolError]) {
                    [
                        .headers($0, HPACK.request(method: "POST", [Field("content-length", "1")]), end: false),
                        .data($0, "xx"),
                    ]
                },
                OwnReset(description: "a field of the connection", codes: [.protocolError]) {
                    [.headers($0, HPACK.request("/public/m", [Field("connection", "close")]))]
                },
                OwnReset(description: "trailers that are none", codes: [.protocolError]) {
                    [
                        .headers($0, HPACK.request(method: "POST"), end: false),
                        .headers($0, HPACK.block([Field(":path", "/")])),
                    ]
                },
            ]
        }

        @Test(
            "Own reset (made you reset, CVE-2025-8671): 2,000 inputs that make the gateway reset a stream",
            arguments: OwnReset.all
        )
        func ownReset(cause: OwnReset) throws {
            try withstand {
                let client = try HTTP2Client.connected(port: site.port)
                client.flood(100) { batch in
                    (0..<20).flatMap { number in
                        let stream = UInt32(batch * 40 + number * 2 + 1)
                        client.open(stream)
                        return cause.frames(stream).flatMap(\.bytes)
                    }
                }
                // Ignoring it cheaply is as good as ending: then no stream was reset.
                if client.streams.values.contains(where: { $0.reset != nil }) || client.failure != nil {
                    // Until our resets were sent, the client may also have more streams open than permitted.
                    expectCut(client, or: cause.codes.union([.protocolError]))
                }
            }
        }

        @Test("CONTINUATION flood (CVE-2024-28182): a header block without an end", arguments: [0, 1, 16_000])
        func continuationFlood(size: Int) throws {
            try withstand {
                let client = try HTTP2Client.connected(port: site.port)
                client.send(.headers(1, HPACK.request(), endHeaders: false))
                let piece = size == 0 ? [] : HPACK.literal("x", String(repeating: "x", count: max(0, size - 10)))
                let frame = HTTP2Frame.continuation(1, size == 1 ? [0x10] : piece, endHeaders: false).bytes
                client.flood(1000) { _ in (0..<(size > 1 ? 2 : 100)).flatMap { _ in frame } }
                expectCut(client, or: [.protocolError, .compressionError])
            }
        }

        @Test("Floods of frames that request nothing", arguments: Flood.all)
        func flood(flood: Flood) throws {
            try withstand {
                let client = try HTTP2Client.connected(port: site.port)
                client.send(.headers(1, HPACK.request(method: "POST"), end: false))
                let bytes = (0..<100).flatMap { _ in flood.frame.bytes }
                client.flood(1000) { _ in bytes }
                if flood.mustBeCut || client.isEnded || client.failure != nil {
                    expectCut(client, or: [.protocolError, .flowControlError])
                }
                client.transport.close()
            }
        }

        @Test("The same floods by clients that never read the answers", arguments: [Flood.ping, .settings])
        func blindFlood(flood: Flood) throws {
            try withstand {
                let clients = try (0..<5).map { _ in try HTTP2Client.connected(port: site.port) }
                let bytes = (0..<100).flatMap { _ in flood.frame.bytes }
                for client in clients { client.floodBlindly(1000) { _ in bytes } }
                for client in clients { expectCut(client) }
            }
        }

        /// A frame that is sent 100,000 times.
        struct Flood: Sendable, CustomStringConvertible {
            var description: String
            var frame: HTTP2Frame
            /// Whether it costs more to receive than to send.
            var mustBeCut = true

            static let ping = Flood(description: "PING", frame: .ping())
            static let settings = Flood(description: "SETTINGS", frame: .settings([(.initialWindowSize, 65_535)]))
            static let all = [
                ping, settings,
                Flood(description: "PING answers", frame: .ping(ack: true)),
                Flood(description: "empty SETTINGS", frame: .settings()),
                Flood(description: "SETTINGS acknowledgements", frame: .settingsAck),
                Flood(description: "empty DATA", frame: .data(1)),
                Flood(description: "DATA of padding alone", frame: .data(1, [], padding: 0)),
                Flood(description: "PRIORITY", frame: .priority(3, on: 1)),
                Flood(description: "unknown frames", frame: HTTP2Frame(kind: 0xfb, stream: 0), mustBeCut: false),
                Flood(description: "WINDOW_UPDATE of a byte", frame: .windowUpdate(0, 1), mustBeCut: false),
                Flood(description: "RST_STREAM", frame: .reset(1)),
                Flood(description: "GOAWAY", frame: .goAway()),
            ]
        }

        @Test("HPACK bomb: one large table entry, referenced 16,000 times in each head")
        func hpackBomb() throws {
            try withstand {
                for _ in 0..<5 {
                    let client = try HTTP2Client.connected(port: site.port)
                    client.send(
                        .headers(
                            1,
                            HPACK.request() + HPACK.literal("x", String(repeating: "x", count: 4000), .incremental)
                        )
                    )
                    client.wait { client.streams[1]!.isOver }
                    let bomb = HPACK.request() + [UInt8](repeating: 0xbe, count: 16_000)
                    client.flood(20) { number in
                        client.open(UInt32(number * 2 + 3))
                        return HTTP2Frame.headers(UInt32(number * 2 + 3), bomb).bytes
                    }
                    client.wait(within: 20) { client.failure != nil || client.streams.values.allSatisfy(\.isOver) }
                    for (id, stream) in client.streams where id > 1 {
                        #expect(!stream.isEnded || stream.response.status == 431, "\(stream.response)")
                        #expect(client.failure != nil || stream.isOver)
                    }
                    client.transport.close()
                }
            }
        }

        @Test("Heads over the limits", arguments: ["one large field", "many small fields", "a large cookie in crumbs"])
        func largeHeads(shape: String) throws {
            let fields =
                switch shape {
                case "one large field": [Field("x", String(repeating: "x", count: 500_000))]
                case "many small fields": (0..<50_000).map { Field("x\($0)", "1") }
                default: (0..<20_000).map { Field("cookie", "c\($0)=12345678901234567890") }
                }
            let block = HPACK.request("/public/m", fields)
            try withstand {
                for _ in 0..<10 {
                    let client = try HTTP2Client.connected(port: site.port)
                    client.open(1)
                    client.send(HTTP2Frame.headers(1, Array(block.prefix(16_000)), endHeaders: false).bytes)
                    let rest = Array(block.dropFirst(16_000))
                    let pieces = (rest.count + 15_999) / 16_000
                    client.flood(pieces) { number in
                        let piece = Array(rest[(number * 16_000)..<min(rest.count, number * 16_000 + 16_000)])
                        return HTTP2Frame.continuation(1, piece, endHeaders: number == pieces - 1).bytes
                    }
                    let outcome = client.outcome(of: 1)
                    switch outcome {
                    case .answered(let status): #expect(status == 431)
                    case .goAway(let code):
                        #expect([.enhanceYourCalm, .protocolError, .compressionError].contains(code))
                    case .reset(let code): #expect([.enhanceYourCalm, .protocolError].contains(code))
                    default: Issue.record("\(outcome)")
                    }
                }
            }
        }

        @Test("Window game: windows opened byte by byte, and SETTINGS that move 100 windows at once")
        func windowGame() throws {
            site.upstream.on("/public/flood") { exchange in
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
                while exchange.socket.send([UInt8](repeating: 120, count: 65_536), within: 60) {}
                return false
            }
            try withstand {
                let client = try HTTP2Client.connected(port: site.port, [(.initialWindowSize, 0)])
                client.refillsWindows = false
                let streams = (0..<50).map { _ in client.request("/public/flood") }
                client.wait { streams.allSatisfy { client.streams[$0]!.hasHead } }
                client.flood(400) { number in
                    streams.flatMap { stream in
                        client.streams[stream]!.credit += 1
                        return HTTP2Frame.windowUpdate(stream, 1).bytes
                    }
                }
                client.transport.close()
                let other = try HTTP2Client.connected(port: site.port, [(.initialWindowSize, 0)])
                for _ in 0..<100 { other.request("/public/flood") }
                other.flood(500) { number in
                    HTTP2Frame.settings([(.initialWindowSize, UInt32(number % 2))]).bytes
                }
                expectCut(other)
            }
        }

        @Test("Half-open connections: 1,000 that send nothing, a part of the preface, or only the preface")
        func halfOpen() throws {
            try withstand {
                let clients = try (0..<1000).map { number in
                    let client = try HTTP2Client(port: site.port)
                    switch number % 3 {
                    case 0: break
                    case 1: client.send(Array(HTTP2Client.preface.prefix(number % 23 + 1)))
                    default: client.send(HTTP2Client.preface)
                    }
                    return client
                }
                usleep(500_000)
                for client in clients { client.transport.close() }
            }
        }

        @Test("Unread answers: 100 streams, no window and endless bodies do not fill the gateway's memory")
        func zeroWindow() throws {
            site.upstream.on("/public/flood") { exchange in
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
                // More than the gateway keeps for a stream, but not more than the kernel takes.
                exchange.socket.send([UInt8](repeating: 120, count: 1 << 20), within: 60)
                return false
            }
            let before = try residentKilobytes(site.gateway.pid)
            try withstand {
                let client = try HTTP2Client.connected(port: site.port, [(.initialWindowSize, 0)])
                for _ in 0..<100 { client.request("/public/flood") }
                client.wait { client.streams.values.allSatisfy(\.hasHead) }
                #expect(client.streams.values.allSatisfy { $0.hasHead && $0.response.body.isEmpty })
                // The memory kept for a stream is bounded, and small enough for all of them.
                let during = try residentKilobytes(site.gateway.pid) - before
                #expect(during < 20 << 10, "\(during) KB for 100 streams")
                client.transport.close()
            }
        }

        @Test("No attack: a browser's resets, pings, priorities and windows are not taken for one")
        func good() throws {
            let client = try HTTP2Client.connected(port: site.port)
            for round in 0..<300 {
                let stream = client.request("/public/x")
                client.send(.windowUpdate(0, 1), .windowUpdate(stream, 1))
                if round % 3 == 0 { client.send(.priority(stream, on: 0)) }
                if round % 10 == 0 { client.send(.ping()) }
                if round % 10 == 5 { client.send(.reset(stream)) }
                if round % 10 != 5 { #expect(try client.response(stream).status == 200) }
            }
            client.send(.settings([(.initialWindowSize, 1 << 20)]))
            #expect(client.isAlive())
            #expect(client.goAways.isEmpty && client.faults.isEmpty, "\(client.faults)")
        }
    }
}
