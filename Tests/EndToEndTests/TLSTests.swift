import Foundation
import Testing

extension EndToEnd {
    @Suite("TLS, with curl and openssl")
    struct TLSTests {
        static let shared = Result { try TLSSite() }
        let site: TLSSite

        init() throws { site = try Self.shared.get() }

        @Test("curl is served over both versions", arguments: [["--tlsv1.2", "--tls-max", "1.2"], ["--tlsv1.3"]])
        func curl(_ version: [String]) throws {
            let page = try site.curl(version + ["-w", " %{http_code}", "\(site.url)/.gateway/healthz"])
            #expect(page.output == "ok\n 200")
        }

        @Test("A viewer joins and is forwarded over TLS")
        func viewer() throws {
            let token = Minter.acme.registration("tls-1")
            let page = try site.curl(["-H", "Authorization: Bearer \(token)", "\(site.url)/event/e1"])
            #expect(page.status == 0)
            #expect(page.output.contains("/event/e1"))
        }

        @Test("20 MB pass in both directions octet for octet")
        func large() throws {
            let file = site.directory["large"]
            var random = SplitMix64(seed: 20)
            let block = (0..<1 << 16).map { _ in UInt8.random(in: 0...255, using: &random) }
            // The blocks differ, so that one that is lost or twice there would be noticed.
            let data = Data((0..<320).flatMap { number in [UInt8(number & 0xff), UInt8(number >> 8)] + block })
            try data.write(to: URL(fileURLWithPath: file))
            let answer = site.directory["answer"]
            let sent = try site.curl(["-T", file, "-o", answer, "-w", "%{http_code}", "\(site.url)/public/mirror"])
            #expect(sent.output == "200")
            #expect(try Data(contentsOf: URL(fileURLWithPath: answer)) == data)
        }

        @Test("A session is resumed", arguments: ["-tls1_2", "-tls1_3"])
        func resumption(_ version: String) throws {
            let session = site.directory["session\(version)"]
            let first = try site.openssl([version, "-sess_out", session])
            #expect(first.output.contains("New, TLSv1"))
            let second = try site.openssl([version, "-sess_in", session])
            #expect(second.output.contains("Reused, TLSv1"))
            #expect(second.output.contains("HTTP/1.1 200"))
        }

        @Test("ALPN agrees on HTTP/2 or HTTP/1.1, and refuses when nothing is common")
        func alpn() throws {
            #expect(try site.openssl(["-alpn", "http/1.1"]).output.contains("ALPN protocol: http/1.1"))
            for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
                let page = try site.curl([option, "-w", "%{http_version}", "\(site.url)/.gateway/healthz"])
                #expect(page.output == "ok\n\(version)")
            }
            let refused = try site.openssl(["-alpn", "h3"])
            #expect(refused.errors.contains("no application protocol"))
        }

        @Test(
            "The server name chooses the certificate",
            arguments: [
                ("exact.example", "CN = exact"), ("x.wild.example", "CN = wild"), ("unknown.example", "CN = standard"),
            ]
        )
        func serverName(_ name: String, _ subject: String) throws {
            #expect(try site.openssl(["-servername", name]).output.contains("subject=\(subject)"))
        }

        @Test(
            "RSA and ECDSA of one name: the client's suites choose",
            arguments: [("aRSA", "standard"), ("aECDSA", "both")]
        )
        func bothKinds(_ suites: String, _ subject: String) throws {
            let shown = try site.openssl(["-servername", "both.example", "-tls1_2", "-cipher", suites])
            #expect(shown.output.contains("subject=CN = \(subject)"))
        }

        @Test(
            "Old versions and suites are refused with an alert",
            arguments: [
                (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "protocol version"),
                (["-tls1_2", "-cipher", "AES128-GCM-SHA256"], "handshake failure"),
                (["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA"], "handshake failure"),
            ]
        )
        func refused(_ options: [String], _ alert: String) throws {
            let refused = try site.openssl(options)
            #expect(refused.errors.contains(alert))
            #expect(!refused.output.contains("HTTP/1.1"))
        }

        @Test("Slow handshake: it is cut by header_timeout")
        func slowHandshake() throws {
            let start = monotonic()
            let client = try Client(port: site.tlsPort)
            client.send([0x16, 3, 1])
            #expect(client.isClosed(within: 10))
            #expect((0.9...4).contains(monotonic() - start))
        }

        @Test("Half-open handshakes: 1,000 of them are bounded, and a good client beside them is answered quickly")
        func halfOpen() throws {
            let before = try residentKilobytes(site.gateway.pid)
            let hello: [UInt8] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]
            let clients = try (0..<1000).map { _ in
                let client = try Client(port: site.tlsPort)
                client.send(hello)
                return client
            }
            let start = monotonic()
            #expect(try site.curl(["\(site.url)/.gateway/healthz"]).output == "ok\n")
            #expect(monotonic() - start < 2)
            #expect(try residentKilobytes(site.gateway.pid) - before < 64 << 10)
            for client in clients { #expect(client.isClosed(within: 10)) }
            #expect(try site.curl(["\(site.url)/.gateway/healthz"]).output == "ok\n")
        }

        @Test("Clear text to a TLS port is not answered")
        func clearText() throws {
            let client = try Client(port: site.tlsPort)
            client.send("GET /.gateway/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let rest = client.remainder(within: 5)
            #expect(rest != nil)
            #expect(rest.map { String(decoding: $0, as: UTF8.self).contains("HTTP") } == false)
        }

        @Test("Client certificates: the authority's are let in, others and none are not")
        func clientCertificates() throws {
            let url = "https://localhost:\(site.mutualPort)/.gateway/healthz"
            func shown(_ name: String) -> [String] {
                ["--cert", site.certificates.path("\(name).pem"), "--key", site.certificates.path("\(name).key")]
            }
            #expect(try site.curl(shown("client") + [url]).output == "ok\n")
            for options in [shown("other"), shown("old-client"), shown("self"), []] {
                let refused = try site.curl(options + [url])
                #expect(refused.status != 0)
                #expect(refused.output.isEmpty)
            }
        }
    }
}
