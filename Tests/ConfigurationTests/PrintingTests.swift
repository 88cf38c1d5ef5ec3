import Admission
import Basics
import JOSE
import Testing

@testable import GatewayConfiguration

/// `check --print` shows the settings in effect, in a form that loads again, and no secret.
@Suite struct PrintingTests {
    private static let text = """
        public_url = "https://${HOST}/"
        allowed_origins = ["https://other.example"]
        drain_timeout = "1500ms"
        [[listener]]
        address = "[::1]:0"
        proxy_protocol = true
        redirect = "https"
        acme_directory = "/etc"
        [[listener]]
        address = "unix:/run/a $$ \\"b\\" \\\\ \\u0007.sock"
        mode = "0640"
        group = "www-data"
        [admin]
        address = "unix:/run/admin.sock"
        group = "operators"
        [[upstream]]
        name = "two"
        servers = ["http://a", "unix:/run/u", { address = "https://c", weight = 3 }, { address = "d:1", backup = true }]
        balance = "round_robin"
        host = "d.example:81"
        eject_after = 9
        eject_time = "10m"
        eject_on_errors = true
        connect_timeout = "90s"
        max_idle_per_server = 0
        [[upstream]]
        name = "one ä"
        servers = ["b:1"]
        [[route]]
        path = "/$$x/{event}"
        upstream = "one ä"
        access = "token"
        [[route]]
        path = "/**"
        upstream = "two"
        access = "public"
        [tokens]
        query = []
        max_size = "1025B"
        [tokens.claims]
        user_id = "https://claims.example/$${user}"
        [[company]]
        id = "acme"
        embed_origins = ["*"]
        issuer = "i"
        audience = ["a", "b"]
        [[company.key]]
        algorithm = "HS256"
        secret_file = "/secret"
        [[company.key]]
        jwks_file = "/set"
        [[company]]
        id = "b"
        name = "B & Co"
        [[company.key]]
        id = "k"
        algorithm = "ES256"
        private_key_file = "/private"
        [sessions]
        max_lifetime = "36h"
        [limits]
        body_size = "1025KiB"
        trusted_proxies = ["::/0", "10.0.0.1"]
        [log]
        format = "text"
        access_format = "{client} \\"{user_agent}\\" $${status}"
        access_sample = 0.25
        access_probes = false
        output = "/var/log/g.log"
        access_output = "syslog:/dev/log"
        syslog_facility = "daemon"
        syslog_tag = "edge-1"
        """

    private let files: [String: [UInt8]]

    init() throws {
        let pair = try Key.generate(.es256, id: nil)
        let set = JSONValue.object([
            JSONMember("keys", .array([try #require(try Key.generate(.eddsa, id: "e").publicJWK)]))
        ])
        files = ["/private": try pair.privatePEM(), "/set": set.serialized()]
    }

    @Test("Printed settings load to the same settings")
    func roundTrip() throws {
        let first = try load(Self.text, files: files, environment: ["HOST": "embed.example.com"])
        let second = try load(first.printed(), files: files)
        #expect(second.printed() == first.printed())
        #expect(second.listeners.map(\.address) == first.listeners.map(\.address))
        #expect(second.admin.mode == 0o600 && second.admin.group == "operators")
        #expect(second.listeners[1].address == .unix(path: "/run/a $ \"b\" \\ \u{7}.sock"))
        #expect(second.listeners.map(\.mode) == [nil, 0o640] && second.listeners[1].group == "www-data")
        #expect(second.upstreams == first.upstreams)
        #expect(second.upstreams[0].servers.map(\.weight) == [1, 1, 3, 1])
        #expect(second.upstreams[0].servers.map(\.isBackup) == [false, false, false, true])
        #expect(second.upstreams[0].host == .name("d.example:81") && second.upstreams[0].balance == .roundRobin)
        #expect(second.routes.map(\.upstream) == [1, 0])
        #expect(second.tokens.claims == first.tokens.claims)
        #expect(second.tokens.claims.userID == "https://claims.example/${user}")
        #expect(second.companies.map { $0.keys.map(\.id) } == [[nil, "e"], ["k"]])
        #expect(second.companies.map(\.keyOrigins) == first.companies.map(\.keyOrigins))
        #expect(second.limits.trustedProxies == first.limits.trustedProxies)
        #expect(second.log.lineFormat.text == "{client} \"{user_agent}\" ${status}" && second.log.accessSample == 0.25)
        #expect(!second.log.accessProbes)
        #expect(second.log.output == .file("/var/log/g.log") && second.log.accessOutput == .syslog("/dev/log"))
        #expect(second.log.syslogFacility == .daemon && second.log.syslogTag == "edge-1")
        #expect(second.sessions.policy == first.sessions.policy)
        #expect(second.drainTimeout == .milliseconds(1500))
        #expect(second.publicURL == first.publicURL)
    }

    @Test("No file's content is printed")
    func noSecrets() throws {
        let printed = try load(Self.text, files: files, environment: ["HOST": "embed.example.com"]).printed()
        #expect(printed.contains("secret_file = \"/secret\""))
        #expect(!printed.contains("0123456789abcdef") && !printed.contains("BEGIN"))
    }

    @Test("Every key of the schema is printed if it has a value")
    func isComplete() throws {
        var settings = try load(Self.text, files: files, environment: ["HOST": "embed.example.com"])
        settings.listeners[0].mode = 0o660
        settings.listeners[0].group = "g"
        settings.listeners[0].certificate = "c"
        settings.listeners[0].key = "k"
        settings.listeners[0].clientCAFile = "a"
        settings.listeners[0].ocspFile = "o"
        settings.listeners[0].ticketKeyFile = "t"
        settings.listeners[0].transportPolicy = TransportPolicy(maxAge: .seconds(86400))
        settings.listeners[0].serverNames = [
            ServerNameSettings(names: ["n"], certificate: "c", key: "k", ocspFile: "o")
        ]
        settings.admin.tokenFile = "t"
        settings.admin.readTokenFile = "r"
        settings.upstreams[0].caFile = "a"
        settings.routes[0].accessLog = true
        settings.upstreams[0].certificate = "c"
        settings.upstreams[0].key = "k"
        settings.upstreams[0].serverName = "n"
        settings.upstreams[0].health = HealthSettings(path: "/h")
        settings.companies[0].clientSecretFiles = ["s"]
        var page = CompanyPage()
        (page.name, page.logo, page.accent) = ("n", try PageImage(parsing: "https://l.example"), .black)
        (page.contact, page.home) = (try PageContact(parsing: "a@b.example"), "https://h.example")
        settings.companies[0].page = page
        settings.control.database = .server(try DatabaseURI(parsing: "postgres:///d"))
        settings.control.node = "a"
        settings.control.tokenKeyFile = "k"
        settings.control.companyKeyFile = "k"
        settings.identity.claims = [ClaimField(name: "Tier", claim: "t")]
        settings.companies[0].keyOrigins += [
            KeyOrigin(source: .publicKeyFile("p"), signedBefore: true),
            KeyOrigin(source: .jwksURL(try KeySetURL(parsing: "https://u.example"))),
            KeyOrigin(source: .openID([try KeySetURL(discoveryOf: "https://u.example")])),
        ]
        settings.routes[0].headerSize = 1 << 10
        settings.routes[0].headerCount = 10
        settings.routes[0].bodySize = 1
        settings.limits.requestsPerAddress = RateLimit(rate: try EventRate(parsing: "1/s"))
        settings.limits.newConnectionsPerAddress = RateLimit(rate: try EventRate(parsing: "1/s"))
        settings.pages.directory = "d"
        settings.limits.denyFile = "d"
        settings.limits.memoryLimit = 1
        settings.tracing.endpoint = try CollectorURL(parsing: "http://c.example:4318/v1/traces")
        settings.tracing.headersFile = "h"
        settings.tracing.caFile = "a"
        settings.companies.append(settings.companies[0])
        settings.companies[1].clientSecretFiles = ["s", "t"]
        var table = ""
        var printed: Set<String> = []
        for line in settings.printed().split(separator: "\n") {
            if line.hasPrefix("[") {
                table = line.filter { $0 != "[" && $0 != "]" } + "."
            } else if let name = line.split(separator: " ").first {
                // A table that is a single value, with names chosen by the operator.
                printed.insert(
                    Schema.root.paths.contains(String(table.dropLast())) ? String(table.dropLast()) : table + name
                )
            }
        }
        #expect(Set(Schema.root.paths).subtracting(printed).sorted() == [])
        #expect(printed.subtracting(Schema.root.paths).sorted() == [])
    }
}
