import Foundation
import Testing

extension EndToEnd {
    @Suite("TLS to the upstream, with nginx")
    struct TLSUpstreamTests {
        let certificates: TestCertificates

        init() throws { certificates = try TestCertificates.shared.get() }

        private func gateway(_ server: String, _ nginx: SecureNginx, trusting authority: String?) throws -> Gateway {
            var configuration = GatewayConfiguration(upstream: nginx.port)
            configuration.servers = [server]
            configuration.upstream = authority.map { "ca_file = \"\(certificates.path("\($0).pem"))\"" } ?? ""
            return try Gateway(configuration)
        }

        @Test("A server with a valid certificate is used over TLS, by name and by address")
        func good() throws {
            let nginx = try SecureNginx("standard")
            for host in ["localhost", "127.0.0.1"] {
                let gateway = try gateway("https://\(host):\(nginx.port)", nginx, trusting: "ca")
                for _ in 0..<3 {
                    let answer = try fetch(gateway.port, "/public/x")
                    #expect(answer.status == 200)
                    #expect(answer.text.hasPrefix("TLSv1.3 \(host == "localhost" ? "localhost" : "")"))
                }
            }
        }

        @Test("A server that asks for a certificate gets it, and another one after a reload")
        func clientCertificate() throws {
            let nginx = try SecureNginx("standard", clientAuthority: "ca")
            var configuration = GatewayConfiguration(upstream: nginx.port)
            configuration.servers = ["https://127.0.0.1:\(nginx.port)"]
            configuration.upstream = "ca_file = \"\(certificates.path("ca.pem"))\""
            let gateway = try Gateway(configuration)
            #expect(try fetch(gateway.port, "/public/x").status == 400)
            configuration.upstream += """

                certificate = "\(gateway.directory["upstream.pem"])"
                key = "\(gateway.directory["upstream.key"])"
                """
            for name in ["client", "both"] {
                for ending in ["pem", "key"] {
                    let text = try String(contentsOfFile: certificates.path("\(name).\(ending)"), encoding: .utf8)
                    try gateway.directory.write("upstream.\(ending)", text)
                }
                try gateway.rewrite(configuration)
                gateway.reload()
                let answer = try fetch(gateway.port, "/public/x")
                #expect(answer.status == 200 && answer.text.hasSuffix(" CN=\(name)\n"))
            }
        }

        @Test("server_name is what the server must prove, and what it is asked for")
        func serverName() throws {
            let nginx = try SecureNginx("exact")
            for (name, status) in [("exact.example", 200), ("other.example", 502)] {
                var configuration = GatewayConfiguration(upstream: nginx.port)
                configuration.servers = ["https://127.0.0.1:\(nginx.port)"]
                configuration.upstream = "ca_file = \"\(certificates.path("ca.pem"))\"\nserver_name = \"\(name)\""
                let gateway = try Gateway(configuration)
                let answer = try fetch(gateway.port, "/public/x")
                #expect(answer.status == status)
                if status == 200 { #expect(answer.text.contains(" exact.example ")) }
            }
        }

        @Test(
            "A server with a wrong certificate gives 502, and the log says why",
            arguments: [
                ("exact", "ca", "hostname mismatch"), ("expired", "ca", "certificate has expired"),
                ("other", "ca", "unable to get local issuer certificate"), ("self", "ca", "self-signed certificate"),
                ("standard", nil, "unable to get local issuer certificate"),
            ] as [(String, String?, String)]
        )
        func wrong(_ certificate: String, _ authority: String?, _ reason: String) throws {
            let nginx = try SecureNginx(certificate)
            let host = certificate == "exact" ? "localhost" : "127.0.0.1"
            let gateway = try gateway("https://\(host):\(nginx.port)", nginx, trusting: authority)
            #expect(try fetch(gateway.port, "/public/x").status == 502)
            #expect(eventually { gateway.log.contains(reason) }, "\(gateway.log)")
        }
    }
}

/// A server that speaks only TLS, and answers with what it knows about the connection.
final class SecureNginx: Sendable {
    let port: UInt16
    private let directory: TemporaryDirectory
    private let child: Child

    /// - Parameter clientAuthority: must have signed the certificates of clients; `nil` if they need none.
    init(_ certificate: String, clientAuthority: String? = nil) throws {
        let certificates = try TestCertificates.shared.get()
        port = try Listener.freePorts(1)[0]
        directory = try TemporaryDirectory()
        let verification = clientAuthority.map {
            "ssl_verify_client on; ssl_client_certificate \(certificates.path($0)).pem;"
        }
        try directory.write(
            "nginx.conf",
            """
            daemon off;
            master_process off;
            pid \(directory.path)/nginx.pid;
            error_log \(directory.path)/error.log;
            events { }
            http {
                access_log off;
                client_body_temp_path \(directory.path)/body;
                proxy_temp_path \(directory.path)/proxy;
                fastcgi_temp_path \(directory.path)/fastcgi;
                uwsgi_temp_path \(directory.path)/uwsgi;
                scgi_temp_path \(directory.path)/scgi;
                server {
                    listen 127.0.0.1:\(port) ssl;
                    ssl_certificate \(certificates.path(certificate)).pem;
                    ssl_certificate_key \(certificates.path(certificate)).key;
                    ssl_protocols TLSv1.2 TLSv1.3;
                    \(verification ?? "")
                    location / { return 200 "$ssl_protocol $ssl_server_name $ssl_client_s_dn\\n"; }
                }
            }

            """
        )
        child = try Child(
            Nginx.program,
            ["-p", directory.path, "-e", directory["error.log"], "-c", directory["nginx.conf"]],
            output: directory["output.log"]
        )
        let port = port
        guard eventually(within: 10, { (try? Client(port: port)) != nil }) else {
            throw GatewayFailure(text: "nginx does not serve: \(child.said)")
        }
    }
}
