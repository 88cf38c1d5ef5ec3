import Basics
import GatewayConfiguration

/// A viewers' listener's settings, compiled for the request path.
struct ListenerRules: Sendable {
    /// Whether each connection starts with a PROXY header.
    let needsProxyHeader: Bool
    /// Whether the listener sends clients to `public_url` instead of serving them.
    let redirects: Bool
    /// The folder with answers to ACME's challenges.
    let acmeDirectory: String?
    /// The `Strict-Transport-Security` line of answers over TLS
    /// ([RFC 6797](https://www.rfc-editor.org/rfc/rfc6797)); empty if there is none.
    let transportPolicy: [UInt8]

    init(_ settings: ListenerSettings) {
        needsProxyHeader = settings.proxyProtocol
        redirects = settings.redirect == .https
        acmeDirectory = settings.acmeDirectory
        transportPolicy =
            settings.transportPolicy.map { policy in
                let more = policy.includesSubdomains ? "; includeSubDomains" : ""
                let seconds = policy.maxAge.components.seconds
                return Array("Strict-Transport-Security: max-age=\(seconds)\(more)\r\n".utf8)
            } ?? []
    }
}
