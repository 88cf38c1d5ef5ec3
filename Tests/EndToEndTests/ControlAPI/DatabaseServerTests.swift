#if PostgreSQL
    import Basics
    import Foundation
    import JOSE
    import PostgreSQL
    import TestSupport
    import Testing

    extension EndToEnd {
        @Suite("The directory in PostgreSQL", .enabled(if: PostgreSQLServer.isInstalled))
        struct DatabaseServerTests {
            private let server = PostgreSQLServer.shared
            /// The address of a new database with a password, and without.
            private let (uri, shown): (String, String)
            /// How messages name it, but for the user.
            private let place: String

            init() throws {
                let name = try server.newDatabaseName()
                uri = server.uri(name)
                shown = "postgres://postgres@127.0.0.1:\(server.port)/\(name)"
                place = "database \(name) on 127.0.0.1:\(server.port)"
            }

            private func site() throws -> Site {
                try Site { ($0.control, $0.databaseURI) = ("", uri) }
            }

            /// Runs a command that ends by itself.
            private func ask(_ command: String, _ site: Site, _ options: [String] = []) throws -> Finished {
                try run(Gateway.program, [command] + options + [site.gateway.directory["gateway.conf"]])
            }

            /// Expects that neither form of the password occurs.
            private func expectNoPassword(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
                let written = PostgreSQLServer.password.replacing("%", with: "%25")
                for password in [PostgreSQLServer.password, written] {
                    #expect(!text.contains(password), sourceLocation: sourceLocation)
                }
            }

            @Test("Events, registrations, links and keys survive a SIGKILL, a restart and a take-over")
            func kept() throws {
                let site = try site()
                let backend = try Backend.signedIn(site)
                let event = try backend.createEvent("Kept", ["presenters": ["u-9"]])
                site.upstream.on("/event/\(event)/ws") { try WebSocket.serveEcho($0) }
                let registered = try backend.register("ada@example.com", for: event)
                let embed = Browser.path(try backend.embed(["userId": "u-9", "userName": "Grace"], in: event))
                let browser = Browser(site)
                #expect(try browser.open(registered.target).status == 200)
                let paths = ["/company/acme/events", "/event/\(event)", "/event/\(event)/registrants"]
                let before = try paths.map { try backend.ask("GET", $0) }
                let ways: [() throws -> Void] = [
                    { try site.gateway.restart() },
                    {
                        site.gateway.send(SIGTERM)
                        #expect(site.gateway.wait() == 0)
                        try site.gateway.startAgain()
                    },
                    { try site.gateway.takeOver().cutDrain() },
                ]
                for (index, way) in ways.enumerated() {
                    try way()
                    let after = Backend(port: site.port)
                    // The same token is valid: the key that signed it is in the folder.
                    after.token = backend.token
                    #expect(try paths.map { try after.ask("GET", $0) } == before)
                    #expect(try browser.open("/event/\(event)").status == 200)
                    let viewer = Browser(site, host: UInt8(2 + index))
                    #expect(try viewer.open(embed).status == 200)
                    #expect(site.upstream.requests.last?["X-Gateway-Listed-As"] == "presenter")
                    let again: JSONValue = ["name": "Ada Lovelace", "email": "ada@example.com", "resend": true]
                    let path = "/event/\(event)/registrant"
                    #expect(try Registered(try after.ask("POST", path, again)).joinCode == registered.joinCode)
                }
                let files = try FileManager.default.contentsOfDirectory(atPath: site.gateway.directory.path)
                #expect(Set(files).isSuperset(of: ["control.sock", "token.key", "companies.key"]), "\(files)")
                #expect(!files.contains { $0.contains("sqlite") })
                let isRecorded = try eventually {
                    let person = try Backend.signedIn(site).ask("GET", "/company/acme/people?email=ada@example.com")
                    return person["stays"]?.list?.isEmpty == false
                }
                #expect(isRecorded)
                expectNoPassword(site.gateway.log)
            }

            @Test("While the server is away viewers come and go, and calls are told to try again; nothing is missing")
            func away() throws {
                let server = try PostgreSQLServer()
                let uri = server.uri(try server.newDatabaseName())
                let site = try Site { ($0.control, $0.databaseURI) = ("", uri) }
                let backend = try Backend.signedIn(site)
                let event = try backend.createEvent("Away")
                site.upstream.on("/event/\(event)/ws") { try WebSocket.serveEcho($0) }
                let registered = try backend.register("ada@example.com", for: event)
                let browser = Browser(site)
                #expect(try browser.open(registered.target).status == 200)

                server.stop(immediately: true)
                for (method, body) in [("GET", nil), ("PATCH", ["name": "Still away"])] as [(String, JSONValue?)] {
                    let response = try backend.call(method, "/event/\(event)", body)
                    try expectFault(response, 503, "try_again")
                    #expect(response["Retry-After"] != nil)
                }
                #expect(try browser.open("/event/\(event)").status == 200)
                let other = Browser(site, host: 2)
                #expect(try other.open(registered.target).status == 200)
                #expect(try browser.open("/event/\(event)").status == 409)
                #expect(site.gateway.log.contains("the server cannot be reached"))

                try server.start()
                let isBack = try eventually {
                    try backend.call("PATCH", "/event/\(event)", ["name": "Back"]).status == 200
                }
                let answer = try backend.call("PATCH", "/event/\(event)", ["name": "Back"])
                #expect(isBack, "\(answer)")
                let isRecorded = try eventually {
                    let person = try backend.ask("GET", "/company/acme/people?email=ada@example.com")
                    return person["stays"]?.list?.count == 2
                }
                #expect(isRecorded)
                expectNoPassword(site.gateway.log)
            }

            @Test("check connects beside the gateway that runs, and a second gateway is refused")
            func beside() throws {
                let site = try site()
                let checked = try ask("check", site)
                #expect(checked.status == 0, "\(checked.errors)")
                let warnings = checked.errors.split(separator: "\n").filter { $0.contains("control.") }
                #expect(warnings.count == 1 && warnings[0].contains("control.database: contains a password"))
                let printed = try ask("check", site, ["--print"]).output
                #expect(printed.contains("database = \"\(shown)\"\nstate_folder = \"\(site.gateway.directory.path)\""))

                let other = try TemporaryDirectory()
                try Gateway.writeSecrets(to: other)
                let key = "companies.key"
                try FileManager.default.copyItem(atPath: site.gateway.directory[key], toPath: other[key])
                let configuration = site.configuration { ($0.control, $0.databaseURI) = ("", uri) }
                let ports = try Listener.freePorts(2)
                let text = configuration.text(port: ports[0], adminPort: ports[1], directory: other.path)
                let second = try run(Gateway.program, ["run", try other.write("gateway.conf", text)])
                #expect(
                    second.status == 1 && second.errors.contains("control.database: \(place) as postgres: in use by"),
                    "\(second.errors)"
                )

                let metrics = try fetch(site.gateway.adminPort, "/metrics").text
                #expect(metrics.contains("gateway_database_writes_waiting "))
                #expect(!metrics.contains("gateway_database_size_bytes"))
                for text in [checked.errors, printed, second.errors, second.output, metrics, site.gateway.log] {
                    expectNoPassword(text)
                }
            }

            /// The text that a statement finds in the database.
            private func find(_ sql: String) throws -> String? {
                try Connection(ConnectionSettings(uri)).execute(sql).value(0, 0).text
            }

            private func change(_ script: String) throws { try Connection(ConnectionSettings(uri)).run(script: script) }

            @Test(
                "A gateway whose idle connections were ended takes the database back within seconds, also if it writes nothing"
            )
            func holding() throws {
                let site = try site()
                let holders = """
                    SELECT max(pid)::text FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
                    WHERE locktype = 'advisory' AND granted AND datname = current_database()
                    """
                let before = try #require(try find(holders))
                try change("SELECT pg_terminate_backend(\(before))")
                let isBack = try eventually { try find(holders).map { $0 != before } ?? false }
                #expect(isBack)
                #expect(site.gateway.isRunning)
            }

            @Test("Attack: a session that the database refuses keeps nobody else's attendance from it")
            func refusedSession() throws {
                let site = try site()
                let backend = try Backend.signedIn(site)
                let event = try backend.createEvent("Refused")
                try change("ALTER TABLE stay ADD CHECK (name <> 'Mallory')")
                for (index, name) in ["Ada", "Mallory", "Grace"].enumerated() {
                    let link = try backend.embed(
                        ["userId": .string("u-\(index)"), "userName": .string(name)],
                        in: event
                    )
                    #expect(try Browser(site, host: UInt8(index + 1)).open(Browser.path(link)).status == 200)
                }
                let isRecorded = try eventually {
                    try find("SELECT string_agg(name, ' ' ORDER BY name) FROM stay") == "Ada Grace"
                }
                #expect(isRecorded)
                #expect(site.gateway.log.contains("a session's attendance cannot be written, and is left out"))
                #expect(!site.gateway.log.contains("Mallory"))
            }

            @Test("A server that takes no changes is one line of the log, however many calls fail because of it")
            func standby() throws {
                let site = try site()
                let backend = try Backend.signedIn(site)
                let event = try backend.createEvent("Stand-by")
                let name = try #require(try find("SELECT current_database()::text"))
                try change(
                    """
                    ALTER DATABASE \(name) SET default_transaction_read_only = on;
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND pid <> pg_backend_pid()
                    """
                )
                let isRefused = try eventually {
                    try backend.call("PATCH", "/event/\(event)", ["name": "No"]).status == 503
                }
                #expect(isRefused)
                for _ in 0..<20 {
                    try expectFault(try backend.call("PATCH", "/event/\(event)", ["name": "No"]), 503, "try_again")
                }
                let lines = site.gateway.log.split(separator: "\n").filter { $0.contains("as a stand-by") }
                #expect(lines.count <= 2, "\(lines.count)")
            }

            @Test(
                "A password file that only the gateway's user can read is used, without a warning; one that others can is not"
            )
            func passwordFile() throws {
                let directory = try TemporaryDirectory()
                try Gateway.writeSecrets(to: directory)
                let password = PostgreSQLServer.password.replacing(":", with: "\\:")
                let file = try directory.write("pgpass", "127.0.0.1:*:*:postgres:\(password)\n")
                var configuration = GatewayConfiguration(upstream: 3000)
                (configuration.control, configuration.databaseURI) = ("", "\(shown)?passfile=\(file)")
                let text = configuration.text(port: 8080, adminPort: 9901, directory: directory.path)
                let path = try directory.write("gateway.conf", text)
                for (mode, status) in [(0o600, Int32(0)), (0o644, 1)] {
                    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
                    let checked = try run(Gateway.program, ["check", path])
                    #expect(checked.status == status, "\(checked.errors)")
                    #expect(checked.errors.contains("control.") == (status != 0), "\(checked.errors)")
                }
            }

            @Test(
                "A wrong password, and a user whom the server does not know, keep the gateway out: a line, and status 1",
                arguments: ["postgres", "nobody"]
            )
            func refused(user: String) throws {
                let directory = try TemporaryDirectory()
                try Gateway.writeSecrets(to: directory)
                var configuration = GatewayConfiguration(upstream: 3000)
                (configuration.control, configuration.databaseURI) = (
                    "", shown.replacing("postgres@", with: "\(user):wrong%40pass@")
                )
                let ports = try Listener.freePorts(2)
                let text = configuration.text(port: ports[0], adminPort: ports[1], directory: directory.path)
                let file = try directory.write("gateway.conf", text)
                for command in ["check", "run"] {
                    let finished = try run(Gateway.program, [command, file])
                    #expect(finished.status == 1)
                    let lines = finished.errors.split(separator: "\n").filter { $0.contains("control.database: ") }
                    #expect(lines.count == 1, "\(finished.errors)")
                    for words in ["control.database: \(place) as \(user): ", "password authentication failed"] {
                        #expect(lines.first?.contains(words) == true, "\(finished.errors)")
                    }
                    for text in [finished.errors, finished.output] {
                        #expect(!text.contains("wrong%40pass") && !text.contains("wrong@pass"))
                    }
                }
            }
        }
    }
#endif
