import Admission
import Basics
import GatewayConfiguration
import JOSE

/// Settings compiled for the request path. A reload replaces it as a whole; an exchange keeps the one that it began
/// with.
final class Snapshot: Sendable {
    /// Another one for each snapshot.
    let version: UInt64
    /// Changes with whatever ``IdentityCache`` makes its lines from.
    let identityVersion: UInt64
    let settings: Settings
    let routes: RouteTable
    let authority: TokenAuthority
    let keySetURLs: [KeySetURL]
    /// Places among the companies of the settings.
    private let companyPlaces: [ExactText: Int]
    /// Makes the tokens for join codes.
    let viewerTokens: ViewerTokens
    let rules: Admission.Rules
    let tokenNames: [[UInt8]]
    let takesJoinCodes: Bool
    /// The identity prefix in lower case, including the `-` at its end.
    let identityPrefix: [UInt8]
    let cookie: CookieFormat
    /// Whether a service worker may hold the session where a browser keeps no cookie.
    let isCookieless: Bool
    let serviceWorker: ServiceWorker?
    let headLimits: RequestHead.Limits
    let publicOrigin: [UInt8]
    /// The host and port of `public_url`, as `Host` of health checks.
    let publicHost: String
    /// Origins other than the gateway's that may send unsafe requests and upgrades with a cookie.
    let allowedOrigins: [[UInt8]]
    /// `frame-ancestors` by company.
    let framePolicies: [ExactText: [UInt8]]
    /// The same origins, for checking a request's origin.
    let frameOrigins: [ExactText: FrameOrigins]
    /// The upstreams of the settings, and the control API.
    let upstreams: [Upstream]
    /// The places of their servers, and of former ones that are still in use.
    let serverPlaces: [CounterLabels.Server: ServerPlaces]
    /// The upstreams of the `token` and `session` routes, which viewers need.
    let viewerUpstreams: [Upstream]
    /// The pages that refused viewers see.
    let pages: Pages
    /// What requests are counted by.
    let labels: CounterLabels
    /// The rules of each viewers' listener.
    let listeners: [ListenerRules]

    // Data for every request, adjacent in memory.
    let routeAccess: [Access]
    let routeUpstream: [Int]
    /// The places of the routes' counters.
    let routeSlots: [Int]
    let routePartitionsCookies: [Bool]
    /// Whether a service worker keeps the upstream's cookies where the browser keeps none.
    let routeStoresCookies: [Bool]
    let routeForwardsPreflights: [Bool]
    /// The most bytes of a body.
    let routeBodySize: [Int]
    /// What a head may have at most. Empty if no route has limits of its own.
    let routeHeadLimits: [RequestHead.Limits]
    let hasTrustedProxies: Bool
    /// `nil` if no spans are recorded.
    let sampler: TraceSampler?
    /// Whether any listener redirects.
    let hasRedirects: Bool
    /// Whether any listener sends `Strict-Transport-Security`.
    let hasTransportPolicies: Bool
    /// Whether a client's address may be refused.
    let judgesAddresses: Bool
    /// Whether there are exchanges that are logged.
    let logsAccess: Bool
    let logsUnrouted: Bool
    let routeLogsAccess: [Bool]
    /// The routes' paths as configured, for the access log.
    let routePaths: [[UInt8]]
    let accessLine: AccessLine
    /// Exchanges without an error are logged if a random number is less. `max` stands for all of them.
    let accessShare: UInt64
    let bodySize: Int
    /// Bytes per second.
    let minRate: Int
    let headerTimeout: Int64
    /// How often an open exchange is checked, in milliseconds.
    let heartbeat: Int64
    /// How often an open stream renews its lease, in milliseconds.
    let renewalInterval: Int64
    let idleTimeout: Int64
    /// How late a loop's timers may be, in milliseconds; 0 for any time.
    let lagLimit: Int64

    /// The slots of counters of what viewers ask for, and of whatever has no route.
    ///
    /// The gateway's own endpoints and the control API would hide how that fares: they are fast, and pages ask for them
    /// all the time.
    var viewerRoutes: [Int] {
        let calls = settings.routes.filter { $0.upstream == settings.upstreams.count }
        let apart = Set(calls.map { ExactText($0.path.text) })
        return labels.routes.used.compactMap { slot, name in
            slot == CounterLabels.ownEndpoint || slot == CounterLabels.admin || apart.contains(name) ? nil : slot
        }
    }

    /// - Parameters:
    ///   - fetchedKeys: the keys of each `jwks_url`.
    ///   - previous: what this one replaces. What has not changed is taken from it.
    init(settings: Settings, fetchedKeys: [KeySetURL: [Key]] = [:], previous: Snapshot?) {
        self.settings = settings
        keySetURLs = settings.companies.flatMap(\.keySetURLs)
        routes = RouteTable(settings.routes)
        rules = Admission.Rules(settings)
        version = (previous?.version ?? 0) + 1
        let authority = TokenAuthority(
            settings,
            fetched: fetchedKeys,
            generation: (previous?.authority.generation ?? 0) + 1
        )
        if let previous, case .none = authority.change(from: previous.authority) {
            self.authority = previous.authority
        } else {
            self.authority = authority
        }
        companyPlaces = Dictionary(
            settings.companies.enumerated().map { (ExactText($1.id), $0) },
            uniquingKeysWith: { first, _ in first }
        )
        viewerTokens = ViewerTokens(settings)
        takesJoinCodes = settings.control.enabled
        tokenNames = settings.tokens.query.map { Array($0.utf8) }
        identityPrefix = settings.identity.headerPrefix.utf8.map {
            $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0.lowercased
        }
        cookie = CookieFormat(isSecure: settings.publicURL.isSecure)
        isCookieless = settings.sessions.cookieless
        serviceWorker = isCookieless ? ServiceWorker(tokenNames: tokenNames) : nil
        headLimits = RequestHead.Limits(size: settings.limits.headerSize, count: settings.limits.headerCount)
        // The operator's companies change often, and pages seldom.
        pages =
            previous.flatMap { $0.settings.pages == settings.pages ? $0.pages : nil } ?? .made(by: settings.pages)
        publicOrigin = Array(settings.publicURL.origin.utf8)
        publicHost = settings.publicURL.authority
        allowedOrigins = settings.allowedOrigins.map { Array($0.utf8) }
        framePolicies = Dictionary(
            settings.companies.map { (ExactText($0.id), Self.framePolicy($0.embedOrigins)) },
            uniquingKeysWith: { first, _ in first }
        )
        frameOrigins = Dictionary(
            settings.companies.map { (ExactText($0.id), FrameOrigins($0.embedOrigins)) },
            uniquingKeysWith: { first, _ in first }
        )
        let all = settings.upstreams + [settings.control.upstream]
        let labels = CounterLabels(
            routes: settings.routes.map(\.path.text),
            upstreams: all.map { ($0.name, $0.servers.map(\.address.text)) },
            previous: previous?.labels
        )
        self.labels = labels
        let upstreams = all.map { upstream in
            let former = previous?.upstreams.first { $0.settings.name.hasSameBytes(as: upstream.name) }
            if let former, former.settings == upstream { return former }
            return Upstream(upstream, labels, former: former, places: previous?.serverPlaces ?? [:])
        }
        self.upstreams = upstreams
        var places = previous?.serverPlaces.filter { $0.value.isUsed } ?? [:]
        for upstream in upstreams {
            for server in upstream.servers {
                let label = CounterLabels.Server(
                    upstream: ExactText(upstream.settings.name),
                    name: ExactText(server.name)
                )
                places[label] = server.places
            }
        }
        serverPlaces = places
        viewerUpstreams = Set(settings.routes.filter { $0.access != .public }.map(\.upstream)).sorted()
            .map { upstreams[$0] }
        routeAccess = settings.routes.map(\.access)
        routeUpstream = settings.routes.map(\.upstream)
        routeSlots = settings.routes.map { labels.routes[ExactText($0.path.text)] }
        routeForwardsPreflights = settings.routes.map { $0.preflight == .forward }
        routeStoresCookies = settings.routes.map { $0.access != .public && $0.cookies == .partition }
        // Browsers would refuse partitioned cookies over plaintext on loopback.
        let isSecure = settings.publicURL.isSecure
        routePartitionsCookies = settings.routes.map { isSecure && $0.access != .public && $0.cookies == .partition }
        routeBodySize = settings.routes.map { $0.bodySize ?? settings.limits.bodySize }
        let limits = settings.limits
        let hasHeadLimits = settings.routes.contains { $0.headerSize != nil || $0.headerCount != nil }
        routeHeadLimits =
            hasHeadLimits
            ? settings.routes.map { route in
                RequestHead.Limits(
                    size: route.headerSize ?? limits.headerSize,
                    count: route.headerCount ?? limits.headerCount
                )
            } : []
        sampler = settings.tracing.endpoint == nil ? nil : TraceSampler(settings.tracing)
        hasTrustedProxies = !settings.limits.trustedProxies.isEmpty
        let listeners = settings.listeners.map(ListenerRules.init)
        self.listeners = listeners
        hasRedirects = listeners.contains(where: \.redirects)
        hasTransportPolicies = listeners.contains { !$0.transportPolicy.isEmpty }
        let log = settings.log
        logsUnrouted = log.access
        routeLogsAccess = settings.routes.map { $0.accessLog ?? log.access }
        routePaths = settings.routes.map { Array($0.path.text.utf8) }
        logsAccess = logsUnrouted || routeLogsAccess.contains(true)
        accessLine = AccessLine.compiled(log.lineFormat)
        accessShare = log.accessSample < 1 ? UInt64(log.accessSample * 0x1p64) : .max
        judgesAddresses = settings.limits.requestsPerAddress != nil || !settings.limits.denied.isEmpty
        bodySize = settings.limits.bodySize
        minRate = settings.limits.minRate
        heartbeat = min(max(settings.sessions.policy.idleTimeout / 3, 100), 1000)
        renewalInterval = min(max(settings.sessions.policy.idleTimeout / 3, 100), 5000)
        headerTimeout = settings.limits.headerTimeout.milliseconds
        idleTimeout = settings.limits.idleTimeout.milliseconds
        lagLimit = settings.limits.lagLimit.milliseconds
        let framePolicies = framePolicies
        // A company that is new has no viewers yet.
        if let previous, settings.hasSameIdentity(as: previous.settings),
            previous.framePolicies.allSatisfy({ framePolicies[$0.key] == $0.value })
        {
            identityVersion = previous.identityVersion
        } else {
            identityVersion = (previous?.identityVersion ?? 0) + 1
        }
    }

    /// A company of the settings by its id.
    func company(_ id: String) -> CompanySettings? { companyPlaces[ExactText(id)].map { settings.companies[$0] } }

    private static func framePolicy(_ origins: [String]) -> [UInt8] {
        Array("Content-Security-Policy: \(frameAncestors(origins))\r\n".utf8)
    }

    /// Who may frame a company's events: its pages, and within them the event's own. All ancestors of a frame must match,
    /// so that no other site can.
    static func frameAncestors(_ origins: [String]) -> String {
        "frame-ancestors " + (origins + ["'self'"]).joined(separator: " ")
    }
}

extension Settings {
    /// Whether upstreams learn the same about a viewer.
    fileprivate func hasSameIdentity(as other: Settings) -> Bool {
        publicURL.text.hasSameBytes(as: other.publicURL.text)
            && identity.headerPrefix.hasSameBytes(as: other.identity.headerPrefix)
            && identity.claims == other.identity.claims
            && upstreams.map { ExactText($0.name) } == other.upstreams.map { ExactText($0.name) }
    }
}
