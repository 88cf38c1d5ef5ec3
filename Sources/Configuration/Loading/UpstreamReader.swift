/// Reads `[[upstream]]`.
struct UpstreamReader {
    let upstreams: [UpstreamSettings]
    /// The name of each `[[upstream]]` in order; `nil` for a faulty one.
    let names: [String?]

    init(_ root: TableReader) {
        let tables = root.tables("upstream")
        if tables.isEmpty { root.reportMissing("upstream") }
        var names: [String?] = []
        upstreams = tables.map { table in
            let name = table.required("name", .name)
            if name == ControlSettings.upstreamName {
                table.report("\"control\" is the name of the built-in control API", at: "name")
            }
            if let name, let other = names.firstIndex(of: name) {
                table.report("upstream[\(other)] has the same name", at: "name")
            }
            names.append(name)
            return Self.upstream(table, name: name ?? "")
        }
        self.names = names
    }

    private static func upstream(_ table: TableReader, name: String) -> UpstreamSettings {
        let servers = table.required(
            "servers",
            .filled(.set(of: .server) { $0.isSecure == $1.isSecure && $0.address == $1.address })
        )
        if let servers, !servers.isEmpty, servers.allSatisfy(\.isBackup) {
            table.report("all of them are backups; at least one must serve without that", at: "servers")
        }
        var upstream = UpstreamSettings(name: name, servers: servers ?? [])
        table.read("balance", into: &upstream.balance, .choice)
        table.read("host", into: &upstream.host, .text("a host", UpstreamHost.init(parsing:)))
        if upstream.host == .upstream, let server = servers?.first(where: { $0.authority == nil }) {
            table.report("\"upstream\" needs servers with a host, and \(quoted(server.text)) has none", at: "host")
        }
        if let file = table.value("ca_file", .file) {
            upstream.caFile = file.path
            upstream.authorities = table.authorities(file, at: "ca_file")
        }
        let presented = CertificateReader(table, isForClients: false)
        upstream.certificate = presented.certificatePath
        upstream.key = presented.keyPath
        upstream.certifiedKey = presented.certifiedKey
        for (name, other) in [("certificate", "key"), ("key", "certificate")]
        where table.has(name) && !table.has(other) {
            table.report("is missing: \(name) needs it", at: other)
        }
        table.read("server_name", into: &upstream.serverName, .text("a host name", HostName.read))
        for name in ["ca_file", "certificate", "key", "server_name"] where table.has(name) {
            guard let servers, !servers.contains(where: \.isSecure) else { break }
            table.report("has no effect: none of the servers begins with https://", at: name)
        }
        upstream.health = health(table)
        readEjection(table, into: &upstream.ejection)
        table.read("slow_start", into: &upstream.slowStart, .duration(.zero ... .seconds(3600)))
        table.read("retries", into: &upstream.retries, .integer(0...63))
        table.read("max_retry_percent", into: &upstream.maxRetryPercent, .integer(0...100))
        if upstream.retries == 0, table.has("max_retry_percent") {
            table.report("has no effect while retries is 0", at: "max_retry_percent")
        }
        table.read("resolve_interval", into: &upstream.resolveInterval, .duration(.zero ... .seconds(3600)))
        if table.has("resolve_interval"), let servers, !servers.contains(where: \.isNamed) {
            table.report("has no effect: none of the servers is given by name", at: "resolve_interval")
        }
        table.read("max_connections", into: &upstream.maxConnections, .integer(0...1_000_000))
        table.read("max_waiting", into: &upstream.maxWaiting, .integer(0...100_000))
        table.read("wait_timeout", into: &upstream.waitTimeout, .duration(.milliseconds(1) ... .seconds(300)))
        table.read("connect_timeout", into: &upstream.connectTimeout, .duration(.milliseconds(1) ... .seconds(300)))
        table.read("response_timeout", into: &upstream.responseTimeout, .duration(.milliseconds(1) ... .seconds(86400)))
        table.read("max_idle_per_server", into: &upstream.maxIdlePerServer, .integer(0...100_000))
        return upstream
    }

    private static func health(_ table: TableReader) -> HealthSettings? {
        var health = HealthSettings(path: "")
        table.read("health_path", into: &health.path, .text("a path", readHealthPath))
        table.read("health_interval", into: &health.interval, .duration(.milliseconds(100) ... .seconds(3600)))
        table.read("health_timeout", into: &health.timeout, .duration(.milliseconds(10) ... .seconds(60)))
        table.read("health_rise", into: &health.rise, .integer(1...100))
        table.read("health_fall", into: &health.fall, .integer(1...100))
        table.read(
            "health_status",
            into: &health.status,
            .text("statuses such as \"200-399\"", ClosedRange.init(parsing:))
        )
        guard !table.has("health_path") else { return health }
        for key in ["interval", "timeout", "rise", "fall", "status"] where table.has("health_\(key)") {
            table.report("has no effect without health_path", at: "health_\(key)")
        }
        return nil
    }

    private static func readEjection(_ table: TableReader, into ejection: inout EjectionSettings) {
        table.read("eject_after", into: &ejection.after, .integer(0...1000))
        table.read("eject_time", into: &ejection.time, .duration(.seconds(1) ... .seconds(86400)))
        table.read("max_eject_time", into: &ejection.maxTime, .duration(.seconds(1) ... .seconds(86400)))
        table.read("max_eject_percent", into: &ejection.maxPercent, .integer(0...100))
        table.read("eject_on_errors", into: &ejection.countsErrors, .boolean)
        if ejection.maxTime < ejection.time {
            let time = ejection.time.configurationText
            if table.has("max_eject_time") {
                table.report("must not be shorter than eject_time, which is \(time)", at: "max_eject_time")
            } else {
                ejection.maxTime = ejection.time
            }
        }
        guard ejection.after == 0 else { return }
        for key in ["eject_time", "max_eject_time", "max_eject_percent", "eject_on_errors"] where table.has(key) {
            table.report("has no effect while eject_after is 0", at: key)
        }
    }

    private static func readHealthPath(_ text: String) throws(ValueFault) -> String {
        guard text.hasPrefix("/"), text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") })
        else {
            throw ValueFault("\(quoted(text)) is not a path that begins with /")
        }
        return text
    }
}

extension Form where Value == UpstreamServerSettings {
    /// An address, or a table that holds one beside the server's other keys.
    fileprivate static var server: Form {
        let address = Form.text("a server", UpstreamServerSettings.init(parsing:))
        return Form { value, place, context in
            guard case .table = value else { return address.read(value, place, context) }
            UnknownKeys(problems: context.problems).check(value, against: .server, at: place)
            let table = TableReader(value, schema: .server, place: place, context: context)
            guard var server = table.required("address", address) else { return nil }
            table.read("weight", into: &server.weight, .integer(1...256))
            table.read("backup", into: &server.isBackup, .boolean)
            return server
        }
    }
}
