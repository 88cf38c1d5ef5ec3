import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("Slow HTTP/2 clients are cut, and do not slow down others")
    struct HTTP2SlowTests {
        /// The outcome for one slow client: what it did, when and how that ended, and when it may end.
        fileprivate struct Fate {
            var name: String
            var end: Result<End, any Error>
            var allowed: ClosedRange<Double>
        }

        struct End: Sendable {
            var seconds: Double
            var outcome: HTTP2Outcome
        }

        @Test(
            "Dribbling prefaces, heads, bodies, windows and readers are each cut by their limit, while others are served"
        )
        func dribbling() throws {
            let site = try Site { $0.limits += "\nheader_timeout = \"2s\"\nidle_timeout = \"2s\"" }
            site.upstream.on("/public/flood") { exchange in
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                while exchange.socket.send([UInt8](repeating: 120, count: 65_536), within: 90) {}
                return false
            }
            let port = site.port
            let fates = Mutex<[Fate]>([])
            let witness = HTTP2Witness(port: port)
            inParallel(Self.clients.count) { index in
                let (name, allowed, attack) = Self.clients[index]
                let end = Result { try attack(port) }
                fates.withLock { $0.append(Fate(name: name, end: end, allowed: allowed)) }
            }
            let (seconds, failures) = witness.end()
            for fate in fates.withLock({ $0 }) {
                switch fate.end {
                case .success(let end):
                    #expect(fate.allowed.contains(end.seconds), "\(fate.name): \(end)")
                case .failure(let error):
                    Issue.record("\(fate.name): \(error)")
                }
            }
            #expect(failures.isEmpty, "\(failures.prefix(3))")
            #expect(seconds < 0.1)
        }

        typealias Attack = @Sendable (UInt16) throws -> End

        private static let clients: [(name: String, allowed: ClosedRange<Double>, attack: Attack)] = [
            (
                "a byte of the preface every 200 ms", 1.5...4,
                { port in
                    let client = try HTTP2Client(port: port)
                    let bytes = HTTP2Client.preface + HTTP2Frame.settings().bytes
                    return try untilCut(client, every: 0.2) { index in
                        if index < bytes.count { client.send([bytes[index]]) }
                    }
                }
            ),
            (
                "a preface without SETTINGS", 1.5...5,
                { port in
                    let client = try HTTP2Client(port: port)
                    // An acknowledgement at this point would be an error.
                    client.acknowledges = false
                    client.send(HTTP2Client.preface)
                    return try untilCut(client)
                }
            ),
            (
                "a connection without a request", 1.5...5,
                { port in try untilCut(HTTP2Client.connected(port: port)) }
            ),
            (
                "a header block without an end", 1.5...7,
                { port in
                    let client = try HTTP2Client.connected(port: port)
                    client.send(.headers(1, HPACK.request(), endHeaders: false))
                    return try untilCut(client)
                }
            ),
            (
                "a frame without an end", 1.5...7,
                { port in
                    let client = try HTTP2Client.connected(port: port)
                    client.send([0, 1, 0, 1, 5, 0, 0, 0, 1])
                    return try untilCut(client, every: 0.5) { _ in client.send([0]) }
                }
            ),
            (
                "a byte of a body every second", 25...50,
                { port in
                    let client = try HTTP2Client.connected(port: port)
                    let stream = client.request("/public/x", method: "POST", end: false)
                    return try untilOver(client, stream, every: 1) { client.send(.data(stream, "x")) }
                }
            ),
            (
                "a body that does not come", 25...50,
                { port in
                    let client = try HTTP2Client.connected(port: port)
                    let stream = client.request("/public/x", method: "POST", end: false)
                    return try untilOver(client, stream, every: 5) {}
                }
            ),
            (
                "a stream without window", 25...50,
                { port in
                    let client = try HTTP2Client.connected(port: port, [(.initialWindowSize, 0)])
                    let stream = client.request("/public/flood")
                    return try untilOver(client, stream, every: 5) {}
                }
            ),
            (
                "a window of one byte every 200 ms", 25...50,
                { port in
                    let client = try HTTP2Client.connected(port: port, [(.initialWindowSize, 0)])
                    client.refillsWindows = false
                    let stream = client.request("/public/flood")
                    return try untilOver(client, stream, every: 0.2) { client.send(.windowUpdate(stream, 1)) }
                }
            ),
            (
                "a connection without window, with pings", 25...50,
                { port in
                    let client = try HTTP2Client.connected(port: port, [(.initialWindowSize, 1 << 20)])
                    client.refillsWindows = false
                    let stream = client.request("/public/flood")
                    return try untilOver(client, stream, every: 1) { client.send(.ping()) }
                }
            ),
            (
                "a reader that never reads", 25...60,
                { port in
                    let client = try HTTP2Client(port: port, receiveBuffer: 4096)
                    client.send(
                        HTTP2Client.preface + HTTP2Frame.settings([(.initialWindowSize, 0x7fff_ffff)]).bytes
                            + HTTP2Frame.windowUpdate(0, 0x7fff_0000).bytes
                            + HTTP2Frame.headers(1, HPACK.request("/public/flood")).bytes
                    )
                    // A write fails once the gateway has closed the connection.
                    let start = monotonic()
                    while monotonic() - start < 70 {
                        usleep(500_000)
                        if !client.send(HTTP2Frame.ping().bytes) {
                            return End(seconds: monotonic() - start, outcome: .closed)
                        }
                    }
                    throw GatewayFailure(text: "never cut")
                }
            ),
        ]

        /// Seconds until the gateway ends the connection.
        private static func untilCut(
            _ client: HTTP2Client,
            every pause: Double = 20,
            _ send: (Int) -> Void = { _ in }
        ) throws -> End {
            let start = monotonic()
            var index = 0
            while monotonic() - start < 20 {
                send(index)
                index += 1
                client.wait(within: pause) { false }
                if client.isEnded { return End(seconds: monotonic() - start, outcome: client.outcome(of: 1)) }
            }
            throw GatewayFailure(text: "never cut")
        }

        /// Seconds until the gateway gives up the stream or the connection.
        private static func untilOver(
            _ client: HTTP2Client,
            _ stream: UInt32,
            every pause: Double,
            _ send: () -> Void
        ) throws -> End {
            let start = monotonic()
            while monotonic() - start < 70 {
                send()
                client.wait(within: pause) { client.streams[stream]!.isOver || client.failure != nil }
                if client.streams[stream]!.isOver || client.failure != nil || client.isEnded {
                    return End(seconds: monotonic() - start, outcome: client.outcome(of: stream))
                }
            }
            throw GatewayFailure(text: "never cut")
        }
    }
}
