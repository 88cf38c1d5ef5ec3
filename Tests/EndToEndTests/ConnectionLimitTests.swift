import Foundation
import Synchronization
import TestSupport
import Testing

extension EndToEnd {
    @Suite("A limit on the connections of a server")
    struct ConnectionLimitTests {
        /// An upstream whose requests for `/public/slow` are answered when the test says so.
        private final class Gate: Sendable {
            let site: Site
            private let permits = DispatchSemaphore(value: 0)
            private let answers = Mutex<[Int]>([])

            init(_ keys: String, top: String = "") throws {
                site = try Site {
                    $0.upstream = keys
                    $0.top = top
                }
                let permits = permits
                site.upstream.on("/public/slow") { exchange in
                    permits.wait()
                    return try exchange.echo()
                }
            }

            var arrived: Int { site.upstream.requests(for: "/public/slow").count }
            func release(_ count: Int = 1) { for _ in 0..<count { permits.signal() } }

            /// A client that has sent a slow request.
            func ask() throws -> Client {
                let client = try Client(port: site.port)
                client.send("GET /public/slow HTTP/1.1\r\nHost: h\r\n\r\n")
                return client
            }

            func waiting() throws -> Int {
                let text = try fetch(site.gateway.adminPort, "/metrics").text
                let name = "gateway_upstream_requests_waiting{upstream=\"embed-host\"} "
                let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name) })
                return Int(line.dropFirst(name.count)) ?? -1
            }
        }

        @Test("No more requests are in progress than allowed, on all loops together; the others wait their turn")
        func limit() throws {
            let gate = try Gate("max_connections = 2\nwait_timeout = \"60s\"", top: "threads = 3")
            let clients = try (0..<8).map { _ in try gate.ask() }
            #expect(try eventually { try gate.arrived == 2 && gate.waiting() == 6 })
            for done in 1...8 {
                gate.release()
                #expect(eventually { gate.arrived == min(done + 2, 8) })
            }
            for client in clients { #expect(try client.response(within: 20).status == 200) }
            #expect(try gate.waiting() == 0)
        }

        @Test("Beyond max_waiting, and after wait_timeout, the answer is 503 with Retry-After")
        func busy() throws {
            let gate = try Gate("max_connections = 1\nmax_waiting = 1\nwait_timeout = \"500ms\"")
            let served = try gate.ask()
            #expect(eventually { gate.arrived == 1 })
            let waiting = try gate.ask()
            #expect(try eventually { try gate.waiting() == 1 })
            let refused = try fetch(gate.site.port, "/public/slow", within: 20)
            #expect(refused.status == 503 && refused.fields["Retry-After"] == "5")
            let late = try waiting.response(within: 20)
            #expect(late.status == 503 && late.fields["Retry-After"] == "5")
            #expect(gate.arrived == 1)
            gate.release()
            #expect(try served.response(within: 20).status == 200)
            #expect(eventually { gate.site.gateway.log.contains("\"fault\":\"busy\"") })
            // The place is free again.
            gate.release()
            #expect(try fetch(gate.site.port, "/public/slow", within: 20).status == 200)
        }

        @Test("Viewers with a session come before all others that wait, also if the line is full, on every loop")
        func sessionsFirst() throws {
            let gate = try Gate("max_connections = 1\nmax_waiting = 6\nwait_timeout = \"60s\"", top: "threads = 3")
            let viewers = (0..<2).map { _ in Browser(gate.site) }
            for (number, viewer) in viewers.enumerated() {
                #expect(try viewer.open("/event/e1?token=\(Minter.acme.registration("r\(number)"))").status == 200)
            }
            let served = try gate.ask()
            #expect(eventually { gate.arrived == 1 })
            let crowd = try (0..<6).map { _ in try gate.ask() }
            #expect(try eventually { try gate.waiting() == 6 })
            let clients = try viewers.map { viewer in
                let client = try Client(port: gate.site.port)
                client.send("GET /event/e1/poll HTTP/1.1\r\nHost: localhost\r\n\(viewer.cookieField[0])\r\n\r\n")
                return client
            }
            // Two of the crowd give way, and only two.
            #expect(
                try eventually {
                    try gate.site.gateway.metrics().value("gateway_refusals_total", ["code": "try_again"]) == 2
                }
            )
            #expect(try gate.waiting() == 6)
            gate.release()
            for client in clients { #expect(try client.response(within: 20).status == 200) }
            #expect(try served.response(within: 20).status == 200)
            #expect(eventually { gate.arrived == 2 })
            let paths = gate.site.upstream.requests.map(\.target)
            #expect(paths.suffix(4) == ["/public/slow", "/event/e1/poll", "/event/e1/poll", "/public/slow"])
            gate.release(4)
            let statuses = try crowd.map { try $0.response(within: 20).status }
            #expect(statuses.sorted() == [200, 200, 200, 200, 503, 503])
        }

        @Test("A client that goes while it waits leaves its place to the next, with its body unread")
        func gone() throws {
            let gate = try Gate("max_connections = 1\nmax_waiting = 2\nwait_timeout = \"60s\"")
            let served = try gate.ask()
            #expect(eventually { gate.arrived == 1 })
            let leaver = try gate.ask()
            #expect(try eventually { try gate.waiting() == 1 })
            leaver.socket.close()
            #expect(try eventually { try gate.waiting() == 0 })
            let poster = try Client(port: gate.site.port)
            poster.send("POST /public/slow HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n")
            #expect(try eventually { try gate.waiting() == 1 })
            poster.send("12345")
            gate.release(2)
            #expect(try served.response(within: 20).status == 200)
            #expect(try poster.response(to: "POST", within: 20).text == "POST /public/slow 5")
            #expect(gate.arrived == 2)
        }

        @Test("An open WebSocket counts")
        func webSocket() throws {
            let gate = try Gate("max_connections = 1\nmax_waiting = 0")
            gate.site.upstream.on("/public/socket") { exchange in
                exchange.send(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
                )
                _ = exchange.socket.receive(within: 600)
                return false
            }
            let socket = try Client(port: gate.site.port)
            socket.send(
                "GET /public/socket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            #expect(try socket.response(within: 20).status == 101)
            #expect(try fetch(gate.site.port, "/public/x", within: 20).status == 503)
            socket.socket.close()
            #expect(try eventually { try fetch(gate.site.port, "/public/x", within: 20).status == 200 })
        }
    }
}
