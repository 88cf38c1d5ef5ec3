import Testing

extension EndToEnd {
    @Suite("Servers that an operator takes out")
    struct DrainedServerTests {
        private struct Pair {
            let site: Site
            let second: RecordingUpstream
            var names: [String] { [site.upstream, second].map { "127.0.0.1:\($0.port)" } }

            init() throws {
                let second = try RecordingUpstream()
                self.second = second
                site = try Site { $0.servers.append("127.0.0.1:\(second.port)") }
            }

            /// How many of some requests each server gets.
            func shares() throws -> [Int] {
                for upstream in [site.upstream, second] { upstream.forget() }
                for _ in 0..<40 { #expect(try fetch(site.port, "/public/x").status == 200) }
                return [site.upstream, second].map { $0.requests(for: "/public/x").count }
            }

            /// Runs `gateway upstreams` and returns what it prints.
            @discardableResult
            func command(_ name: String, _ arguments: String...) throws -> (status: Int32, output: String) {
                let file = site.gateway.directory["gateway.conf"]
                let finished = try run(Gateway.program, ["upstreams", name, file] + arguments)
                return (finished.status, finished.output + finished.errors)
            }

            func post(_ query: String) throws -> Response {
                try fetch(site.gateway.adminPort, "/upstreams?\(query)", method: "POST")
            }
        }

        @Test("A drained server gets no requests, what is open there goes on, and a reload keeps it drained")
        func drained() throws {
            let pair = try Pair()
            pair.second.on("/public/socket") { exchange in
                exchange.send(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
                )
                while case .bytes = exchange.socket.receive(within: 600) { exchange.socket.send([0x82, 1, 7]) }
                return false
            }
            #expect(try pair.command("drain", "embed-host", pair.names[0]).status == 0)
            let socket = try Client(port: pair.site.port)
            socket.send(
                "GET /public/socket HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            #expect(try socket.response(within: 20).status == 101)
            #expect(try pair.command("ready", "embed-host", pair.names[0]).status == 0)
            let printed = try pair.command("drain", "embed-host", pair.names[1]).output
            let line = try #require(printed.split(separator: "\n").first { $0.contains(pair.names[1]) })
            #expect(line.split(separator: " ").prefix(4) == ["embed-host", "\(pair.names[1])", "drained", "1"])
            #expect(try pair.shares() == [40, 0])
            let metrics = try fetch(pair.site.gateway.adminPort, "/metrics").text
            let labels = "upstream=\"embed-host\",server=\"\(pair.names[1])\""
            #expect(metrics.contains("gateway_upstream_server_drained{\(labels)} 1\n"))
            socket.send([0x82, 0x81, 0, 0, 0, 0, 5])
            #expect(try socket.reader.take(3) == [0x82, 1, 7])
            try pair.site.gateway.rewrite(
                pair.site.configuration {
                    $0.servers.append(pair.names[1])
                    $0.upstream = "response_timeout = \"50s\""
                }
            )
            pair.site.gateway.reload()
            #expect(try pair.shares() == [40, 0])
            #expect(try pair.command("ready", "embed-host", pair.names[1]).status == 0)
            #expect(try pair.shares().allSatisfy { $0 > 0 })
            #expect(eventually { pair.site.gateway.log.contains("\(pair.names[1]) is drained, says an operator") })
        }

        @Test("If all are drained, the gateway is not ready, and answers 502 without asking any")
        func all() throws {
            let pair = try Pair()
            for name in pair.names {
                #expect(try pair.post("upstream=embed-host&server=\(name)&state=drain").status == 200)
            }
            #expect(try fetch(pair.site.port, "/public/x").status == 502)
            #expect(try fetch(pair.site.port, "/.gateway/readyz").status == 503)
            #expect([pair.site.upstream, pair.second].allSatisfy { $0.requests.isEmpty })
        }

        @Test("Calls that make no sense change nothing, and say what is wrong")
        func wrong() throws {
            let pair = try Pair()
            let server = "server=\(pair.names[0])"
            for (query, status) in [
                ("", 400), ("upstream=embed-host&\(server)", 400), ("upstream=embed-host&\(server)&state=off", 400),
                ("upstream=other&\(server)&state=drain", 404), ("upstream=embed-host&server=a:1&state=drain", 404),
                ("upstream=control&\(server)&state=drain", 404), ("upstream=embed-host&\(server)&state=drain&x=1", 400),
            ] {
                #expect(try pair.post(query).status == status)
            }
            #expect(try fetch(pair.site.gateway.adminPort, "/upstreams", method: "DELETE").status == 405)
            #expect(try fetch(pair.site.gateway.adminPort, "/upstreams", ["Origin: https://a.example"]).status == 403)
            #expect(try fetch(pair.site.port, "/upstreams").status != 200)
            let listed = try fetch(pair.site.gateway.adminPort, "/upstreams")
            #expect(
                listed.status == 200 && !listed.text.contains("drained") && listed.text.contains("\"state\":\"up\"")
            )
            #expect(try pair.command("drain", "embed-host", "a:1").status == 1)
        }
    }
}
