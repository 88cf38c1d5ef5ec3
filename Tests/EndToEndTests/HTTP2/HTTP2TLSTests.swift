import Foundation
import Testing

extension EndToEnd {
    @Suite("HTTP/2 over TLS", .enabled(if: FileManager.default.isExecutableFile(atPath: TLSTunnel.program)))
    struct HTTP2TLSTests {
        static let shared = Result { try HTTP2TLSSite() }
        let site: HTTP2TLSSite

        init() throws { site = try Self.shared.get() }

        @Test("Every case of the RFCs holds inside TLS", arguments: HTTP2Case.all)
        func conformance(promise: HTTP2Case) throws {
            try HTTP2Judge(upstream: site.upstream, port: site.tunnel.port, clearPort: site.gateway.port).expect(
                promise
            )
        }

        @Test("The upstream is told that it was https")
        func forwarded() throws {
            let client = try HTTP2Client.connected(port: site.tunnel.port)
            #expect(try client.exchange("/public/proto").status == 200)
            #expect(site.upstream.requests(for: "/public/proto").last?["X-Forwarded-Proto"] == "https")
        }

        @Test("A response that is not read waits, and arrives complete later")
        func backPressure() throws {
            let large = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 13 &+ $0 >> 10) }
            site.upstream.on("/public/large") { exchange in
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: \(large.count)\r\n\r\n")
                return exchange.socket.send(large, within: 60)
            }
            let client = try HTTP2Client.connected(port: site.tunnel.port, [(.initialWindowSize, 4 << 20)])
            client.refillsWindows = false
            let stream = client.request("/public/large")
            #expect(client.wait { client.streams[stream]!.response.body.count == 65_535 })
            client.send(.windowUpdate(0, 4 << 20))
            #expect(try client.response(stream, within: 20).body == large)
            #expect(client.faults.isEmpty, "\(client.faults)")
        }

        @Test("A rapid reset inside TLS ends as it does outside")
        func rapidReset() throws {
            let client = try HTTP2Client.connected(port: site.tunnel.port)
            let block = HPACK.request()
            client.flood(100) { batch in
                (0..<100).flatMap { number in
                    let stream = UInt32(batch * 200 + number * 2 + 1)
                    client.open(stream)
                    return HTTP2Frame.headers(stream, block).bytes + HTTP2Frame.reset(stream).bytes
                }
            }
            client.wait { client.failure != nil }
            #expect(client.failure == .enhanceYourCalm)
            #expect(client.isClosed(within: 5))
        }

        @Test("curl: a join link opens the page and its assets over one connection")
        func curlPage() throws {
            let jar = site.directory["jar"]
            let link = "\(site.nginxURL)/event/e1?token=\(Minter.acme.registration("h2-tls-curl"))"
            let page = try curl(["-L", "-c", jar, "-b", jar, "-H", "Accept: text/html", "-w", "%{http_version}", link])
            #expect(page.status == 0)
            #expect(page.output.contains("<p>Hello</p>") && page.output.hasSuffix("2"), "\(page)")
            let both = try curl(["-b", jar, "\(site.nginxURL)/assets/app.js", "\(site.nginxURL)/assets/style.css"])
            #expect(both.output == "console.log('live')\nbody { color: teal }\n", "\(both)")
        }

        @Test("curl: 100 MB arrive byte for byte, down and up")
        func curlLarge() throws {
            let file = site.directory["large"]
            #expect(try curl(["-o", file, "\(site.nginxURL)/public/large"]).status == 0)
            let expected = try sum(site.nginx.directory["html/public/large"])
            #expect(try sum(file) == expected)
            let upload = try curl(["-T", file, "-w", "%{http_code}", "\(site.nginxURL)/public/uploads/h2-tls"])
            #expect(upload.output == "201", "\(upload)")
            #expect(try sum(site.nginx.directory["html/uploads/h2-tls"]) == expected)
            try FileManager.default.removeItem(atPath: file)
        }

        @Test("curl: 100 downloads at once share a connection")
        func curlParallel() throws {
            let urls = (0..<100).flatMap { ["-o", "/dev/null", "\(site.nginxURL)/public/small?\($0)"] }
            let result = try curl(
                ["--parallel", "--parallel-max", "100", "-w", "%{http_code} %{http_version} %{num_connects}\\n"] + urls
            )
            let lines = result.output.split(separator: "\n")
            #expect(lines.count { $0.hasPrefix("200 2 ") } == 100, "\(result)")
            #expect(lines.count { $0.hasSuffix(" 0") } >= 90)
        }

        @Test(
            "nghttp: a page with its statistics",
            .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/nghttp"))
        )
        func nghttp() throws {
            let result = try run("/usr/bin/nghttp", ["-v", "-s", "-m", "5", "\(site.nginxURL)/public/small"])
            #expect(result.output.contains("The negotiated protocol: h2"))
            #expect(result.output.components(separatedBy: ":status: 200").count == 6, "\(result)")
        }

        @Test(
            "h2load: 10,000 requests, 100 streams on each of 10 connections, all answered",
            .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/h2load"))
        )
        func h2load() throws {
            let result = try run(
                "/usr/bin/h2load",
                ["-n", "10000", "-c", "10", "-m", "100", "\(site.nginxURL)/public/small"],
                within: 60
            )
            #expect(result.output.contains("10000 succeeded, 0 failed, 0 errored, 0 timeout"), "\(result)")
            #expect(result.output.contains("Application protocol: h2"))
        }

        private func curl(_ arguments: [String]) throws -> Finished {
            let authority = ["--cacert", site.certificates.path("ca.pem")]
            return try run("/usr/bin/curl", ["-sS", "-m", "60", "--http2"] + authority + arguments, within: 70)
        }

        private func sum(_ file: String) throws -> String {
            String(try run("/usr/bin/sha256sum", [file]).output.prefix(64))
        }
    }
}

/// Gateways with TLS: one in front of an upstream that records, with a tunnel to it, and one in front of a real server.
final class HTTP2TLSSite: Sendable {
    let certificates: TestCertificates
    let upstream: RecordingUpstream
    let gateway: Gateway
    let tunnel: TLSTunnel
    let nginx: Nginx
    let nginxGateway: Gateway
    let nginxURL: String
    let directory: TemporaryDirectory

    init() throws {
        let certificates = try TestCertificates.shared.get()
        let ports = try Listener.freePorts(2)
        func configuration(_ upstream: UInt16, _ port: UInt16) -> GatewayConfiguration {
            var configuration = GatewayConfiguration(upstream: upstream)
            configuration.top = """
                [[listener]]
                address = "127.0.0.1:\(port)"
                certificate = "\(certificates.path("standard.pem"))"
                key = "\(certificates.path("standard.key"))"
                """
            return configuration
        }
        self.certificates = certificates
        directory = try TemporaryDirectory()
        upstream = try RecordingUpstream()
        gateway = try Gateway(configuration(upstream.port, ports[0]))
        tunnel = try TLSTunnel(to: ports[0], authority: certificates.path("ca.pem"))
        nginx = try Nginx()
        nginxGateway = try Gateway(configuration(nginx.port, ports[1]))
        nginxURL = "https://localhost:\(ports[1])"
    }
}
