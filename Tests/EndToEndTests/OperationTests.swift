import Foundation
import Testing

extension EndToEnd {
    @Suite("The operator's side: reload, drain, health, log")
    struct OperationTests {
        @Test("The health endpoints answer on listeners and on the admin listener, and nothing else does there")
        func health() throws {
            let site = try Site()
            for path in ["/.gateway/healthz", "/.gateway/readyz"] { #expect(try fetch(site.port, path).status == 200) }
            for path in ["/healthz", "/readyz"] { #expect(try fetch(site.gateway.adminPort, path).status == 200) }
            #expect(try fetch(site.gateway.adminPort, "/public/x").status == 404)
            #expect(try fetch(site.port, "/healthz").status == 401)
            #expect(site.upstream.requests.isEmpty)
        }

        @Test("SIGHUP with a valid file takes effect, and connections, sessions and streams stay")
        func reload() throws {
            let site = try Site()
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let token = Minter.acme.registration("r1")
            let socket = try Client(port: site.port)
            let opened = try socket.openWebSocket("/event/e1/ws?token=\(token)")
            #expect(opened.status == 101)
            let client = try Client(port: site.port)
            #expect(try client.exchange("/public/x").status == 200)
            let pid = site.gateway.pid

            try site.gateway.rewrite(
                site.configuration {
                    $0.sessions = "second_join = \"refuse\""
                    $0.more = "[[route]]\npath = \"/new/**\"\nupstream = \"embed-host\"\naccess = \"public\""
                }
            )
            #expect(try client.exchange("/new/x").status == 401)
            site.gateway.reload()
            #expect(try fetch(site.port, "/new/x").status == 200)
            #expect(try client.exchange("/new/x").status == 200)
            #expect(try socket.echo("still here") == "still here")
            try expectProblem(try fetch(site.port, "/event/e1?token=\(token)"), 409, "already_active")
            #expect(site.gateway.isRunning && site.gateway.pid == pid)
        }

        @Test("A second start does not take over a running gateway's Unix socket")
        func secondStart() throws {
            let directory = try TemporaryDirectory()
            let path = directory["s"]
            let site = try Site { $0.top = "[[listener]]\naddress = \"unix:\(path)\"" }
            let second = try run(Gateway.program, ["run", site.gateway.directory["gateway.conf"]])
            #expect(second.status != 0)
            #expect(second.errors.contains("another program listens there"), "\(second.errors)")
            #expect(try Client(path: path).exchange("/public/x").status == 200)
        }

        @Test("SIGHUP with an invalid file changes nothing, and says why")
        func badReload() throws {
            let site = try Site()
            let client = try Client(port: site.port)
            #expect(try client.exchange("/public/x").status == 200)
            try site.gateway.rewrite(site.configuration { $0.limits += "\nno_such_limit = 1" })
            site.gateway.send(SIGHUP)
            #expect(eventually { site.gateway.log.contains("no_such_limit") })
            #expect(try client.exchange("/public/x").status == 200)
            #expect(try fetch(site.port, "/public/x").status == 200)
            #expect(site.gateway.isRunning)
        }

        @Test(
            "SIGHUP with another key set: the old key's tokens are refused, including cached ones, the new one's pass"
        )
        func rotation() throws {
            let site = try Site()
            let old = Minter.acme.token()
            let client = try Client(port: site.port)
            #expect(try client.exchange("/event/e1", ["Authorization: Bearer \(old)"]).status == 200)
            let fresh = "a fresh HMAC secret that acme shares with the gateway"
            try site.gateway.directory.write("acme.secret", fresh)
            site.gateway.reload()
            let new = Minter(company: "acme", keyID: "acme-2026", secret: fresh).token()
            #expect(try fetch(site.port, "/event/e1?token=\(new)").status == 200)
            let refused = try client.exchange("/event/e1", ["Authorization: Bearer \(old)"])
            try expectProblem(refused, 401, "token_invalid")
        }

        @Test("SIGTERM lets the exchange in progress finish, serves nobody new, and ends with status 0")
        func drain() throws {
            let site = try Site()
            let isUnderWay = Flag()
            let mayFinish = Flag()
            site.upstream.on("/public/long") { exchange in
                isUnderWay.set()
                _ = eventually(within: 10) { mayFinish.isSet }
                return try exchange.reply("200 OK", [], "done")
            }
            let idle = try Client(port: site.port)
            #expect(try idle.exchange("/public/x").status == 200)
            let client = try Client(port: site.port)
            let prober = try Client(port: site.gateway.adminPort)
            #expect(try prober.exchange("/readyz").status == 200)
            client.send("GET /public/long HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(eventually { isUnderWay.isSet })
            site.gateway.send(SIGTERM)
            #expect(eventually { isUnready(site) })
            #expect(site.gateway.isRunning)
            #expect(idle.isClosed())
            // Load balancers and the operator learn of it, on old connections and on new ones.
            let readiness = try prober.exchange("/readyz")
            #expect(readiness.status == 503 && readiness.text == "draining\n")
            for _ in 0..<2 {
                #expect(try fetch(site.gateway.adminPort, "/readyz").status == 503)
                #expect(try fetch(site.gateway.adminPort, "/healthz").status == 200)
                #expect(try fetch(site.gateway.adminPort, "/sessions").status == 200)
            }
            mayFinish.set()
            let response = try client.response()
            #expect(response.text == "done")
            #expect(client.isClosed())
            #expect(site.gateway.wait() == 0)
        }

        @Test("During drain_delay the gateway is not ready, but still serves everybody")
        func drainDelay() throws {
            let site = try Site { $0.top = "drain_delay = \"5m\"" }
            let idle = try Client(port: site.port)
            #expect(try idle.exchange("/public/x").status == 200)
            site.gateway.send(SIGTERM)
            #expect(try eventually { try fetch(site.port, "/.gateway/readyz").status == 503 })
            #expect(try fetch(site.gateway.adminPort, "/readyz").status == 503)
            #expect(try fetch(site.port, "/public/x").status == 200)
            #expect(try idle.exchange("/public/x").status == 200)
            #expect(eventually { site.gateway.log.contains("draining: ") })
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait() == 0)
        }

        @Test("SIGTERM with nothing in progress ends at once")
        func stop() throws {
            let site = try Site()
            // A client that polls the admin listener does not delay the end.
            let prober = try Client(port: site.gateway.adminPort)
            #expect(try prober.exchange("/readyz").status == 200)
            let start = monotonic()
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait() == 0)
            #expect(monotonic() - start < 2)
        }

        @Test(
            "A second SIGTERM or SIGINT ends a drain at once, and the log says what was cut",
            arguments: [SIGTERM, SIGINT]
        )
        func impatience(signal: Int32) throws {
            let site = try Site { $0.top = "drain_timeout = \"10m\"" }
            let isUnderWay = Flag()
            site.upstream.on("/public/never") { exchange in
                isUnderWay.set()
                _ = exchange.socket.receive(within: 30)
                return false
            }
            let client = try Client(port: site.port)
            client.send("GET /public/never HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(eventually { isUnderWay.isSet })
            site.gateway.send(SIGTERM)
            #expect(eventually { site.gateway.log.contains("draining: 1 connections, at most 600 s") })
            #expect(eventually { isUnready(site) })
            site.gateway.send(SIGHUP)
            #expect(eventually { site.gateway.log.contains("reload: not while draining") })
            #expect(site.gateway.isRunning)
            site.gateway.send(signal)
            #expect(site.gateway.wait() == 0)
            #expect(site.gateway.log.contains("connections cut at the end of the drain: 1"))
        }

        @Test("SIGTERM waits no longer than drain_timeout, and ends WebSockets")
        func drainTimeout() throws {
            let site = try Site { $0.top = "drain_timeout = \"1s\"" }
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            site.upstream.on("/public/never") { exchange in
                _ = exchange.socket.receive(within: 30)
                return false
            }
            let socket = try Client(port: site.port)
            #expect(try socket.openWebSocket("/event/e1/ws?token=\(Minter.acme.token())").status == 101)
            let client = try Client(port: site.port)
            client.send("GET /public/never HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(eventually { !site.upstream.requests(for: "/public/never").isEmpty })
            site.gateway.send(SIGTERM)
            #expect(socket.remainder() != nil)
            #expect(site.gateway.wait(within: 4) == 0)
        }

        @Test(
            "A stalled reader of the log delays neither viewers nor the end",
            arguments: [["output.log"], ["output.log", "errors.log"]]
        )
        func stalledReader(files: [String]) throws {
            let site = try Site { $0.top = "drain_timeout = \"1s\"" }
            let directory = site.gateway.directory
            site.gateway.end()
            let pipes = try files.map { try StalledPipe(directory[$0]) }
            try site.gateway.startAgain()
            for _ in 0..<3 { #expect(try fetch(site.port, "/public/x").status == 200) }
            let start = monotonic()
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait(within: 10) == 0)
            #expect(monotonic() - start < 3)
            if files.count == 1 {
                let said = Child.text(of: directory["errors.log"])
                #expect(said.contains("lines of the access log lost"))
            }
            for pipe in pipes { pipe.close() }
        }

        @Test("Attack: an access log whose reader has gone ends nothing; the loss is reported on standard error")
        func goneReader() throws {
            let directory = try TemporaryDirectory()
            try Gateway.writeSecrets(to: directory)
            let ports = try Listener.freePorts(2)
            let configuration = GatewayConfiguration(upstream: try RecordingUpstream().port)
            let file = try directory.write(
                "gateway.conf",
                configuration.text(port: ports[0], adminPort: ports[1], directory: directory.path)
            )
            let errors = directory["errors.log"]
            let command = ["-c", "exec \"$0\" run \"$1\" > >(true)", Gateway.program, file]
            let child = try Child("/bin/bash", command, output: directory["output.log"], errors: errors)
            func isServing() -> Bool { (try? fetch(ports[0], "/.gateway/healthz").status) == 200 }
            #expect(eventually(within: 15) { isServing() }, "\(Child.text(of: errors))")
            let notice = "the access log cannot be written: "
            #expect(eventually(within: 15) { isServing() && Child.text(of: errors).contains(notice) })
            #expect(isServing())
            child.send(SIGTERM)
            #expect(child.wait(within: 10) == 0)
        }

        /// Whether no load balancer would send anybody here: not ready, or not reachable.
        private func isUnready(_ site: Site) -> Bool {
            do {
                return try fetch(site.port, "/.gateway/readyz").status == 503
            } catch {
                return true
            }
        }

        @Test("A killed upstream gives 502 and not ready; both end by themselves when it is back")
        func killedUpstream() throws {
            let site = try Site()
            #expect(try fetch(site.port, "/public/x").status == 200)
            let port = site.upstream.port
            site.upstream.stop()
            try expectProblem(try fetch(site.port, "/public/x"), 502, "upstream_unavailable")
            #expect(
                try eventually {
                    _ = try fetch(site.port, "/public/x")
                    return try fetch(site.port, "/.gateway/readyz").status == 503
                }
            )
            #expect(try fetch(site.gateway.adminPort, "/readyz").status == 503)
            #expect(try fetch(site.port, "/.gateway/healthz").status == 200)
            let again = try RecordingUpstream(port: port)
            #expect(try eventually(within: 15) { try fetch(site.port, "/.gateway/readyz").status == 200 })
            #expect(try fetch(site.port, "/public/x").text == "GET /public/x 0")
            again.stop()
        }

        @Test(
            "A gateway is not ready when all its viewers' upstreams are down; one used only by a public route never counts"
        )
        func readiness() throws {
            let (second, shown) = (try RecordingUpstream(), try RecordingUpstream())
            let more = [("second", second.port, "token"), ("shown", shown.port, "public")].map { name, port, access in
                """
                [[upstream]]
                name = "\(name)"
                servers = ["127.0.0.1:\(port)"]
                [[route]]
                path = "/\(name)/{event}"
                upstream = "\(name)"
                access = "\(access)"
                """
            }
            let site = try Site { $0.more = more.joined(separator: "\n") }
            let bearer = "Authorization: Bearer \(Minter.acme.token())"
            /// The readiness right after a request that found the upstreams of these paths dead.
            func readiness(_ paths: String...) throws -> Set<Int> {
                let statuses = try [site.port, site.gateway.adminPort].map { port in
                    for path in paths { #expect(try fetch(site.port, path, [bearer]).status == 502) }
                    return try fetch(port, port == site.port ? "/.gateway/readyz" : "/readyz").status
                }
                return Set(statuses)
            }
            shown.stop()
            #expect(try readiness("/shown/e1") == [200])
            second.stop()
            #expect(try readiness("/shown/e1", "/second/e1") == [200])
            let port = site.upstream.port
            site.upstream.stop()
            #expect(try eventually { try readiness("/second/e1", "/event/e1") == [503] })
            let again = try RecordingUpstream(port: port)
            #expect(try eventually { try fetch(site.port, "/event/e1", [bearer]).status == 200 })
            #expect(try fetch(site.port, "/.gateway/readyz").status == 200)
            again.stop()
        }

        @Test("If one of two servers is left, it serves everybody")
        func twoServers() throws {
            let second = try RecordingUpstream()
            let port = second.port
            let site = try Site { $0.servers.append("127.0.0.1:\(port)") }
            for _ in 0..<20 { #expect(try fetch(site.port, "/public/x").status == 200) }
            second.stop()
            let statuses = try (0..<40).map { _ in try fetch(site.port, "/public/x").status }
            #expect(statuses.allSatisfy { $0 == 200 })
            #expect(try fetch(site.port, "/.gateway/readyz").status == 200)
        }

        @Test("The log has a line for each exchange, and no token, person or query value", arguments: ["json", "text"])
        func accessLog(format: String) throws {
            let site = try Site { $0.log = "format = \"\(format)\"" }
            let viewer = Minter.Viewer(
                registration: "reg-1",
                user: "user-1",
                name: "Zacharias Q",
                email: "zacharias@example.com"
            )
            let token = Minter.acme.token(viewer)
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(token)&search=privateword").status == 200)
            #expect(
                try browser.fetch("/event/e1/a?mail=zacharias@example.com", "GET", ["Referer: http://x/?q=refword"])
                    .status == 200
            )
            #expect(
                try fetch(site.port, "/event/e1?authKey=\(token)x", ["Authorization: Bearer \(token)x"]).status == 401
            )
            _ = try fetch(site.port, "/event/e1", ["Authorization: Bearer \(token)", "Gateway-Session: sessionword"])
            #expect(try fetch(site.port, "/public/marker?x#y").status == 400)
            #expect(try fetch(site.port, "/public/last").status == 200)
            // Each event loop writes its lines in its own time.
            let isWritten = eventually {
                let log = site.gateway.log
                return ["/public/last", "/event/e1/a", "token_invalid"].allSatisfy { log.contains($0) }
            }
            #expect(isWritten)
            let log = site.gateway.log
            for part in token.split(separator: ".") { #expect(!log.contains(part)) }
            for word in ["zacharias", "Zacharias", "privateword", "refword", "sessionword"] {
                #expect(!log.contains(word), "\(word)")
            }
            for cookie in browser.cookies.values { #expect(!log.contains(cookie)) }
            #expect(log.contains("/event/e1/a") && log.contains("token_invalid"))
            if format == "json" {
                let lines = { site.gateway.log.split(separator: "\n").filter { $0.contains("\"path\"") } }
                #expect(eventually { lines().count >= 6 })
                for line in lines() {
                    #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
                }
            }
        }

        @Test("The log cannot be forged through logged values")
        func forgedLog() throws {
            let site = try Site()
            _ = try fetch(site.port, "/public/%0a%7b%22path%22:1", ["X-Request-Id: a\"b", "User-Agent: \"}"])
            let viewer = Minter.Viewer(event: "e1\n{\"path\":\"forged\"}", registration: "x\"\n")
            _ = try fetch(site.port, "/event/e1?token=\(Minter.acme.token(viewer))")
            _ = try fetch(site.port, "/public/\"quoted\"\\")
            #expect(try fetch(site.port, "/public/last").status == 200)
            #expect(eventually { site.gateway.log.contains("/public/last") })
            for line in site.gateway.log.split(separator: "\n") where line.contains("\"path\"") {
                #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(line.utf8)) }
            }
        }

        @Test("A second gateway on the same port does not start, and says why")
        func portInUse() throws {
            let site = try Site()
            let finished = try run(Gateway.program, ["run", site.gateway.directory["gateway.conf"]])
            #expect(finished.status != 0)
            #expect((finished.output + finished.errors).contains("\(site.port)"))
            #expect(try fetch(site.port, "/public/x").status == 200)
        }
    }
}
