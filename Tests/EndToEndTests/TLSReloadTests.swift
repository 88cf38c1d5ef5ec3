import Foundation
import Testing

extension WaitingEndToEnd {
    @Suite("TLS: reload and check")
    struct TLSReloadTests {
        let site: TLSSite

        init() throws { site = try TLSSite() }

        @Test("SIGHUP loads a new certificate, and an open connection stays")
        func reload() throws {
            let client = try TLSTalk(site)
            #expect(client.get().contains("subject=CN = standard"))
            try site.install("both")
            site.gateway.reload()
            #expect(try site.openssl([]).output.contains("subject=CN = both"))
            #expect(client.get().components(separatedBy: "HTTP/1.1 200").count == 3)
        }

        @Test("An invalid certificate at a reload changes nothing, and the log says why")
        func badReload() throws {
            try site.install("both", key: "exact")
            site.gateway.send(SIGHUP)
            #expect(eventually { site.gateway.log.contains("listener[0].key: does not match the certificate") })
            #expect(eventually { site.gateway.log.contains("the running configuration stays as it is") })
            #expect(try site.openssl([]).output.contains("subject=CN = standard"))
        }

        /// What a new connection gets, until it is this certificate.
        private func serves(_ name: String) throws -> Bool {
            try eventually(within: 20) { try site.openssl([]).output.contains("subject=CN = \(name)") }
        }

        @Test("A new certificate is loaded without a signal, and an open connection stays")
        func watched() throws {
            let client = try TLSTalk(site)
            #expect(client.get().contains("subject=CN = standard"))
            try site.install("both")
            #expect(try serves("both"))
            #expect(
                eventually {
                    site.gateway.log.contains("loaded again: listener[0].certificate: /CN=both, expires on 2")
                }
            )
            #expect(client.get().components(separatedBy: "HTTP/1.1 200").count == 3)
            #expect(!site.gateway.log.contains("configuration reloaded"))
        }

        @Test("A key that does not match changes nothing and is told once; the matching one is then loaded")
        func halfWritten() throws {
            let complaint = "listener[0].key: does not match the certificate"
            func complaints() -> Int { site.gateway.log.components(separatedBy: complaint).count - 1 }
            try site.install("both", key: "exact")
            #expect(eventually(within: 20) { complaints() == 1 })
            #expect(try site.openssl([]).output.contains("subject=CN = standard"))
            try site.install("both")
            #expect(try serves("both"))
            #expect(complaints() == 1)
        }

        @Test("What could not be read is read again, although its file does not change any more")
        func shortage() throws {
            try site.gateway.allowDescriptors(3)
            try site.install("both")
            #expect(eventually { site.gateway.log.contains("listener[0].certificate: Too many open files") })
            try site.gateway.allowDescriptors(4096)
            #expect(try serves("both"))
            #expect(site.gateway.log.components(separatedBy: "Too many open files: ").count - 1 <= 40)
        }

        @Test("A certificate that OpenSSL refuses does not keep another listener's from being renewed")
        func weak() throws {
            let directory = site.directory
            let script = """
                set -e
                made='\(site.certificates.directory)'
                openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=weak -keyout weak.key -out weak.csr
                openssl x509 -req -sha1 -in weak.csr -CA "$made/ca.pem" -CAkey "$made/ca.key" -set_serial 7 -days 30 \\
                    -out weak.pem
                """
            let made = try run("/bin/sh", ["-c", "cd '\(directory.path)' && \(script)"])
            try #require(made.status == 0, "\(made.errors)")
            let ports = try Listener.freePorts(2)
            var configuration = GatewayConfiguration(upstream: site.upstream.port)
            for (name, port) in zip(["first", "second"], ports) {
                for kind in ["pem", "key"] {
                    let text = try String(contentsOfFile: site.certificates.path("standard.\(kind)"), encoding: .utf8)
                    try directory.write("\(name).\(kind)", text)
                }
                configuration.top += """
                    [[listener]]
                    address = "127.0.0.1:\(port)"
                    certificate = "\(directory["\(name).pem"])"
                    key = "\(directory["\(name).key"])"

                    """
            }
            let gateway = try Gateway(configuration)
            func copy(_ from: String, to name: String) throws {
                try directory.write(name, String(contentsOfFile: from, encoding: .utf8))
            }
            for kind in ["pem", "key"] {
                try copy(directory["weak.\(kind)"], to: "first.\(kind)")
                try copy(site.certificates.path("both.\(kind)"), to: "second.\(kind)")
            }
            #expect(eventually { gateway.log.contains("listener[0].certificate: OpenSSL does not accept it") })
            func subject(_ port: UInt16) throws -> String {
                try run("/usr/bin/openssl", ["s_client", "-connect", "127.0.0.1:\(port)"], input: "").output
            }
            #expect(try eventually { try subject(ports[1]).contains("subject=CN = both") })
            #expect(try subject(ports[0]).contains("subject=CN = standard"))
        }

        @Test("A renewal leaves tokens known, so that no signature is checked again")
        func warm() throws {
            let token = Minter.acme.token()
            let client = try Client(port: site.gateway.port)
            func status() throws -> Int {
                try client.exchange("/event/e1", ["Authorization: Bearer \(token)"]).status
            }
            #expect(try status() == 200)
            try site.install("both")
            #expect(eventually { site.gateway.log.contains("loaded again: listener[0].certificate") })
            let before = try site.gateway.metrics()
            #expect(try status() == 200)
            let after = try site.gateway.metrics()
            #expect(after.growth(of: "gateway_token_cache_misses_total", since: before) == [:])
            #expect(after.growth(of: "gateway_token_verifications_total", since: before) == [:])
            #expect(after.growth(of: "gateway_token_cache_hits_total", since: before) != [:])
        }

        @Test("A certificate behind a symbolic link is loaded when the link is exchanged")
        func linked() throws {
            let files = FileManager.default
            // As Kubernetes does: files are links into a folder that is a link itself.
            let directory = site.directory
            for name in ["standard", "both"] {
                try files.createDirectory(atPath: directory[name], withIntermediateDirectories: true)
                for (kind, file) in [("pem", "server.pem"), ("key", "server.key")] {
                    try files.copyItem(
                        atPath: site.certificates.path("\(name).\(kind)"),
                        toPath: "\(directory[name])/\(file)"
                    )
                }
            }
            func point(to name: String) throws {
                try files.createSymbolicLink(atPath: directory["data.new"], withDestinationPath: name)
                // SAFETY: the paths are C strings during the call.
                #expect(unsafe rename(directory["data.new"], directory["data"]) == 0)
            }
            try point(to: "standard")
            for file in ["server.pem", "server.key"] {
                try files.removeItem(atPath: directory[file])
                try files.createSymbolicLink(atPath: directory[file], withDestinationPath: "data/\(file)")
            }
            site.gateway.reload()
            try point(to: "both")
            #expect(try serves("both"))
            // The first exchange may be seen by the look that follows a reload.
            try point(to: "standard")
            #expect(try serves("standard"))
        }

        @Test("gateway check reports what is wrong with certificates")
        func check() throws {
            let file = site.gateway.directory["gateway.conf"]
            func check() throws -> Finished { try run(Gateway.program, ["check", file]) }
            #expect(try check().status == 0)
            try site.install("both", key: "exact")
            var said = try check()
            #expect(said.status == 1)
            #expect(said.errors.contains("listener[0].key: does not match the certificate in "))
            try site.install("expired")
            said = try check()
            #expect(said.status == 0)
            #expect(said.errors.contains("error: listener[0].certificate: expired on "))
            try site.install("both", key: "encrypted")
            said = try check()
            #expect(said.status == 1)
            #expect(said.errors.contains("listener[0].key: holds no private key"))
            #expect(!said.errors.contains("PRIVATE KEY"))
        }
    }
}
