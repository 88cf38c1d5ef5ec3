import Testing

/// The messages for invalid upstreams and routes.
@Suite struct BadRouteTests {
    @Test("Each invalid upstream or route gets an exact message", arguments: cases)
    func isReported(_ bad: BadConfiguration) {
        #expect(problems(Sample(bad.part, bad.body).text) == bad.problems)
    }

    @Test("A pattern that cannot mean what it says is refused", arguments: patterns)
    func pattern(_ path: String, _ reason: String) {
        let text = Sample(.route, "path = '\(path)'\nupstream = \"host\"\naccess = \"public\"").text
        #expect(problems(text) == ["route[0].path: \"\(path)\"\(reason)"])
    }

    static let upstream = "name = \"host\"\nservers = [\"127.0.0.1:3000\"]\n"
    static let route = "path = \"/event/{event}\"\nupstream = \"host\"\naccess = \"token\"\n"

    static let cases: [BadConfiguration] = [
        .init(
            .upstream,
            nil,
            "upstream: at least one [[upstream]] is needed",
            "route[0].upstream: no [[upstream]] is named \"host\""
        ),
        .init(
            .upstream,
            "servers = [\"a:1\"]",
            "upstream[0].name: is missing",
            "route[0].upstream: no [[upstream]] is named \"host\""
        ),
        .init(
            .upstream,
            "name = \"\"\nservers = [\"a:1\"]",
            "upstream[0].name: must not be empty",
            "route[0].upstream: no [[upstream]] is named \"host\""
        ),
        .init(.upstream, "name = \"host\"", "upstream[0].servers: is missing"),
        .init(.upstream, "name = \"host\"\nservers = []", "upstream[0].servers: must not be empty"),
        .init(
            .upstream,
            "name = \"host\"\nservers = \"a:1\"",
            "upstream[0].servers: expected a list, found the string \"a:1\""
        ),
        .init(
            .upstream,
            "name = \"host\"\nservers = [\"a\", 5, \"b:0\", \"http://c/x\"]",
            "upstream[0].servers[0]: \"a\" is not host:port, [v6]:port or unix:/path",
            "upstream[0].servers[1]: expected a server, found the integer 5",
            "upstream[0].servers[2]: \"0\" is not a port (1 to 65535)",
            "upstream[0].servers[3]: \"http://c/x\" must end after the host: paths are forwarded as they come"
        ),
        .init(
            .upstream,
            "name = \"host\"\nservers = [\"a:80\", \"http://a\"]",
            "upstream[0].servers[1]: stands there twice"
        ),
        .init(
            .upstream,
            "name = \"host\"\nservers = [{ address = \"a:1\", weight = 2 }, \"a:1\"]",
            "upstream[0].servers[1]: stands there twice"
        ),
        .init(
            .upstream,
            "name = \"host\"\nservers = [\"a:1\", { weight = 0 }, { address = \"b:1\", weigth = 2 }, "
                + "{ address = \"c:1\", weight = 257, backup = 1 }]",
            "upstream[0].servers[1].address: is missing",
            "upstream[0].servers[2].weigth: unknown key; did you mean \"weight\"?",
            "upstream[0].servers[3].weight: 257 is out of range: 1 to 256",
            "upstream[0].servers[3].backup: expected true or false, found the integer 1"
        ),
        .init(
            .upstream,
            "name = \"host\"\nservers = [{ address = \"a:1\", backup = true }]",
            "upstream[0].servers: all of them are backups; at least one must serve without that"
        ),
        .init(
            .upstream,
            upstream + "balance = \"random\"",
            "upstream[0].balance: \"random\" is not one of \"least\", \"round_robin\", \"hash\""
        ),
        .init(
            .upstream,
            upstream + "host = \"preserved\"",
            "upstream[0].host: \"preserved\": did you mean \"preserve\"? If it is a host's name, add a port"
        ),
        .init(
            .upstream,
            upstream + "host = \"a b\"",
            "upstream[0].host: \"a b\" is not a host name"
        ),
        .init(
            .upstream,
            upstream + "host = \"a.example:0\"",
            "upstream[0].host: \"a.example:0\" is not \"preserve\", \"upstream\" or a host with an optional port"
        ),
        .init(
            .upstream,
            "name = \"host\"\nservers = [\"a:1\", \"unix:/run/x\"]\nhost = \"upstream\"",
            "upstream[0].host: \"upstream\" needs servers with a host, and \"unix:/run/x\" has none"
        ),
        .init(
            .upstream,
            upstream + "ca_file = \"/secret\"",
            "upstream[0].ca_file: holds no certificate in PEM",
            "upstream[0].ca_file: has no effect: none of the servers begins with https://"
        ),
        .init(
            .upstream,
            "name = \"host\"\nservers = [\"HTTPS://a\"]\nca_file = \"/none\"",
            "upstream[0].ca_file: no such file: /none"
        ),
        .init(
            .upstream,
            upstream + "certificate = \"/secret\"\nserver_name = \"a b\"",
            "upstream[0].certificate: has no effect: none of the servers begins with https://",
            "upstream[0].key: is missing: certificate needs it",
            "upstream[0].server_name: \"a b\" is not a host name",
            "upstream[0].server_name: has no effect: none of the servers begins with https://"
        ),
        .init(
            .upstream,
            "name = \"host\"\nservers = [\"https://a\"]\ncertificate = \"/tls.crt\"\nkey = \"/tls.key\"",
            "upstream[0].certificate: holds no certificate in PEM"
        ),
        .init(
            .upstream,
            "name = \"control\"\nservers = [\"a:1\"]",
            "upstream[0].name: \"control\" is the name of the built-in control API",
            "route[0].upstream: no [[upstream]] is named \"host\""
        ),
        .init(
            .upstream,
            upstream + "[[upstream]]\n" + upstream,
            "upstream[1].name: upstream[0] has the same name"
        ),
        .init(
            .upstream,
            upstream + "health_path = \"health\"",
            "upstream[0].health_path: \"health\" is not a path that begins with /"
        ),
        .init(
            .upstream,
            upstream + "health_interval = \"2s\"\nhealth_fall = 1",
            "upstream[0].health_interval: has no effect without health_path",
            "upstream[0].health_fall: has no effect without health_path"
        ),
        .init(
            .upstream,
            upstream + "health_path = \"/\"\nhealth_interval = \"99ms\"\nhealth_rise = 0\nhealth_fall = 101",
            "upstream[0].health_interval: \"99ms\" is out of range: 100ms to 1h",
            "upstream[0].health_rise: 0 is out of range: 1 to 100",
            "upstream[0].health_fall: 101 is out of range: 1 to 100"
        ),
        .init(
            .upstream,
            upstream + "eject_time = \"6m\"\nmax_eject_time = \"5m\"\nmax_eject_percent = 101",
            "upstream[0].max_eject_time: must not be shorter than eject_time, which is 6m",
            "upstream[0].max_eject_percent: 101 is out of range: 0 to 100"
        ),
        .init(
            .upstream,
            upstream + "eject_after = 0\neject_time = \"10s\"\neject_on_errors = true",
            "upstream[0].eject_time: has no effect while eject_after is 0",
            "upstream[0].eject_on_errors: has no effect while eject_after is 0"
        ),
        .init(
            .upstream,
            upstream + "retries = 64",
            "upstream[0].retries: 64 is out of range: 0 to 63"
        ),
        .init(
            .upstream,
            upstream + "retries = 0\nmax_retry_percent = 10",
            "upstream[0].max_retry_percent: has no effect while retries is 0"
        ),
        .init(
            .upstream,
            upstream + "resolve_interval = \"10s\"",
            "upstream[0].resolve_interval: has no effect: none of the servers is given by name"
        ),
        .init(
            .upstream,
            upstream + "connect_timeout = \"0s\"",
            "upstream[0].connect_timeout: \"0s\" is out of range: 1ms to 5m"
        ),
        .init(
            .upstream,
            upstream + "response_timeout = \"2d\"",
            "upstream[0].response_timeout: \"2d\" is out of range: 1ms to 1d"
        ),
        .init(
            .upstream,
            upstream + "max_idle_per_server = -1",
            "upstream[0].max_idle_per_server: -1 is out of range: 0 to 100000"
        ),
        .init(
            .upstream,
            upstream + "max_idle_per_server = \"256\"",
            "upstream[0].max_idle_per_server: expected an integer, found the string \"256\""
        ),
        .init(.route, nil, "route: at least one [[route]] is needed"),
        .init(
            .route,
            "",
            "route[0].path: is missing",
            "route[0].upstream: is missing",
            "route[0].access: is missing"
        ),
        .init(
            .route,
            "path = \"/\"\nupstream = \"hots\"\naccess = \"public\"",
            "route[0].upstream: no [[upstream]] is named \"hots\"; did you mean \"host\"?"
        ),
        .init(
            .route,
            "path = \"/\"\nupstream = \"control\"\naccess = \"session\"",
            "route[0].path: the control API is below /api; write \"/api/**\"",
            "route[0].access: the control API checks its own tokens; write \"public\"",
            "control.enabled: is false, but a route leads to \"control\""
        ),
        .init(
            .route,
            "path = \"/\"\nupstream = \"host\"\naccess = \"open\"",
            "route[0].access: \"open\" is not one of \"token\", \"session\", \"public\""
        ),
        .init(
            .route,
            "path = \"/\"\nupstream = \"host\"\naccess = true",
            "route[0].access: expected one of \"token\", \"session\", \"public\", found the boolean true"
        ),
        .init(
            .route,
            "path = \"/**\"\nupstream = \"host\"\naccess = \"token\"",
            "route[0].access: \"token\" needs {event} in the path: it lets in who has a token for that event"
        ),
        .init(
            .route,
            route + "header_size = \"33KiB\"\nheader_count = 101",
            "route[0].header_size: \"33KiB\" is more than limits.header_size, \"32KiB\": raise that as well",
            "route[0].header_count: 101 is more than limits.header_count, 100: raise that as well"
        ),
        .init(
            .route,
            route + "header_size = \"4KiB\"",
            "route[0].header_size: \"4KiB\" is less than tokens.max_size, \"8KiB\""
        ),
        .init(
            .route,
            route + "header_size = \"1000B\"",
            "route[0].header_size: \"1000B\" is out of range: 1KiB to 1MiB"
        ),
        .init(.route, route + "header_count = 9", "route[0].header_count: 9 is out of range: 10 to 10000"),
        .init(
            .route,
            route + "[[route]]\npath = \"/event/{event}\"\nupstream = \"host\"\naccess = \"public\"",
            "route[1].path: route[0] has the same path"
        ),
        .init(
            .route,
            route + "[[route]]\npath = \"/**\"\nupstream = \"host\"\naccess = \"public\"\n[[route]]\n"
                + "path = \"/**\"\nupstream = \"host\"\naccess = \"session\"",
            "route[2].path: route[1] has the same path"
        ),
    ]

    static let patterns: [(String, String)] = [
        ("", " must begin with /"),
        ("event", " must begin with /"),
        ("/event/", " must not end in /; /** takes what follows"),
        ("//", " has an empty segment"),
        ("//event", " has an empty segment"),
        ("/a//b", " has an empty segment"),
        ("/a//**", " has an empty segment"),
        ("/a/../b", " has a dot segment"),
        ("/a/.", " has a dot segment"),
        ("/**/a", ": ** may only stand at the end"),
        ("/**/**", ": ** may only stand at the end"),
        ("/a/*", ": * may only stand at the end, as /**"),
        ("/a**", ": * may only stand at the end, as /**"),
        ("/e-{event}", ": {event} must be a whole segment"),
        ("/{event}/{event}", " has {event} more than once"),
        ("/{room}", ": only {event} may stand in braces"),
        ("/{event", ": only {event} may stand in braces"),
        ("/a%2e", ": write characters as they are, not encoded"),
        ("/a%2Fb", ": write characters as they are, not encoded"),
        ("/a b", " holds a character that does not belong in a path"),
        ("/a?b", " holds a character that does not belong in a path"),
        ("/a#b", " holds a character that does not belong in a path"),
        ("/ä", " holds a character that does not belong in a path"),
        ("/.gateway/x", ": /.gateway/ is the gateway's own"),
        ("/.gateway", ": /.gateway/ is the gateway's own"),
    ]

    @Test("A backslash or control character in a pattern is refused")
    func controlCharacters() {
        for (written, shown) in [("/a\\\\b", "/a\\\\b"), ("/a\\tb", "/a\\u0009b"), ("/a\\u007f", "/a\\u007f")] {
            let text = Sample(.route, "path = \"\(written)\"\nupstream = \"host\"\naccess = \"public\"").text
            #expect(
                problems(text) == ["route[0].path: \"\(shown)\" holds a character that does not belong in a path"]
            )
        }
    }
}
