import Foundation

/// A gateway with a plaintext listener, one with TLS and one that requires client certificates.
final class TLSSite: Sendable {
    let certificates: TestCertificates
    let upstream: RecordingUpstream
    let gateway: Gateway
    let directory: TemporaryDirectory
    let tlsPort: UInt16
    let mutualPort: UInt16
    var url: String { "https://localhost:\(tlsPort)" }

    /// - Parameter isPublic: whether browsers are expected at the TLS listener, and get secure cookies.
    init(isPublic: Bool = false) throws {
        let certificates = try TestCertificates.shared.get()
        let directory = try TemporaryDirectory()
        let ports = try Listener.freePorts(2)
        upstream = try RecordingUpstream(standard: { try $0.echo() })
        upstream.on("/public/mirror") { exchange in
            let body = try exchange.readBody()
            exchange.send("HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\n\r\n")
            return exchange.socket.send(body)
        }
        self.certificates = certificates
        self.directory = directory
        (tlsPort, mutualPort) = (ports[0], ports[1])
        try Self.install(certificates, "standard", key: "standard", in: directory)
        var configuration = GatewayConfiguration(upstream: upstream.port)
        if isPublic { configuration.publicURL = "https://localhost:\(ports[0])" }
        configuration.limits += "\nheader_timeout = \"1s\"\nconnections_per_address = 0"
        func sni(_ name: String, _ certificate: String) -> String {
            "[[listener.sni]]\nnames = [\"\(name)\"]\ncertificate = \"\(certificates.path(certificate)).pem\"\n"
                + "key = \"\(certificates.path(certificate)).key\"\n"
        }
        configuration.top = """
            [[listener]]
            address = "127.0.0.1:\(tlsPort)"
            certificate = "\(directory["server.pem"])"
            key = "\(directory["server.key"])"
            \(sni("exact.example", "exact"))
            \(sni("*.wild.example", "wild"))
            \(sni("both.example", "both"))
            [[listener]]
            address = "127.0.0.1:\(mutualPort)"
            certificate = "\(certificates.path("standard.pem"))"
            key = "\(certificates.path("standard.key"))"
            client_ca_file = "\(certificates.path("ca.pem"))"
            """
        gateway = try Gateway(configuration)
    }

    /// Replaces the first listener's certificate.
    func install(_ certificate: String, key: String? = nil) throws {
        try Self.install(certificates, certificate, key: key ?? certificate, in: directory)
    }

    private static func install(
        _ certificates: TestCertificates,
        _ certificate: String,
        key: String,
        in directory: TemporaryDirectory
    ) throws {
        func text(_ name: String) throws -> String {
            try String(contentsOfFile: certificates.path(name), encoding: .utf8)
        }
        try directory.write("server.pem", text("\(certificate).pem"))
        try directory.write("server.key", text("\(key).key"))
    }

    func curl(_ options: [String]) throws -> Finished {
        try run(
            "/usr/bin/curl",
            ["-sS", "-m", "30", "--http1.1", "--cacert", certificates.path("ca.pem")] + options,
            within: 40
        )
    }

    /// One request with `openssl s_client`.
    func openssl(
        _ options: [String],
        input: String = "GET /.gateway/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    ) throws -> Finished {
        try run(
            "/usr/bin/openssl",
            ["s_client", "-connect", "127.0.0.1:\(tlsPort)", "-ign_eof", "-CAfile", certificates.path("ca.pem")]
                + options,
            input: input
        )
    }
}

/// A connection that stays open, through `openssl s_client`.
final class TLSTalk {
    private let child: Child
    private let input: FileHandle
    private let directory: TemporaryDirectory

    init(_ site: TLSSite) throws {
        let pipe = Pipe()
        directory = try TemporaryDirectory()
        child = try Child(
            "/usr/bin/openssl",
            ["s_client", "-connect", "127.0.0.1:\(site.tlsPort)"],
            input: pipe.fileHandleForReading.fileDescriptor,
            output: directory["output"]
        )
        input = pipe.fileHandleForWriting
    }

    private var answers = 0

    /// Sends another request, and returns everything that has arrived so far.
    func get() -> String {
        answers += 1
        input.write(Data("GET /.gateway/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        _ = eventually { child.said.components(separatedBy: "\r\n\r\nok\n").count > answers }
        return child.said
    }
}
