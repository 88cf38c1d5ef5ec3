import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("The PROXY protocol against hostile peers")
    struct ProxyProtocolAttackTests {
        private static let request = "GET /public/x HTTP/1.1\r\nHost: localhost\r\n\r\n"

        @Test("Without a valid header, a connection is closed without an answer, and the log says how many")
        func refused() throws {
            let proxied = try ProxySite()
            let line = ProxyHeader.line("203.0.113.7")
            let binary = ProxyHeader.binary("203.0.113.7")
            let lineFeed: [UInt8] = line.dropLast(2) + [10]
            let tabs: [UInt8] = line.map { $0 == 0x20 ? 9 : $0 }
            let version3: [UInt8] = binary[..<12] + [0x31] + binary[13...]
            let huge: [UInt8] = binary[..<14] + [0xff, 0xff]
            let attempts: [[UInt8]] = [
                Array(Self.request.utf8), Array("GET /.gateway/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
                HTTP2Client.preface, [0x16, 3, 1, 0, 4, 1, 0, 0, 0], [0], [13, 10] + line, [0x20] + line, lineFeed,
                tabs,
                version3, huge, ProxyHeader.binary("203.0.113.7", more: [4, 0]),
            ]
            for bytes in attempts {
                for port in [proxied.port, proxied.tlsPort] {
                    let client = try Client(port: port)
                    client.send(bytes)
                    #expect(client.isClosed(within: 20), "\(bytes)")
                }
            }
            #expect(proxied.site.upstream.requests.isEmpty)
            #expect(eventually { proxied.site.gateway.log.contains("listener with proxy_protocol were closed: ") })
            #expect(try proxied.fetch(line, "/public/x").status == 200)
            let refused = try proxied.site.gateway.metrics()
            #expect(refused.sum("gateway_proxy_protocol_refusals_total") == Double(2 * attempts.count))
            #expect(refused.value("gateway_proxy_protocol_refusals_total", ["reason": "malformed"]) > 0)
        }

        @Test("If proxies are listed, a header from any other address is refused unread")
        func unlisted() throws {
            let proxied = try ProxySite { $0.limits += "\ntrusted_proxies = [\"127.0.0.9\"]" }
            let header = ProxyHeader.binary("203.0.113.7")
            let other = try proxied.connect(header + Array(Self.request.utf8), host: 8)
            #expect(other.isClosed(within: 20))
            #expect(
                eventually { proxied.site.gateway.log.contains("does not list their address: 1, last of 127.0.0.8") }
            )
            #expect(try proxied.connect(header, host: 9).exchange("/public/x").status == 200)
            #expect(proxied.site.upstream.requests.count == 1)
            let unlisted = ["reason": "unlisted"]
            #expect(try proxied.site.gateway.metrics().value("gateway_proxy_protocol_refusals_total", unlisted) == 1)
        }

        @Test("Connections count for the client in the header, and not for the proxy")
        func connectionLimit() throws {
            let proxied = try ProxySite {
                $0.limits += "\nconnections_per_address = 3\ntrusted_proxies = [\"127.0.0.1\"]"
            }
            let headers = [
                ProxyHeader.line("203.0.113.7"), ProxyHeader.binary("203.0.113.7"),
                ProxyHeader.line("::ffff:203.0.113.7"),
            ]
            let clients = try headers.map { try proxied.connect($0) }
            for client in clients { #expect(try client.exchange("/public/x").status == 200) }
            for header in headers {
                let client = try proxied.connect(header + Array(Self.request.utf8))
                #expect(client.isClosed(within: 20))
            }
            let others = try (101...110).map { try proxied.connect(ProxyHeader.line("203.0.113.\($0)")) }
            for client in others { #expect(try client.exchange("/public/x").status == 200) }
            for client in clients { #expect(try client.exchange("/public/x").status == 200) }
            clients[0].socket.close()
            #expect(eventually { (try? proxied.fetch(headers[0], "/public/x").status) == 200 })
        }

        @Test("Attack: a client beyond its own limit makes nobody close, when all places are taken")
        func others() throws {
            let proxied = try ProxySite {
                $0.top = "threads = 1\n" + $0.top
                $0.limits += "\nconnections = 8\nconnections_per_address = 3\ntrusted_proxies = [\"127.0.0.1\"]"
            }
            let own = try (0..<3).map { _ in try proxied.connect(ProxyHeader.line("203.0.113.7")) }
            let others = try (101...105).map { try proxied.connect(ProxyHeader.line("203.0.113.\($0)")) }
            // Whoever has not been idle for a second, by the gateway's own time, is not closed anyway.
            let isServed = try eventually {
                try proxied.site.gateway.metrics().value("gateway_connections_open", ["protocol": "http/1.1"]) == 8
            }
            #expect(isServed)
            let since = monotonic()
            #expect(eventually { monotonic() - since > 1.5 })
            for _ in 0..<10 {
                #expect(try proxied.connect(ProxyHeader.line("203.0.113.7")).isClosed(within: 20))
            }
            for client in own + others.dropLast() { #expect(try client.exchange("/public/x").status == 200) }
            // Someone else gets a place, for which the one ends that was never used.
            let newcomer = try proxied.connect(ProxyHeader.line("203.0.113.120"))
            #expect(try newcomer.exchange("/public/x").status == 200)
            #expect(others.last?.isClosed(within: 20) == true)
        }

        @Test("Attack: connections without a header make nobody close, and keep nobody out, when all places are taken")
        func unnamed() throws {
            let proxied = try ProxySite {
                $0.top = "threads = 1\n" + $0.top
                $0.limits += "\nconnections = 8\ntrusted_proxies = [\"127.0.0.1\"]"
            }
            let idle = try (101...107).map { try proxied.connect(ProxyHeader.line("203.0.113.\($0)")) }
            // Whoever has not been idle for a second, by the gateway's own time, is not closed anyway.
            let isServed = try eventually {
                try proxied.site.gateway.metrics().value("gateway_connections_open", ["protocol": "http/1.1"]) == 7
            }
            #expect(isServed)
            let since = monotonic()
            #expect(eventually { monotonic() - since > 1.5 })
            var silent = try (0..<20).map { _ in try proxied.connect([]) }
            let last = try proxied.connect(ProxyHeader.line("203.0.113.108"))
            #expect(try last.exchange("/public/x").status == 200)
            for client in idle.dropLast() { #expect(try client.exchange("/public/x").status == 200) }
            silent += try (0..<40).map { _ in try proxied.connect([]) }
            #expect(idle.last?.isClosed(within: 0) == false)
            // For a client that is named, the one ends that was never used.
            let newcomer = try #require(silent.last)
            newcomer.send(ProxyHeader.line("203.0.113.109"))
            #expect(try newcomer.exchange("/public/x").status == 200)
            #expect(idle.last?.isClosed(within: 20) == true)
            for client in silent.dropLast() { #expect(!client.isClosed(within: 0)) }
        }

        @Test("Attack: silent connections that fill the share of those without a header make room for others")
        func crowd() throws {
            let proxied = try ProxySite {
                $0.descriptors = 600
                $0.top = "threads = 1\n" + $0.top
                $0.limits += "\nconnections = 8\nheader_timeout = \"60s\"\ntrusted_proxies = [\"127.0.0.1\"]"
            }
            let metrics = proxied.site.gateway.metrics
            let silent = try (0..<150).map { _ in try proxied.connect([]) }
            let tooMany = ["reason": "too_many"]
            var open: [Client] = []
            let isFull = try eventually {
                open = silent.filter { !$0.isClosed(within: 0) }
                let refused = try metrics().value("gateway_proxy_protocol_refusals_total", tooMany)
                return refused > 0 && Int(refused) + open.count == silent.count
            }
            #expect(isFull)
            // Whoever has not been silent for a second, by the gateway's own time, is left alone.
            let since = monotonic()
            #expect(eventually { monotonic() - since > 1.5 })
            let newcomers = try (1...8).map { try proxied.connect(ProxyHeader.line("203.0.113.\($0)")) }
            for newcomer in newcomers { #expect(try newcomer.exchange("/public/x").status == 200) }
            // Those who looked whether the gateway serves may have left a few places.
            #expect(eventually { open.contains { $0.isClosed(within: 0) } })
            #expect(try metrics().value("gateway_connections_refused_total", ["limit": "connections"]) == 0)
            let log = proxied.site.gateway.log
            #expect(log.contains("because too many had yet to send it") && !log.contains("(limits.connections)"))
        }

        @Test("Bad tokens count for the client in the header, and not for the proxy")
        func failureLimit() throws {
            let proxied = try ProxySite { $0.limits = "joins_per_minute = 0\nfailures_per_minute = 3" }
            func status(_ number: Int, of client: String) throws -> Int {
                try proxied.fetch(ProxyHeader.line(client), "/event/e1?token=a.b.\(number)").status
            }
            let statuses = try (0..<6).map { try status($0, of: "203.0.113.7") }
            #expect(statuses.first == 401 && statuses.last == 429, "\(statuses)")
            #expect(try status(7, of: "203.0.113.8") == 401)
        }

        @Test("Attack: connections that wait for a header count for the peer, and no longer once they have one")
        func silentPeers() throws {
            let proxied = try ProxySite { $0.limits += "\nconnections_per_address = 5\nheader_timeout = \"60s\"" }
            let header = ProxyHeader.line("203.0.113.7")
            let silent = try (0..<5).map { _ in try proxied.connect([], host: 7) }
            // The event loops may count them later than they are opened.
            let isRefused = try eventually {
                let client = try proxied.connect(header, host: 7)
                client.send(Self.request)
                return client.isClosed(within: 20)
            }
            #expect(isRefused)
            #expect(try proxied.connect(header, host: 8).exchange("/public/x").status == 200)
            for (number, client) in silent.enumerated() {
                client.send(ProxyHeader.line("203.0.113.1\(number)"))
                #expect(try client.exchange("/public/x").status == 200)
            }
            #expect(try proxied.connect(header, host: 7).exchange("/public/x").status == 200)
        }

        @Test("Attack: silence, a header byte by byte, and silence behind it end with the time for a head")
        func slow() throws {
            let proxied = try ProxySite {
                $0.limits += "\nheader_timeout = \"1s\"\nidle_timeout = \"2s\"\nconnections_per_address = 0"
            }
            let start = monotonic()
            let silent = try (0..<300).map { try Client(port: $0 % 2 == 0 ? proxied.port : proxied.tlsPort) }
            let noHandshake = try Client(port: proxied.tlsPort)
            noHandshake.send(ProxyHeader.line("203.0.113.7"))
            let noRequest = try proxied.connect(ProxyHeader.line("203.0.113.7"))
            let padding: [UInt8] = [4, 0x0f, 0] + [UInt8](repeating: 0, count: 0xf00)
            let dribble = try proxied.connect([])
            for byte in ProxyHeader.binary("203.0.113.7", more: padding) {
                guard dribble.send([byte]), case .timeout = dribble.socket.receive(within: 0.05) else { break }
            }
            #expect(monotonic() - start >= 0.9)
            #expect(dribble.isClosed(within: 0))
            for client in silent + [noHandshake, noRequest] { #expect(client.isClosed(within: 20)) }
            #expect(try proxied.fetch(ProxyHeader.line("203.0.113.7"), "/public/x").status == 200)
        }

        @Test("A reload makes headers necessary or not for new connections, and open ones stay")
        func reload() throws {
            let proxied = try ProxySite()
            let header = ProxyHeader.line("203.0.113.7")
            let open = try proxied.connect(header)
            #expect(try open.exchange("/public/x").status == 200)
            try proxied.reload(needHeader: false)
            #expect(try fetch(proxied.port, "/public/plain").status == 200)
            #expect(proxied.forwarded("/public/plain") == ["127.0.0.1"])
            #expect(try proxied.fetch(header, "/public/x").status == 400)
            #expect(try open.exchange("/public/still").status == 200)
            #expect(proxied.forwarded("/public/still") == ["203.0.113.7"])
            try proxied.reload(needHeader: true)
            let plain = try Client(port: proxied.port)
            plain.send(Self.request)
            #expect(plain.isClosed(within: 20))
            #expect(try proxied.fetch(header, "/public/x").status == 200)
        }
    }
}
