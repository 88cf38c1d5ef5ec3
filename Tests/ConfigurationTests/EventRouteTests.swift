import Testing

@testable import GatewayConfiguration

/// With the control API, every way to an event is judged by the event.
@Suite struct EventRouteTests {
    /// Routes of a configuration, and what is said of them.
    struct Row: CustomTestStringConvertible, Sendable {
        let routes: [(path: String, access: String)]
        let problems: [String]
        var testDescription: String { routes.map { "\($0.path) \($0.access)" }.joined(separator: ", ") }

        init(_ routes: [(String, String)], _ problems: String...) {
            (self.routes, self.problems) = (routes, problems)
        }
    }

    private static let hub = ("/networking/{event}/**", "token")
    private static let event = ("/event/{event}/**", "token")
    private static let assets = ("/**", "session")
    private static let everybody = "the viewers of every event and company"

    static let rows = [
        Row([event, hub]),
        Row([event, hub, assets]),
        Row([event, hub, assets, ("/event/{event}", "token"), ("/event/{event}/poster.png", "public")]),
        // Without a route that takes the rest, nothing is below them.
        Row([("/event/{event}", "token"), ("/networking/{event}", "token"), ("/assets/**", "public")]),
        // An event that the operator names itself.
        Row([event, hub, ("/event/open-day/**", "public")]),
        Row(
            [event, assets],
            "no \"token\" route is over /networking/{event}, where its events are: \"/**\" opens it to \(everybody)"
        ),
        Row(
            [hub, ("/event/**", "public"), assets],
            "no \"token\" route is over /event/{event}, where its events are: \"/event/**\" opens it to anyone"
        ),
        Row(
            [hub, ("/rooms/{event}", "token")],
            "no \"token\" route is over /event/{event}, where its events are: add /event/{event}/**"
        ),
        Row(
            [("/event/{event}/**", "session"), hub],
            "\"/event/{event}/**\" must be \"token\": it is open to \(everybody)"
        ),
        Row(
            [event, hub, ("/networking/{event}", "public")],
            "\"/networking/{event}\" must be \"token\": it is open to anyone"
        ),
        Row(
            [("/event/{event}", "token"), hub, assets],
            "what is below /event/{event} goes through \"/**\", open to \(everybody): "
                + "add a \"token\" route \"/event/{event}/**\""
        ),
        Row(
            [("/event/{event}", "token"), ("/event/{event}/**", "session"), hub],
            "what is below /event/{event} goes through \"/event/{event}/**\", open to \(everybody): "
                + "add a \"token\" route \"/event/{event}/**\""
        ),
        Row(
            [event, ("/networking/{event}", "token"), ("/{event}/**", "token")],
            "what is below /networking/{event} goes through \"/{event}/**\", open to viewers of the event that it names: "
                + "add a \"token\" route \"/networking/{event}/**\""
        ),
    ]

    private func text(_ routes: [(path: String, access: String)], control: Bool) -> String {
        let tables = (routes + (control ? [("/api/**", "public")] : [])).map { path, access in
            let upstream = path == "/api/**" ? "control" : "host"
            return "path = \"\(path)\"\nupstream = \"\(upstream)\"\naccess = \"\(access)\""
        }
        var sample = Sample(.route, tables.joined(separator: "\n[[route]]\n"))
        if control { sample.bodies[.rest] = "[control]\nenabled = true" }
        return sample.text
    }

    @Test("The control API does not start with a way around the event", arguments: rows)
    func gaps(row: Row) {
        #expect(problems(text(row.routes, control: true)) == row.problems.map { "control.enabled: \($0)" })
    }

    @Test("Retention without the control API is remarked, key by key")
    func retention() throws {
        let routes = text([Self.event, Self.assets], control: false)
        let written = routes + "\n[control.retention]\nstays = \"30d\"\nremoved = \"1h\"\n"
        #expect(
            try load(written).remarks == [
                "control.retention.stays: has no effect while control.enabled is false",
                "control.retention.removed: has no effect while control.enabled is false",
            ]
        )
    }

    @Test("Without the control API, what is below an event and open to others is remarked")
    func remarked() throws {
        func remarks(_ routes: (String, String)...) throws -> [String] {
            try load(text(routes, control: false)).remarks
        }
        #expect(try remarks(Self.event, Self.assets) == [])
        #expect(try remarks(("/event/{event}", "token"), ("/assets/**", "public")) == [])
        #expect(
            try remarks(("/event/{event}", "token"), Self.assets) == [
                "route: what is below /event/{event} goes through \"/**\", open to \(Self.everybody): "
                    + "add a \"token\" route \"/event/{event}/**\""
            ]
        )
    }
}
