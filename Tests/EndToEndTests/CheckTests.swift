import Foundation
import Testing

extension EndToEnd {
    @Suite("gateway check reports problems before they matter")
    struct CheckTests {
        let directory: TemporaryDirectory

        init() throws {
            directory = try TemporaryDirectory()
            try directory.write("acme.secret", Minter.acme.secret)
            try directory.write("globex.secret", Minter.globex.secret)
            try directory.write("acme.pem", "no key at all")
        }

        private func check(_ text: String, _ options: [String] = []) throws -> Finished {
            let file = try directory.write("gateway.conf", text)
            return try run(Gateway.program, ["check", file] + options)
        }

        private var good: String {
            GatewayConfiguration(upstream: 3000).text(port: 8080, adminPort: 9901, directory: directory.path)
        }

        @Test("A valid file is accepted")
        func goodFile() throws {
            #expect(try check(good).status == 0)
        }

        @Test("Secrets, keys and databases that everybody can read, or a group can change, are remarked on")
        func openSecrets() throws {
            let files = FileManager.default
            func permit(_ name: String, _ mode: Int) throws {
                try files.setAttributes([.posixPermissions: mode], ofItemAtPath: directory[name])
            }
            try permit("acme.secret", 0o600)
            try permit("globex.secret", 0o640)
            let quiet = try check(good)
            #expect(quiet.status == 0 && !quiet.errors.contains("everybody on this machine"), "\(quiet.errors)")
            try directory.write("denied", "192.0.2.1\n")
            try permit("denied", 0o646)
            var listed = GatewayConfiguration(upstream: 3000)
            listed.limits = "deny_file = \"\(directory["denied"])\""
            let trusting = try check(listed.text(port: 8080, adminPort: 9901, directory: directory.path))
            #expect(trusting.status == 0)
            let reason = "everybody on this machine can change it; chmod o-w it"
            let line = "warning: limits.deny_file: \(directory["denied"]): \(reason)"
            #expect(trusting.errors.contains(line), "\(trusting.errors)")
            try permit("acme.secret", 0o644)
            try permit("globex.secret", 0o602)
            try directory.write("cookie.key", String(repeating: "k", count: 32))
            try permit("cookie.key", 0o604)
            let said = try check(good)
            #expect(said.status == 0)
            for key in [
                #"company["acme"].key[0].secret_file"#, #"company["globex"].key[0].secret_file"#,
                "sessions.cookie_key_file",
            ] {
                let line = said.errors.split(separator: "\n").first { $0.contains(key) }
                #expect(line?.contains("warning") == true && line?.contains("chmod") == true, "\(said.errors)")
            }
            try permit("acme.secret", 0o660)
            try permit("globex.secret", 0o664)
            try permit("cookie.key", 0o640)
            try permit("gateway.conf", 0o666)
            let groups = try run(Gateway.program, ["check", directory["gateway.conf"]])
            #expect(groups.status == 0 && !groups.errors.contains("cookie.key"), "\(groups.errors)")
            for line in [
                "\(directory["acme.secret"]): everybody in its group can change it; chmod g-w it",
                "\(directory["globex.secret"]): everybody on this machine can read or change it; chmod g-w,o-rwx it",
                "\(directory["gateway.conf"]): everybody on this machine can change the configuration; chmod o-w it",
            ] {
                #expect(groups.errors.contains(line), "\(groups.errors)")
            }
        }

        private func withControl(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws -> String {
            for company in ["acme", "globex"] { try directory.write("\(company).client", Backend.secret(of: company)) }
            var configuration = GatewayConfiguration(upstream: 3000)
            configuration.control = ""
            adjust(&configuration)
            return configuration.text(port: 8080, adminPort: 9901, directory: directory.path)
        }

        /// Expects that both `check` and `run` refuse a configuration with a reason.
        private func expectRefused(
            _ text: String,
            _ words: [String],
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let file = try directory.write("gateway.conf", text)
            for command in ["check", "run"] {
                let finished = try run(Gateway.program, [command, file])
                #expect(finished.status == 1, "\(command)", sourceLocation: sourceLocation)
                for word in words {
                    #expect(
                        finished.errors.contains(word),
                        "\(command): \(word) in \(finished.errors)",
                        sourceLocation: sourceLocation
                    )
                }
            }
        }

        @Test("Attack: one file for two purposes, by whatever path; access to one is access to the other")
        func oneFileTwice() throws {
            try directory.write("cookie.key", String(repeating: "k", count: 32))
            try FileManager.default.createSymbolicLink(
                atPath: directory["link"],
                withDestinationPath: directory["cookie.key"]
            )
            let folder = directory.path
            for (name, other) in [
                ("acme.client", "company[0].client_secret_files"), ("acme.secret", "company[0].key[0].secret_file"),
                ("cookie.key", "sessions.cookie_key_file"), ("link", "sessions.cookie_key_file"),
                ("gateway.sqlite", "control.database"),
                ("../\(folder.split(separator: "/").last ?? "")/acme.client", "company"),
                ("gateway.sqlite-wal", "control.token_key_file"), ("assertion.key", "identity.assertion_key_file"),
            ] {
                try expectRefused(
                    try withControl { $0.control = "token_key_file = \"\(folder)/\(name)\"" },
                    ["control.", other, "each needs a file of its own"]
                )
            }
            try expectRefused(
                try withControl { $0.clientSecrets = ["cookie.key"] },
                ["sessions.cookie_key_file", "is the key of sessions here and a client secret in company[0]"]
            )
            try expectRefused(
                try withControl { $0.control = "token_key_file = \"\(folder)/gateway.conf\"" },
                ["control.token_key_file", "is the configuration itself"]
            )
            for (key, name) in [
                ("output", "gateway.sqlite"), ("access_output", "gateway.sqlite-wal"), ("output", "cookie.key"),
                ("access_output", "acme.secret"), ("output", "gateway.conf"),
            ] {
                try expectRefused(
                    try withControl { $0.log = "\(key) = \"\(folder)/\(name)\"" },
                    [
                        "log.\(key)",
                        name == "gateway.conf" ? "is the configuration itself" : "each needs a file of its own",
                    ]
                )
            }
            let both = "output = \"\(folder)/a.log\"\naccess_output = \"\(folder)/a.log\""
            #expect(try check(try withControl { $0.log = both }).status == 0)
            #expect(try check(try withControl { $0.control = "token_key_file = \"\(folder)/token.key\"" }).status == 0)
        }

        @Test("Attack: problems that check misses and run does not: keys and databases that cannot be used or created")
        func unusable() throws {
            let folder = directory.path
            try directory.write("short.key", String(repeating: "k", count: 31))
            try directory.write("no.sqlite", "certainly not a database, but long enough to be taken for one at first")
            func token(_ path: String) throws -> String {
                try withControl { $0.control = "token_key_file = \"\(path)\"" }
            }
            func database(_ path: String) throws -> String { try withControl { $0.control = "database = \"\(path)\"" } }
            try expectRefused(try token("\(folder)/short.key"), ["control.token_key_file", "shorter than 32 bytes"])
            try expectRefused(try token("\(folder)/none/token.key"), ["control.token_key_file", "no such file"])
            try expectRefused(try token(folder), ["control.token_key_file", "is a directory"])
            try expectRefused(try database("\(folder)/none/gateway.sqlite"), ["none/gateway.sqlite"])
            try expectRefused(
                try database("\(folder)/no.sqlite"),
                ["gateway.conf: line ", ": control.database: \(folder)/no.sqlite: not a database of the gateway"]
            )
            let noSocket = "unix:\(folder)/no.sqlite"
            try expectRefused(
                good.replacing("[tokens]", with: "[[listener]]\naddress = \"\(noSocket)\"\n[tokens]"),
                ["listener[1].address: cannot listen on \(noSocket): something else is there", "move it away"]
            )
            try expectRefused(
                good.replacing("\(folder)/cookie.key", with: "\(folder)/short.key"),
                ["sessions.cookie_key_file", "shorter than 32 bytes"]
            )
            try expectRefused(
                good.replacing("\(folder)/assertion.key", with: "\(folder)/acme.pem"),
                ["identity.assertion_key_file"]
            )
            // check has created nothing.
            let fresh = try TemporaryDirectory()
            let quiet = try check(try withControl { $0.control = "database = \"\(fresh.path)/gateway.sqlite\"" })
            #expect(quiet.status == 0, "\(quiet.errors)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: fresh.path) == [])
        }

        @Test("All problems are reported at once, and the exit status is 1")
        func allErrors() throws {
            var text = good.replacingOccurrences(of: "access = \"public\"", with: "access = \"everyone\"")
            text = text.replacingOccurrences(of: "joins_per_minute = 0", with: "joins_per_minit = 0")
            text = text.replacingOccurrences(of: "acme.secret", with: "no-such.secret")
            text = text.replacingOccurrences(of: "name = \"Acme\"", with: "name = 7")
            let finished = try check(text)
            #expect(finished.status == 1)
            let said = finished.output + finished.errors
            for word in ["everyone", "joins_per_minit", "joins_per_minute", "no-such.secret", "company[0].name"] {
                #expect(said.contains(word), "\(word) in \(said)")
            }
            #expect(said.split(separator: "\n").count { $0.contains("gateway.conf:") } >= 4)
        }

        @Test("A syntax error is reported with its line")
        func syntax() throws {
            let finished = try check(good + "\n[log\n")
            #expect(finished.status == 1)
            let lines = (good + "\n[log").split(separator: "\n", omittingEmptySubsequences: false).count
            #expect((finished.output + finished.errors).contains("\(lines)"))
        }

        @Test("A short secret is an error")
        func shortSecret() throws {
            try directory.write("acme.secret", "too short")
            let finished = try check(good)
            #expect(finished.status == 1)
            #expect(!(finished.output + finished.errors).contains("too short\""))
        }

        @Test("--print shows the settings in effect, and no secret")
        func printed() throws {
            let finished = try check(good, ["--print"])
            #expect(finished.status == 0)
            #expect(finished.output.contains("second_join = \"take_over\""))
            #expect(finished.output.contains("header_timeout"))
            for secret in [Minter.acme.secret, Minter.globex.secret] {
                #expect(!finished.output.contains(secret))
                #expect(!finished.output.contains(Data(secret.utf8).base64EncodedString()))
            }
        }

        @Test("A missing file is reported in words")
        func missing() throws {
            let finished = try run(Gateway.program, ["check", directory["none.conf"]])
            #expect(finished.status == 1)
            #expect((finished.output + finished.errors).contains("none.conf"))
        }

        @Test("gateway run with an invalid file does not start")
        func runBad() throws {
            let file = try directory.write("gateway.conf", good + "\nunknown = 1\n")
            let finished = try run(Gateway.program, ["run", file])
            #expect(finished.status == 1)
            #expect((finished.output + finished.errors).contains("unknown"))
        }
    }
}
