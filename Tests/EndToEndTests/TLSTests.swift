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

        @Test("20 MB pass in both directions byte for byte")
        func large() throws {
            let file = site.directory["large"]
            var random = SplitMix64(seed: 20)
            let block = (0..<1 << 16).map { _ in UInt8.random(in: 0...255, using: &random) }
            // The blocks differ, so that a lost or repeated one would be noticed.
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

        @Test("ALPN agrees on HTTP/2 or HTTP/1.1, and refuses if nothing is common")
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
            "The preface of HTTP/2 is refused if ALPN has agreed on HTTP/1.1, or on nothing",
            arguments: [true, false]
        )
        func preface(_ hasALPN: Bool) throws {
            let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0"
            let answer = try site.openssl(hasALPN ? ["-alpn", "http/1.1"] : [], input: preface)
            #expect(answer.output.contains("HTTP/1.1 505 "))
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
            "RSA and ECDSA for one name: the client's suites choose",
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
