import Basics

/// What a proxy sends at the start of a connection: the header of the PROXY protocol.
enum ProxyHeader {
    /// Version 1, for a client with this IP address.
    static func line(_ client: String) -> [UInt8] {
        let isIPv6 = client.utf8.contains(UInt8(ascii: ":"))
        return Array("PROXY \(isIPv6 ? "TCP6" : "TCP4") \(client) \(isIPv6 ? "::1" : "127.0.0.1") 56324 443\r\n".utf8)
    }

    /// Version 2, for a client with this IP address.
    ///
    /// - Parameter more: further content behind the addresses.
    static func binary(_ client: String, more: [UInt8] = []) -> [UInt8] {
        let ip = IPAddress(client)?.bytes ?? []
        let target = [UInt8](repeating: 0, count: ip.count - 1) + [1]
        return start(command: 1, family: ip.count == 4 ? 0x11 : 0x21, ip + target + [0xdc, 4, 1, 0xbb] + more)
    }

    /// Version 2, for a proxy that speaks for itself.
    static let local = start(command: 0, family: 0, [])

    private static func start(command: UInt8, family: UInt8, _ content: [UInt8]) -> [UInt8] {
        Array("\r\n\r\n\0\r\nQUIT\n".utf8)
            + [0x20 | command, family, UInt8(content.count >> 8), UInt8(content.count & 0xff)] + content
    }
}

/// A gateway with listeners that need a PROXY header, besides the usual one that does not.
final class ProxySite: Sendable {
    let site: Site
    let certificates: TestCertificates
    let port: UInt16
    let tlsPort: UInt16
    let socketPath: String
    private let directory: TemporaryDirectory

    init(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws {
        let certificates = try TestCertificates.shared.get()
        let directory = try TemporaryDirectory()
        let ports = try Listener.freePorts(2)
        (self.certificates, self.directory) = (certificates, directory)
        (port, tlsPort) = (ports[0], ports[1])
        socketPath = directory["proxy.sock"]
        let listeners = Self.listeners(ports, socket: directory["proxy.sock"], certificates, needHeader: true)
        site = try Site {
            $0.top = listeners
            adjust(&$0)
        }
    }

    private static func listeners(
        _ ports: [UInt16],
        socket: String,
        _ certificates: TestCertificates,
        needHeader: Bool
    ) -> String {
        """
        [[listener]]
        address = "127.0.0.1:\(ports[0])"
        proxy_protocol = \(needHeader)
        [[listener]]
        address = "127.0.0.1:\(ports[1])"
        certificate = "\(certificates.path("standard.pem"))"
        key = "\(certificates.path("standard.key"))"
        proxy_protocol = \(needHeader)
        [[listener]]
        address = "unix:\(socket)"
        proxy_protocol = \(needHeader)
        """
    }

    /// Makes the gateway load a configuration in which its listeners need a header, or none.
    func reload(needHeader: Bool) throws {
        let listeners = Self.listeners(
            [port, tlsPort],
            socket: socketPath,
            certificates,
            needHeader: needHeader
        )
        try site.gateway.rewrite(site.configuration { $0.top = listeners })
        site.gateway.reload()
    }

    /// A connection that starts with a header.
    ///
    /// - Parameter host: the last number of the proxy's loopback address.
    func connect(_ header: [UInt8], host: UInt8 = 1) throws -> Client {
        let client = try Client(port: port, host: host)
        client.send(header)
        return client
    }

    /// One exchange on a connection of its own that starts with a header.
    func fetch(_ header: [UInt8], _ target: String, _ fields: [String] = []) throws -> Response {
        try connect(header).exchange(target, fields + ["Connection: close"])
    }

    /// The values of `X-Forwarded-For` that the upstream was given for a path.
    func forwarded(_ path: String) -> [String]? {
        site.upstream.requests(for: path).last?.fields.values("x-forwarded-for")
    }
}
