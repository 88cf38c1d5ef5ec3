import Foundation
import Testing

extension EndToEnd {
    @Suite("Limits hold, and exchanges given up on one side are given up on both")
    struct LimitTests {
        @Test(
            "A body past the limit is refused, by its length or in transit, and never reaches the upstream completely"
        )
        func bodySize() throws {
            let site = try Site { $0.limits += "\nbody_size = \"1KiB\"" }
            let fits = [UInt8](repeating: 120, count: 1024)
            #expect(try fetch(site.port, "/public/x", method: "POST", body: fits).text == "POST /public/x 1024")
            #expect(try fetch(site.port, "/public/x", method: "POST", body: fits + [1]).status == 413)
            let client = try Client(port: site.port)
            client.send("POST /public/c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n")
            client.send(fits)
            client.send("\r\n1\r\nx\r\n0\r\n\r\nGET /public/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try client.response().status == 413)
            #expect(client.isClosed())
            #expect(site.upstream.requests(for: "/public/c").allSatisfy { !$0.isComplete })
            #expect(site.upstream.requests(for: "/public/smuggled").isEmpty)
        }

        @Test("Heads past the limits are refused")
        func headSize() throws {
            let site = try Site {
                $0.limits += "\nheader_size = \"2KiB\"\nheader_count = 10"
                $0.tokens = "max_size = \"1KiB\""
            }
            #expect(try fetch(site.port, "/public/x", ["X: " + String(repeating: "x", count: 1000)]).status == 200)
            #expect(try fetch(site.port, "/public/x", ["X: " + String(repeating: "x", count: 3000)]).status == 431)
            #expect(try fetch(site.port, "/public/x", (0..<7).map { "X\($0): 1" }).status == 200)
            #expect(try fetch(site.port, "/public/x", (0..<12).map { "X\($0): 1" }).status == 431)
            #expect((400..<500).contains(try fetch(site.port, "/public/" + String(repeating: "x", count: 3000)).status))
            #expect(site.upstream.requests.count == 2)
        }

        @Test("A token past the limit is refused unread")
        func tokenSize() throws {
            let site = try Site { $0.tokens = "max_size = \"1KiB\"" }
            let long = Minter.acme.token(Minter.Viewer(name: String(repeating: "x", count: 1000)))
            try expectProblem(try fetch(site.port, "/event/e1?token=\(long)"), 401, "token_invalid")
            #expect(try fetch(site.port, "/event/e1?token=\(Minter.acme.token())").status == 200)
        }

        @Test("Connections past the limit wait or end, and are served when others leave")
        func connections() throws {
            let site = try Site { $0.limits += "\nconnections = 20" }
            var clients = try (0..<20).map { _ in try Client(port: site.port) }
            for client in clients.prefix(15) { #expect(try client.exchange("/public/x").status == 200) }
            let extra = try (0..<20).map { _ in try Client(port: site.port) }
            var served = 0
            for client in extra where (try? client.exchange("/public/x", within: 0.1).status) == 200 { served += 1 }
            #expect(served <= 5)
            for client in clients + extra { client.socket.close() }
            clients = []
            #expect(eventually { (try? fetch(site.port, "/public/x").status) == 200 })
            #expect(site.gateway.isRunning)
        }

        @Test("An idle connection is closed after its time, not before")
        func idle() throws {
            let site = try Site { $0.limits += "\nidle_timeout = \"1s\"" }
            let client = try Client(port: site.port)
            #expect(try client.exchange("/public/x").status == 200)
            let start = monotonic()
            #expect(client.isClosed())
            #expect((0.8...3).contains(monotonic() - start))
        }

        @Test("A client that leaves during its body leaves no complete request, and the next one is served")
        func abandonedUpload() throws {
            let site = try Site()
            for framing in ["Content-Length: 1000", "Transfer-Encoding: chunked"] {
                let client = try Client(port: site.port)
                client.send("POST /public/gone HTTP/1.1\r\nHost: localhost\r\n\(framing)\r\n\r\n5\r\nhello\r\n")
                #expect(eventually { !site.upstream.requests(for: "/public/gone").isEmpty })
                client.socket.close()
                #expect(try fetch(site.port, "/public/x").text == "GET /public/x 0")
            }
            #expect(site.upstream.requests(for: "/public/gone").allSatisfy { !$0.isComplete })
        }

        @Test("A client that leaves during a download releases the upstream at once")
        func abandonedDownload() throws {
            let site = try Site()
            let isOver = Flag()
            site.upstream.on("/public/flood") { exchange in
                defer { isOver.set() }
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
                while exchange.socket.send([UInt8](repeating: 120, count: 65_536), within: 20) {}
                return false
            }
            let client = try Client(port: site.port)
            client.send("GET /public/flood HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try client.reader.head() != nil)
            client.socket.close()
            #expect(eventually { isOver.isSet })
        }

        @Test("A stalled reader blocks its upstream, and does not fill the gateway's memory")
        func backPressure() throws {
            let site = try Site()
            site.upstream.on("/public/flood") { exchange in
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
                while exchange.socket.send([UInt8](repeating: 120, count: 65_536), within: 20) {}
                return false
            }
            #expect(try fetch(site.port, "/public/x").status == 200)
            let before = try residentKilobytes(site.gateway.pid)
            let clients = try (0..<20).map { _ in try Client(port: site.port, receiveBuffer: 4096) }
            for client in clients { client.send("GET /public/flood HTTP/1.1\r\nHost: localhost\r\n\r\n") }
            var samples: [Int] = []
            for _ in 0..<10 {
                #expect(try fetch(site.port, "/public/x").status == 200)
                usleep(50_000)
                samples.append(try residentKilobytes(site.gateway.pid) - before)
            }
            #expect(samples.max() ?? 0 < 20 << 10, "\(samples) KB")
        }

        @Test("Descriptors are released when clients and upstreams leave")
        func descriptors() throws {
            let site = try Site()
            func open() throws -> Int {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(site.gateway.pid)/fd").count
            }
            #expect(try fetch(site.port, "/public/x").status == 200)
            let before = try open()
            for _ in 0..<3 {
                var clients = try (0..<100).map { _ in try Client(port: site.port) }
                for (number, client) in clients.enumerated() {
                    switch number % 4 {
                    case 0: client.send("GET /public/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    case 1: client.send("POST /public/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nx")
                    case 2: client.send("GET /pub")
                    default: client.send("\0\r\n\r\n")
                    }
                }
                clients = []
            }
            let areBack = try eventually {
                site.upstream.closeConnections()
                return try open() <= before + 10
            }
            #expect(areBack)
        }
    }
}
