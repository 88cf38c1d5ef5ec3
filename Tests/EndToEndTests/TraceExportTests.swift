import Foundation
import Synchronization
import TestSupport
import Testing

extension WaitingEndToEnd {
    @Suite("Traces: what collectors do")
    struct TraceExportTests {
        private func site(_ keys: String, _ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws -> Site {
            try Site {
                $0.top = "threads = 1"
                $0.tracing = keys
                adjust(&$0)
            }
        }

        private func dropped(_ site: Site, _ reason: String) throws -> Double {
            try site.gateway.metrics().value("gateway_tracing_spans_dropped_total", ["reason": reason])
        }

        private func metric(_ site: Site, _ name: String) throws -> Double {
            try site.gateway.metrics().value("gateway_tracing_\(name)", [:])
        }

        /// What a collector does instead of taking spans.
        private enum Misdeed: String, CaseIterable { case down, hangs, floods }

        @Test(
            "Attack: while the collector is down, hangs or floods, requests go on as before, and what does not fit is counted",
            arguments: Misdeed.allCases
        )
        private func misdeeds(_ misdeed: Misdeed) throws {
            let mayEnd = Flag()
            let collector = try Collector { exchange in
                switch misdeed {
                case .down: break
                case .hangs: _ = eventually(within: 60) { mayEnd.isSet }
                case .floods:
                    exchange.send("HTTP/1.1 200 OK\r\n\r\n")
                    let flood = [UInt8](repeating: 120, count: 1 << 16)
                    while exchange.socket.send(flood) {}
                }
                return false
            }
            defer { mayEnd.set() }
            let port = misdeed == .down ? try Listener.freePorts(1)[0] : collector.server.port
            let site = try site("\(Collector.keys(port))\ntimeout = \"1s\"\nbatch_size = 16\nqueue_size = 32")
            let client = try Client(port: site.port)
            for number in 0..<200 {
                let response = try client.exchange("/public/\(number)")
                #expect(response.status == 200, "\(response)")
            }
            #expect(try eventually { try dropped(site, "queue_full") > 0 })
            #expect(try eventually { try metric(site, "export_failures_total") > 0 })
            #expect(try metric(site, "spans_waiting") <= 32)
            #expect(try metric(site, "spans_exported_total") == 0)
            #expect(
                eventually {
                    site.gateway.log.contains("tracing: http://127.0.0.1:\(port)/v1/traces: ")
                }
            )
        }

        @Test("What a collector puts off is sent again after Retry-After, and what it refuses is not")
        func again() throws {
            let answers = Mutex(["503 Service Unavailable", "400 Bad Request"])
            let collector = try Collector { exchange in
                guard let status = answers.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else {
                    return try Collector.accept(exchange)
                }
                _ = try exchange.reply(status, ["Retry-After: 2"])
                return false
            }
            let site = try site(collector.keys)
            let began = monotonic()
            #expect(try fetch(site.port, "/public/1").status == 200)
            #expect(eventually { collector.exports.count == 2 })
            #expect(monotonic() - began >= 1.9)
            #expect(collector.exports[0].body == collector.exports[1].body)
            #expect(try eventually { try dropped(site, "rejected") == 2 })
            #expect(try fetch(site.port, "/public/2").status == 200)
            #expect(eventually { collector.exports.count == 3 })
            #expect(try Collector.spans(of: collector.exports[2].body).first?["url.path"] == "/public/2")
            #expect(try eventually { try metric(site, "spans_exported_total") == 2 })
            #expect(try metric(site, "export_failures_total") == 2)
            #expect(eventually { site.gateway.log.contains("takes spans again") })
        }

        @Test("Spans that the collector accepts only in part are counted")
        func partial() throws {
            let collector = try Collector { exchange in
                _ = try exchange.reply("200 OK", [], "{\"partialSuccess\":{\"rejectedSpans\":\"1\"}}")
                return false
            }
            let site = try site(collector.keys)
            #expect(try fetch(site.port, "/public/1").status == 200)
            #expect(try eventually { try dropped(site, "rejected") == 1 })
            #expect(try metric(site, "spans_exported_total") == 1)
        }

        @Test("A drain exports what waits, but not for longer than a second")
        func drain() throws {
            let collector = try Collector()
            let site = try site(collector.keys.replacing("100ms", with: "60s"))
            #expect(try fetch(site.port, "/public/1").status == 200)
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait(within: 20) == 0)
            #expect(try collector.spans().map(\.kind) == [.server, .client])
            let mayEnd = Flag()
            defer { mayEnd.set() }
            let hanging = try Collector { _ in
                _ = eventually(within: 60) { mayEnd.isSet }
                return false
            }
            let other = try self.site(hanging.keys.replacing("100ms", with: "60s") + "\ntimeout = \"60s\"")
            #expect(try fetch(other.port, "/public/1").status == 200)
            let began = monotonic()
            other.gateway.send(SIGTERM)
            #expect(other.gateway.wait(within: 40) == 0)
            #expect(monotonic() - began < 20)
        }

        @Test("A reload begins tracing, changes the collector, and ends it")
        func reload() throws {
            let (first, second) = (try Collector(), try Collector())
            let site = try site("")
            func reload(_ keys: String) throws {
                try site.gateway.rewrite(
                    site.configuration {
                        $0.top = "threads = 1"
                        $0.tracing = keys
                    }
                )
                site.gateway.reload()
            }
            #expect(try fetch(site.port, "/public/0").status == 200)
            try reload(first.keys)
            #expect(try fetch(site.port, "/public/1").status == 200)
            #expect(try first.spans(of: 1).only(.server)["url.path"] == "/public/1")
            try reload(second.keys + "\nservice_name = \"other\"")
            #expect(try fetch(site.port, "/public/2").status == 200)
            #expect(try second.spans(of: 1).only(.server).resource["service.name"] == "other")
            try reload("")
            #expect(try fetch(site.port, "/public/3").status == 200)
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait(within: 20) == 0)
            #expect(first.exports.count == 1 && second.exports.count == 1)
        }

        @Test("Attack: no token, ticket, cookie, e-mail or name is in a span")
        func secrets() throws {
            let collector = try Collector()
            let site = try site(collector.keys) { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let registered = try backend.register("ada@example.com", for: event)
            let viewer = Minter.Viewer(
                event: event,
                user: "ada@example.com",
                name: "Marked-Name",
                email: "marked@example.com"
            )
            let token = Minter.acme.token(viewer)
            let browser = Browser(site)
            _ = try browser.open("/event/\(event)?token=\(token)")
            _ = try browser.open(registered.target)
            let joined = try fetch(site.port, "/event/\(event)/x", ["Authorization: Bearer \(token)"])
            let requests: [(target: String, fields: [String])] = [
                ("/event/\(event)/x?token=\(token)&email=marked@example.com", []), ("/event/\(token)", []),
                ("/event/\(event)%3Ftoken=\(token)", []), ("/event/\(event)%3FjoinCode=\(registered.joinCode)", []),
                ("/event/\(event)?joinCode=\(registered.joinCode)", Browser.navigation),
                ("/public/\(token)", ["User-Agent: \(token)", "Referer: http://localhost/\(token)"]),
                ("/public/marked@example.com/marked%40example.com", ["User-Agent: bot (marked@example.com)"]),
                ("/event/\(event)/x", ["Cookie: sid=marked-application-cookie", "Authorization: Bearer \(token)z"]),
                ("/event/\(event)/x", ["Gateway-Session: \(joined["Gateway-Session"] ?? "")"]),
                ("/public/x", ["X-Request-Id: marked-request-id", "traceparent: \(token)", "tracestate: a=\(token)"]),
                (
                    "/api/v1/event/\(event)/presenter/marked@example.com",
                    ["Authorization: Bearer \(backend.token ?? "")"]
                ),
                (
                    "/api/v1/company/acme/people?email=marked@example.com",
                    ["Authorization: Bearer \(backend.token ?? "")"]
                ),
                ("/public/last", []),
            ]
            for (target, fields) in requests { _ = try? fetch(site.port, target, fields) }
            #expect(try eventually { try collector.spans().contains { $0["url.path"] == "/public/last" } })
            let exported = collector.exports.map { String(decoding: $0.body, as: UTF8.self) }.joined(separator: "\n")
            #expect(exported.contains("/event/\(event)"))
            var secrets = [
                "marked", "Marked", "ada@", "Ada", Minter.acme.secret, Backend.secret(of: "acme"), registered.joinCode,
                backend.token ?? "", joined["Gateway-Session"] ?? "",
            ]
            secrets += browser.cookies.values
            // One part of a token alone says enough.
            secrets += token.split(separator: ".").map(String.init).filter { $0.utf8.count >= 24 }
            #expect(secrets.allSatisfy { !$0.isEmpty } && secrets.count > 11)
            for secret in secrets { #expect(!exported.contains(secret), "\(secret)") }
        }
    }
}
