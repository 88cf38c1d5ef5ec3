import Synchronization
import Testing

extension EndToEnd {
    @Suite("Requests that are sent once more")
    struct RetryTests {
        private func metric(_ site: Site, _ name: String) throws -> Int {
            let text = try fetch(site.gateway.adminPort, "/metrics").text
            let line = try #require(
                text.split(separator: "\n").first { $0.hasPrefix("\(name){upstream=\"embed-host\"} ") }
            )
            return Int(line.split(separator: " ").last ?? "") ?? -1
        }

        /// An upstream that closes a connection on each of its requests but the first.
        private func closingSite(_ keys: String) throws -> Site {
            let seen = Mutex<Set<Int>>([])
            return try Site({
                $0.upstream = keys; $0.top = "threads = 1"
            }) { exchange in
                let isFirst = seen.withLock { $0.insert(exchange.request.connection).inserted }
                return try isFirst ? exchange.echo() : false
            }
        }

        @Test("With retries = 0, a request that meets a closing connection is not repeated")
        func closing() throws {
            let site = try closingSite("retries = 0")
            let client = try Client(port: site.port)
            #expect(try client.exchange("/public/1").status == 200)
            #expect(try client.exchange("/public/2").status == 502)
            #expect(site.upstream.requests(for: "/public/2").count == 1)
            #expect(try metric(site, "gateway_upstream_retries_total") == 0)
        }

        @Test("If every request needs it, only a share is repeated")
        func budget() throws {
            let site = try closingSite("max_retry_percent = 0\neject_after = 0")
            let client = try Client(port: site.port)
            // Every other request meets a connection that has served one.
            var statuses: [Int] = []
            for number in 0..<60 { statuses.append(try client.exchange("/public/\(number)").status) }
            let failures = statuses.count { $0 == 502 }
            #expect(failures > 0)
            #expect(try metric(site, "gateway_upstream_retries_total") <= 60 - failures)
            #expect(try metric(site, "gateway_upstream_retries_withheld_total") == failures)
            #expect(eventually { site.gateway.log.contains("closed_early") })
        }

        @Test("A request tries at most retries further servers")
        func servers() throws {
            let dead = try Listener.freePorts(3)
            for (retries, status) in [(3, 200), (2, 502)] {
                let site = try Site { configuration in
                    configuration.servers =
                        dead.map { "127.0.0.1:\($0)" }
                        + ["{ address = \"\(configuration.servers[0])\", backup = true }"]
                    configuration.upstream = "retries = \(retries)"
                    configuration.top = "threads = 1"
                }
                #expect(try fetch(site.port, "/public/x").status == status)
            }
        }
    }
}
