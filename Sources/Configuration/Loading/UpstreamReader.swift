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
            .filled(.set(of: .text("a server", UpstreamServerSettings.init(parsing:))))
        )
        var upstream = UpstreamSettings(name: name, servers: servers ?? [])
        if let file = table.value("ca_file", .file) {
            upstream.caFile = file.path
            upstream.authorities = table.authorities(file, at: "ca_file")
            if let servers, !servers.contains(where: \.isSecure) {
                table.report("has no effect: none of the servers begins with https://", at: "ca_file")
            }
        }
        upstream.health = health(table)
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

    private static func readHealthPath(_ text: String) throws(ValueFault) -> String {
        guard text.hasPrefix("/"), text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "#") })
        else {
            throw ValueFault("\(quoted(text)) is not a path that begins with /")
        }
        return text
    }
}
