import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("Slow clients are cut, and do not slow down others")
    struct SlowClientTests {
        /// The outcome for one slow client: what it waited for, and the seconds until the gateway ended its connection.
        fileprivate struct Fate {
            var name: String
            var seconds: Double?
            var allowed: ClosedRange<Double>
        }

        @Test("Dribbling heads, bodies and readers are each cut by their limit, while others are served")
        func dribbling() throws {
            let site = try Site { $0.limits += "\nheader_timeout = \"2s\"\nidle_timeout = \"2s\"" }
            let isFloodOver = Flag()
            site.upstream.on("/public/flood") { exchange in
                defer { isFloodOver.set() }
                try exchange.readBody()
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                let piece = [UInt8](repeating: 120, count: 65_536)
                while exchange.socket.send(piece, within: 60) {}
                return false
            }
            let port = site.port
            let fates = Mutex<[Fate]>([])
            let times = Mutex<[Double]>([])
            let failures = Mutex(0)
            inParallel(6) { index in
                switch index {
                case 0: fates.add("one byte of a head every 3 s", Self.dribbleHead(port, every: 3), 1.5...7)
                case 1: fates.add("one byte of a head every 100 ms", Self.dribbleHead(port, every: 0.1), 1.5...4)
                case 2: fates.add("a connection without a request", Self.wait(port), 1.5...4)
                case 3: fates.add("one byte of a body every 3 s", Self.dribbleBody(port), 25...50)
                case 4:
                    fates.add("a reader of a byte a second", Self.dribbleReader(port) { isFloodOver.isSet }, 25...50)
                default:
                    let (seconds, failed) = Self.serveGoodClient(port, for: 10)
                    times.withLock { $0 = seconds }
                    failures.withLock { $0 = failed }
                }
            }
            for fate in fates.withLock({ $0 }) {
                let seconds = try #require(fate.seconds, "\(fate.name) was never cut")
                #expect(fate.allowed.contains(seconds), "\(fate.name): \(seconds) s")
            }
            #expect(failures.withLock { $0 } == 0)
            expectQuick(times.withLock { $0 })
        }

        @Test("Beside 500 slow ones, a well-behaved client is answered in less than 100 ms")
        func many() throws {
            let site = try Site { $0.limits += "\nheader_timeout = \"20s\"" }
            let slow = try (0..<500).map { number in
                let client = try Client(port: site.port)
                switch number % 3 {
                case 0: client.send("GET /public/slow HTTP/1.1\r\nHo")
                case 1: client.send("POST /public/slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx")
                default: client.send("G")
                }
                return client
            }
            var times: [Double] = []
            for round in 0..<40 {
                let start = monotonic()
                #expect(try fetch(site.port, "/public/\(round)").text == "GET /public/\(round) 0")
                times.append(monotonic() - start)
                for client in slow where round < 20 { client.send("a") }
            }
            expectQuick(times)
        }

        private static func dribbleHead(_ port: UInt16, every seconds: Double) -> Double? {
            guard let client = try? Client(port: port) else { return nil }
            let bytes = Array(
                "GET /public/x HTTP/1.1\r\nHost: localhost\r\nX: \(String(repeating: "x", count: 1000))".utf8
            )
            return untilCut(client, within: 20) {
                client.send([bytes[$0]])
            } pause: {
                seconds
            }
        }

        private static func dribbleBody(_ port: UInt16) -> Double? {
            guard let client = try? Client(port: port) else { return nil }
            client.send("POST /public/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
            return untilCut(client, within: 60) { _ in
                client.send("x")
            } pause: {
                3
            }
        }

        private static func wait(_ port: UInt16) -> Double? {
            guard let client = try? Client(port: port) else { return nil }
            return untilCut(client, within: 20) { _ in
            } pause: {
                20
            }
        }

        /// Reads a byte a second; the kernel buffers little for it.
        ///
        /// The kernels' buffers hide the end from the reader, but the upstream is released when it comes.
        private static func dribbleReader(_ port: UInt16, isOver: () -> Bool) -> Double? {
            guard let client = try? Client(port: port, receiveBuffer: 2048) else { return nil }
            client.send("GET /public/flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let start = monotonic()
            while monotonic() - start < 60 {
                usleep(1_000_000)
                _ = client.socket.receive(upTo: 1, within: 0)
                if isOver() { return monotonic() - start }
            }
            return nil
        }

        /// Sends until the gateway has ended the connection, and leaves answers unread until then.
        private static func untilCut(
            _ client: Client,
            within limit: Double,
            _ send: (Int) -> Void,
            pause: () -> Double
        ) -> Double? {
            let start = monotonic()
            var index = 0
            while monotonic() - start < limit {
                send(index)
                index += 1
                waiting: while true {
                    switch client.socket.receive(within: pause()) {
                    case .end, .reset: return monotonic() - start
                    case .bytes: continue waiting
                    case .timeout: break waiting
                    }
                }
            }
            return nil
        }

        private static func serveGoodClient(_ port: UInt16, for seconds: Double) -> (seconds: [Double], failed: Int) {
            let start = monotonic()
            var times: [Double] = []
            var failed = 0
            while monotonic() - start < seconds {
                let begin = monotonic()
                if (try? fetch(port, "/public/good").status) != 200 { failed += 1 }
                times.append(monotonic() - begin)
                usleep(100_000)
            }
            return (times, failed)
        }

        /// Nearly all within 100 ms, and none after a second: on a busy machine, a request occasionally waits for a
        /// processor.
        private func expectQuick(_ times: [Double], sourceLocation: SourceLocation = #_sourceLocation) {
            let sorted = times.sorted()
            #expect(
                sorted[sorted.count * 9 / 10] < 0.1 && (sorted.last ?? 0) < 1,
                "\(sorted.suffix(6))",
                sourceLocation: sourceLocation
            )
        }
    }
}

extension Mutex<[EndToEnd.SlowClientTests.Fate]> {
    fileprivate borrowing func add(_ name: String, _ seconds: Double?, _ allowed: ClosedRange<Double>) {
        withLock { $0.append(.init(name: name, seconds: seconds, allowed: allowed)) }
    }
}
