import Foundation
import Testing

extension WaitingEndToEnd {
    @Suite("TLS sessions of several gateways")
    struct TicketKeyTests {
        private let certificates: TestCertificates
        private let files: TemporaryDirectory

        init() throws {
            certificates = try TestCertificates.shared.get()
            files = try TemporaryDirectory()
        }

        /// A gateway, and the port of its TLS listener.
        private func gateway(_ keyFile: String?) throws -> (Gateway, UInt16) {
            let port = try Listener.freePorts(1)[0]
            var configuration = GatewayConfiguration(upstream: 9)
            configuration.top = """
                [[listener]]
                address = "127.0.0.1:\(port)"
                certificate = "\(certificates.path("standard.pem"))"
                key = "\(certificates.path("standard.key"))"
                \(keyFile.map { "ticket_key_file = \"\(files[$0])\"" } ?? "")
                """
            return (try Gateway(configuration), port)
        }

        private func connect(_ port: UInt16, _ options: [String]) throws -> String {
            try run(
                "/usr/bin/openssl",
                ["s_client", "-connect", "127.0.0.1:\(port)", "-tls1_2"] + options,
                input: ""
            ).output
        }

        private func write(_ name: String, _ keys: [UInt8]) throws {
            let bytes = keys.flatMap { [UInt8](repeating: $0, count: 80) }
            try Data(bytes).write(to: URL(fileURLWithPath: files[name]), options: .atomic)
        }

        @Test("With one key file a gateway resumes another's session, also after a new key was put in front")
        func shared() throws {
            try write("tickets.key", [1])
            let (first, firstPort) = try gateway("tickets.key")
            let (second, secondPort) = try gateway("tickets.key")
            let session = files["session"]
            #expect(try connect(firstPort, ["-sess_out", session]).contains("New, TLSv1.2"))
            #expect(try connect(secondPort, ["-sess_in", session]).contains("Reused, TLSv1.2"))
            try write("tickets.key", [2, 1])
            for gateway in [first, second] {
                #expect(eventually(within: 20) { gateway.log.contains("loaded again: listener[0].ticket_key_file") })
            }
            #expect(try connect(secondPort, ["-sess_in", session]).contains("Reused, TLSv1.2"))
            try write("tickets.key", [2])
            let isForgotten = try eventually(within: 20) {
                try connect(secondPort, ["-sess_in", session]).contains("New, TLSv1.2")
            }
            #expect(isForgotten)
        }

        @Test("Without one, each gateway has keys of its own")
        func separate() throws {
            let (first, firstPort) = try gateway(nil)
            let (second, secondPort) = try gateway(nil)
            let session = files["session"]
            #expect(try connect(firstPort, ["-sess_out", session]).contains("New, TLSv1.2"))
            #expect(try connect(firstPort, ["-sess_in", session]).contains("Reused, TLSv1.2"))
            #expect(try connect(secondPort, ["-sess_in", session]).contains("New, TLSv1.2"))
            withExtendedLifetime((first, second)) {}
        }
    }
}
