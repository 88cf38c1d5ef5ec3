import Admission
import Testing

@testable import GatewayConfiguration

/// `control.database` is the path of a file or the URI of a PostgreSQL server, and nobody sees a password in it.
@Suite struct DatabaseTests {
    /// A configuration with the control API.
    static func text(_ control: String) -> String {
        var sample = Sample(.rest, "[control]\nenabled = true\n\(control)")
        sample.bodies[.route] = """
            path = "/event/{event}/**"
            upstream = "host"
            access = "token"
            [[route]]
            path = "/networking/{event}/**"
            upstream = "host"
            access = "token"
            [[route]]
            path = "/api/**"
            upstream = "control"
            access = "public"
            """
        return sample.text
    }

    @Test(
        "A path is a file, beside which the socket and the keys are",
        arguments: ["/d/x", "x", "a:b", "./a://b", "/a=b"]
    )
    func file(path: String) throws {
        let control = try load(Self.text("database = \"\(path)\"")).control
        #expect(control.database == .file(path) && control.database.shown == path)
        #expect(control.socket == path + ".sock" && control.socketKey == "control.database")
        #expect(control.tokenKeyPath == path + ".key" && control.companyKeyPath == path + ".companies.key")
    }

    @Test(
        "What looks like another database's address is refused, without repeating it",
        arguments: [
            ("mysql://u:hunter2@h/d", "\"mysql://\": a database is the path of a file, or a postgres:// URI"),
            (" postgres://u:hunter2@h/d", "a database is the path of a file, or a URI that begins with postgres://"),
            (
                "jdbc:postgresql://u:hunter2@h/d",
                "a database is the path of a file, or a URI that begins with postgres://"
            ),
            ("sqlite:///hunter2", "\"sqlite://\": a database is the path of a file, or a postgres:// URI"),
            (
                "POSTGRES://u:hunter2@h/d",
                "the URI of a PostgreSQL database begins with postgres:// or postgresql://, in lower case"
            ),
            (
                "postgresql:hunter2@h/d",
                "the URI of a PostgreSQL database begins with postgres:// or postgresql://, in lower case"
            ),
            (
                "password=hunter2 host=h",
                "write the address of a PostgreSQL database as a URI: postgres://user@host/name"
            ),
            ("", "must not be empty"),
        ]
    )
    func others(text: String, fault: String) {
        #expect(problems(Self.text("database = \"\(text)\"")) == ["control.database: \(fault)"])
    }

    @Test("A folder for the socket and the keys belongs to a server, and to an API that is switched on")
    func folderWithoutServer() {
        #expect(
            problems(Self.text("state_folder = \"/s\"")) == [
                "control.state_folder: has no effect: beside a database that is a file, the socket and the keys are next to it"
            ]
        )
        #expect(
            problems(Sample(.rest, "[control]\nstate_folder = \"/s\"").text) == [
                "control.state_folder: has no effect while control.enabled is false"
            ]
        )
        let twice = problems(Self.text("database = \"x://\"\nstate_folder = \"/s\""))
        #expect(twice.map { $0.prefix { $0 != ":" } } == ["control.database"])
    }

    @Test("A name among gateways needs a server, and what needs other gateways needs a name")
    func nodeWithoutServer() {
        #expect(
            problems(Self.text("node = \"a\"")) == [
                "control.node: a database that is a file is for one gateway: use PostgreSQL"
            ]
        )
        #expect(
            problems(Self.text("grace = \"1m\"\non_store_loss = \"admit\"")).sorted() == [
                "control.grace: has no effect without control.node",
                "control.on_store_loss: has no effect without control.node",
            ]
        )
        #expect(
            problems(Sample(.rest, "[control]\nnode = \"a\"").text) == [
                "control.node: has no effect while control.enabled is false"
            ]
        )
    }

    #if PostgreSQL
        @Test("Gateways that share a database have names, and rules for when it is away")
        func node() throws {
            let alone = try settings("postgres:///gateway").control
            #expect(alone.node == nil && alone.sharing.onStoreLoss == .refuse && alone.sharing.grace == 600_000)
            let more = "node = \"gw-1.example\"\non_store_loss = \"admit\"\ngrace = \"90s\""
            let shared = try settings("postgres:///gateway", more)
            #expect(shared.control.node == "gw-1.example" && shared.control.sharing.onStoreLoss == .admit)
            #expect(shared.control.sharing.grace == 90_000)
            #expect(try load(shared.printed()).control == shared.control)
            for name in ["", "a b", String(repeating: "n", count: 65)] {
                let found = problems(Self.text("database = \"postgres:///gateway\"\nnode = \"\(name)\""))
                #expect(found.count == 1 && found[0].hasPrefix("control.node: "), "\(found)")
            }
        }

        private func settings(_ uri: String, _ more: String = "") throws -> Settings {
            try load(Self.text("database = \"\(uri)\"\n\(more)"))
        }

        @Test("With a server, the socket and the keys are in a folder; keys may be elsewhere")
        func folder() throws {
            let control = try settings("postgres://gateway@db.example/gateway").control
            #expect(control.socket == "/var/lib/gateway/control.sock" && control.socketKey == "control.state_folder")
            #expect(control.tokenKeyPath == "/var/lib/gateway/token.key")
            #expect(control.companyKeyPath == "/var/lib/gateway/companies.key")
            let other = try settings("postgresql:///gateway", "state_folder = \"/s/\"\ntoken_key_file = \"/t\"").control
            #expect(other.socket == "/s/control.sock" && other.tokenKeyPath == "/t")
            #expect(other.companyKeyPath == "/s/companies.key")
        }

        @Test(
            "Attack: a password in the URI is nowhere to be seen",
            arguments: [
                ("postgres://u:hunter2@h:5433/d?sslmode=verify-full", "postgres://u@h:5433/d?sslmode=verify-full"),
                ("postgresql://u:hun:ter2@[::1],h/d", "postgresql://u@[::1],h/d"),
                ("postgres://:hunter2@h", "postgres://@h"), ("postgres://u:hunter2@", "postgres://u@"),
                ("postgres:///d?password=hunter2&user=u", "postgres:///d?user=u"),
                ("postgres://h/d?%70assword=hunter2", "postgres://h/d"),
                ("postgres://h/d?sslmode=require&sslpassword=hunter2", "postgres://h/d?sslmode=require"),
                // Probably a password: the key is misspelt.
                ("postgres://h/d?passwrod=hunter2&host=/run", "postgres://h/d?host=/run"),
            ]
        )
        func password(uri: String, shown: String) throws {
            let settings = try settings(uri)
            #expect(settings.control.database.text == uri && settings.control.database.shown == shown)
            var dumped = ""
            dump(settings, to: &dumped)
            let others = [
                settings.printed(), dumped, "\(settings)", String(reflecting: settings.control),
                settings.remarks.joined(), settings.files.map { "\($0)" }.joined(),
            ]
            for text in others { #expect(!text.contains("hunter2") && !text.contains("ter2@")) }
            #expect(
                settings.remarks.contains { $0.hasPrefix("control.database: contains a password, ") } == !uri.contains(
                    "rod"
                )
            )
            #expect(try load(settings.printed()).control.database.text == shown)
        }

        @Test(
            "A password's special characters, and what was meant as one, are not taken for something that is shown",
            arguments: [
                ("postgres://u:hu/nter2@h/d", "write / as %2F, ? as %3F and @ as %40"),
                ("postgres://u:hu?nter2@h/d", "write / as %2F, ? as %3F and @ as %40"),
                ("postgres://u:hu@nter2@h/d", "write / as %2F, ? as %3F and @ as %40"),
                (
                    "postgres://u:hunter2",
                    "the URI's port is no number; if it was a password, a user and an @ are missing"
                ),
                ("postgres://u:hu%zunter2@h", "the URI contains a % that two hexadecimal digits do not follow"),
                (
                    "postgres://h/d?hunter2",
                    "behind the URI's question mark belong parameters such as sslmode=verify-full"
                ),
                ("postgres://u:hu nter2@h", "the URI contains a space or control character"),
                ("postgres://h/d?passfile=hunter2", "passfile= must be a full path"),
            ]
        )
        func unusable(uri: String, fault: String) {
            let problems = problems(Self.text("database = \"\(uri)\""))
            #expect(problems.count == 1 && problems[0].hasPrefix("control.database: \(fault)"), "\(problems)")
            #expect(!problems.joined().contains("ter2"))
        }

        @Test(
            "A way over the network without a certificate that is checked is remarked upon",
            arguments: [
                ("h/d", true), ("h/d?sslmode=require", true), ("h/d?sslmode=verify-full&sslmode=prefer", true),
                ("127.0.0.1,h/d", true), ("localhost/d?hostaddr=192.0.2.1", true), ("[2001:db8::1]/d", true),
                ("h/d?sslmode=verify-full", false), ("h/d?sslmode=verify-ca", false), ("/d", false), ("", false),
                ("localhost:5433/d", false), ("127.0.0.1,[::1]/d", false), ("%2Frun%2Fpostgresql/d", false),
                ("/d?host=/run/postgresql", false), ("h/d?hostaddr=127.0.0.1", false), ("h/d?host=", false),
            ]
        )
        func exposed(place: String, isExposed: Bool) throws {
            let remarks = try settings("postgres://u@\(place)").remarks
            #expect(remarks.count == (isExposed ? 1 : 0), "\(remarks)")
            #expect(
                remarks.allSatisfy { $0.hasPrefix("control.database: whoever is between the gateway and the server ") }
            )
        }

        @Test("The files that the URI names are the configuration's, and secret ones are known")
        func files() throws {
            let uri = "postgres://u@h/d?sslmode=verify-full&sslrootcert=/ca&sslkey=/k&sslcert=/c&passfile=/p"
            let files = try settings(uri).files.filter { $0.key == "control.database" }
            #expect(files.map(\.path) == ["/p", "/k", "/c", "/ca"])
            #expect(files.map(\.isSecret) == [true, true, false, false])
            #expect(files.map(\.role) == [.databasePassword, .tls, .tls, .tls])
            let system = try settings("postgres://u@h/d?sslmode=verify-full&sslrootcert=system")
            #expect(
                system.files.filter { $0.key.hasPrefix("control.") }.map(\.key) == [
                    "control.state_folder", "control.token_key_file", "control.company_key_file",
                ]
            )
        }

        @Test("Another server, another password or another folder takes effect at the next start")
        func restart() throws {
            let running = try settings("postgres://u:a@h/d", "state_folder = \"/s\"")
            for (uri, folder, waiting) in [
                ("postgres://u:b@h/d", "/s", ["control.database"]),
                ("postgres://u:a@h/d", "/t", ["control.state_folder"]),
            ] {
                var changed = try settings(uri, "state_folder = \"\(folder)\"")
                #expect(changed.keep(from: running) == waiting)
                #expect(changed.control == running.control)
            }
            var file = try load(Self.text("database = \"/d\""))
            #expect(file.keep(from: running) == ["control.database", "control.state_folder"])
            #expect(file.control == running.control)
        }
    #else
        @Test("Without PostgreSQL, its URI is refused")
        func without() {
            #expect(
                problems(Self.text("database = \"postgres://u:hunter2@h/d\"")) == [
                    "control.database: this gateway was built without PostgreSQL"
                ]
            )
        }
    #endif
}
