import GatewayConfiguration

/// A webhook's http or https URL, parsed.
struct WebhookEndpoint: Sendable, Equatable {
    let isSecure: Bool
    /// In lower case, without the brackets of an IPv6 address.
    let host: String
    let port: Int
    /// Path and query as sent.
    let target: String

    /// Parses an absolute URL. Returns `nil` if anything in it could be read in two ways.
    init?(_ text: String) {
        guard text.utf8.count <= 2048, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }),
            let scheme = text.firstRange(of: "://")
        else { return nil }
        let end = text[scheme.upperBound...].firstIndex { "/?#".contains($0) } ?? text.endIndex
        guard let server = try? UpstreamServerSettings(parsing: String(text[..<end])),
            case .tcp(let host, let port) = server.address
        else { return nil }
        isSecure = server.isSecure
        self.host = host
        self.port = port
        let rest = text[end...].prefix { $0 != "#" }
        target = rest.utf8.first == UInt8(ascii: "/") ? String(rest) : "/" + rest
    }

    /// The value of `Host`, without the default port.
    var authority: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }
}
