/// A gateway.conf in the making.
struct GatewayConfiguration: Sendable {
    /// Left out, that of the clear listener.
    var publicURL: String?
    /// Keys before the first table.
    var top = ""
    /// Servers of the upstream `embed-host`.
    var servers: [String]
    /// More keys of `[[upstream]]`.
    var upstream = ""
    /// More upstreams and routes.
    var more = ""
    var tokens = ""
    var sessions = ""
    var limits = "joins_per_minute = 0\nbad_tokens_per_minute = 0"
    var log = ""
    /// Left out, a made one; for tests of `gateway check`.
    var company = ""

    init(upstream port: UInt16) {
        servers = ["127.0.0.1:\(port)"]
    }

    func text(port: UInt16, adminPort: UInt16, directory: String) -> String {
        let servers = servers.map { "\"\($0)\"" }.joined(separator: ", ")
        return """
            public_url = "\(publicURL ?? "http://localhost:\(port)")"
            \(top)

            [[listener]]
            address = "127.0.0.1:\(port)"

            [admin]
            address = "127.0.0.1:\(adminPort)"

            [[upstream]]
            name = "embed-host"
            servers = [\(servers)]
            \(upstream)

            \(route("/event/{event}", "token"))
            \(route("/event/{event}/**", "token"))
            \(route("/public/**", "public"))
            \(route("/**", "session"))
            \(more)

            [tokens]
            \(tokens)

            [[company]]
            id = "acme"
            name = "Acme"
            embed_origins = ["https://www.acme.example"]
            \(company)
            [[company.key]]
            id = "acme-2026"
            algorithm = "HS256"
            secret_file = "\(directory)/acme.secret"

            [[company]]
            id = "globex"
            [[company.key]]
            id = "globex-2026"
            algorithm = "HS256"
            secret_file = "\(directory)/globex.secret"

            [sessions]
            cookie_key_file = "\(directory)/cookie.key"
            \(sessions)

            [identity]
            assertion_key_file = "\(directory)/assertion.key"

            [limits]
            \(limits)

            [log]
            \(log)

            """
    }

    private func route(_ path: String, _ access: String) -> String {
        "[[route]]\npath = \"\(path)\"\nupstream = \"embed-host\"\naccess = \"\(access)\""
    }
}
