import Admission
import Basics

/// Reads `[[route]]`.
struct RouteReader {
    private let root: TableReader
    private let upstreamNames: [String?]
    private let limits: LimitSettings
    private let tokens: TokenSettings

    init(_ root: TableReader, upstreamNames: [String?], limits: LimitSettings, tokens: TokenSettings) {
        self.root = root
        self.upstreamNames = upstreamNames
        self.limits = limits
        self.tokens = tokens
    }

    func routes() -> [RouteSettings] {
        let tables = root.tables("route")
        if tables.isEmpty { root.reportMissing("route") }
        var taken: [(path: RoutePattern, place: Place)] = []
        return tables.compactMap { route($0, taken: &taken) }
    }

    private func route(_ table: TableReader, taken: inout [(path: RoutePattern, place: Place)]) -> RouteSettings? {
        let path: RoutePattern? = table.required("path", .text("a path", RoutePattern.init(parsing:)))
        if let path {
            if let other = taken.first(where: { $0.path.matchesSame(as: path) }) {
                table.report("\(other.place) has the same path", at: "path")
            }
            taken.append((path, table.place))
        }
        let upstream = table.required("upstream", Form<String>.name).flatMap { index(ofUpstream: $0, in: table) }
        let access: Access? = table.required("access", .choice)
        if access == .token, let path, !path.namesEvent {
            table.report("\"token\" needs {event} in the path: it lets in who has a token for that event", at: "access")
        }
        if upstream == upstreamNames.count { check(path, access, ofControlRoute: table) }
        guard let path, let access else { return nil }
        var route = RouteSettings(path: path, upstream: upstream ?? 0, access: access)
        table.read("preflight", into: &route.preflight, .choice)
        table.read("cookies", into: &route.cookies, .choice)
        table.read("access_log", into: &route.accessLog, .boolean)
        readHeadLimits(table, into: &route)
        table.read("body_size", into: &route.bodySize, .size(0...(1 << 50)))
        return route
    }

    /// A head is read by the limits of all routes before its route is known, so a route's own can only be lower.
    private func readHeadLimits(_ table: TableReader, into route: inout RouteSettings) {
        table.read("header_size", into: &route.headerSize, .headerSize)
        table.read("header_count", into: &route.headerCount, .headerCount)
        if let size = route.headerSize {
            let text = quoted(Size.text(of: size))
            if size > limits.headerSize {
                let limit = quoted(Size.text(of: limits.headerSize))
                table.report("\(text) is more than limits.header_size, \(limit): raise that as well", at: "header_size")
            }
            if route.access != .public, size < tokens.maxSize {
                let token = quoted(Size.text(of: tokens.maxSize))
                table.report("\(text) is less than tokens.max_size, \(token)", at: "header_size")
            }
        }
        if let count = route.headerCount, count > limits.headerCount {
            table.report(
                "\(count) is more than limits.header_count, \(limits.headerCount): raise that as well",
                at: "header_count"
            )
        }
    }

    private func index(ofUpstream name: String, in table: TableReader) -> Int? {
        if name == ControlSettings.upstreamName { return upstreamNames.count }
        if let index = upstreamNames.firstIndex(of: name) { return index }
        let near = NearestName.find(name, among: upstreamNames.compactMap { $0 })
        let hint = near.map { "; did you mean \(quoted($0))?" } ?? ""
        table.report("no [[upstream]] is named \(quoted(name))\(hint)", at: "upstream")
        return nil
    }
}

extension RouteReader {
    private func check(_ path: RoutePattern?, _ access: Access?, ofControlRoute table: TableReader) {
        if let path, path.segments.first != .literal("api") {
            table.report("the control API is below /api; write \"/api/**\"", at: "path")
        }
        if let access, access != .public {
            table.report("the control API checks its own tokens; write \"public\"", at: "access")
        }
    }
}

extension RoutePattern {
    /// Whether both match the same paths.
    fileprivate func matchesSame(as other: RoutePattern) -> Bool {
        segments == other.segments && takesRest == other.takesRest
    }
}
