import Testing

/// The messages for invalid keys at the top, in listeners and in `[admin]`.
@Suite struct BadListenerTests {
    @Test("Each invalid listener gets an exact message", arguments: cases)
    func isReported(_ bad: BadConfiguration) {
        #expect(problems(Sample(bad.part, bad.body).text) == bad.problems)
    }

    static let duration = "is not a duration such as \"90s\" or \"4h\" (units: ms, s, m, h, d)"
    static let url = "public_url = \"https://embed.example.com\"\n"
    static let address = "address = \"127.0.0.1:8080\"\n"
    static let serving = "[[listener]]\naddress = \"127.0.0.1:8081\"\n"

    static let cases: [BadConfiguration] = [
        // public_url
        .init(.top, "", "public_url: is missing"),
        .init(.top, "public_url = 5", "public_url: expected a URL, found the integer 5"),
        .init(.top, "public_url = true", "public_url: expected a URL, found the boolean true"),
        .init(.top, "public_url = 1.5", "public_url: expected a URL, found the number 1.5"),
        .init(.top, "public_url = 2026-01-01", "public_url: expected a URL, found a date or time"),
        .init(.top, "public_url = []", "public_url: expected a URL, found an array"),
        .init(.top, "public_url = {}", "public_url: expected a URL, found a table"),
        .init(
            .top,
            "public_url = \"embed.example.com\"",
            "public_url: \"embed.example.com\" is not a URL: it must begin with https:// or http://"
        ),
        .init(
            .top,
            "public_url = \"ftp://embed.example.com\"",
            "public_url: \"ftp://embed.example.com\": the scheme must be https or http"
        ),
        .init(
            .top,
            "public_url = \"http://embed.example.com\"",
            "public_url: \"http://embed.example.com\" must be https: browsers keep the session cookie in a frame only "
                + "when it is Secure; http is for localhost alone"
        ),
        .init(
            .top,
            "public_url = \"https://embed.example.com/base\"",
            "public_url: \"https://embed.example.com/base\" must end after the host: a path, query or fragment does "
                + "not belong here"
        ),
        .init(
            .top,
            "public_url = \"https://embed.example.com?a=b\"",
            "public_url: \"https://embed.example.com?a=b\" must end after the host: a path, query or fragment does "
                + "not belong here"
        ),
        .init(
            .top,
            "public_url = \"https://embed.example.com\\\\@evil.example\"",
            "public_url: \"https://embed.example.com\\\\@evil.example\" must end after the host: a path, query or "
                + "fragment does not belong here"
        ),
        .init(
            .top,
            "public_url = \"https://me:pass@embed.example.com\"",
            "public_url: a user name or password does not belong here"
        ),
        .init(.top, "public_url = \"https://\"", "public_url: \"https://\" names no host"),
        .init(.top, "public_url = \"https://:443\"", "public_url: \"https://:443\" names no host"),
        .init(.top, "public_url = \"https://a:0\"", "public_url: \"0\" is not a port (1 to 65535)"),
        .init(.top, "public_url = \"https://a:65536\"", "public_url: \"65536\" is not a port (1 to 65535)"),
        .init(.top, "public_url = \"https://a:\"", "public_url: \"\" is not a port (1 to 65535)"),
        .init(.top, "public_url = \"https://a b\"", "public_url: \"a b\" is not a host name"),
        .init(.top, "public_url = \"https://300.1.1.1\"", "public_url: \"300.1.1.1\" is not a host name"),
        .init(.top, "public_url = \"https://[::zz]\"", "public_url: \"[::zz]\" is not an IPv6 address in brackets"),
        .init(
            .top,
            "public_url = \"https://bücher.example\"",
            "public_url: \"bücher.example\" is not a host name; write it in its ASCII form (xn--…)"
        ),
        // allowed_origins, drain_timeout, unknown keys
        .init(.top, url + "allowed_origins = \"*\"", "allowed_origins: expected a list, found the string \"*\""),
        .init(
            .top,
            url + "allowed_origins = [\"*\"]",
            "allowed_origins[0]: \"*\" is not a URL: it must begin with https:// or http://"
        ),
        .init(
            .top,
            url + "allowed_origins = [\"https://a.example/\"]",
            "allowed_origins[0]: \"https://a.example/\" is not an origin: it must end after the host, as "
                + "\"https://a.example\""
        ),
        .init(
            .top,
            url + "allowed_origins = [\"https://a.example\", \"https://A.example:443\"]",
            "allowed_origins[1]: stands there twice"
        ),
        .init(
            .top,
            url + "allowed_origins = [\"https://*.example\"]",
            "allowed_origins[0]: \"*.example\" is not a host name"
        ),
        .init(.top, url + "drain_timeout = \"30\"", "drain_timeout: \"30\" \(duration)"),
        .init(.top, url + "drain_delay = \"11m\"", "drain_delay: \"11m\" is out of range: 0ms to 10m"),
        .init(.top, url + "drain_timeout = \"2h\"", "drain_timeout: \"2h\" is out of range: 0ms to 1h"),
        .init(
            .top,
            url + "drain_timeout = 30",
            "drain_timeout: expected a duration such as \"90s\", found the integer 30"
        ),
        .init(.top, url + "threads = -1", "threads: -1 is out of range: 0 to 1024"),
        .init(.top, url + "threads = \"2\"", "threads: expected an integer, found the string \"2\""),
        .init(.top, url + "public_ulr = \"x\"", "public_ulr: unknown key; did you mean \"public_url\"?"),
        .init(.top, url + "header_size = \"1KiB\"", "header_size: unknown key; it belongs in [[route]] or [limits]"),
        .init(
            .top,
            url + "certificate = \"/tls.crt\"",
            "certificate: unknown key; it belongs in [[listener]] or [[listener.sni]] or [[upstream]]"
        ),
        .init(.top, url + "entirely_else = 1", "entirely_else: unknown key"),
        .init(.top, url + "\"odd key\\n\" = 1", "\"odd key\\u000a\": unknown key"),
        .init(.top, url + "server.x = 1", "server: unknown key"),
        // listener
        .init(.listener, nil, "listener: at least one [[listener]] is needed"),
        .init(.listener, "", "listener[0].address: is missing"),
        .init(.listener, "address = 443", "listener[0].address: expected an address, found the integer 443"),
        .init(
            .listener,
            "address = \"8080\"",
            "listener[0].address: \"8080\" is not host:port, [v6]:port or unix:/path"
        ),
        .init(
            .listener,
            "address = \":8080\"",
            "listener[0].address: \":8080\" is not host:port, [v6]:port or unix:/path"
        ),
        .init(.listener, "address = \"a:99999\"", "listener[0].address: \"99999\" is not a port (0 to 65535)"),
        .init(.listener, "address = \"a:http\"", "listener[0].address: \"http\" is not a port (0 to 65535)"),
        .init(
            .listener,
            "address = \"::1:80\"",
            "listener[0].address: \"::1\" is not a host; an IPv6 address stands in brackets"
        ),
        .init(
            .listener,
            "address = \"[1.2.3.4]:80\"",
            "listener[0].address: \"[1.2.3.4]\" is not an IPv6 address in brackets"
        ),
        .init(
            .listener,
            "address = \"unix:relative\"",
            "listener[0].address: \"unix:relative\": the path after unix: must begin with /"
        ),
        .init(
            .listener,
            "address = \"unix:/\(String(repeating: "a", count: 107))\"",
            "listener[0].address: \"unix:/\(String(repeating: "a", count: 74))…\": a socket path has at most 107 bytes"
        ),
        .init(
            .listener,
            "address = \"unix:/a\"\nmode = \"rw\"\ngroup = \"\"",
            "listener[0].mode: \"rw\" is not a mode such as \"0660\": octal digits for owner, group and others",
            "listener[0].group: must not be empty"
        ),
        .init(
            .listener,
            "address = \"unix:/a\"\nmode = \"1666\"",
            "listener[0].mode: \"1666\" is not a mode such as \"0660\": octal digits for owner, group and others"
        ),
        .init(
            .listener,
            "address = \"unix:/a\"\nmode = 432",
            "listener[0].mode: expected a mode such as \"0660\", found the integer 432"
        ),
        .init(
            .listener,
            address + "mode = \"0660\"\ngroup = \"www-data\"",
            "listener[0].mode: has no effect: the address is no unix: socket",
            "listener[0].group: has no effect: the address is no unix: socket"
        ),
        .init(
            .listener,
            address + "[[listener]]\naddress = \"127.0.0.1:8080\"",
            "listener[1].address: listener[0] has the same address"
        ),
        .init(
            .listener,
            "address = \"[::1]:80\"\n[[listener]]\naddress = \"[0:0::0:1]:80\"",
            "listener[1].address: listener[0] has the same address"
        ),
        .init(.listener, address + "adress = \"x\"", "listener[0].adress: unknown key; did you mean \"address\"?"),
        .init(
            .listener,
            address + "ticket_key_file = \"/short\"",
            "listener[0].ticket_key_file: has 6 bytes: it needs 80 random ones for each of at most 16 keys, the key that "
                + "seals first (openssl rand 80)",
            "listener[0].ticket_key_file: needs certificate and key beside it"
        ),
        .init(
            .listener,
            address + "ocsp_file = \"/short\"",
            "listener[0].ocsp_file: needs certificate and key beside it"
        ),
        .init(
            .listener,
            "address = \"systemd:a:b\"",
            "listener[0].address: \"systemd:a:b\": systemd: needs the FileDescriptorName of a .socket unit"
        ),
        .init(
            .listener,
            "address = \"systemd:a\"\n[[listener]]\naddress = \"systemd:a\"",
            "listener[1].address: listener[0] has the same address"
        ),
        .init(
            .listener,
            "address = \"systemd:a\"\nmode = \"0600\"",
            "listener[0].mode: has no effect: the address is no unix: socket"
        ),
        .init(
            .listener,
            address + "redirect = \"https\"",
            "listener[0].redirect: every listener only redirects: one must serve https://embed.example.com"
        ),
        .init(
            .listener,
            address + serving + "redirect = \"tls\"",
            "listener[1].redirect: \"tls\" is not one of \"https\""
        ),
        .init(
            .listener,
            address + "acme_directory = \"/etc\"",
            "listener[0].acme_directory: has no effect without redirect"
        ),
        .init(
            .listener,
            address + serving + "redirect = \"https\"\nacme_directory = \"/none\"",
            "listener[1].acme_directory: no such folder: \"/none\""
        ),
        .init(
            .listener,
            address + serving + "redirect = \"https\"\nacme_directory = \"/secret\"",
            "listener[1].acme_directory: is a file, not a folder: \"/secret\""
        ),
        .init(
            .listener,
            address + "hsts = \"365d\"",
            "listener[0].hsts: needs certificate and key beside it: browsers ignore it in plaintext"
        ),
        .init(
            .listener,
            address + "hsts_include_subdomains = true",
            "listener[0].hsts_include_subdomains: has no effect without hsts"
        ),
        .init(
            .listener,
            address + "proxy_protocol = \"yes\"",
            "listener[0].proxy_protocol: expected true or false, found the string \"yes\""
        ),
        .init(
            .listener,
            address + "proxy_protocol = 2",
            "listener[0].proxy_protocol: expected true or false, found the integer 2"
        ),
        .init(
            .listener,
            address + "certificate = \"/none\"\nkey = \"/denied\"",
            "listener[0].certificate: no such file: /none",
            "listener[0].key: permission denied: /denied"
        ),
        .init(
            .listener,
            address + "certificate = \"/tls.crt\"",
            "listener[0].certificate: needs key beside it"
        ),
        .init(
            .listener,
            address + "key = \"/tls.key\"",
            "listener[0].key: needs certificate beside it"
        ),
        .init(
            .listener,
            address + "[[listener.sni]]\nnames = []",
            "listener[0].sni[0]: needs certificate and key in its listener too",
            "listener[0].sni[0].names: must not be empty",
            "listener[0].sni[0].certificate: is missing",
            "listener[0].sni[0].key: is missing"
        ),
        .init(
            .listener,
            address + "[[listener.sni]]\nnames = [\"a.b\", \"A.b\", \"*.*\"]\ncertificate = \"/etc\"\nkey = \"/huge\"",
            "listener[0].sni[0]: needs certificate and key in its listener too",
            "listener[0].sni[0].names[1]: stands there twice",
            "listener[0].sni[0].names[2]: \"*.*\" is not a server name",
            "listener[0].sni[0].certificate: is a directory, not a file: /etc",
            "listener[0].sni[0].key: too large: /huge"
        ),
        .init(
            .listener,
            address + "client_ca_file = \"/tls.crt\"",
            "listener[0].client_ca_file: holds no certificate in PEM",
            "listener[0].client_ca_file: needs certificate and key beside it"
        ),
        .init(
            .listener,
            address + "sni = 1",
            "listener[0].sni: expected tables, each beginning with [[listener.sni]], found the integer 1"
        ),
        // admin
        .init(
            .admin,
            "address = \"0.0.0.0:9901\"",
            "admin.address: \"0.0.0.0:9901\" is not loopback, so that admin.token_file is needed"
        ),
        .init(.admin, "address = \"127.0.0.1:8080\"", "admin.address: listener[0] has the same address"),
        .init(
            .admin,
            "mode = \"0660\"\ngroup = \"operators\"",
            "admin.mode: has no effect: the address is no unix: socket",
            "admin.group: has no effect: the address is no unix: socket"
        ),
        .init(
            .admin,
            "address = \"unix:/a\"\nmode = \"rw\"\ngroup = \"\"",
            "admin.mode: \"rw\" is not a mode such as \"0660\": octal digits for owner, group and others",
            "admin.group: must not be empty"
        ),
        .init(
            .admin,
            "token_file = \"/short\"",
            "admin.token_file: the token has 5 bytes; at least 16 are needed"
        ),
        .init(
            .admin,
            "token_file = \"/blank\"",
            "admin.token_file: the token ends with a blank: nobody could send it"
        ),
        .init(
            .admin,
            "token_file = \"/marked\"",
            "admin.token_file: the token begins with a byte order mark: nobody could send it"
        ),
        .init(
            .admin,
            "token_file = \"/wide\"",
            "admin.token_file: the token is not UTF-8 text: nobody could send it"
        ),
        .init(
            .admin,
            "token_file = \"/lines\"",
            "admin.token_file: the token has more than one line: nobody could send it"
        ),
        .init(
            .admin,
            "token_file = \"\"",
            "admin.token_file: must not be empty"
        ),
        .init(
            .admin,
            "token_file = \"/secret\"\nread_token_file = \"/short\"",
            "admin.read_token_file: the token has 5 bytes; at least 16 are needed"
        ),
        .init(
            .admin,
            "token_file = \"/secret\"\nread_token_file = \"/secret\"",
            "admin.read_token_file: the token is that of token_file: use another one"
        ),
        .init(
            .admin,
            "read_token_file = \"/secret\"",
            "admin.read_token_file: needs token_file, since without one nobody has to show a token"
        ),
    ]

    @Test("One table in place of several, and the reverse, is reported")
    func shapes() {
        var sample = Sample(.listener, nil)
        sample.bodies[.rest] = "[listener]\naddress = \"127.0.0.1:8080\""
        #expect(
            problems(sample.text) == ["listener: expected tables, each beginning with [[listener]], found a table"]
        )
        sample = Sample(.rest, "[[log]]\nlevel = \"info\"")
        #expect(problems(sample.text) == ["log: expected a table [log], found an array"])
        sample = Sample(.listener, nil)
        sample.bodies[.top]? += "\nlistener = []"
        #expect(problems(sample.text) == ["listener: at least one [[listener]] is needed"])
        sample = Sample(.listener, nil)
        sample.bodies[.top]? += "\nlistener = [5]"
        #expect(
            problems(sample.text) == [
                "listener[0]: expected a table, found the integer 5", "listener[0].address: is missing",
            ]
        )
    }
}
