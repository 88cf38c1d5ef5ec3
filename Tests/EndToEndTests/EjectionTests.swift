import Foundation
import Synchronization
import Testing

extension EndToEnd {
    @Suite("Servers that fail requests")
    struct EjectionTests {
        /// Two servers, the second of which does as a test says.
        private final class Pair: Sendable {
            let site: Site
            let second: RecordingUpstream

            init(_ keys: String) throws {
                let second = try RecordingUpstream()
                self.second = second
                site = try Site {
                    $0.servers.append("127.0.0.1:\(second.port)")
                    $0.upstream = "balance = \"round_robin\"\n\(keys)"
                    $0.top = "threads = 1"
                }
            }

            /// The statuses of some requests.
            func statuses(_ count: Int) throws -> [Int] {
                try (0..<count).map { _ in try fetch(site.port, "/public/x").status }
            }

            func says(_ text: String) -> Bool { eventually { site.gateway.log.contains(text) } }
        }

        private static let reset: RecordingUpstream.Script = { _ in false }
        private static let hang: RecordingUpstream.Script = { exchange in
            _ = exchange.socket.receive(within: 600)
            return false
        }

        @Test("A server that closes without an answer is ejected after eject_after failures in a row")
        func closing() throws {
            let pair = try Pair("eject_after = 3\neject_time = \"2m\"")
            pair.second.on("/public/x", Self.reset)
            #expect(try pair.statuses(40).count { $0 == 502 } == 3)
            let name = "127.0.0.1:\(pair.second.port)"
            #expect(pair.says("\(name) is down: closed_early, 3 failures in a row: ejected for 120 s"))
            let metrics = try fetch(pair.site.gateway.adminPort, "/metrics").text
            let labels = "upstream=\"embed-host\",server=\"\(name)\""
            #expect(metrics.contains("gateway_upstream_ejections_total{\(labels)} 1\n"))
            #expect(metrics.contains("gateway_upstream_server_up{\(labels)} 0\n"))
        }

        @Test("An ejected server comes back by itself")
        func back() throws {
            let pair = try Pair("eject_after = 1\neject_time = \"1s\"\nslow_start = \"1s\"")
            pair.second.on("/public/x", Self.reset)
            #expect(try pair.statuses(2).contains(502))
            let name = "127.0.0.1:\(pair.second.port)"
            #expect(pair.says("\(name) is down: closed_early, 1 failure: ejected for 1 s"))
            pair.second.on("/public/x") { try $0.echo() }
            pair.second.forget()
            #expect(try eventually { try pair.statuses(2) == [200, 200] && !pair.second.requests.isEmpty })
            #expect(pair.says("\(name) is back"))
        }

        @Test("Never are all ejected")
        func both() throws {
            let pair = try Pair(
                "eject_after = 2\neject_time = \"1h\"\nmax_eject_time = \"1h\"\nmax_eject_percent = 100"
            )
            for upstream in [pair.site.upstream, pair.second] { upstream.on("/public/x", Self.reset) }
            #expect(try pair.statuses(20) == [Int](repeating: 502, count: 20))
            for upstream in [pair.site.upstream, pair.second] { upstream.on("/public/x") { try $0.echo() } }
            #expect(try pair.statuses(20) == [Int](repeating: 200, count: 20))
            #expect([pair.site.upstream, pair.second].count { $0.requests(for: "/public/x").count < 5 } == 1)
        }

        @Test("Statuses from 500 eject a server only with eject_on_errors", arguments: [true, false])
        func statuses(counts: Bool) throws {
            let pair = try Pair("eject_after = 3\neject_time = \"5m\"\neject_on_errors = \(counts)")
            pair.second.on("/public/x") { try $0.reply("500 Oops") }
            #expect(try pair.statuses(20).count { $0 == 500 } == (counts ? 3 : 10))
        }

        @Test("Attack: upgrades of what is no socket do not eject a server")
        func upgrades() throws {
            let pair = try Pair("eject_after = 2\neject_time = \"5m\"")
            for _ in 0..<10 {
                let fields = [
                    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                ]
                _ = try Client(port: pair.site.port).exchange("/public/x", fields)
            }
            #expect(try pair.statuses(10) == [Int](repeating: 200, count: 10))
            #expect(!pair.site.gateway.log.contains("is down"))
        }

        @Test("Who waits for the only server is answered once its checks get no answer, and so is who comes then")
        func hung() throws {
            let site = try Site {
                $0.upstream = "health_path = \"/health\"\nhealth_interval = \"100ms\"\nhealth_timeout = \"200ms\""
            }
            #expect(try fetch(site.port, "/public/x").status == 200)
            for path in ["/public/x", "/health"] { site.upstream.on(path, Self.hang) }
            let waiting = try fetch(site.port, "/public/x", within: 20)
            #expect(waiting.status == 502 && waiting.fields["Retry-After"] == "5")
            let count = site.upstream.requests(for: "/public/x").count
            for _ in 0..<5 { #expect(try fetch(site.port, "/public/x").status == 502) }
            #expect(site.upstream.requests(for: "/public/x").count == count)
            #expect(eventually { site.gateway.log.contains("\"fault\":\"unresponsive\"") })
            for path in ["/public/x", "/health"] { site.upstream.on(path) { try $0.echo() } }
            #expect(try eventually { try fetch(site.port, "/public/x").status == 200 })
        }

        @Test(
            "An only server gets requests while its checks fail, and none while they hang, whichever comes first",
            arguments: [true, false]
        )
        func failingChecks(hangsFirst: Bool) throws {
            let site = try Site {
                $0.upstream = "health_path = \"/health\"\nhealth_interval = \"100ms\"\nhealth_timeout = \"200ms\""
            }
            let fail: RecordingUpstream.Script = { try $0.reply("503 Starting") }
            for hangs in [hangsFirst, !hangsFirst] {
                site.upstream.on("/health", hangs ? Self.hang : fail)
                #expect(try eventually { try fetch(site.port, "/.gateway/readyz").status == 503 })
                #expect(try eventually { try fetch(site.port, "/public/x").status == (hangs ? 502 : 200) })
            }
        }

        @Test("Attack: slow requests, all of them in parallel, do not take out a server that answers others")
        func slowRequests() throws {
            let site = try Site { $0.upstream = "response_timeout = \"2s\"\neject_after = 1" }
            site.upstream.on("/public/slow", Self.hang)
            let slow = Thread { inParallel(8) { _ in _ = try? fetch(site.port, "/public/slow", within: 20) } }
            slow.start()
            let isAnswered = try eventually {
                guard try fetch(site.port, "/public/x").status == 200 else { return true }
                return slow.isFinished
            }
            #expect(isAnswered)
            for _ in 0..<5 { #expect(try fetch(site.port, "/public/x").status == 200) }
            // It would come back with the next answer, sooner than the log tells.
            let metrics = try fetch(site.gateway.adminPort, "/metrics").text
            let labels = "upstream=\"embed-host\",server=\"127.0.0.1:\(site.upstream.port)\""
            #expect(metrics.contains("gateway_upstream_ejections_total{\(labels)} 0\n"))
        }

        @Test("A server that hangs is found out over a connection that has served before")
        func reused() throws {
            let pair = try Pair("response_timeout = \"300ms\"\neject_after = 1")
            #expect(try pair.statuses(4) == [Int](repeating: 200, count: 4))
            pair.second.on("/public/x", Self.hang)
            #expect(try pair.statuses(2).contains(504))
            #expect(pair.says("127.0.0.1:\(pair.second.port) is down: timeout, 1 failure"))
        }

        @Test("Without checks, an only server that hangs gets one request at a time until it answers")
        func hungWithoutChecks() throws {
            let site = try Site { $0.upstream = "response_timeout = \"300ms\"\neject_after = 2" }
            site.upstream.on("/public/x", Self.hang)
            for _ in 0..<2 { #expect(try fetch(site.port, "/public/x", within: 20).status == 504) }
            site.upstream.forget()
            let statuses = Mutex<[Int]>([])
            let start = monotonic()
            inParallel(20) { _ in
                let status = (try? fetch(site.port, "/public/x", within: 20).status) ?? 0
                statuses.withLock { $0.append(status) }
            }
            // One of them is the first second's.
            let most = Int(monotonic() - start) + 1
            let trials = statuses.withLock { $0 }.count { $0 == 504 }
            #expect(statuses.withLock { $0 }.count { $0 == 502 } == 20 - trials)
            #expect(trials == site.upstream.requests(for: "/public/x").count && trials <= most)
            site.upstream.on("/public/x") { try $0.echo() }
            #expect(try eventually { try fetch(site.port, "/public/x").status == 200 })
            for _ in 0..<5 { #expect(try fetch(site.port, "/public/x").status == 200) }
        }
    }
}
