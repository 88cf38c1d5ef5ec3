#if os(Linux)
    import Foundation
    import Synchronization
    import Testing

    extension EndToEnd {
        @Suite("Slow peers leave nothing behind")
        struct SlowPeerTests {
            /// The number of sockets with that port on the gateway's side, except listening ones and those of which
            /// only TIME_WAIT is left.
            private static func sockets(of port: UInt16) throws -> Int {
                // Foundation reads only the first page of such a file.
                let table = try run("/bin/cat", ["/proc/net/tcp"]).output
                let suffix = ":" + String(port, radix: 16, uppercase: true).leftPadded(to: 4)
                let (timeWait, listen) = ("06", "0A")
                return table.split(separator: "\n").dropFirst().count { line in
                    let words = line.split(separator: " ", omittingEmptySubsequences: true)
                    return words.count > 3 && words[1].hasSuffix(suffix) && words[3] != timeWait && words[3] != listen
                }
            }

            @Test(
                "Attack: 400 readers of a few bytes a second of 50 MB, half of them half-closed, leave no socket behind"
            )
            func readers() throws {
                let site = try Site()
                // Not connections: one whose short answer is complete serves the next request.
                let requests = Atomic(0)
                for path in ["/public/video/open", "/public/video/half"] {
                    site.upstream.on(path) { exchange in
                        requests.add(1, ordering: .relaxed)
                        exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n")
                        let piece = [UInt8](repeating: 120, count: 65_536)
                        for _ in 0..<763 { guard exchange.socket.send(piece, within: 90) else { return false } }
                        return false
                    }
                }
                // A small answer is written completely, and its end waits for the reader.
                site.upstream.on("/public/short") { exchange in
                    requests.add(1, ordering: .relaxed)
                    return try exchange.reply("200 OK", [], String(repeating: "x", count: 150_000))
                }
                site.upstream.keepRequests(false)
                let clients = try (0..<420).map { index in
                    let client = try Client(port: site.port, receiveBuffer: 2048)
                    let isHalfClosed = index % 2 == 0
                    let path = index >= 400 ? "short" : isHalfClosed ? "video/half" : "video/open"
                    client.send("GET /public/\(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if isHalfClosed { client.socket.finishSending() }
                    return client
                }
                #expect(eventually(within: 60) { requests.load(ordering: .relaxed) >= 420 })
                let start = monotonic()
                while monotonic() - start < 60, try Self.sockets(of: site.port) > 0 {
                    for client in clients { _ = client.socket.receive(upTo: 6, within: 0) }
                    usleep(500_000)
                }
                #expect(try Self.sockets(of: site.port) == 0)
                #expect(clients.count == 420)
                #expect(try fetch(site.port, "/public/x").status == 200)
                // Each had its time, and no more than that.
                for (kind, allowed) in [("open", 20_000...50_000), ("half", 1000...50_000)] {
                    var times: [Int] = []
                    _ = eventually {
                        times = site.gateway.log.split(separator: "\n")
                            .filter { $0.contains("\"cut\":\"slow\"") && $0.contains("/public/video/\(kind)") }
                            .compactMap { line in
                                line.firstMatch(of: /"duration_ms":([0-9]+)/).flatMap { Int($0.1) }
                            }
                        return times.count >= 200
                    }
                    #expect(times.count == 200)
                    #expect(
                        times.allSatisfy { allowed.contains($0) },
                        "\(kind): \(times.min() ?? 0) to \(times.max() ?? 0) ms"
                    )
                }
                #expect(eventually { site.gateway.log.contains("the end of an answer too slowly") })
            }
        }
    }

    extension String {
        fileprivate func leftPadded(to count: Int) -> String {
            String(repeating: "0", count: max(0, count - self.count)) + self
        }
    }
#endif
