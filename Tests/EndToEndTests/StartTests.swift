import Foundation
import Testing

extension EndToEnd {
    @Suite("A start does what the configuration says, or says why not; check refuses whatever a start would")
    struct StartTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
            try Gateway.writeSecrets(to: directory)
        }

        private func configuration(_ change: (inout GatewayConfiguration) -> Void = { _ in }) throws -> String {
            let ports = try Listener.freePorts(2)
            var configuration = GatewayConfiguration(upstream: 3000)
            change(&configuration)
            return configuration.text(port: ports[0], adminPort: ports[1], directory: directory.path)
        }

        private func run(_ command: String, _ text: String) throws -> Finished {
            try EndToEndTests.run(Gateway.program, [command, try directory.write("gateway.conf", text)], within: 20)
        }

        @Test("Problems that would stop a start are reported by check, with their key")
        func refused() throws {
            try directory.write("short.key", "short")
            let cases: [(find: String, replace: String, said: String)] = [
                ("\(directory.path)/cookie.key", "/nowhere/cookie.key", "sessions.cookie_key_file: "),
                ("\(directory.path)/cookie.key", directory["short.key"], "sessions.cookie_key_file: "),
                ("\(directory.path)/assertion.key", directory["short.key"], "identity.assertion_key_file: "),
                ("[tokens]", "[[listener]]\naddress = \"unix:/nowhere/x.sock\"\n[tokens]", "listener[1].address: "),
                (
                    "[tokens]", "[[listener]]\naddress = \"unix:\(directory["short.key"])\"\n[tokens]",
                    "listener[1].address: "
                ),
                (
                    "[tokens]",
                    "[[listener]]\naddress = \"unix:\(directory["a.sock"])\"\ngroup = \"no-such-group\"\n[tokens]",
                    "listener[1].group: "
                ),
                ("[tokens]", "[[listener]]\naddress = \"192.0.2.1:8080\"\n[tokens]", "listener[1].address: "),
                ("[tokens]", "[[listener]]\naddress = \"no-such-host.invalid:80\"\n[tokens]", "listener[1].address: "),
            ]
            let good = try configuration()
            #expect(try run("check", good).status == 0)
            for (find, replace, said) in cases {
                let text = good.replacingOccurrences(of: find, with: replace)
                #expect(text != good)
                for command in ["check", "run"] {
                    let finished = try run(command, text)
                    #expect(finished.status == 1, "\(command) with \(replace)")
                    #expect((finished.output + finished.errors).contains(said), "\(command): \(finished.errors)")
                }
            }
            let control = try configuration {
                $0.control = "database = \"/nowhere/gateway.sqlite\""
            }
            let said = try run("check", control)
            #expect(said.status == 1 && said.errors.contains("control.database: "), "\(said.errors)")
        }

        /// A configuration with a second listener; the first has `port`.
        private func listening(_ port: UInt16, _ address: String, _ more: String = "") throws -> String {
            let admin = try Listener.freePorts(1)[0]
            var configuration = GatewayConfiguration(upstream: 3000)
            configuration.more = "[[listener]]\naddress = \"\(address)\"\n\(more)"
            return configuration.text(port: port, adminPort: admin, directory: directory.path)
        }

        @Test("Addresses that cannot be used together are refused by check and run, with both keys and what to do")
        func overlaps() throws {
            try FileManager.default.createSymbolicLink(atPath: directory["link"], withDestinationPath: directory.path)
            let port = try Listener.freePorts(1)[0]
            var texts: [String] = []
            for address in ["0.0.0.0", "[::]", "[::ffff:127.0.0.1]"] {
                texts.append(try listening(port, "\(address):\(port)"))
            }
            for other in ["\(directory.path)//a.sock", directory["link/a.sock"], directory["./a.sock"]] {
                let second = "[[listener]]\naddress = \"unix:\(other)\""
                texts.append(try listening(port, "unix:\(directory["a.sock"])", second))
                let text = try listening(port, "unix:\(directory["a.sock"])")
                let admin = "[admin]\naddress = \"unix:\(other)\""
                texts.append(text.replacing(#/\[admin\]\naddress = ".*"/#, with: admin))
            }
            texts.append(
                try configuration {
                    $0.control = ""
                    $0.more = "[[listener]]\naddress = \"unix:\(directory["gateway.sqlite.sock"])\""
                }
            )
            for text in texts {
                for command in ["check", "run"] {
                    let finished = try run(command, text)
                    #expect(finished.status == 1, "\(command) with \(text)")
                    let words = ["only one of them can listen; take one away", "a socket needs a path of its own"]
                    #expect(words.contains { finished.errors.contains($0) }, "\(finished.errors)")
                    #expect(finished.errors.contains(#/(listener\[[12]\]|admin)\.address: /#), "\(finished.errors)")
                }
            }
            // Other addresses may have the same port.
            for address in ["127.0.0.2:\(port)", "[::1]:\(port)", "0.0.0.0:0", "unix:\(directory["a.sock"])"] {
                let finished = try run("check", try listening(port, address))
                #expect(finished.status == 0, "\(address): \(finished.errors)")
            }
        }

        @Test("A socket's path that is a file of the configuration is refused before the file is made")
        func socketAtFile() throws {
            for (name, key) in [("cookie.key", "sessions.cookie_key_file"), ("gateway.conf", "move it away")] {
                let port = try Listener.freePorts(1)[0]
                let text = try listening(port, "unix:\(directory[name])")
                for command in ["check", "run"] {
                    let finished = try run(command, text)
                    #expect(finished.status == 1 && finished.errors.contains("listener[1].address: "), "\(finished)")
                    #expect(finished.errors.contains(key))
                }
            }
        }

        @Test(
            "A group that the gateway's user may not give a file to is refused by check and run",
            .enabled(if: geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/setpriv"))
        )
        func foreignGroup() throws {
            let text = try configuration {
                $0.more = "[[listener]]\naddress = \"unix:\(directory["a.sock"])\"\ngroup = \"0\""
            }
            let file = try directory.write("gateway.conf", text)
            // As root, but without root's permissions on files, except for reading.
            for command in ["check", "run"] {
                let finished = try EndToEndTests.run(
                    "/usr/bin/setpriv",
                    [
                        "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+dac_override",
                        "--ambient-caps=+dac_override", Gateway.program, command, file,
                    ]
                )
                #expect(finished.status == 1, "\(finished)")
                #expect(finished.errors.contains("listener[1].group: the user that the gateway runs as is not in 0"))
            }
        }

        @Test("A socket beside the database with too long a path is reported with the limit, by check and run alike")
        func longPath() throws {
            let long = directory[String(repeating: "d", count: 110 - directory.path.utf8.count) + ".sqlite"]
            let text = try configuration { $0.control = "database = \"\(long)\"" }
            for command in ["check", "run"] {
                let finished = try run(command, text)
                #expect(finished.status == 1)
                #expect(finished.errors.contains("control.database: \(long): the socket beside it"))
                #expect(finished.errors.contains("more than 107 bytes"))
            }
        }

        @Test("A port in use is reported with the key and the address as written, including the admin's")
        func portInUse() throws {
            let site = try Site()
            let (port, admin) = (site.port, site.gateway.adminPort)
            let file = site.gateway.directory["gateway.conf"]
            let said = try EndToEndTests.run(Gateway.program, ["run", file])
            #expect(said.errors.contains("listener[0].address: cannot listen on 127.0.0.1:\(port): another program"))
            let free = try Listener.freePorts(1)[0]
            var configuration = GatewayConfiguration(upstream: 3000)
            configuration.publicURL = "http://localhost:\(free)"
            let text = configuration.text(port: free, adminPort: admin, directory: directory.path)
            let other = try run("run", text)
            #expect(other.errors.contains("admin.address: cannot listen on 127.0.0.1:\(admin): another program"))
            // Its own listening does not make its configuration invalid.
            #expect(try EndToEndTests.run(Gateway.program, ["check", file]).status == 0)
            #expect(site.gateway.log.contains("listening on 127.0.0.1:\(port)"))
            #expect(site.gateway.log.contains("admin listens on 127.0.0.1:\(admin)"))
        }

        @Test("A socket's file has the configured mode, also after a reload", arguments: [nil, "0640"])
        func mode(_ mode: String?) throws {
            let socket = directory["viewers.sock"]
            func listener(_ mode: String?) -> String {
                "[[listener]]\naddress = \"unix:\(socket)\"\n" + (mode.map { "mode = \"\($0)\"\n" } ?? "")
            }
            let site = try Site { $0.more = listener(mode) }
            func permissions() throws -> Int? {
                try FileManager.default.attributesOfItem(atPath: socket)[.posixPermissions] as? Int
            }
            #expect(try permissions() == (mode == nil ? 0o666 : 0o640))
            #expect(try Client(path: socket).exchange("/public/x").status == 200)
            try site.gateway.rewrite(site.configuration { $0.more = listener("0600") })
            site.gateway.send(SIGHUP)
            #expect(try eventually { try permissions() == 0o600 })
        }

        @Test(
            "Attack: only the owner can use the operator's socket, whatever the umask; mode and group change that",
            arguments: [nil, "0660"]
        )
        func adminMode(_ mode: String?) throws {
            let socket = directory["admin.sock"]
            var configuration = GatewayConfiguration(upstream: 3000)
            configuration.adminAddress = "unix:\(socket)"
            func admin(_ mode: String?) -> String { mode.map { "mode = \"\($0)\"\ngroup = \"\(getegid())\"" } ?? "" }
            configuration.admin = admin(mode)
            let ports = try Listener.freePorts(2)
            func text() -> String { configuration.text(port: ports[0], adminPort: ports[1], directory: directory.path) }
            let file = try directory.write("gateway.conf", text())
            let child = try Child(
                "/bin/sh",
                ["-c", "umask 0; exec \"$0\" \"$@\"", Gateway.program, "run", file],
                output: directory["output.log"],
                errors: directory["errors.log"]
            )
            func said(_ text: String) -> Bool {
                eventually(within: 15) { Child.text(of: directory["errors.log"]).contains(text) }
            }
            func permissions() throws -> Int? {
                try FileManager.default.attributesOfItem(atPath: socket)[.posixPermissions] as? Int
            }
            #expect(said("admin listens on unix:\(socket)"))
            #expect(try permissions() == (mode == nil ? 0o600 : 0o660))
            #expect(try Client(path: socket).exchange("/healthz").status == 200)
            configuration.admin = admin(mode == nil ? "0640" : nil)
            try directory.write("gateway.conf", text())
            child.send(SIGHUP)
            #expect(try eventually { try permissions() == (mode == nil ? 0o640 : 0o600) })
        }

        @Test(
            "SIGHUP and SIGUSR1 during the start do not end it, and take effect after it",
            .enabled(if: FileManager.default.isExecutableFile(atPath: HangingGateway.compiler))
        )
        func earlySignals() throws {
            let gateway = try HangingGateway(hangsAtStart: true) { configuration, folder in
                try Minter.acme.secret.write(toFile: "\(folder)/acme.secret", atomically: false, encoding: .utf8)
                configuration.companyKeys = """
                    [[company.key]]
                    id = "acme-2026"
                    algorithm = "HS256"
                    secret_file = "\(folder)/acme.secret"
                    """
            }
            #expect(eventually { gateway.waiting > 0 })
            gateway.send(SIGHUP)
            gateway.send(SIGUSR1)
            try gateway.goOn()
            try gateway.waitUntilServing()
            #expect(eventually { gateway.log.contains("configuration reloaded") })
            #expect(eventually { gateway.log.contains("the logs were opened again") })
        }

        @Test("SIGUSR1 and SIGUSR2 do not end the process")
        func userSignals() throws {
            let site = try Site()
            for signal in [SIGUSR1, SIGUSR2] {
                site.gateway.send(signal)
                #expect(try fetch(site.port, "/public/x").status == 200)
            }
            site.gateway.send(SIGHUP)
            #expect(eventually { site.gateway.log.contains("configuration reloaded") })
            #expect(site.gateway.isRunning)
        }

        #if os(Linux)
            /// The number of the gateway's threads that are event loops.
            private func loops(_ pid: pid_t) throws -> Int {
                try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").count { task in
                    let name = try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/comm", encoding: .utf8)
                    return name?.hasPrefix("loop ") == true
                }
            }

            @Test("Event loops: as many as threads says, or else as the processors that the process may run on")
            func threads() throws {
                let three = try Site { $0.top = "threads = 3" }
                #expect(try loops(three.gateway.pid) == 3)
                let text = try configuration()
                let file = try directory.write("gateway.conf", text)
                let child = try Child(
                    "/usr/bin/taskset",
                    ["-c", "0", Gateway.program, "run", file],
                    output: directory["output.log"],
                    errors: directory["errors.log"]
                )
                #expect(eventually(within: 15) { Child.text(of: directory["errors.log"]).contains("admin listens on") })
                #expect(try loops(child.pid) == 1)
            }
        #endif

        @Test("An expired certificate is reported as an error and served, at the start and after a reload")
        func expired() throws {
            let site = try TLSSite()
            try site.install("expired")
            site.gateway.send(SIGHUP)
            #expect(eventually { site.gateway.log.contains("configuration reloaded") })
            let fault = "listener[0].certificate: expired on "
            #expect(eventually { site.gateway.log.contains(fault) })
            let line = try #require(site.gateway.log.split(separator: "\n").first { $0.contains(fault) })
            #expect(line.contains("\"level\":\"error\""))
            try site.gateway.restart()
            #expect(eventually { site.gateway.log.contains(fault) })
            #expect(try site.openssl([]).output.contains("subject=CN = expired"))
            #expect(try fetch(site.gateway.port, "/public/x").status == 200)
            let checked = try EndToEndTests.run(Gateway.program, ["check", site.gateway.directory["gateway.conf"]])
            #expect(checked.status == 0 && checked.errors.contains("error: \(fault)"))
            #expect(checked.output.contains("gateway.conf: ok, with 1 error that stops neither start nor reload\n"))
        }
    }
}
