/// Builds a gateway.conf.
struct GatewayConfiguration: Sendable {
    /// By default, that of the plaintext listener.
    var publicURL: String?
    /// Keys before the first table.
    var top = ""
    /// Servers of the upstream `embed-host`: addresses or tables.
    var servers: [String]
    /// More keys of `[[upstream]]`.
    var upstream = ""
    /// More upstreams and routes.
    var more = ""
    var tokens = ""
    var sessions = ""
    /// By default, a file of its own.
    var cookieKey: String?
    var limits = "joins_per_minute = 0\nfailures_per_minute = 0"
    var log = ""
    /// More keys of `[tracing]`.
    var tracing = ""
    /// The keys of `acme` and of `globex` that assign events that the directory does not know.
    var eventIDs = (acme: "event_ids = [\"*\"]", globex: "event_ids = []")
    /// More keys of the company `acme`.
    var company = ""
    /// The files of its client secrets.
    var clientSecrets = ["acme.client"]
    /// Its keys; by default the one of ``Minter/acme``.
    var companyKeys: String?
    /// Pages that may frame events of `acme`, and call the control API.
    var embedOrigins = ["https://www.acme.example"]
    /// By default, a TCP port on loopback.
    var adminAddress: String?
    /// More keys of `[admin]`.
    var admin = ""
    /// A command that starts the program, whose words follow.
    var launch: [String] = []
    /// Its limit on descriptors; by default that of the tests.
    var descriptors: Int? {
        didSet { launch = descriptors.map { ["/bin/sh", "-c", "ulimit -n \($0) && exec \"$0\" \"$@\""] } ?? [] }
    }
    /// More keys of `[control]`; without them, there is no control API.
    var control: String?
    /// The database's address; by default, a file.
    var databaseURI: String?

    init(upstream port: UInt16) {
        servers = ["127.0.0.1:\(port)"]
    }

    func text(port: UInt16, adminPort: UInt16, directory: String) -> String {
        let servers = servers.map { $0.hasPrefix("{") ? $0 : "\"\($0)\"" }.joined(separator: ", ")
        let origins = embedOrigins.map { "\"\($0)\"" }.joined(separator: ", ")
        func clientSecret(_ files: [String]) -> String {
            let files = files.map { "\"\(directory)/\($0)\"" }.joined(separator: ", ")
            return control == nil ? "" : "client_secret_files = [\(files)]"
        }
        let companyKeys =
            companyKeys ?? """
                [[company.key]]
                id = "acme-2026"
                algorithm = "HS256"
                secret_file = "\(directory)/acme.secret"
                """
        return """
            public_url = "\(publicURL ?? "http://localhost:\(port)")"
            \(top)

            [[listener]]
            address = "127.0.0.1:\(port)"

            [admin]
            address = "\(adminAddress ?? "127.0.0.1:\(adminPort)")"
            \(admin)

            [[upstream]]
            name = "embed-host"
            servers = [\(servers)]
            \(upstream)

            \(route("/event/{event}", "token"))
            \(route("/event/{event}/**", "token"))
            \(route("/public/**", "public"))
            \(route("/**", "session"))
            \(more)
            \(controlTables(directory))

            [tokens]
            \(tokens)

            [[company]]
            id = "acme"
            name = "Acme"
            \(eventIDs.acme)
            embed_origins = [\(origins)]
            \(clientSecret(clientSecrets))
            \(company)
            \(companyKeys)

            [[company]]
            id = "globex"
            \(eventIDs.globex)
            \(clientSecret(["globex.client"]))
            [[company.key]]
            id = "globex-2026"
            algorithm = "HS256"
            secret_file = "\(directory)/globex.secret"

            [sessions]
            cookie_key_file = "\(cookieKey ?? "\(directory)/cookie.key")"
            \(sessions)

            [identity]
            assertion_key_file = "\(directory)/assertion.key"

            [limits]
            \(limits)

            [log]
            \(log)

            [tracing]
            \(tracing)

            """
    }

    private func controlTables(_ directory: String) -> String {
        guard let control else { return "" }
        let database =
            databaseURI.map { "database = \"\($0)\"\nstate_folder = \"\(directory)\"" }
            ?? "database = \"\(directory)/gateway.sqlite\""
        return """
            \(route("/networking/{event}/**", "token"))
            [[route]]
            path = "/api/**"
            upstream = "control"
            access = "public"
            [control]
            enabled = true
            \(control.contains("database =") ? "" : database)
            \(control)
            """
    }

    private func route(_ path: String, _ access: String) -> String {
        "[[route]]\npath = \"\(path)\"\nupstream = \"embed-host\"\naccess = \"\(access)\""
    }
}
