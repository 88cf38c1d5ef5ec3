/// All tables and keys of `gateway.conf`, in the order in which they are documented, reported and printed.
struct Schema: Sendable {
    enum Shape: Sendable {
        case value
        case table(Schema)
        case tables(Schema)
    }

    struct Entry: Sendable {
        let name: String
        let shape: Shape
    }

    let entries: [Entry]

    /// The keys in one string, separated by spaces and line ends; then the tables.
    private init(_ keys: String, _ tables: Entry...) {
        let names = keys.split { $0 == " " || $0 == "\n" }.map(String.init)
        entries = names.map { Entry(name: $0, shape: .value) } + tables
    }

    private static func table(_ name: String, _ schema: Schema) -> Entry {
        Entry(name: name, shape: .table(schema))
    }

    private static func tables(_ name: String, _ schema: Schema) -> Entry {
        Entry(name: name, shape: .tables(schema))
    }

    static let root = Schema(
        "public_url allowed_origins drain_delay drain_timeout threads",
        tables("listener", listener),
        table("admin", Schema("address mode group token_file read_token_file")),
        tables("upstream", upstream),
        tables("route", Schema("path upstream access preflight cookies access_log header_size header_count body_size")),
        table("tokens", tokens),
        tables("company", company),
        table("sessions", sessions),
        table("identity", Schema("header_prefix assertion_key_file claims")),
        table("pages", Schema("directory languages")),
        table("limits", limits),
        table("http2", Schema("concurrent_streams websocket")),
        table(
            "control",
            Schema(
                """
                enabled database node on_store_loss grace state_folder token_key_file company_key_file
                webhook_private_addresses
                """,
                table("retention", Schema("stays removed webhooks"))
            )
        ),
        table(
            "log",
            Schema(
                """
                level format output access access_format access_output access_sample access_probes syslog_facility
                syslog_tag
                """
            )
        ),
        table(
            "tracing",
            Schema("endpoint service_name sample parent headers_file ca_file timeout interval batch_size queue_size")
        )
    )

    private static let listener = Schema(
        """
        address mode group certificate key ocsp_file client_ca_file ticket_key_file hsts hsts_include_subdomains
        proxy_protocol redirect acme_directory
        """,
        tables("sni", Schema("names certificate key ocsp_file"))
    )

    private static let upstream = Schema(
        """
        name servers balance host ca_file certificate key server_name health_path health_interval health_timeout health_rise
        health_fall health_status eject_after eject_time max_eject_time max_eject_percent eject_on_errors slow_start retries max_retry_percent
        resolve_interval max_connections max_waiting wait_timeout connect_timeout
        response_timeout max_idle_per_server
        """
    )

    /// Of one of an upstream's `servers`, if it is a table.
    static let server = Schema("address weight backup")

    private static let tokens = Schema(
        "query authorization leeway require_expiry embed_lifetime registration_lifetime max_size",
        table("claims", Schema("user_id name email avatar event event_specific company registration"))
    )

    private static let company = Schema(
        "id name client_secret_file client_secret_files event_ids embed_origins issuer audience",
        table("page", Schema("name logo accent contact home")),
        tables(
            "key",
            Schema(
                "id signed_before algorithm secret_file private_key_file public_key_file jwks_file jwks_url openid"
            )
        )
    )

    private static let sessions = Schema(
        """
        second_join applies_to idle_timeout outlives_token max_lifetime take_over_limit on_role_change cookieless
        cookie_key_file
        """
    )

    private static let limits = Schema(
        """
        header_size header_count body_size header_timeout idle_timeout connections connections_per_address min_rate
        joins_per_minute failures_per_minute requests_per_address requests_burst new_connections_per_address
        new_connections_burst rate_exempt deny deny_file lag_limit memory_limit trusted_proxies
        """
    )

    func position(of name: String) -> Int? {
        entries.firstIndex { $0.name == name }
    }

    /// The schema of the table or tables with that name; `nil` for a value or an unknown key.
    func inner(_ name: String) -> Schema? {
        guard let position = position(of: name) else { return nil }
        switch entries[position].shape {
        case .value: return nil
        case .table(let schema), .tables(let schema): return schema
        }
    }

    /// A sort key that puts places in the order of the schema. Unknown keys come after the known ones of their table.
    static func order(of place: Place) -> [Int] {
        var schema: Schema? = root
        return place.steps.map { step in
            switch step {
            case .index(let index): return index
            case .key(let name):
                let position = schema?.position(of: name) ?? Int.max
                schema = schema?.inner(name)
                return position
            }
        }
    }

    /// Every key in full, such as `listener.sni.names`.
    var paths: [String] {
        entries.flatMap { entry in
            switch entry.shape {
            case .value: [entry.name]
            case .table(let schema), .tables(let schema): schema.paths.map { "\(entry.name).\($0)" }
            }
        }
    }
}
