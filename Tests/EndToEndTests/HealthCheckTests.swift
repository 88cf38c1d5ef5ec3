import Foundation
import Testing

extension WaitingEndToEnd {
    @Suite("Health checks of upstream servers")
    struct HealthCheckTests {
        /// Two servers behind a gateway that checks them ten times a second.
        private final class Pair: Sendable {
            let site: Site
            let second: RecordingUpstream

            init(_ keys: String = "") throws {
                let second = try RecordingUpstream()
                self.second = second
                site = try Site {
                    $0.servers.append("127.0.0.1:\(second.port)")
                    $0.upstream = "health_path = \"/health?full=1\"\nhealth_interval = \"100ms\"\n\(keys)"
                }
            }

            var secondName: String { "127.0.0.1:\(second.port)" }

            /// How many of some requests each server gets.
            func shares() throws -> [Int] {
                for upstream in [site.upstream, second] { upstream.forget() }
                for _ in 0..<40 { #expect(try fetch(site.port, "/public/x").status == 200) }
                return [site.upstream, second].map { $0.requests(for: "/public/x").count }
            }

            func says(_ text: String) -> Bool { eventually { site.gateway.log.contains(text) } }
        }

        private static func answers(_ status: String) -> RecordingUpstream.Script {
            { try $0.reply(status) }
        }

        @Test("A server that fails its checks gets no requests, and gets them again once it is well")
        func failing() throws {
            let pair = try Pair()
            #expect(try eventually { try pair.shares().allSatisfy { $0 > 0 } })
            pair.second.on("/health", Self.answers("503 Service Unavailable"))
            #expect(pair.says("upstream embed-host: \(pair.secondName) is down: health check: status 503"))
            #expect(try eventually { try pair.shares() == [40, 0] })
            #expect(try fetch(pair.site.port, "/.gateway/readyz").status == 200)
            pair.second.on("/health", Self.answers("302 Found"))
            #expect(pair.says("upstream embed-host: \(pair.secondName) is back"))
            #expect(try eventually { try pair.shares().allSatisfy { $0 > 0 } })
        }

        @Test("If every server fails its checks, the gateway is not ready, but still tries them")
        func allFailing() throws {
            let pair = try Pair()
            for upstream in [pair.site.upstream, pair.second] { upstream.on("/health", Self.answers("500 Oops")) }
            #expect(try eventually { try fetch(pair.site.port, "/.gateway/readyz").status == 503 })
            #expect(try pair.shares().reduce(0, +) == 40)
            for upstream in [pair.site.upstream, pair.second] { upstream.on("/health", Self.answers("200 OK")) }
            #expect(try eventually { try fetch(pair.site.port, "/.gateway/readyz").status == 200 })
        }

        @Test("A check is a plain request for the public host, over a connection of its own")
        func request() throws {
            let pair = try Pair()
            #expect(eventually { !pair.second.requests(for: "/health").isEmpty })
            let request = try #require(pair.second.requests(for: "/health").first)
            #expect(request.method == "GET" && request.target == "/health?full=1")
            #expect(request["host"] == "localhost:\(pair.site.port)" && request["connection"] == "close")
            #expect(request.fields.allSatisfy { !$0.name.lowercased().hasPrefix("x-") })
            #expect(eventually { Set(pair.second.requests(for: "/health").map(\.connection)).count > 2 })
        }

        @Test("A server that accepts and never answers is taken out")
        func silent() throws {
            let pair = try Pair()
            pair.second.on("/health") { exchange in
                _ = exchange.socket.receive(within: 600)
                return false
            }
            #expect(pair.says("\(pair.secondName) is down: health check: no answer in time"))
            #expect(try eventually { try pair.shares() == [40, 0] })
        }

        @Test("A server that cannot be reached at the start is taken out by its first check")
        func down() throws {
            let dead = try Listener.freePorts(1)[0]
            let site = try Site {
                $0.servers.append("127.0.0.1:\(dead)")
                $0.upstream = "health_path = \"/\"\nhealth_interval = \"1h\""
            }
            #expect(eventually { site.gateway.log.contains("127.0.0.1:\(dead) is down: health check: refused") })
        }

        @Test("A reload checks by the new keys, and without health_path every server counts as well")
        func reload() throws {
            let pair = try Pair("health_status = \"204\"")
            #expect(try eventually { try fetch(pair.site.port, "/.gateway/readyz").status == 503 })
            func reload(_ keys: String) throws {
                try pair.site.gateway.rewrite(
                    pair.site.configuration {
                        $0.servers.append(pair.secondName)
                        $0.upstream = keys
                    }
                )
                pair.site.gateway.reload()
            }
            try reload("health_path = \"/other\"\nhealth_interval = \"100ms\"")
            #expect(eventually { !pair.second.requests(for: "/other").isEmpty })
            #expect(try eventually { try fetch(pair.site.port, "/.gateway/readyz").status == 200 })
            pair.second.on("/other", Self.answers("404 Not Found"))
            #expect(pair.says("\(pair.secondName) is down: health check: status 404"))
            try reload("")
            #expect(try eventually { try pair.shares().allSatisfy { $0 > 0 } })
            // A check that had begun may still arrive.
            #expect(
                eventually {
                    let count = pair.second.requests(for: "/other").count
                    return (try? pair.shares()) != nil && pair.second.requests(for: "/other").count <= count
                }
            )
        }

        @Test("Over TLS, a check verifies the server as requests do", arguments: [true, false])
        func tls(isTrusted: Bool) throws {
            let certificates = try TestCertificates.shared.get()
            let nginx = try SecureNginx("standard")
            var configuration = GatewayConfiguration(upstream: nginx.port)
            configuration.servers = ["https://localhost:\(nginx.port)"]
            configuration.upstream = "health_path = \"/\"\nhealth_interval = \"200ms\"\nhealth_fall = 3"
            if isTrusted { configuration.upstream += "\nca_file = \"\(certificates.path("ca.pem"))\"" }
            let gateway = try Gateway(configuration)
            if isTrusted {
                for _ in 0..<20 { #expect(try fetch(gateway.port, "/public/x").status == 200) }
                #expect(try fetch(gateway.port, "/.gateway/readyz").status == 200)
            } else {
                #expect(eventually { gateway.log.contains("is down: health check: TLS: ") }, "\(gateway.log)")
                #expect(try fetch(gateway.port, "/.gateway/readyz").status == 503)
            }
        }
    }
}
