import Admission
import Basics
import JOSE

extension AdminSettings {
    mutating func read(from table: TableReader, listeners: [ListenerSettings]) {
        table.read("address", into: &address, .text("an address", SocketAddress.init(parsing:)))
        table.readOwner(of: ListenAddress(address), standard: Self.standardMode, mode: &mode, group: &group)
        if let index = listeners.firstIndex(where: { $0.address.isSame(as: ListenAddress(address)) }) {
            table.report("listener[\(index)] has the same address", at: "address")
        }
        if !address.isLoopback, !table.has("token_file") {
            table.report("\(quoted(address.text)) is not loopback, so that admin.token_file is needed", at: "address")
        }
        if let file = Self.readToken("token_file", from: table) { (tokenFile, token) = (file.path, file.token) }
        guard let file = Self.readToken("read_token_file", from: table) else { return }
        (readTokenFile, readToken) = (file.path, file.token)
        if !table.has("token_file") {
            table.report("needs token_file, since without one nobody has to show a token", at: "read_token_file")
        } else if let token, token.bytes == file.token.bytes {
            table.report("the token is that of token_file: use another one", at: "read_token_file")
        }
    }

    private static func readToken(_ key: String, from table: TableReader) -> (path: String, token: Secret)? {
        guard let file = table.value(key, .secretFile) else { return nil }
        if file.trimmed.count < 16 {
            table.report("the token has \(file.trimmed.count) bytes; at least 16 are needed", at: key)
        } else if let fault = Self.fault(in: file.trimmed) {
            table.report("the token \(fault): nobody could send it", at: key)
        }
        return (file.path, Secret(file.trimmed))
    }

    /// What no header field and no form of a browser can carry.
    private static func fault(in token: [UInt8]) -> String? {
        guard let text = String(validating: token, as: UTF8.self) else { return "is not UTF-8 text" }
        if text.utf8.starts(with: [0xef, 0xbb, 0xbf]) { return "begins with a byte order mark" }
        if let control = token.firstIndex(where: { $0 < 0x20 || $0 == 0x7f }) {
            return token[control] == UInt8(ascii: "\n")
                ? "has more than one line" : "holds a control character, its byte \(control + 1)"
        }
        if token.first == UInt8(ascii: " ") { return "begins with a blank" }
        return token.last == UInt8(ascii: " ") ? "ends with a blank" : nil
    }
}

extension TokenSettings {
    mutating func read(from table: TableReader) {
        table.read("query", into: &query, .set(of: .text("a name", FieldNames.readQueryName)))
        table.read("authorization", into: &authorization, .boolean)
        table.read("leeway", into: &leeway, .duration(.zero ... .seconds(300)))
        table.read("require_expiry", into: &requireExpiry, .boolean)
        table.read("embed_lifetime", into: &embedLifetime, .duration(.seconds(60) ... .seconds(365 * 86400)))
        table.read(
            "registration_lifetime",
            into: &registrationLifetime,
            .duration(.seconds(60) ... .seconds(3650 * 86400))
        )
        table.read("max_size", into: &maxSize, .size(512...(1 << 20)))
        claims.read(from: table.table("claims"))
    }
}

extension ClaimNames {
    mutating func read(from table: TableReader) {
        table.read("user_id", into: &userID, .claimName)
        table.read("name", into: &name, .claimName)
        table.read("email", into: &email, .claimName)
        table.read("avatar", into: &avatar, .claimName)
        table.read("event", into: &event, .claimName)
        table.read("event_specific", into: &eventSpecific, .claimName)
        table.read("company", into: &company, .claimName)
        table.read("registration", into: &registration, .claimName)
        reportClashes(in: table)
    }

    /// Reports claims that share a member. Claims about the viewer may, such as an e-mail as user id; those that decide
    /// access may not.
    private func reportClashes(in table: TableReader) {
        let viewer = [("user_id", userID), ("name", name), ("email", email), ("avatar", avatar)]
        let deciding = [
            ("event", event), ("event_specific", eventSpecific), ("company", company), ("registration", registration),
        ]
        for (index, (key, member)) in deciding.enumerated() {
            if let other = deciding[..<index].first(where: { $0.1 == member }) {
                table.report("\(quoted(member)) is the name of \(other.0) too", at: key)
            }
        }
        if let other = viewer.first(where: { $0.1 == eventSpecific }) {
            table.report("\(quoted(eventSpecific)) is the name of \(other.0) too", at: "event_specific")
        }
    }
}

extension Form where Value == String {
    /// The name of a claim in tokens.
    fileprivate static var claimName: Form {
        .text { text throws(ValueFault) in
            guard !text.isEmpty else { throw ValueFault("must not be empty") }
            guard text.utf8.count <= 256 else { throw ValueFault("must not be longer than 256 bytes") }
            guard !["exp", "nbf", "iat"].contains(text) else {
                throw ValueFault("\(quoted(text)) is a time in every token")
            }
            return text
        }
    }
}

extension SessionSettings {
    mutating func read(from table: TableReader) {
        var idle = Duration.milliseconds(policy.idleTimeout)
        var life = Duration.milliseconds(policy.maxLifetime)
        table.read("second_join", into: &policy.secondJoin, Form<SecondJoin>.choice)
        table.read("applies_to", into: &policy.appliesTo, Form<LeaseScope>.choice)
        table.read("idle_timeout", into: &idle, .duration(.seconds(1) ... .seconds(86400)))
        table.read("outlives_token", into: &policy.outlivesToken, .boolean)
        table.read("max_lifetime", into: &life, .duration(.seconds(1) ... .seconds(365 * 86400)))
        if life < idle {
            table.report(
                "\(quoted(life.configurationText)) is less than idle_timeout, \(quoted(idle.configurationText))",
                at: "max_lifetime"
            )
        }
        table.read("take_over_limit", into: &policy.takeOverLimit, .integer(1...1000))
        table.read("on_role_change", into: &policy.onRoleChange, Form<RoleChange>.choice)
        table.read("cookieless", into: &cookieless, .boolean)
        table.read("cookie_key_file", into: &cookieKeyFile, .path)
        policy.idleTimeout = idle.wholeMilliseconds
        policy.maxLifetime = life.wholeMilliseconds
    }
}

extension IdentitySettings {
    mutating func read(from table: TableReader) {
        table.read("header_prefix", into: &headerPrefix, .text("a prefix", FieldNames.readPrefix))
        table.read("assertion_key_file", into: &assertionKeyFile, .path)
        table.read("claims", into: &claims, .claimFields)
    }
}

extension Form where Value == Int {
    /// How large the head of a request may be.
    static var headerSize: Form { .size((1 << 10)...(1 << 20)) }
    /// How many fields it may have.
    static var headerCount: Form { .integer(10...10_000) }
}

extension LimitSettings {
    mutating func read(from table: TableReader, tokens: TokenSettings) {
        table.read("header_size", into: &headerSize, .headerSize)
        if tokens.maxSize > headerSize {
            let (size, limit) = (Size.text(of: tokens.maxSize), Size.text(of: headerSize))
            table.report("\(quoted(limit)) is less than tokens.max_size, \(quoted(size))", at: "header_size")
        }
        table.read("header_count", into: &headerCount, .headerCount)
        table.read("body_size", into: &bodySize, .size(0...(1 << 50)))
        table.read("header_timeout", into: &headerTimeout, .duration(.milliseconds(100) ... .seconds(3600)))
        table.read("idle_timeout", into: &idleTimeout, .duration(.milliseconds(100) ... .seconds(86400)))
        table.read("connections", into: &connections, .integer(1...10_000_000))
        table.read("connections_per_address", into: &connectionsPerAddress, .integer(0...10_000_000))
        table.read("min_rate", into: &minRate, .size(0...(1 << 30)))
        table.read("joins_per_minute", into: &joinsPerMinute, .integer(0...1_000_000))
        table.read("failures_per_minute", into: &failuresPerMinute, .integer(0...1_000_000))
        table.read(
            "trusted_proxies",
            into: &trustedProxies,
            .set(of: .text("an address range", AddressRange.init(parsing:)))
        )
        table.read("lag_limit", into: &lagLimit, .duration(.zero ... .seconds(60)))
        table.read("memory_limit", into: &memoryLimit, .size(0...(1 << 50)))
        readRate("requests", from: table, into: &requestsPerAddress)
        readRate("new_connections", from: table, into: &newConnectionsPerAddress)
        table.read("rate_exempt", into: &rateExempt, .set(of: .text("an address range", AddressRange.init(parsing:))))
        DenyReader(table: table).read(into: &self)
    }

    /// Reads a rate by address, and its burst.
    private func readRate(_ name: String, from table: TableReader, into limit: inout RateLimit?) {
        let (rate, burst) = ("\(name)_per_address", "\(name)_burst")
        limit = table.value(rate, .text("a rate such as \"100/s\"", EventRate.init(parsing:))).map {
            RateLimit(rate: $0)
        }
        let written = table.value(burst, .integer(1...1_000_000))
        if written != nil, !table.has(rate) { table.report("has no effect without \(rate)", at: burst) }
        limit?.burst = written
    }
}

extension HTTP2Settings {
    mutating func read(from table: TableReader) {
        table.read("concurrent_streams", into: &concurrentStreams, .integer(1...10_000))
        table.read("websocket", into: &webSocket, .boolean)
    }
}

extension RetentionSettings {
    mutating func read(from table: TableReader) {
        let range = Duration.seconds(3600) ... .seconds(36_500 * 86_400)
        table.read("stays", into: &stays, .duration(range))
        table.read("removed", into: &removed, .duration(range))
        table.read("webhooks", into: &webhooks, .duration(range))
    }
}

extension ControlSettings {
    mutating func read(from table: TableReader, of settings: Settings) {
        let standard = database
        table.read("enabled", into: &enabled, .boolean)
        let given = table.value("database", .text("a path or a postgres:// URI", DatabaseLocation.init(parsing:)))
        if let given { database = given }
        readSharing(from: table)
        table.read("state_folder", into: &stateFolder, .path)
        table.read("token_key_file", into: &tokenKeyFile, .path)
        table.read("company_key_file", into: &companyKeyFile, .path)
        table.read(
            "webhook_private_addresses",
            into: &webhookPrivateAddresses,
            .set(of: .text("an address range", AddressRange.init(parsing:)))
        )
        retention.read(from: table.table("retention"))
        let isRouted =
            !settings.upstreams.isEmpty && settings.routes.contains { $0.upstream == settings.upstreams.count }
        if enabled {
            if case .file = database, table.has("state_folder"), given != nil || !table.has("database") {
                table.report(
                    "has no effect: beside a database that is a file, the socket and the keys are next to it",
                    at: "state_folder"
                )
            }
            check(table, settings, isRouted: isRouted)
            return
        }
        if database != standard { table.report("has no effect while control.enabled is false", at: "database") }
        if table.has("state_folder") {
            table.report("has no effect while control.enabled is false", at: "state_folder")
        }
        if tokenKeyFile != nil { table.report("has no effect while control.enabled is false", at: "token_key_file") }
        if companyKeyFile != nil {
            table.report("has no effect while control.enabled is false", at: "company_key_file")
        }
        if !webhookPrivateAddresses.isEmpty {
            table.report("has no effect while control.enabled is false", at: "webhook_private_addresses")
        }
        if isRouted { table.report("is false, but a route leads to \"control\"", at: "enabled") }
    }

    private mutating func readSharing(from table: TableReader) {
        table.read("node", into: &node, .nodeName)
        table.read("on_store_loss", into: &sharing.onStoreLoss, Form<StoreLoss>.choice)
        var grace = Duration.milliseconds(sharing.grace)
        table.read("grace", into: &grace, .duration(.seconds(10) ... .seconds(86_400)))
        sharing.grace = grace.wholeMilliseconds
        if !enabled {
            for key in ["node", "on_store_loss", "grace"] where table.has(key) {
                table.report("has no effect while control.enabled is false", at: key)
            }
        } else if case .file = database, table.has("node") {
            table.report("a database that is a file is for one gateway: use PostgreSQL", at: "node")
        }
        if enabled, !table.has("node") {
            for key in ["on_store_loss", "grace"] where table.has(key) {
                table.report("has no effect without control.node", at: key)
            }
        }
    }

    private func check(_ table: TableReader, _ settings: Settings, isRouted: Bool) {
        if !isRouted {
            table.report("no route leads to it: add one with path \"/api/**\" and upstream \"control\"", at: "enabled")
        }
        for gap in RouteGaps(routes: settings.routes).atControlledEvents { table.report(gap, at: "enabled") }
        for company in settings.companies
        where company.keys.first?.canSign == false || company.keys.isEmpty && !company.keySetURLs.isEmpty {
            table.report("the first key of company \(quoted(company.id)) cannot sign embed tokens", at: "enabled")
        }
    }
}

extension LogSettings {
    mutating func read(from table: TableReader) {
        table.read("level", into: &level, Form<LogLevel>.choice)
        table.read("format", into: &format, Form<LogFormat>.choice)
        table.read("access", into: &access, .boolean)
        table.read("access_format", into: &accessFormat, .text("a format of lines", AccessFormat.init(parsing:)))
        table.read("access_sample", into: &accessSample, .share)
        table.read("access_probes", into: &accessProbes, .boolean)
        table.read("output", into: &output, .text("a target of a log", LogTarget.init(parsing:)))
        table.read("access_output", into: &accessOutput, .text("a target of a log", LogTarget.init(parsing:)))
        table.read("syslog_facility", into: &syslogFacility, Form<SyslogFacility>.choice)
        table.read("syslog_tag", into: &syslogTag, .syslogTag)
    }
}
