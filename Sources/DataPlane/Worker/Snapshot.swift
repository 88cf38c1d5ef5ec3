import Admission
import GatewayConfiguration
import JOSE

/// Settings compiled for the request path. A reload makes a new one and swaps it whole; an exchange keeps the one that
/// it began with.
final class Snapshot: Sendable {
    let settings: Settings
    let routes: RouteTable
    let authority: TokenAuthority
    let companies: [ExactText: Company]
    /// Makes the tokens that join codes stand for.
    let viewerTokens: ViewerTokens
    let rules: Admission.Rules
    let tokenNames: [[UInt8]]
    let takesJoinCodes: Bool
    /// The identity prefix in lower case, with `-` at its end.
    let identityPrefix: [UInt8]
    let cookie: CookieFormat
    let headLimits: RequestHead.Limits
    let publicOrigin: [UInt8]
    /// Origins besides ours that may send unsafe requests and upgrades with a cookie.
    let allowedOrigins: [[UInt8]]
    /// `frame-ancestors` by company.
    let framePolicies: [ExactText: [UInt8]]
    /// The same, for telling who asks.
    let frameOrigins: [ExactText: FrameOrigins]
    /// Those of the settings, and the control API.
    let upstreams: [Upstream]
    /// Those that viewers need: the upstreams of the `token` and `session` routes.
    let viewerUpstreams: [Upstream]

    // What every request asks for, next to one another.
    let routeAccess: [Access]
    let routeUpstream: [Int]
    let routePartitionsCookies: [Bool]
    let routeForwardsPreflights: [Bool]
    let hasTrustedProxies: Bool
    let logsAccess: Bool
    let bodySize: Int
    /// Bytes a second.
    let minRate: Int
    let headerTimeout: Int64
    /// How often an open exchange is looked at, in milliseconds.
    let heartbeat: Int64
    /// How often an open stream renews its lease, in milliseconds.
    let renewalInterval: Int64
    let idleTimeout: Int64

    init(settings: Settings, generation: UInt64, previous: Snapshot?) {
        self.settings = settings
        routes = RouteTable(settings.routes)
        rules = Admission.Rules(settings)
        authority = TokenAuthority(settings, generation: generation)
        companies = Dictionary(
            settings.companies.map { (ExactText($0.id), Company($0)) },
            uniquingKeysWith: { first, _ in first }
        )
        viewerTokens = ViewerTokens(settings)
        takesJoinCodes = settings.control.enabled
        tokenNames = settings.tokens.query.map { Array($0.utf8) }
        identityPrefix = settings.identity.headerPrefix.utf8.map {
            $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0.lowercased
        }
        cookie = CookieFormat(isSecure: settings.publicURL.isSecure)
        headLimits = RequestHead.Limits(size: settings.limits.headerSize, count: settings.limits.headerCount)
        publicOrigin = Array(settings.publicURL.origin.utf8)
        allowedOrigins = settings.allowedOrigins.map { Array($0.utf8) }
        framePolicies = Dictionary(
            settings.companies.map { (ExactText($0.id), Self.framePolicy($0.embedOrigins)) },
            uniquingKeysWith: { first, _ in first }
        )
        frameOrigins = Dictionary(
            settings.companies.map { (ExactText($0.id), FrameOrigins($0.embedOrigins)) },
            uniquingKeysWith: { first, _ in first }
        )
        let upstreams = (settings.upstreams + [settings.control.upstream]).map { upstream in
            previous?.upstreams.first { $0.settings == upstream } ?? Upstream(upstream)
        }
        self.upstreams = upstreams
        viewerUpstreams = Set(settings.routes.filter { $0.access != .public }.map(\.upstream)).sorted()
            .map { upstreams[$0] }
        routeAccess = settings.routes.map(\.access)
        routeUpstream = settings.routes.map(\.upstream)
        routeForwardsPreflights = settings.routes.map { $0.preflight == .forward }
        // In clear text, on loopback, browsers would refuse them.
        let isSecure = settings.publicURL.isSecure
        routePartitionsCookies = settings.routes.map { isSecure && $0.access != .public && $0.cookies == .partition }
        hasTrustedProxies = !settings.limits.trustedProxies.isEmpty
        logsAccess = settings.log.access
        bodySize = settings.limits.bodySize
        minRate = settings.limits.minRate
        heartbeat = min(max(settings.sessions.policy.idleTimeout / 3, 100), 1000)
        renewalInterval = min(max(settings.sessions.policy.idleTimeout / 3, 100), 5000)
        headerTimeout = settings.limits.headerTimeout.milliseconds
        idleTimeout = settings.limits.idleTimeout.milliseconds
    }

    private static func framePolicy(_ origins: [String]) -> [UInt8] {
        let sources = origins.isEmpty ? "'none'" : origins.joined(separator: " ")
        return Array("Content-Security-Policy: frame-ancestors \(sources)\r\n".utf8)
    }
}

extension Duration {
    var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
