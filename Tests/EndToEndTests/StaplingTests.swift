import Foundation
import JOSE
import Testing

extension WaitingEndToEnd {
    @Suite("OCSP stapling")
    struct StaplingTests {
        /// Made by the `openssl` command: a certificate with its issuer's, and statements about it and another.
        private let files: TemporaryDirectory
        private let certificates: TestCertificates

        init() throws {
            certificates = try TestCertificates.shared.get()
            files = try TemporaryDirectory()
            let script = """
                set -e
                cd '\(files.path)'
                made='\(certificates.directory)'
                cat "$made/standard.pem" "$made/ca.pem" > chain.pem
                cat "$made/exact.pem" "$made/ca.pem" > exact.chain
                statement() { # certificate, kind, time of revocation, output
                    serial=$(openssl x509 -in "$made/$1.pem" -noout -serial | cut -d= -f2)
                    printf '%s\\t351231235959Z\\t%s\\t%s\\tunknown\\t/CN=x\\n' "$2" "$3" "$serial" > index
                    openssl ocsp -issuer "$made/ca.pem" -cert "$made/$1.pem" -no_nonce -reqout request
                    openssl ocsp -index index -CA "$made/ca.pem" -rsigner "$made/ca.pem" -rkey "$made/ca.key" \\
                        -reqin request -respout "$4" -ndays 7
                }
                statement standard V '' good
                statement standard R 260101000000Z revoked
                statement exact V '' other
                """
            let made = try run("/bin/sh", ["-c", script], within: 60)
            guard made.status == 0 else { throw GatewayFailure(text: made.errors) }
        }

        private func configuration(_ port: UInt16, certificate: String? = nil) -> GatewayConfiguration {
            var configuration = GatewayConfiguration(upstream: 9)
            configuration.top = """
                [[listener]]
                address = "127.0.0.1:\(port)"
                certificate = "\(certificate ?? files["chain.pem"])"
                key = "\(certificates.path("standard.key"))"
                ocsp_file = "\(files["ocsp.der"])"
                """
            return configuration
        }

        private func install(_ name: String) throws {
            let files = FileManager.default
            try? files.removeItem(atPath: self.files["ocsp.der"])
            try files.copyItem(atPath: self.files[name], toPath: self.files["ocsp.der"])
        }

        @Test("The statement is sent with the certificate, over TLS 1.2 and 1.3; a wrong one later changes nothing")
        func stapled() throws {
            let port = try Listener.freePorts(1)[0]
            try install("good")
            let gateway = try Gateway(configuration(port))
            for version in ["-tls1_2", "-tls1_3"] {
                let said = try status(port, version)
                #expect(said.contains("OCSP Response Status: successful"), "\(said)")
                #expect(said.contains("Cert Status: good"))
            }
            try install("revoked")
            #expect(
                eventually(within: 20) {
                    gateway.log.contains("listener[0].ocsp_file: says that the certificate is revoked")
                }
            )
            #expect(try status(port, "-tls1_3").contains("Cert Status: good"))
        }

        @Test(
            "What is no good statement about the certificate is a remark of check, and the gateway starts without it",
            arguments: [
                ("revoked", "says that the certificate is revoked: get another certificate"),
                ("other", "is about another certificate"), ("chain.pem", "is no OCSP response in DER"),
            ]
        )
        func remarked(name: String, reason: String) throws {
            try install(name)
            let remark = "listener[0].ocsp_file: \(reason): not sent with the certificate: \(files["ocsp.der"])"
            let said = try check(configuration(1))
            #expect(said.status == 0 && said.errors.contains("warning: \(remark)"), "\(said)")
            let port = try Listener.freePorts(1)[0]
            let gateway = try Gateway(configuration(port))
            #expect(eventually { gateway.log.contains(remark) })
            #expect(try status(port, "-tls1_3").contains("OCSP response: no response sent"))
        }

        @Test("A certificate that is renewed before its statement is shown without one, and then with the new one")
        func renewedFirst() throws {
            let port = try Listener.freePorts(1)[0]
            try install("good")
            var configuration = configuration(port, certificate: files["server.pem"])
            configuration.top = configuration.top.replacing(
                certificates.path("standard.key"),
                with: files["server.key"]
            )
            try copy(files["chain.pem"], to: "server.pem")
            try copy(certificates.path("standard.key"), to: "server.key")
            let gateway = try Gateway(configuration)
            #expect(try status(port, "-tls1_3").contains("Cert Status: good"))
            try copy(files["exact.chain"], to: "server.pem")
            try copy(certificates.path("exact.key"), to: "server.key")
            #expect(eventually { gateway.log.contains("loaded again: listener[0].certificate: /CN=exact") })
            #expect(eventually { gateway.log.contains("listener[0].ocsp_file: is about another certificate") })
            #expect(try status(port, "-tls1_3").contains("OCSP response: no response sent"))
            // Neither does it stop a reload.
            gateway.reload()
            try install("other")
            #expect(try eventually { try status(port, "-tls1_3").contains("Cert Status: good") })
        }

        @Test("Without the issuer's certificate, the message says where it belongs")
        func withoutIssuer() throws {
            try install("good")
            let said = try check(configuration(1, certificate: certificates.path("standard.pem"))).errors
            #expect(
                said.contains("listener[0].ocsp_file: cannot be checked: the certificate's file lacks the issuer's")
            )
        }

        private func copy(_ path: String, to name: String) throws {
            try files.write(name, String(contentsOfFile: path, encoding: .utf8))
        }

        private func status(_ port: UInt16, _ version: String) throws -> String {
            try run(
                "/usr/bin/openssl",
                ["s_client", "-connect", "127.0.0.1:\(port)", "-status", version],
                input: ""
            ).output
        }

        private func check(_ configuration: GatewayConfiguration) throws -> Finished {
            let directory = try TemporaryDirectory()
            try Gateway.writeSecrets(to: directory)
            let text = configuration.text(port: 2, adminPort: 3, directory: directory.path)
            return try run(Gateway.program, ["check", directory.write("gateway.conf", text)])
        }

        @Test("After its time it is at fault")
        func expiry() throws {
            func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: path))) }
            let (chain, key) = (try bytes(files["chain.pem"]), try bytes(certificates.path("standard.key")))
            let statement = try OCSPResponse(
                der: bytes(files["good"]),
                for: try CertifiedKey(chain: chain.span, key: key.span)
            )
            let now = Int64(Date().timeIntervalSince1970)
            #expect((6 * 86400...8 * 86400).contains(statement.expiresAt - now))
            #expect(statement.fault(at: statement.expiresAt) == nil)
            #expect(statement.fault(at: statement.expiresAt + 1)?.hasPrefix("expired on ") == true)
        }
    }
}
