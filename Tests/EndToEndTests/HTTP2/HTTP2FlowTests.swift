import Foundation
import Testing

extension EndToEnd {
    @Suite("HTTP/2: flow control, in both directions")
    struct HTTP2FlowTests {
        static let shared = Result { try Site() }
        let site: Site

        init() throws { site = try Self.shared.get() }

        /// The content of `/public/large`.
        private static let large = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

        private func serveLarge() {
            site.upstream.on("/public/large") { exchange in
                try exchange.readBody()
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: \(Self.large.count)\r\n\r\n")
                return exchange.socket.send(Self.large, within: 60)
            }
        }

        private func isClean(_ client: HTTP2Client) -> Bool { client.faults.isEmpty && client.isAlive() }

        @Test("RFC 9113, 6.9.1: a response stops where the window of its stream ends, and continues with it")
        func streamWindow() throws {
            serveLarge()
            let client = try HTTP2Client.connected(port: site.port, [(.initialWindowSize, 1000)])
            client.refillsWindows = false
            let stream = client.request("/public/large")
            #expect(client.wait { client.streams[stream]!.response.body.count == 1000 })
            #expect(isClean(client))
            #expect(client.streams[stream]!.response.body.count == 1000)
            client.send(.windowUpdate(stream, 500))
            #expect(client.wait { client.streams[stream]!.response.body.count == 1500 })
            client.send(.windowUpdate(0, 1 << 20), .windowUpdate(stream, 1 << 20))
            #expect(try client.response(stream).body == Self.large)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 6.9.1: a window of one byte lets one byte through")
        func oneByte() throws {
            let client = try HTTP2Client.connected(port: site.port, [(.initialWindowSize, 1)])
            let response = try client.exchange("/public/one")
            #expect(response.text == "GET /public/one 0")
            #expect(client.streams[1]!.pieces.allSatisfy { $0 <= 1 })
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 6.9: a response stops where the window of the connection ends, and continues with it")
        func connectionWindow() throws {
            serveLarge()
            let client = try HTTP2Client.connected(port: site.port, [(.initialWindowSize, 1 << 20)])
            client.refillsWindows = false
            let stream = client.request("/public/large")
            #expect(client.wait { client.streams[stream]!.response.body.count == 65_535 })
            #expect(isClean(client))
            #expect(client.streams[stream]!.response.body.count == 65_535)
            client.send(.windowUpdate(0, 1 << 20))
            #expect(try client.response(stream).body == Self.large)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 6.9.2: SETTINGS change the windows of streams in progress")
        func settingsChange() throws {
            serveLarge()
            let client = try HTTP2Client.connected(port: site.port, [(.initialWindowSize, 0)])
            client.refillsWindows = false
            let stream = client.request("/public/large")
            #expect(client.wait { client.streams[stream]!.hasHead })
            #expect(client.isAlive())
            #expect(client.streams[stream]!.response.body.isEmpty)
            client.send(.settings([(.initialWindowSize, 1)]))
            #expect(client.wait { client.streams[stream]!.response.body.count == 1 })
            client.send(.settings([(.initialWindowSize, 10_000)]))
            #expect(client.wait { client.streams[stream]!.response.body.count == 10_000 })
            #expect(isClean(client), "\(client.faults)")
            client.send(.windowUpdate(0, 1 << 20), .settings([(.initialWindowSize, 1 << 20)]))
            #expect(try client.response(stream).body == Self.large)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 6.9.2: a window below zero stays closed until it is above again")
        func negativeWindow() throws {
            serveLarge()
            let client = try HTTP2Client.connected(port: site.port, [(.initialWindowSize, 3000)])
            client.refillsWindows = false
            let stream = client.request("/public/large")
            #expect(client.wait { client.streams[stream]!.response.body.count == 3000 })
            client.send(.settings([(.initialWindowSize, 1000)]))
            client.send(.windowUpdate(stream, 2000))
            #expect(client.isAlive())
            #expect(client.streams[stream]!.response.body.count == 3000)
            client.send(.windowUpdate(stream, 1))
            #expect(client.wait { client.streams[stream]!.response.body.count == 3001 })
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 5.2.1: a stream that is not read does not stall another one")
        func stalledStream() throws {
            serveLarge()
            let client = try HTTP2Client.connected(port: site.port, [(.initialWindowSize, 20_000)])
            client.refillsWindows = false
            let stalled = client.request("/public/large")
            #expect(client.wait { client.streams[stalled]!.response.body.count == 20_000 })
            for number in 0..<50 {
                #expect(try client.exchange("/public/\(number)").text == "GET /public/\(number) 0")
            }
            let other = client.request("/public/large")
            client.send(.windowUpdate(0, 1 << 20), .windowUpdate(other, 1 << 20))
            #expect(try client.response(other).body == Self.large)
            #expect(client.streams[stalled]!.response.body.count == 20_000)
            client.send(.windowUpdate(stalled, 1 << 20))
            #expect(try client.response(stalled).body == Self.large)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 4.2: SETTINGS_MAX_FRAME_SIZE bounds what is sent, and larger ones need not be used")
        func frameSize() throws {
            serveLarge()
            let client = try HTTP2Client.connected(
                port: site.port,
                [(.initialWindowSize, 1 << 20), (.maxFrameSize, 16_384)]
            )
            client.send(.windowUpdate(0, 1 << 20))
            #expect(try client.exchange("/public/large").body == Self.large)
            #expect(client.streams[1]!.pieces.allSatisfy { $0 <= 16_384 })
            #expect(isClean(client), "\(client.faults)")
        }

        @Test(
            "RFC 9113, 6.9: an upload larger than every window arrives complete",
            arguments: [1, 65_535, 300_000, 3_000_000]
        )
        func upload(size: Int) throws {
            let client = try HTTP2Client.connected(port: site.port)
            let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
            site.upstream.forget()
            #expect(try client.exchange("/public/up", method: "POST", body: body).text == "POST /public/up \(size)")
            #expect(site.upstream.requests(for: "/public/up").first?.body == body)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 6.9.1: DATA past the window of the stream is an error")
        func pastTheWindow() throws {
            let isOver = Flag()
            defer { isOver.set() }
            site.upstream.on("/public/stuck") { _ in
                // Nothing is read, so nothing is given back.
                _ = eventually(within: 30) { isOver.isSet }
                return false
            }
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.request("/public/stuck", method: "POST", end: false)
            let piece = [UInt8](repeating: 120, count: 16_384)
            while client.sendBody(stream, piece, end: false, within: 0.5) {}
            #expect(client.streams[stream]!.window == 0)
            client.send(.data(stream, "x"))
            let outcome = client.outcome(of: stream)
            switch outcome {
            case .goAway(let code): #expect(code == .flowControlError && client.isClosed())
            case .reset(let code): #expect(code == .flowControlError)
            default: Issue.record("\(outcome)")
            }
            #expect(try fetch(site.port, "/public/x").status == 200)
        }

        @Test("Padding counts for the windows, and is given back")
        func padding() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.request("/public/padded", method: "POST", end: false)
            for _ in 0..<2000 {
                #expect(client.wait { client.streams[stream]!.window >= 257 && client.window >= 257 })
                client.send(.data(stream, [120], padding: 255))
                client.streams[stream]!.window -= 257
                client.window -= 257
            }
            client.send(.data(stream, "", end: true))
            #expect(try client.response(stream).text == "POST /public/padded 2000")
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 5.1: refusing an upload in its middle leaves the connection and its windows intact")
        func refusedUpload() throws {
            let client = try HTTP2Client.connected(port: site.port)
            for _ in 0..<20 {
                let stream = client.request("/event/e1", method: "POST", end: false)
                // Everything that the windows permit is on its way before the refusal is read.
                let size = min(client.window, client.streams[stream]!.window)
                var bytes: [UInt8] = []
                for start in stride(from: 0, to: size, by: 16_384) {
                    bytes += HTTP2Frame.data(stream, [UInt8](repeating: 120, count: min(16_384, size - start))).bytes
                }
                client.send(bytes)
                client.window -= size
                #expect(try client.response(stream).status == 401)
                #expect(client.wait { client.window >= 65_535 })
                #expect(try client.exchange("/public/x").status == 200)
            }
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("DATA of streams that were given up is returned to the window of the connection")
        func abandoned() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let piece = [UInt8](repeating: 120, count: 16_000)
            for _ in 0..<40 {
                #expect(client.wait { client.window >= piece.count })
                let stream = client.request("/public/abandoned", method: "POST", end: false)
                client.send(.data(stream, piece), .reset(stream))
                client.window -= piece.count
            }
            #expect(try client.exchange("/public/x", method: "POST", body: piece).text == "POST /public/x 16000")
            #expect(isClean(client), "\(client.faults)")
        }
    }
}
