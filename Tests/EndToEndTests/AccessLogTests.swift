import Foundation
import Testing

extension EndToEnd {
    @Suite("The access log")
    struct AccessLogTests {
        /// The JSON line of a path, once it exists; the last one if there are several.
        private func line(_ gateway: Gateway, _ path: String, count: Int = 1) throws -> [String: Any] {
            var found: [[String: Any]] = []
            _ = eventually(within: 20) {
                found = gateway.log.split(separator: "\n")
                    .compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
                    .filter { $0["path"] as? String == path }
                return found.count >= count
            }
            try #require(found.count == count, "lines for \(path) in \(gateway.log)")
            return found[count - 1]
        }

        @Test("A line tells who was let in where, by which route and decision, and where the time went")
        func fields() throws {
            let site = try Site()
            site.upstream.on("/event/e1/slow") { exchange in
                // The least that the gateway can measure with certainty.
                usleep(50_000)
                return try exchange.reply("200 OK", [], "body")
            }
            let browser = Browser(site)
            let token = Minter.acme.token(Minter.Viewer(registration: "reg-1"))
            #expect(try browser.open("/event/e1?token=\(token)").status == 200)
            let redirect = try line(site.gateway, "/event/e1?token=*")
            #expect(redirect["verdict"] as? String == "admit" && redirect["status"] as? Int == 303)
            let agent = "Mozilla/5.0 (X11; Linux)"
            let trace = "0af7651916cd43dd8448eb211c80319c"
            let fields = ["User-Agent: \(agent)", "traceparent: 00-\(trace)-b7ad6b7169203331-01", "X-Request-Id: mine"]
            #expect(try browser.fetch("/event/e1/slow", "GET", fields).status == 200)
            let slow = try line(site.gateway, "/event/e1/slow")
            let expected = [
                "verdict": "admit", "route": "/event/{event}/**", "event": "e1", "company": "acme", "role": "attendee",
                "protocol": "HTTP/1.1", "user_agent": agent, "trace_id": trace, "request_id": "mine",
                "upstream": "127.0.0.1:\(site.upstream.port)", "client": "127.0.0.1",
            ]
            for (name, value) in expected { #expect(slow[name] as? String == value, "\(name) in \(slow)") }
            let head = try #require(slow["head_ms"] as? Int)
            let connect = try #require(slow["connect_ms"] as? Int)
            #expect(head >= 45 && connect >= 0 && (slow["duration_ms"] as? Int ?? 0) >= head)
            #expect(slow["response_bytes"] as? Int == 4)
            #expect(slow["token_sha256"] is String && slow["token"] is String && slow["session"] is String)
            #expect(slow["tls"] == nil && slow["server_name"] == nil && slow["refusal"] == nil)
            let seen = try #require(site.upstream.requests(for: "/event/e1/slow").first)
            #expect(seen["traceparent"]?.contains(trace) == true)
        }

        @Test("The request that joins says so, and those that follow are admitted")
        func verdicts() throws {
            let site = try Site { $0.log = "access_format = \"{path} {status} {verdict} {refusal}\"" }
            let token = Minter.acme.token(Minter.Viewer(registration: "reg-1"))
            let bearer = "Authorization: Bearer \(token)"
            let joined = try fetch(site.port, "/event/e1/join", [bearer])
            let session = try #require(joined["Gateway-Session"])
            #expect(try fetch(site.port, "/event/e1/next", ["Gateway-Session: \(session)"]).status == 200)
            #expect(try fetch(site.port, "/event/e2/other", [bearer]).status == 403)
            #expect(try fetch(site.port, "/public/x").status == 200)
            let lines = [
                "/event/e1/join 200 join -", "/event/e1/next 200 admit -", "/event/e2/other 403 refuse wrong_event",
                "/public/x 200 - -",
            ]
            #expect(eventually { lines.allSatisfy { site.gateway.log.contains("\($0)\n") } }, "\(site.gateway.log)")
        }

        @Test(
            "Each line names its own session and viewer, whichever were logged before, and after a reload in the new format"
        )
        func sessions() throws {
            let fields = "{company} {token_sha256} {event} {session} {role}"
            let site = try Site { $0.log = "access_format = \"{path} \(fields) {verdict}\"" }
            var sessions: [String] = []
            for user in ["a", "b"] {
                let token = Minter.acme.token(Minter.Viewer(user: user))
                let joined = try fetch(site.port, "/event/e1/join-\(user)", ["Authorization: Bearer \(token)"])
                sessions.append("Gateway-Session: \(try #require(joined["Gateway-Session"]))")
            }
            func ask(_ name: String) throws {
                for count in 0..<4 {
                    #expect(try fetch(site.port, "/event/e1/\(name)\(count)", [sessions[count % 2]]).status == 200)
                }
            }
            /// What follows the path in the line of each of these requests.
            func rests(_ paths: [String]) throws -> [String] {
                var found: [String] = []
                _ = eventually(within: 20) {
                    let lines = site.gateway.log.split(separator: "\n")
                    found = paths.compactMap { path in
                        lines.first { $0.contains("/event/e1/\(path) ") }.map { String($0.drop { $0 != " " }) }
                    }
                    return found.count == paths.count
                }
                try #require(found.count == paths.count, "\(site.gateway.log)")
                return found
            }
            try ask("x")
            let first = try rests(["join-a", "join-b", "x0", "x1", "x2", "x3"])
            let known = first[2...3].map { String($0.dropLast(" admit".count)) }
            #expect(first == known.map { $0 + " join" } + (known + known).map { $0 + " admit" })
            #expect(known[0] != known[1] && known.allSatisfy { $0.hasSuffix(" attendee") })
            try site.gateway.rewrite(site.configuration { $0.log = "access_format = \"{path} {verdict} \(fields)\"" })
            site.gateway.reload()
            try ask("y")
            #expect(try rests(["y0", "y1", "y2", "y3"]) == (known + known).map { " admit" + $0 })
        }

        @Test("A token without exp is refused with a fault")
        func expiryMissing() throws {
            let site = try Site()
            var viewer = Minter.Viewer()
            viewer.expires = nil
            let endless = "Authorization: Bearer \(Minter.acme.token(viewer))"
            #expect(try fetch(site.port, "/event/e1/endless", [endless]).status == 401)
            let line = try line(site.gateway, "/event/e1/endless")
            #expect(line["refusal"] as? String == "token_invalid" && line["fault"] as? String == "expiry_missing")
        }

        @Test("A line tells the versions of TLS and HTTP, and the server name")
        func tls() throws {
            let site = try TLSSite()
            let url = "\(site.url)/public/"
            for (path, options) in [("one", ["--http2"]), ("two", ["--tls-max", "1.2"])] {
                #expect(try site.curl(options + [url + path]).status == 0)
            }
            let one = try line(site.gateway, "/public/one")
            #expect(one["protocol"] as? String == "HTTP/2.0" && one["tls"] as? String == "TLSv1.3")
            #expect(one["server_name"] as? String == "localhost")
            let two = try line(site.gateway, "/public/two")
            #expect(two["protocol"] as? String == "HTTP/1.1" && two["tls"] as? String == "TLSv1.2")
        }

        @Test("A client that leaves over TLS has the same fields")
        func left() throws {
            let site = try TLSSite()
            site.upstream.on("/public/never") { exchange in
                _ = exchange.socket.receive(within: 30)
                return false
            }
            for version in ["--http1.1", "--http2"] {
                #expect(try site.curl([version, "-m", "1", "\(site.url)/public/never"]).status != 0)
            }
            let line = try line(site.gateway, "/public/never", count: 2)
            #expect(line["status"] as? Int == 499 && line["cut"] as? String == "client")
            #expect(line["tls"] as? String == "TLSv1.3" && line["server_name"] as? String == "localhost")
            #expect(line["head_ms"] == nil && line["connect_ms"] is Int)
        }

        @Test("A reload changes the format, the sample and the routes that are logged")
        func reload() throws {
            let site = try Site { $0.log = "access_format = \"first {path}\"" }
            func reload(_ log: String, _ route: String = "") throws {
                try site.gateway.rewrite(
                    site.configuration {
                        $0.log = log
                        $0.more =
                            "[[route]]\npath = \"/quiet/**\"\nupstream = \"embed-host\"\naccess = \"public\"\n\(route)"
                    }
                )
                site.gateway.reload()
            }
            #expect(try fetch(site.port, "/public/a").status == 200)
            try reload("access_format = \"second {status} {path}\"", "access_log = false")
            #expect(try fetch(site.port, "/public/b").status == 200)
            #expect(try fetch(site.port, "/quiet/c").status == 200)
            try reload("access = false\naccess_format = \"third {path}\"", "access_log = true")
            #expect(try fetch(site.port, "/public/d").status == 200)
            #expect(try fetch(site.port, "/quiet/e").status == 200)
            try reload("access_sample = 0.0\naccess_format = \"fourth {path}\"")
            #expect(try fetch(site.port, "/public/f").status == 200)
            #expect(try fetch(site.port, "/event/g").status == 401)
            let isWritten = eventually(within: 20) { site.gateway.log.contains("fourth /event/g") }
            #expect(isWritten)
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait() == 0)
            // The gateway's own endpoint belongs to the tests, which wait for it.
            let lines = Child.text(of: site.gateway.directory["output.log"]).split(separator: "\n").map(String.init)
                .filter { !$0.contains("/.gateway/") }
            #expect(
                lines.sorted()
                    == ["first /public/a", "fourth /event/g", "second 200 /public/b", "third /quiet/e"]
            )
        }
    }
}
