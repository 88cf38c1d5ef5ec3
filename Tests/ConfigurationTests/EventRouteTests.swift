import Testing

@testable import GatewayConfiguration

/// With the control API, every route to an event is decided per event.
@Suite struct EventRouteTests {
    /// Routes of a configuration, and the messages about them.
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
        // An event that the operator names explicitly.
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

    @Test("The control API does not start if a route bypasses the event's check", arguments: rows)
    func gaps(row: Row) {
        #expect(problems(text(row.routes, control: true)) == row.problems.map { "control.enabled: \($0)" })
    }

    @Test("Retention settings without the control API are remarked on, key by key")
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

    @Test("Trusted proxies wider than any network are remarked on, and a network is not")
    func wideProxies() throws {
        let routes = text([Self.event, Self.assets], control: false)
        let ranges = [
            "0.0.0.0/0", "10.0.0.0/8", "::/0", "128.0.0.0/1", "8.0.0.0/7", "fd00::/8", "fc00::/7", "192.0.2.1",
        ]
        let list = ranges.map { "\"\($0)\"" }.joined(separator: ", ")
        let remarks = try load(routes + "\n[limits]\ntrusted_proxies = [\(list)]\n").remarks
        #expect(remarks.map { $0.prefix { $0 != ":" } } == [0, 2, 3, 4, 6].map { "limits.trusted_proxies[\($0)]" })
    }

    @Test("A listener that takes PROXY headers from everyone is remarked on, unless only this machine reaches it")
    func everyonesProxyHeaders() throws {
        let routes = text([Self.event, Self.assets], control: false)
        func remarks(_ address: String, _ limits: String) throws -> [String] {
            let listener = "[[listener]]\naddress = \"\(address)\"\nproxy_protocol = true\n"
            return try load(routes + "\n" + listener + "[limits]\n\(limits)\n").remarks
        }
        let said = try remarks("0.0.0.0:443", "")
        #expect(
            said.count == 1 && said[0].hasPrefix("listener[1].proxy_protocol: while limits.trusted_proxies is empty")
        )
        #expect(try remarks("0.0.0.0:443", "trusted_proxies = [\"10.0.0.1\"]") == [])
        #expect(try remarks("127.0.0.1:443", "") == [])
        #expect(try remarks("unix:/run/gateway.sock", "") == [])
        // The header says whose limits count.
        #expect(try remarks("unix:/run/gateway.sock", "requests_per_address = \"10/s\"") == [])
    }

    @Test("Limits by address are remarked on where no client has one: on a Unix socket without PROXY headers")
    func limitsWithoutAddresses() throws {
        let routes = text([Self.event, Self.assets], control: false)
        func remarks(_ listener: String, _ limits: String) throws -> [String] {
            try load(routes + "\n[[listener]]\naddress = \(listener)\n[limits]\n\(limits)\n").remarks
        }
        let all = "deny = [\"192.0.2.0/24\"]\nrequests_per_address = \"10/s\"\nnew_connections_per_address = \"10/s\""
        let said = try remarks("\"unix:/run/gateway.sock\"", all)
        #expect(said.count == 1)
        let start =
            "listener[1].address: clients of a unix: socket have no address, so that deny, requests_per_address, "
            + "new_connections_per_address of [limits] have no effect there"
        #expect(said.first?.hasPrefix(start) == true, "\(said)")
        #expect(try remarks("\"unix:/run/gateway.sock\"\nproxy_protocol = true", all) == [])
        #expect(try remarks("\"unix:/run/gateway.sock\"", "joins_per_minute = 3") == [])
        #expect(try remarks("\"127.0.0.1:8081\"", all) == [])
    }

    @Test(
        "A template of the access log that leaves a quotation mark open is remarked on",
        arguments: [
            (#"{client} "{method} {path}"#, true), (#"{client} "{method} {path}""#, false),
            (#""{path} {status}" ""#, true), ("{client} {path}", false), ("combined", false),
        ]
    )
    func openQuote(template: String, isRemarked: Bool) throws {
        let routes = text([Self.event, Self.assets], control: false)
        let remarks = try load(routes + "\n[log]\naccess_format = '\(template)'\n").remarks
        #expect(remarks.count { $0.hasPrefix("log.access_format: holds an odd number of \"") } == (isRemarked ? 1 : 0))
    }

    private static let oldKey = "[[company.key]]\nid = \"old\"\nalgorithm = \"HS256\"\nsecret_file = \"/secret2\"\n"

    @Test(
        "A key that may have made links without saying so is remarked on, and one that says it did not is not",
        arguments: [
            (oldKey, "", true, true), (oldKey, "", false, false), (oldKey + "signed_before = true\n", "", true, false),
            (oldKey + "signed_before = false\n", "", true, false),
            (oldKey, "issuer = \"https://login.acme.example\"\n", true, false),
            ("[[company.key]]\njwks_file = \"/jwks\"\n", "", true, false), ("", "", true, false),
        ] as [(String, String, Bool, Bool)]
    )
    func doubtfulKey(key: String, company: String, control: Bool, isRemarked: Bool) throws {
        let routes = text(
            [Self.event, ("/networking/{event}/**", "token")],
            control: control
        )
        let written = routes.replacing("id = \"acme\"\n", with: "id = \"acme\"\n\(company)")
            .replacing("secret_file = \"/secret\"\n", with: "secret_file = \"/secret\"\n\(key)")
        let remarks = try load(written).remarks
        #expect(remarks.map { $0.prefix { $0 != ":" } } == (isRemarked ? ["company[0].key[1].signed_before"] : []))
    }

    @Test("A reload that invalidates links says so, and one that keeps them says nothing")
    func losses() throws {
        let routes = text([Self.event, Self.assets], control: false)
        func loaded(_ keys: String) throws -> Settings {
            try load(
                routes.replacing(
                    "id = \"one\"\nalgorithm = \"HS256\"\nsecret_file = \"/secret\"\n",
                    with: keys
                )
            )
        }
        let one = "id = \"one\"\nalgorithm = \"HS256\"\nsecret_file = \"/secret\"\n"
        let new = "id = \"new\"\nalgorithm = \"HS256\"\nsecret_file = \"/secret2\"\n"
        let running = try loaded(one)
        let marks = running.signingMarks(atMost: 1024)
        func losses(_ keys: String) throws -> [String] {
            let settings = try loaded(keys)
            let said = settings.losses(since: running)
            // The same is known to a process that takes over.
            let others = settings.losses(sinceMarks: marks)
            #expect(others.count == said.count)
            let start = "company \"acme\": another key signs now than in the process before"
            #expect(others.allSatisfy { $0.hasPrefix(start) })
            #expect(settings.losses(sinceMarks: []) == [])
            #expect(settings.losses(sinceMarks: Array(marks.dropLast())) == [])
            return said
        }
        #expect(marks.count == 16)
        #expect(running.signingMarks(atMost: 15) == [])
        for kept in [one, one + "[[company.key]]\n" + new, new + "[[company.key]]\nsigned_before = true\n" + one] {
            #expect(try losses(kept) == [])
        }
        for lost in [new, new + "[[company.key]]\n" + one] {
            let said = try losses(lost)
            #expect(said.count == 1 && said[0].hasPrefix("company \"acme\": another key signs now"))
            #expect(said[0].contains("the one before \"one\" is not listed with signed_before = true"))
        }
        // Listed with another id, the former key would not be found by the links that it signed.
        let replaced = try losses(one.replacing("/secret", with: "/secret2"))
        #expect(replaced.count == 1 && !replaced[0].contains("signed_before"))
        #expect(replaced[0].contains("another key signs now with the id \"one\" of the one before: "))
        #expect(replaced[0].hasSuffix(", and list the new one in front of it with an id of its own"))
    }

    @Test("A client secret that occurs twice is remarked on, with its places and without itself")
    func sharedSecrets() throws {
        let key = "[[company.key]]\nalgorithm = \"HS256\"\nsecret_file = "
        let two = """
            id = "acme"
            client_secret_files = ["/secret2", "/secret", "/copy"]
            \(key)"/secret"
            [[company]]
            id = "globex"
            event_ids = ["g-*"]
            client_secret_file = "/copy"
            \(key)"/secret2"
            """
        var sample = Sample(.company, two.replacing("id = \"acme\"", with: "id = \"acme\"\nevent_ids = [\"a-*\"]"))
        sample.bodies[.key] = nil
        let files = ["/copy": Array("0123456789abcdef0123456789abcdef".utf8)]
        let remarks = try load(sample.text, files: files).remarks.filter { $0.contains("client secret") }
        let first = "company[0], client secret 2 of \"acme\""
        #expect(
            remarks == [
                "company[0], client secret 3 of \"acme\": the same as that of \(first)",
                "company[1], client secret 1 of \"globex\": the same as that of \(first)",
            ]
        )
    }

    @Test("Without the control API, paths below an event that are open to others are remarked on")
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
