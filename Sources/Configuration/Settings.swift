package import Admission
package import Basics
package import JOSE

/// The effective configuration: every key of `gateway.conf` with its value or its default, validated.
package struct Settings: Sendable {
    /// Base of embed and join URLs, without a trailing slash.
    package var publicURL: PublicURL
    /// Origins besides `publicURL`'s that may upgrade and use unsafe methods with a cookie session.
    package var allowedOrigins: [String] = []
    /// How long a drain goes on serving new connections after readiness has failed, so that load balancers can learn of
    /// it.
    package var drainDelay: Duration = .zero
    /// How long a drain may take afterwards before the remaining connections are cut.
    package var drainTimeout: Duration = .seconds(30)
    /// The number of event loops; 0 for one per processor available to this process.
    package var threads = 0
    package var listeners: [ListenerSettings]
    package var admin = AdminSettings()
    package var upstreams: [UpstreamSettings]
    package var routes: [RouteSettings]
    package var tokens = TokenSettings()
    package var companies: [CompanySettings]
    package var sessions = SessionSettings()
    package var identity = IdentitySettings()
    package var pages = PagesSettings()
    package var limits = LimitSettings()
    package var http2 = HTTP2Settings()
    package var control = ControlSettings()
    package var log = LogSettings()
    package var tracing = TracingSettings()
}

/// `public_url`, parsed.
package struct PublicURL: Sendable, Equatable {
    package var text: String
    package var isSecure: Bool
    /// `scheme://host[:port]`, as browsers send it in `Origin`.
    package var origin: String

    /// `host[:port]`, as browsers send it in `Host`.
    package var authority: String { String(origin.dropFirst(isSecure ? 8 : 7)) }
}

/// Where a socket listens or connects to.
package enum SocketAddress: Sendable, Equatable {
    case tcp(host: String, port: Int)
    case unix(path: String)
}

package struct ListenerSettings: Sendable {
    package var address: ListenAddress
    /// The mode and group of a Unix socket's file, which decide who may connect; `nil` for TCP.
    package var mode: UInt32?
    package var group: String?
    package var certificate: String?
    package var key: String?
    /// The content of the two files; `nil` for plaintext.
    package var certifiedKey: CertifiedKey?
    package var ocspFile: String?
    /// What the authority says about the certificate; `nil` if the file has nothing that may be sent with it.
    package var ocspResponse: OCSPResponse?
    /// Why nothing in `ocspFile` may be sent.
    package var ocspFault: String?
    package var ticketKeyFile: String?
    /// The keys of session tickets, the one that seals first; `nil` for keys of the process's own.
    package var ticketKeys: Secret?
    /// The file from which `clientAuthorities` were read.
    package var clientCAFile: String?
    /// The authorities that must have signed a client's certificate; `nil` if clients need none.
    package var clientAuthorities: TrustedAuthorities?
    package var proxyProtocol = false
    package var serverNames: [ServerNameSettings] = []
    package var redirect: ListenerRedirect?
    /// The folder that contains `.well-known/acme-challenge`, served by a listener that redirects.
    package var acmeDirectory: String?
    package var transportPolicy: TransportPolicy?

    /// Whether any certificate comes with a statement of its authority.
    package var hasOCSPResponse: Bool { ocspResponse != nil || serverNames.contains { $0.ocspResponse != nil } }

    /// The size of a key of session tickets: 16 bytes of name, 32 each for HMAC-SHA-256 and AES-256.
    static let ticketKeySize = 80
    static let maxTicketKeys = 16

    /// As with a TCP port, everybody on this machine may connect.
    static let standardMode: UInt32 = 0o666
}

/// Where a plaintext listener sends its clients instead of serving them.
package enum ListenerRedirect: String, Sendable, CaseIterable {
    /// To the same path and query under `public_url`.
    case https
}

/// What `Strict-Transport-Security` tells browsers: to use only https from now on.
package struct TransportPolicy: Sendable, Equatable {
    /// How long browsers remember it. Zero makes them forget it.
    package var maxAge: Duration
    package var includesSubdomains = false
}

package struct ServerNameSettings: Sendable {
    package var names: [String]
    package var certificate: String
    package var key: String
    /// The content of the two files; `nil` only while problems are collected.
    package var certifiedKey: CertifiedKey?
    /// Same as for a listener.
    package var ocspFile: String?
    package var ocspResponse: OCSPResponse?
    package var ocspFault: String?
}

package struct AdminSettings: Sendable {
    package var address: SocketAddress = .tcp(host: "127.0.0.1", port: 9901)
    /// Same as for a listener.
    package var mode: UInt32?
    package var group: String?
    /// The file from which `token` was read.
    package var tokenFile: String?
    package var token: Secret?
    /// The file from which `readToken` was read.
    package var readTokenFile: String?
    /// The token of those who may look, but change nothing.
    package var readToken: Secret?

    /// Restrictive, because anyone who can connect can remove viewers.
    static let standardMode: UInt32 = 0o600
}

/// A socket that the process listens on.
package struct ListeningSocket: Sendable {
    /// Its place in the configuration, such as `listener[0]`.
    package let place: String
    package let address: ListenAddress
    package let mode: UInt32?
    package let group: String?
}

extension Settings {
    /// The sockets for viewers first, in order.
    package var sockets: [ListeningSocket] {
        listeners.enumerated().map { index, listener in
            ListeningSocket(
                place: "listener[\(index)]",
                address: listener.address,
                mode: listener.mode,
                group: listener.group
            )
        } + [
            ListeningSocket(place: "admin", address: ListenAddress(admin.address), mode: admin.mode, group: admin.group)
        ]
    }
}

package struct RouteSettings: Sendable {
    package var path: RoutePattern
    /// Index into `Settings.upstreams`; the index after the last is the control API.
    package var upstream: Int
    package var access: Access
    package var preflight: Preflight = .forward
    package var cookies: UpstreamCookies = .partition
    /// Whether its exchanges are in the access log. `nil`: as `log.access` says.
    package var accessLog: Bool?
    /// The most bytes of a request's head; `nil` for that of all routes. Never more than that.
    package var headerSize: Int?
    /// The most fields of a request's head; likewise.
    package var headerCount: Int?
    /// The most bytes of a request's body; `nil` for that of all routes.
    package var bodySize: Int?
}

/// What happens to CORS preflights on a route that requires credentials, which preflights never carry.
package enum Preflight: String, Sendable, CaseIterable {
    /// Passes them to the upstream, without identity.
    case forward
    case refuse
}

/// What happens to the cookies that an upstream sets.
package enum UpstreamCookies: String, Sendable, CaseIterable {
    /// Over https, makes them work in a frame on another site.
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
    /// Whether viewers' tokens may come in `Authorization: Bearer`.
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
    /// The files from which `clientSecrets` were read.
    package var clientSecretFiles: [String] = []
    /// Each of them obtains API tokens. Without any, the company has no API.
    package var clientSecrets: [Secret] = []
    /// Patterns of the event ids that belong to this company if the directory does not know them; `nil` if not
    /// configured.
    package var eventIDs: [String]?
    /// What the gateway's pages for its viewers show of it.
    package var page = CompanyPage()
    /// Origins in the form of `frame-ancestors`: as browsers send them, `https://*.host`, or `*` for any.
    package var embedOrigins: [String] = []
    /// Accepted values of `iss` in tokens that the company signs itself; empty if not checked.
    package var issuers: [String] = []
    /// Accepted values of `aud` in the company's tokens; empty if not checked.
    package var audiences: [String] = []
    /// The first signs, the others only verify. One `jwks_file` may contribute several.
    package var keys: [Key]
    /// Whether the first of `keys` signs. If not, all of them only verify.
    package var firstSigns = true
    /// The keys among `keys` that signed before the first one did.
    package var earlierKeys: [Key] = []
    /// Each `[[company.key]]` as written.
    package var keyOrigins: [KeyOrigin]
    /// Whether it comes from the directory, not from the configuration's file.
    package var isInDirectory = false
    /// Whether nothing of it is accepted for the time being.
    package var isSuspended = false

    package init(id: String, name: String, keys: [Key], keyOrigins: [KeyOrigin]) {
        (self.id, self.name, self.keys, self.keyOrigins) = (id, name, keys, keyOrigins)
    }

    /// Where further keys are published. They are not among `keys`.
    package var keySetURLs: [KeySetURL] { isSuspended ? [] : keyOrigins.flatMap(\.keySetURLs) }
}

/// Where a company or its identity provider publishes keys.
package struct KeySetURL: Sendable, Hashable {
    /// As written, or the place of an issuer's discovery document.
    package let text: String
    package let isSecure: Bool
    package let host: String
    package let port: Int
    /// Path and query.
    package let target: String
    /// For `Host`.
    package let authority: String
    /// The issuer whose discovery document is there, which names the key set. `nil` if the key set itself is there.
    package var issuer: String?

    package static func == (a: KeySetURL, b: KeySetURL) -> Bool {
        a.text.hasSameBytes(as: b.text) && a.issuer.map { ExactText($0) } == b.issuer.map { ExactText($0) }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(ExactText(text)) }
}

/// A `[[company.key]]` as written. The keys themselves are in `CompanySettings.keys`.
package struct KeyOrigin: Sendable, Equatable {
    package enum Source: Sendable, Equatable {
        case secretFile(String)
        case privateKeyFile(String)
        case publicKeyFile(String)
        case jwksFile(String)
        case jwksURL(KeySetURL)
        /// The key sets of the company's issuers, each found by its discovery document.
        case openID([KeySetURL])
    }
    package var id: String?
    /// `nil` for key sets, which name it themselves.
    package var algorithm: Algorithm?
    package var source: Source
    /// Whether it used to be the company's first key, so that the gateway's own tokens signed with it are still
    /// accepted; `nil` if not configured, which means no.
    package var signedBefore: Bool?

    package init(id: String? = nil, algorithm: Algorithm? = nil, source: Source, signedBefore: Bool? = nil) {
        (self.id, self.algorithm, self.source, self.signedBefore) = (id, algorithm, source, signedBefore)
    }

    package var keySetURLs: [KeySetURL] {
        switch source {
        case .jwksURL(let url): [url]
        case .openID(let urls): urls
        case .secretFile, .privateKeyFile, .publicKeyFile, .jwksFile: []
        }
    }
}

package struct SessionSettings: Sendable {
    package var policy = SessionPolicy()
    /// Whether a service worker may hold the session where a browser keeps no cookie.
    package var cookieless = false
    package var cookieKeyFile = "/var/lib/gateway/cookie.key"
}

package struct IdentitySettings: Sendable {
    package var headerPrefix = "X-Gateway-"
    /// Further claims of viewers' tokens that are passed to the upstream, in the order of their fields' names.
    package var claims: [ClaimField] = []
    package var assertionKeyFile = "/var/lib/gateway/assertion.key"
}

/// A claim that is passed to the upstream in a field of its own.
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
    /// Limit per client address, for IPv6 per /64; 0 for no limit.
    package var connectionsPerAddress = 1000
    /// Bytes per second, measured over 30 s, while a body is being transferred.
    package var minRate = 256
    package var joinsPerMinute = 30
    package var failuresPerMinute = 60
    /// Of a client address, for IPv6 of a /64; `nil` for any number.
    package var requestsPerAddress: RateLimit?
    package var newConnectionsPerAddress: RateLimit?
    /// The addresses to which these two do not apply.
    package var rateExempt: [AddressRange] = []
    package var deny: [AddressRange] = []
    /// The file from which more ranges were read.
    package var denyFile: String?
    /// All addresses that are turned away.
    package var denied = AddressSet()
    /// How late an event loop may run its timers; zero for any time.
    package var lagLimit: Duration = .milliseconds(500)
    /// Of the process's resident memory in bytes, 0 for any amount; `nil` for 90 % of what its control group may use.
    package var memoryLimit: Int?
    package var trustedProxies: [AddressRange] = []
}

package struct HTTP2Settings: Sendable {
    /// The most open requests of one connection.
    package var concurrentStreams = 100
    /// Whether WebSockets may be opened on a stream (RFC 8441).
    package var webSocket = true
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
    /// `nil`: the same as `format`.
    package var accessFormat: AccessFormat?
    /// The share of exchanges without an error that have a line.
    package var accessSample = 1.0
    /// Whether health checks and scrapes without an error have a line.
    package var accessProbes = true
    /// Where the gateway's own messages go.
    package var output = LogTarget.standardError
    package var accessOutput = LogTarget.standardOutput
    package var syslogFacility = SyslogFacility.local0
    package var syslogTag = "gateway"

    /// The format in effect.
    package var lineFormat: AccessFormat { accessFormat ?? (format == .json ? .json : .text) }
}

/// Bytes that never appear in a description, log line or reflection.
package struct Secret: Sendable, CustomStringConvertible, CustomReflectable {
    package let bytes: [UInt8]
    package init(_ bytes: [UInt8]) { self.bytes = bytes }
    package var description: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
