import Basics
import Foundation
import JOSE
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Metrics: what is counted")
    struct CountingTests {
        @Test("Each request is counted once, by route, method, class of status and protocol")
        func requests() throws {
            let site = try Site()
            for (path, status) in [("/public/gone", "404 Gone"), ("/public/broken", "500 Broken")] {
                site.upstream.on(path) { try $0.reply(status) }
            }
            let before = try site.gateway.metrics()
            let client = try Client(port: site.port)
            for _ in 0..<3 { #expect(try client.exchange("/public/x").status == 200) }
            #expect(try client.exchange("/public/x", method: "POST", body: [1, 2, 3]).status == 200)
            #expect(try client.exchange("/public/x", method: "HEAD").status == 200)
            #expect(try client.exchange("/public/x", method: "PATCH").status == 200)
            #expect(try client.exchange("/public/gone").status == 404)
            #expect(try client.exchange("/public/broken").status == 500)
            #expect(try client.exchange("/event/e1").status == 401)
            #expect(try client.exchange("/.gateway/healthz").status == 200)
            #expect(try client.exchange("/public/%2e%2e/x").status == 400)
            let stream = try HTTP2Client.connected(port: site.port)
            for _ in 0..<2 { #expect(try stream.exchange("/public/x").status == 200) }
            let present = try site.gateway.metrics()
            func labels(_ route: String, _ method: String, _ status: String, _ name: String = "http/1.1") -> [String:
                String]
            { ["route": route, "method": method, "status": status, "protocol": name] }
            var counted = present.growth(of: "gateway_requests_total", since: before)
            for key in counted.keys where key["route"] == "admin" { counted[key] = nil }
            #expect(
                counted == [
                    labels("/public/**", "GET", "2xx"): 3, labels("/public/**", "POST", "2xx"): 1,
                    labels("/public/**", "HEAD", "2xx"): 1, labels("/public/**", "other", "2xx"): 1,
                    labels("/public/**", "GET", "4xx"): 1, labels("/public/**", "GET", "5xx"): 1,
                    labels("/public/**", "GET", "2xx", "h2"): 2, labels("/event/{event}", "GET", "4xx"): 1,
                    labels("gateway", "GET", "2xx"): 1, labels("none", "GET", "4xx"): 1,
                ]
            )
            let durations = present.growth(of: "gateway_request_duration_seconds_count", since: before)
            #expect(durations[["route": "/public/**"]] == 10)
            let server = ["upstream": "embed-host", "server": "127.0.0.1:\(site.upstream.port)"]
            let answers = present.growth(of: "gateway_upstream_requests_total", since: before)
            #expect(
                answers == [
                    server.merging(["status": "2xx"]) { $1 }: 8, server.merging(["status": "4xx"]) { $1 }: 1,
                    server.merging(["status": "5xx"]) { $1 }: 1,
                ]
            )
            let heads = present.growth(of: "gateway_upstream_head_duration_seconds_count", since: before)
            #expect(heads == [["upstream": "embed-host"]: 10])
            #expect(present.value("gateway_client_received_bytes_total") == 3)
            #expect(present.value("gateway_client_sent_bytes_total") > 0)
            // Only the two clients are left, and the scraper does not count.
            #expect(
                try eventually {
                    let now = try site.gateway.metrics()
                    return now.value("gateway_connections_open", ["protocol": "http/1.1"]) == 1
                        && now.value("gateway_connections_open", ["protocol": "h2"]) == 1
                        && now.value("gateway_connections_open", ["protocol": "handshake"]) == 0
                        && now.value("gateway_http2_streams_open") == 0
                        && now.sum("gateway_upstream_connections", ["state": "active"]) == 0
                        && now.sum("gateway_upstream_connections", ["state": "idle"]) >= 1
                }
            )
            // The scrape itself is in progress.
            #expect(try site.gateway.metrics().value("gateway_requests_active") == 1)
        }

        @Test("Each refusal is counted by its code")
        func refusals() throws {
            let site = try Site()
            let before = try site.gateway.metrics()
            var expected: [[String: String]: Double] = [:]
            for refusal in RefusalCase.all {
                #expect(try fetch(site.port, refusal.target, refusal.fields).status == refusal.status)
                expected[["code": refusal.code], default: 0] += 1
            }
            let present = try site.gateway.metrics()
            #expect(present.growth(of: "gateway_refusals_total", since: before) == expected)
            let key = try Key.secret([UInt8](repeating: 7, count: 64), algorithm: .hs512, id: "acme-2026")
            let claims = [JSONMember("companyId", .string("acme")), JSONMember("sub", .string("u1"))]
            let other = try Token.sign(claims, type: nil, with: key)
            #expect(try fetch(site.port, "/event/e1", ["Authorization: Bearer \(other)"]).status == 401)
            let checks = try site.gateway.metrics().growth(of: "gateway_token_verifications_total", since: before)
            #expect(checks[["algorithm": "HS256", "outcome": "signature"]] ?? 0 > 0)
            #expect(checks[["algorithm": "HS512", "outcome": "algorithm"]] == 1)
            #expect(checks[["algorithm": "unknown", "outcome": "malformed"]] ?? 0 > 0)
        }

        @Test("Joins, renewals, take-overs, kicks and goodbyes are counted")
        func sessions() throws {
            let site = try Site()
            let before = try site.gateway.metrics()
            let link = "/event/e1?token=\(Minter.acme.registration("r1"))"
            let (first, second) = (Browser(site), Browser(site))
            #expect(try first.open(link).status == 200)
            let joined = try site.gateway.metrics()
            #expect(joined.value("gateway_sessions") == 1)
            for _ in 0..<3 { #expect(try first.fetch("/event/e1/poll").status == 200) }
            let renewed = try site.gateway.metrics()
            #expect(renewed.growth(of: "gateway_session_renewals_total", since: joined) == [[:]: 3])
            #expect(try second.open(link).status == 200)
            try expectProblem(try first.fetch("/event/e1/poll"), 409, "session_replaced")
            let kick = try fetch(site.gateway.adminPort, "/sessions?registration=r1", method: "DELETE")
            #expect(kick.status == 200)
            try expectProblem(try second.fetch("/event/e1/poll"), 403, "viewer_removed")
            let third = Browser(site)
            #expect(try third.open("/event/e1?token=\(Minter.acme.registration("r2"))").status == 200)
            #expect(try third.fetch("/.gateway/leave", "POST").status == 204)
            let present = try site.gateway.metrics()
            #expect(present.value("gateway_sessions_begun_total") == 3)
            #expect(
                present.growth(of: "gateway_sessions_ended_total", since: before) == [
                    ["reason": "replaced"]: 1, ["reason": "ended"]: 1, ["reason": "left"]: 1,
                ]
            )
            #expect(present.value("gateway_sessions") == 0)
            #expect(
                present.growth(of: "gateway_refusals_total", since: before) == [
                    ["code": "session_replaced"]: 1, ["code": "viewer_removed"]: 1,
                ]
            )
            #expect(present.sum("gateway_token_cache_hits_total") > 0)
            #expect(present.value("gateway_token_cache_misses_total", ["kind": "token"]) > 0)
            #expect(present.value("gateway_token_cache_entries") > 0)
        }

        @Test("A WebSocket counts as open until it ends, and says what ended it")
        func webSockets() throws {
            let site = try Site()
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let before = try site.gateway.metrics()
            let token = Minter.acme.registration("r1")
            let client = try Client(port: site.port)
            #expect(try client.openWebSocket("/event/e1/ws?token=\(token)").status == 101)
            #expect(try client.echo("hello") == "hello")
            let open = try site.gateway.metrics()
            #expect(open.value("gateway_websockets_open") == 1 && open.value("gateway_websockets_opened_total") == 1)
            let labels = ["route": "/event/{event}/**", "method": "GET", "status": "1xx", "protocol": "http/1.1"]
            #expect(open.value("gateway_requests_total", labels) == 1)
            #expect(open.value("gateway_client_received_bytes_total") == Double(WebSocket.frame("hello").count))
            #expect(try fetch(site.gateway.adminPort, "/sessions?registration=r1", method: "DELETE").status == 200)
            #expect(client.remainder() != nil)
            #expect(try eventually { try site.gateway.metrics().value("gateway_websockets_open") == 0 })
            let present = try site.gateway.metrics()
            #expect(
                present.growth(of: "gateway_refusals_total", since: before) == [["code": "viewer_removed"]: 1]
            )
            #expect(present.growth(of: "gateway_requests_cut_total", since: before) == [["by": "session"]: 1])
            #expect(present.value("gateway_requests_total", labels) == 1)
            // A socket of hours says nothing about how long requests take.
            let duration = ["route": "/event/{event}/**"]
            #expect(present.value("gateway_request_duration_seconds_count", duration) == 0)
        }

        @Test("Joins, and the close frames of sessions that are ended, are timed; answers also to their head")
        func durations() throws {
            let site = try Site()
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let go = Flag()
            site.upstream.on("/event/e1/slow") { exchange in
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
                _ = eventually(within: 20) { go.isSet }
                exchange.send("done")
                return true
            }
            let before = try site.gateway.metrics()
            let token = Minter.acme.registration("r1")
            func growth(_ name: String) throws -> [[String: String]: Double] {
                try site.gateway.metrics().growth(of: name, since: before)
            }
            let client = try Client(port: site.port)
            #expect(try client.openWebSocket("/event/e1/ws?token=\(token)").status == 101)
            #expect(try growth("gateway_join_duration_seconds_count") == [[:]: 1])
            let second = Browser(site)
            #expect(try second.open("/event/e1?token=\(token)").status == 200)
            #expect(client.remainder() != nil)
            // The link's redirect joins; the request that follows shows the session.
            #expect(try growth("gateway_join_duration_seconds_count") == [[:]: 2])
            #expect(try eventually { try growth("gateway_session_close_duration_seconds_count") == [[:]: 1] })
            #expect(try Browser(site).open("/event/e2?token=\(token)").status == 403)
            #expect(try growth("gateway_join_duration_seconds_count") == [[:]: 3])
            #expect(try fetch(site.port, "/event/e1?token=no.to.ken").status == 401)
            #expect(try growth("gateway_join_duration_seconds_count") == [[:]: 3])
            let start = monotonic()
            let slow = try Client(port: site.port)
            slow.send("GET /event/e1/slow HTTP/1.1\r\nHost: localhost\r\n\(second.cookieField[0])\r\n\r\n")
            #expect(eventually { monotonic() - start > 1.5 && !site.upstream.requests(for: "/event/e1/slow").isEmpty })
            go.set()
            #expect(try slow.response().text == "done")
            let route = ["route": "/event/{event}/**"]
            let (whole, head) = (
                try growth("gateway_request_duration_seconds_sum"),
                try growth("gateway_request_head_duration_seconds_sum")
            )
            #expect(whole[route] ?? 0 > (head[route] ?? 0) + 1)
            let (wholes, heads) = (
                try growth("gateway_request_duration_seconds_count"),
                try growth("gateway_request_head_duration_seconds_count")
            )
            #expect(heads[route] == wholes[route])
        }

        @Test("An upstream that is down shows in its servers, faults and refusals")
        func upstreamDown() throws {
            let site = try Site()
            #expect(try fetch(site.port, "/public/x").status == 200)
            let server = ["upstream": "embed-host", "server": "127.0.0.1:\(site.upstream.port)"]
            let before = try site.gateway.metrics()
            #expect(before.value("gateway_upstream_server_up", server) == 1 && before.value("gateway_ready") == 1)
            #expect(before.value("gateway_upstream_connect_duration_seconds_count", ["upstream": "embed-host"]) >= 1)
            let port = site.upstream.port
            site.upstream.stop()
            let failed = try (0..<2).map { _ in try fetch(site.port, "/public/x").status }
            #expect(failed.allSatisfy { $0 == 502 })
            let present = try site.gateway.metrics()
            #expect(present.value("gateway_upstream_server_up", server) == 0)
            let faults = present.growth(of: "gateway_upstream_faults_total", since: before)
            #expect(faults[["upstream": "embed-host", "fault": "refused"]] == 2)
            #expect(
                present.growth(of: "gateway_refusals_total", since: before) == [
                    ["code": "upstream_unavailable"]: 2
                ]
            )
            #expect(
                try eventually {
                    _ = try fetch(site.port, "/public/x")
                    return try site.gateway.metrics().value("gateway_ready") == 0
                }
            )
            let again = try RecordingUpstream(port: port)
            #expect(
                try eventually {
                    _ = try fetch(site.port, "/public/x")
                    return try site.gateway.metrics().value("gateway_upstream_server_up", server) == 1
                }
            )
            again.stop()
        }

        @Test("A request that goes to a second server, or is sent again, counts as a retry")
        func retries() throws {
            let dead = try Listener.freePorts(1)[0]
            let site = try Site { $0.servers.append("127.0.0.1:\(dead)") }
            let before = try site.gateway.metrics()
            #expect(
                try eventually {
                    _ = try fetch(site.port, "/public/x")
                    return try site.gateway.metrics().sum("gateway_upstream_retries_total") > 0
                }
            )
            let present = try site.gateway.metrics()
            let retries = present.value("gateway_upstream_retries_total", ["upstream": "embed-host"])
            let faults = present.growth(of: "gateway_upstream_faults_total", since: before)
            #expect(faults.values.reduce(0, +) == retries)
            #expect(faults[["upstream": "embed-host", "fault": "refused"]] ?? 0 > 0)
            let server = ["upstream": "embed-host", "server": "127.0.0.1:\(dead)"]
            #expect(present.value("gateway_upstream_server_up", server) == 0)
        }

        @Test("No counter goes back over reloads, also when routes and upstreams come and go")
        func reload() throws {
            let site = try Site()
            let other = try RecordingUpstream()
            let more = """
                [[upstream]]
                name = "other"
                servers = ["127.0.0.1:\(other.port)"]
                [[route]]
                path = "/more/**"
                upstream = "other"
                access = "public"
                """
            var last = try site.gateway.metrics()
            #expect(last.value("gateway_config_last_reload_successful") == 1)
            let started = last.value("gateway_config_last_reload_success_timestamp_seconds")
            #expect(started >= last.value("process_start_time_seconds"))
            /// Expects that every counter of something that stayed has not decreased.
            func expectGrowth() throws {
                let present = try site.gateway.metrics()
                for (sample, value) in last.counters {
                    let isGone = sample.labels["route"] == "/more/**" || sample.labels["upstream"] == "other"
                    if let now = present.samples[sample] {
                        #expect(now >= value || isGone, "\(sample)")
                    } else {
                        #expect(isGone, "\(sample) is gone")
                    }
                }
                last = present
            }
            for round in 0..<3 {
                for path in ["/public/x", "/event/e1", "/more/x"] { _ = try fetch(site.port, path) }
                try expectGrowth()
                try site.gateway.rewrite(site.configuration { if round % 2 == 0 { $0.more = more } })
                site.gateway.reload()
                try expectGrowth()
            }
            let count = last.value(
                "gateway_requests_total",
                ["route": "/public/**", "method": "GET", "status": "2xx", "protocol": "http/1.1"]
            )
            #expect(count == 3)
            #expect(last.value("gateway_config_reloads_total", ["result": "success"]) == 3)
            try site.gateway.rewrite(site.configuration { $0.limits += "\nno_such_limit = 1" })
            site.gateway.send(SIGHUP)
            #expect(
                try eventually {
                    try site.gateway.metrics().value("gateway_config_reloads_total", ["result": "failure"]) == 1
                }
            )
            try expectGrowth()
            #expect(last.value("gateway_config_last_reload_successful") == 0)
            #expect(last.value("gateway_config_last_reload_success_timestamp_seconds") > started)
            _ = try fetch(site.port, "/more/x")
            #expect(try site.gateway.metrics().sum("gateway_requests_total", ["route": "/more/**"]) == 1)
        }

        @Test("TLS handshakes and the expiry of certificates are shown")
        func security() throws {
            let site = try TLSSite()
            let before = try site.gateway.metrics()
            #expect(try site.curl(["\(site.url)/public/x"]).status == 0)
            let plain = try Client(port: site.tlsPort)
            plain.send("GET / HTTP/1.1\r\n\r\n")
            #expect(plain.remainder() != nil)
            #expect(
                try eventually {
                    let handshakes = try site.gateway.metrics().growth(
                        of: "gateway_tls_handshakes_total",
                        since: before
                    )
                    return handshakes == [["result": "completed"]: 1, ["result": "failed"]: 1]
                }
            )
            let certificates = try site.gateway.metrics().samples.keys.filter {
                $0.name == "gateway_certificate_expiry_timestamp_seconds"
            }
            let places = Set(certificates.compactMap { $0.labels["certificate"] })
            #expect(places.isSuperset(of: ["listener[0]", "listener[0].sni[0]", "listener[1]"]), "\(places)")
        }

        @Test("Connections beyond a limit are counted by its key")
        func connectionLimits() throws {
            let site = try Site { $0.limits += "\nconnections_per_address = 2" }
            let clients = try (0..<5).map { _ in try Client(port: site.port) }
            #expect(
                try eventually {
                    let page = try site.gateway.metrics()
                    return page.value("gateway_connections_refused_total", ["limit": "connections_per_address"]) >= 3
                }
            )
            #expect(
                try site.gateway.metrics().value("gateway_connections_refused_total", ["limit": "connections"]) == 0
            )
            withExtendedLifetime(clients) {}
        }
    }
}
