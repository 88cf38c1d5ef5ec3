import Testing

extension EndToEnd {
    @Suite("How requests are spread over servers")
    struct BalanceTests {
        /// A gateway with several servers.
        private final class Group: Sendable {
            let site: Site
            let upstreams: [RecordingUpstream]

            /// - Parameter server: each server's entry in the configuration, by its address.
            init(_ count: Int, _ keys: String, server: (Int, String) -> String = { $1 }) throws {
                let others = try (1..<count).map { _ in try RecordingUpstream() }
                site = try Site { configuration in
                    configuration.servers += others.map { "127.0.0.1:\($0.port)" }
                    configuration.servers = configuration.servers.enumerated().map { server($0.offset, $0.element) }
                    configuration.upstream = keys
                }
                upstreams = [site.upstream] + others
            }

            /// How many requests for a path each server has got.
            func shares(_ path: String = "/public/x") -> [Int] { upstreams.map { $0.requests(for: path).count } }
        }

        @Test("Requests follow the weights; a backup gets none until the others are gone")
        func weights() throws {
            let group = try Group(3, "balance = \"round_robin\"") { index, address in
                "{ address = \"\(address)\", weight = \([3, 1, 9][index]), backup = \(index == 2) }"
            }
            // All over one connection, so that one loop takes the turns.
            let client = try Client(port: group.site.port)
            for _ in 0..<40 { #expect(try client.exchange("/public/x").status == 200) }
            #expect(group.shares() == [30, 10, 0])
            for upstream in group.upstreams.prefix(2) { upstream.stop() }
            for _ in 0..<10 { #expect(try fetch(group.site.port, "/public/x").status == 200) }
            #expect(group.shares() == [30, 10, 10])
        }

        @Test("With hash, each registration has its server, on every connection and after a restart")
        func hash() throws {
            let group = try Group(4, "balance = \"hash\"")
            func places() throws -> [[Int]] {
                try (0..<24).map { number in
                    for upstream in group.upstreams { upstream.forget() }
                    let token = Minter.acme.registration("R-\(number)")
                    for _ in 0..<4 {
                        let answer = try fetch(group.site.port, "/event/e1", ["Authorization: Bearer \(token)"])
                        #expect(answer.status == 200)
                    }
                    return group.shares("/event/e1")
                }
            }
            let before = try places()
            #expect(before.allSatisfy { $0.max() == 4 })
            #expect(Set(before).count > 1)
            try group.site.gateway.restart()
            #expect(try places() == before)
        }

        @Test("With hash, a client address has its server on public routes")
        func publicRoutes() throws {
            let group = try Group(4, "balance = \"hash\"")
            for _ in 0..<20 { #expect(try fetch(group.site.port, "/public/x").status == 200) }
            #expect(group.shares().max() == 20)
        }
    }
}
