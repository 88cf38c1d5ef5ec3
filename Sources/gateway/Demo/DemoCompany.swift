import Admission
import Basics
import GatewayConfiguration
import JOSE

/// The company of the demo: its configuration, and links that must not work. Its secrets are new for each run.
struct DemoCompany {
    static let id = "acme"
    private static let keyID = "demo"

    /// Where browsers find its site, and the gateway. Two names of this machine that belong to one site for browsers: over
    /// plain HTTP, a frame on another one would get no cookies.
    let (siteURL, gatewayURL): (String, String)
    /// Where its backend finds the control API.
    var apiURL: String { "http://127.0.0.1:\(gatewayPort)/api" }
    /// With which its backend signs in to the control API.
    let clientSecret: String
    private let gatewayPort: Int
    private let secret: [UInt8]
    private let key: Key

    init(sitePort: Int, gatewayPort: Int) throws(KeyError) {
        siteURL = "http://acme.localhost:\(sitePort)"
        gatewayURL = "http://live.acme.localhost:\(gatewayPort)"
        self.gatewayPort = gatewayPort
        clientSecret = String(decoding: Base64URL.encode(SystemRandom.bytes(24).span), as: UTF8.self)
        secret = Base64URL.encode(SystemRandom.bytes(32).span)
        key = try Key.secret(secret, algorithm: .hs256, id: Self.keyID)
    }

    /// The configuration that an operator would write, except for the free ports, and the secrets, which are not in
    /// files.
    ///
    /// - Parameters:
    ///   - folder: where the database is, with a short name: the path of a socket has at most 107 bytes.
    ///   - decisions: the file for the access log.
    func settings(upstreamPort: Int, folder: String, decisions: String) throws(ConfigurationError) -> Settings {
        let text = """
            public_url = "\(gatewayURL)"
            drain_timeout = "1s"
            [[listener]]
            address = "127.0.0.1:\(gatewayPort)"
            [admin]
            address = "127.0.0.1:0"
            [[upstream]]
            name = "embed-host"
            servers = ["127.0.0.1:\(upstreamPort)"]
            [[route]]
            path = "/"
            upstream = "embed-host"
            access = "public"
            [[route]]
            path = "/event/{event}/**"
            upstream = "embed-host"
            access = "token"
            [[route]]
            path = "/networking/{event}/**"
            upstream = "embed-host"
            access = "token"
            [[route]]
            path = "/assets/**"
            upstream = "embed-host"
            access = "public"
            [[route]]
            path = "/api/**"
            upstream = "control"
            access = "public"
            [[company]]
            id = "\(Self.id)"
            name = "Acme"
            embed_origins = ["\(siteURL)"]
            client_secret_file = "client-secret"
            [[company.key]]
            id = "\(Self.keyID)"
            algorithm = "HS256"
            secret_file = "secret"
            [control]
            enabled = true
            database = "\(folder)/db"
            [limits]
            joins_per_minute = 0
            failures_per_minute = 0
            [log]
            level = "warning"
            format = "text"
            access_format = "json"
            access_output = "\(decisions)"
            """
        let files = ["secret": secret, "client-secret": Array(clientSecret.utf8)]
        return try Settings(
            loading: ConfigurationSource(
                name: "demo",
                text: text,
                environment: { _ in nil },
                readFile: { files[$0].map(Result.success) ?? .failure(.notFound) }
            )
        )
    }

    /// Links that the gateway refuses, for this event.
    ///
    /// - Parameter other: another event of the company.
    func mistakes(for event: PortalEvent, other: PortalEvent) throws(KeyError) -> [DemoLink] {
        let good = try token(for: event.uid, lifetime: 3600)
        // A character in the middle of the signature: the bits of the last one need not count.
        let forged = good.prefix(good.utf8.count - 20) + (good.suffix(20).hasPrefix("A") ? "B" : "A") + good.suffix(19)
        return try [
            DemoLink(
                title: "An expired link",
                address: event.address(token: token(for: event.uid, lifetime: -600)),
                expectation: "401, and a page that says what to do"
            ),
            DemoLink(
                title: "A link for another event",
                address: event.address(token: token(for: other.uid, lifetime: 3600)),
                expectation: "403: the token is good, but not here"
            ),
            DemoLink(
                title: "A forged signature",
                address: event.address(token: String(forged)),
                expectation: "401: one character is different"
            ),
        ]
    }

    /// - Parameter lifetime: in seconds from now.
    private func token(for event: String, lifetime: Int64) throws(KeyError) -> String {
        let names = ClaimNames()
        let now = WallClock.seconds()
        let claims = [
            JSONMember("iat", .number(Double(min(now, now + lifetime)))),
            JSONMember("exp", .number(Double(now + lifetime))),
            JSONMember(names.company, .string(Self.id)),
            JSONMember(names.event, .string(event)),
            JSONMember(names.eventSpecific, .bool(true)),
            JSONMember(names.userID, .string("mallory")),
            JSONMember(names.name, .string("Mallory")),
        ]
        return try Token.sign(claims, type: "JWT", with: key)
    }
}
