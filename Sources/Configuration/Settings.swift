package import Admission
package import JOSE

/// The effective configuration: every key of `gateway.conf` with its value or its default, validated.
package struct Settings: Sendable {
    /// Base of embed and join URLs, without a trailing slash.
    package var publicURL: PublicURL
    /// Origins besides `publicURL`'s that may upgrade and use unsafe methods with a cookie session.
    package var allowedOrigins: [String] = []
    /// How long a drain may take before what is left is cut.
    package var drainTimeout: Duration = .seconds(30)
    /// Event loops; 0: as many as there are processors for this process.
    package var threads = 0
    package var listeners: [ListenerSettings]
    package var admin = AdminSettings()
    package var upstreams: [UpstreamSettings]
    package var routes: [RouteSettings]
    package var tokens = TokenSettings()
    package var companies: [CompanySettings]
    package var sessions = SessionSettings()
    package var identity = IdentitySettings()
    package var limits = LimitSettings()
    package var http2 = HTTP2Settings()
    package var control = ControlSettings()
    package var log = LogSettings()
}

/// `public_url`, taken apart.
package struct PublicURL: Sendable, Equatable {
    package var text: String
    package var isSecure: Bool
    /// `scheme://host[:port]`, in the form that browsers send as `Origin`.
    package var origin: String
}

/// Where a socket listens or connects to.
package enum SocketAddress: Sendable, Equatable {
    case tcp(host: String, port: Int)
    case unix(path: String)
}

package struct ListenerSettings: Sendable {
    package var address: SocketAddress
    /// Who may connect to a socket of the system, and the group that its file is given to; nil for TCP.
    package var mode: UInt32?
    package var group: String?
    package var certificate: String?
    package var key: String?
    /// What the two files hold; nil: clear text.
    package var certifiedKey: CertifiedKey?
    /// Where `clientAuthorities` were read from.
    package var clientCAFile: String?
    /// Who must have signed a client's certificate; nil: clients need none.
    package var clientAuthorities: TrustedAuthorities?
    package var proxyProtocol = false
    package var serverNames: [ServerNameSettings] = []

    /// As with a port, everybody on this machine may connect.
    static let standardMode: UInt32 = 0o666
}

package struct ServerNameSettings: Sendable {
    package var names: [String]
    package var certificate: String
    package var key: String
    /// What the two files hold; nil only while faults are collected.
    package var certifiedKey: CertifiedKey?
}

package struct AdminSettings: Sendable {
    package var address: SocketAddress = .tcp(host: "127.0.0.1", port: 9901)
    /// As those of a listener.
    package var mode: UInt32?
    package var group: String?
    /// Where `token` was read from.
    package var tokenFile: String?
    package var token: Secret?

    /// Whoever may connect may send viewers away.
    static let standardMode: UInt32 = 0o600
}

/// A socket that the process listens at.
package struct ListeningSocket: Sendable {
    /// Where it stands in the configuration, as `listener[0]`.
    package let place: String
    package let address: SocketAddress
    package let mode: UInt32?
    package let group: String?
}

extension Settings {
    /// Those of viewers first, in order.
    package var sockets: [ListeningSocket] {
        listeners.enumerated().map { index, listener in
            ListeningSocket(
                place: "listener[\(index)]",
                address: listener.address,
                mode: listener.mode,
                group: listener.group
            )
        } + [ListeningSocket(place: "admin", address: admin.address, mode: admin.mode, group: admin.group)]
    }
}

package struct UpstreamSettings: Sendable, Equatable {
    package var name: String
    package var servers: [UpstreamServerSettings]
    /// Where `authorities` were read from.
    package var caFile: String?
    /// Who must have signed the certificates of https servers; nil: whom the system trusts.
    package var authorities: TrustedAuthorities?
    package var healthPath: String?
    package var connectTimeout: Duration = .seconds(2)
    /// To the response head.
    package var responseTimeout: Duration = .seconds(60)
    /// Of each event loop. Time ends idle connections (``UpstreamPool.idleLifetime``): a number that a busy loop exceeds would
    /// have it close and reopen them all the time.
    package var maxIdlePerServer = 4096
}

package struct UpstreamServerSettings: Sendable, Equatable {
    package var isSecure: Bool
    package var address: SocketAddress
}

package struct RouteSettings: Sendable {
    package var path: RoutePattern
    /// Index into `Settings.upstreams`; one past its end is the control API.
    package var upstream: Int
    package var access: Access
    package var preflight: Preflight = .forward
    package var cookies: UpstreamCookies = .partition
}

/// What happens to CORS preflights on a route that asks for credentials, which they never carry.
package enum Preflight: String, Sendable, CaseIterable {
    /// To the upstream, without identity.
    case forward
    case refuse
}

/// What happens to the cookies that an upstream sets.
package enum UpstreamCookies: String, Sendable, CaseIterable {
    /// Over https they are made to live in a frame on another site.
    case partition
    case keep
}

/// A path pattern: literal segments, at most one `{event}`, and `/**` only at the end.
package struct RoutePattern: Sendable, Equatable {
    package enum Segment: Sendable, Equatable {
        case literal(String)
        case event
    }
    package var text: String
    package var segments: [Segment]
    package var takesRest: Bool
}

package struct TokenSettings: Sendable {
    package var query = ["token", "authKey", "jwt"]
    /// Whether `Authorization: Bearer` is a place for viewers' tokens.
    package var authorization = true
    package var leeway: Duration = .seconds(30)
    package var requireExpiry = true
    package var embedLifetime: Duration = .seconds(4 * 3600)
    package var registrationLifetime: Duration = .seconds(30 * 86400)
    package var maxSize = 8 << 10
    package var claims = ClaimNames()
}

package struct CompanySettings: Sendable {
    package var id: String
    package var name: String
    /// Where `clientSecrets` were read from.
    package var clientSecretFiles: [String] = []
    /// Each of them obtains API tokens; none: the company has no API.
    package var clientSecrets: [Secret] = []
    /// Patterns of the event ids that are this company's where the directory does not know them; nil: it was left out.
    package var eventIDs: [String]?
    /// Origins as browsers send them; `https://*.host`, or `*` for any, as `frame-ancestors` has them.
    package var embedOrigins: [String] = []
    /// Tokens that the company signs itself have one of these as `iss`; none: not checked.
    package var issuers: [String] = []
    /// The `aud` of the company's tokens names one of these; none: not checked.
    package var audiences: [String] = []
    /// The first signs; the others only verify. One `jwks_file` may give several.
    package var keys: [Key]
    /// Those of `keys` that signed before the first one did.
    package var earlierKeys: [Key] = []
    /// Each `[[company.key]]` as it was written.
    package var keyOrigins: [KeyOrigin]
}

/// A `[[company.key]]` as it was written; the keys themselves are in `CompanySettings.keys`.
package struct KeyOrigin: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        case secretFile(String)
        case privateKeyFile(String)
        case publicKeyFile(String)
        case jwksFile(String)
        case jwksURL(String)
    }
    package var id: String?
    /// Nil for key sets, which say it themselves.
    package var algorithm: Algorithm?
    package var source: Source
    /// Whether it was the company's first key once, so that the gateway's own tokens by it are still good; nil: left out,
    /// which means that it was not.
    package var signedBefore: Bool?
}

package struct SessionSettings: Sendable {
    package var policy = SessionPolicy()
    package var cookieKeyFile = "/var/lib/gateway/cookie.key"
}

package struct IdentitySettings: Sendable {
    package var headerPrefix = "X-Gateway-"
    /// Further claims of viewers' tokens that the upstream is told, in the order of their fields' names.
    package var claims: [ClaimField] = []
    package var assertionKeyFile = "/var/lib/gateway/assertion.key"
}

/// A claim that goes to the upstream in a field of its own.
package struct ClaimField: Sendable, Equatable {
    /// The field's name without the prefix.
    package let name: String
    package let claim: String
}

package struct LimitSettings: Sendable {
    package var headerSize = 32 << 10
    package var headerCount = 100
    package var bodySize = 1 << 30
    package var headerTimeout: Duration = .seconds(10)
    package var idleTimeout: Duration = .seconds(75)
    package var connections = 100_000
    /// Of one client address, IPv6 by /64; 0: any number.
    package var connectionsPerAddress = 1000
    /// Bytes a second, over 30 s, while a body is under way.
    package var minRate = 256
    package var joinsPerMinute = 30
    package var failuresPerMinute = 60
    package var trustedProxies: [AddressRange] = []
}

/// A CIDR block of IPv4 or IPv6 addresses.
package struct AddressRange: Sendable, Equatable {
    package var text: String
    /// Network-order bytes: 4 for IPv4, 16 for IPv6.
    package var bytes: [UInt8]
    package var prefixLength: Int
}

package struct HTTP2Settings: Sendable {
    /// Requests that one connection may have open.
    package var concurrentStreams = 100
    /// Whether WebSockets may be opened on a stream (RFC 8441).
    package var webSocket = true
}

package struct ControlSettings: Sendable, Equatable {
    package var enabled = false
    package var database = "/var/lib/gateway/gateway.sqlite"
    /// The key that API tokens are signed with; nil: beside the database.
    package var tokenKeyFile: String?
    /// Where webhooks may go besides public addresses; `http` is allowed to these only.
    package var webhookPrivateAddresses: [AddressRange] = []
    package var retention = RetentionSettings()

    /// What routes call the control API.
    package static let upstreamName = "control"
    /// Where it listens; not longer than ``SocketAddress/maxPath``.
    package var socket: String { database + Self.socketSuffix }
    static let socketSuffix = ".sock"
    /// The key file that counts.
    package var tokenKeyPath: String { tokenKeyFile ?? database + ".key" }

    /// The control API as the data plane sees it.
    package var upstream: UpstreamSettings {
        let server = UpstreamServerSettings(isSecure: false, address: .unix(path: socket))
        return UpstreamSettings(name: Self.upstreamName, servers: [server])
    }
}

/// How long the directory keeps what is over.
package struct RetentionSettings: Sendable, Equatable {
    package var stays = Duration.seconds(400 * 86_400)
    /// Registrations and events after their removal.
    package var removed = Duration.seconds(30 * 86_400)
    /// Messages to webhooks that did not arrive.
    package var webhooks = Duration.seconds(7 * 86_400)
}

package enum LogLevel: String, Sendable, CaseIterable {
    case debug, info, notice, warning, error
}

package enum LogFormat: String, Sendable, CaseIterable {
    case json, text
}

package struct LogSettings: Sendable {
    package var level: LogLevel = .info
    package var format: LogFormat = .json
    package var access = true
}

/// Bytes that no description, log line or reflection shows.
package struct Secret: Sendable, CustomStringConvertible, CustomReflectable {
    package let bytes: [UInt8]
    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    package var description: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
