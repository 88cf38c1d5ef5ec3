import Foundation
import TestSupport
import Testing

extension WaitingEndToEnd {
    @Suite("Files that change are used without a signal, and files that cannot be read stop nothing")
    struct WatchedFileTests {
        private static let fresh = "a fresh HMAC secret that acme shares with the gateway"
        private static let minter = Minter(company: "acme", keyID: "acme-2026", secret: fresh)

        private func status(_ site: Site, _ token: String) throws -> Int {
            try fetch(site.port, "/event/e1", ["Authorization: Bearer \(token)"]).status
        }

        @Test("A company's new secret is used, the former one's tokens end, and other companies' stay known")
        func secret() throws {
            let site = try Site {
                $0.top = "threads = 1"
                $0.eventIDs.globex = "event_ids = [\"g*\"]"
                $0.eventIDs.acme = "event_ids = [\"e*\"]"
            }
            let (acme, globex) = (Minter.acme.token(), Minter.globex.token(Minter.Viewer(event: "g1")))
            func other() throws -> Int {
                try fetch(site.port, "/event/g1", ["Authorization: Bearer \(globex)"]).status
            }
            #expect(try status(site, acme) == 200)
            #expect(try other() == 200)
            let before = try site.gateway.metrics()
            try site.gateway.directory.write("acme.secret", Self.fresh)
            let token = Self.minter.token()
            #expect(try eventually { try status(site, token) == 200 })
            #expect(try status(site, acme) == 401)
            #expect(site.gateway.log.contains(#"loaded again: company[\"acme\"].key[0].secret_file: "#))
            let replaced = #"another key signs now with the id \"acme-2026\" of the one before: "#
            #expect(site.gateway.log.contains(replaced))
            #expect(!site.gateway.log.contains("configuration reloaded"))
            #expect(try other() == 200)
            let after = try site.gateway.metrics()
            let hits = after.growth(of: "gateway_token_cache_hits_total", since: before)
            #expect(hits[["kind": "token"], default: 0] >= 1, "\(hits)")
        }

        @Test("Through an exchanged link, as Kubernetes does it, the same happens")
        func linked() throws {
            let directory = try TemporaryDirectory()
            for (name, secret) in [("old", Minter.secret), ("new", Self.fresh)] {
                try FileManager.default.createDirectory(atPath: directory[name], withIntermediateDirectories: true)
                try directory.write("\(name)/acme.secret", secret)
            }
            try FileManager.default.createSymbolicLink(atPath: directory["..data"], withDestinationPath: "old")
            let link = directory["acme.secret"]
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "..data/acme.secret")
            let site = try Site {
                $0.companyKeys = """
                    [[company.key]]
                    id = "acme-2026"
                    algorithm = "HS256"
                    secret_file = "\(link)"
                    """
            }
            #expect(try status(site, Minter.acme.token()) == 200)
            try FileManager.default.createSymbolicLink(atPath: directory["..new"], withDestinationPath: "new")
            // SAFETY: the paths are C strings during the call.
            #expect(unsafe rename(directory["..new"], directory["..data"]) == 0)
            let token = Self.minter.token()
            #expect(try eventually { try status(site, token) == 200 })
        }

        @Test("A new client secret gets API tokens, and the former one no longer does")
        func clientSecret() throws {
            let site = try Site { $0.control = "" }
            func status(_ secret: String) throws -> Int {
                let words = secret.replacing(" ", with: "+")
                let form = "grant_type=client_credentials&client_id=acme&client_secret=\(words)"
                let fields = ["Content-Type: application/x-www-form-urlencoded"]
                return try fetch(site.port, "/api/oauth/token", method: "POST", fields, body: Array(form.utf8)).status
            }
            let old = Backend.secret(of: "acme")
            #expect(try status(old) == 200)
            try site.gateway.directory.write("acme.client", "another-client-secret")
            #expect(try eventually { try status("another-client-secret") == 200 })
            #expect(try status(old) == 401)
        }

        @Test("Content that cannot be used keeps the key in use, with one line in the log", arguments: ["short", nil])
        func broken(content: String?) throws {
            let site = try Site()
            let file = site.gateway.directory["acme.secret"]
            if let content {
                try site.gateway.directory.write("acme.secret", content)
            } else {
                try FileManager.default.removeItem(atPath: file)
                // SAFETY: the path is a C string during the call.
                #expect(unsafe mkfifo(file, 0o600) == 0)
            }
            func complaints() -> Int { site.gateway.log.components(separatedBy: "; what is in use stays").count - 1 }
            #expect(eventually { complaints() == 1 })
            #expect(site.gateway.log.contains(#""company[\"acme\"].key[0].secret_file: "#))
            if content == nil { #expect(site.gateway.log.contains("is not a regular file: \(file)")) }
            #expect(try status(site, Minter.acme.token()) == 200)
            func unusable() throws -> Double { try site.gateway.metrics().value("gateway_config_unusable_files") }
            #expect(try eventually { try unusable() == 1 })
            #expect(!site.gateway.log.contains("its file can be used again"))
            try FileManager.default.removeItem(atPath: file)
            try site.gateway.directory.write("acme.secret", Self.fresh)
            let token = Self.minter.token()
            #expect(try eventually { try status(site, token) == 200 })
            #expect(try eventually { try unusable() == 0 })
            #expect(site.gateway.log.contains(#"company[\"acme\"].key[0].secret_file: its file can be used again"#))
            // It was tried again in the meantime, silently.
            #expect(complaints() <= 2)
        }

        @Test("A file that is as it was before its mistake, and one that a reload finds mended, can be used again")
        func mended() throws {
            let site = try Site()
            func unusable() throws -> Double { try site.gateway.metrics().value("gateway_config_unusable_files") }
            func count() -> Int { site.gateway.log.components(separatedBy: "its file can be used again").count - 1 }
            for (number, reloads) in [false, true].enumerated() {
                try site.gateway.directory.write("acme.secret", "short")
                #expect(try eventually { try unusable() == 1 })
                try site.gateway.directory.write("acme.secret", Minter.acme.secret)
                if reloads { site.gateway.send(SIGHUP) }
                #expect(eventually { count() == number + 1 })
                #expect(try unusable() == 0)
            }
            #expect(!site.gateway.log.contains("loaded again"))
        }

        @Test("Attack: a pipe in the place of a file is an error in words, and nothing waits for it")
        func pipe() throws {
            let directory = try TemporaryDirectory()
            try Gateway.writeSecrets(to: directory)
            let ports = try Listener.freePorts(2)
            let text = GatewayConfiguration(upstream: 9).text(
                port: ports[0],
                adminPort: ports[1],
                directory: directory.path
            )
            let file = try directory.write("gateway.conf", text)
            for name in ["acme.secret", "cookie.key", "gateway.conf"] {
                let kept = FileManager.default.contents(atPath: directory[name])
                try? FileManager.default.removeItem(atPath: directory[name])
                // SAFETY: the path is a C string during the call.
                #expect(unsafe mkfifo(directory[name], 0o600) == 0)
                for command in ["check", "run"] {
                    let finished = try run(Gateway.program, [command, file])
                    #expect(finished.status == 1)
                    #expect(finished.errors.contains("is not a regular file"), "\(name): \(finished.errors)")
                }
                try FileManager.default.removeItem(atPath: directory[name])
                if let kept { try kept.write(to: URL(fileURLWithPath: directory[name])) }
            }
        }

        @Test(
            "While a file system hangs, the gateway serves, opens its logs again, and ends when it is told to",
            .enabled(if: FileManager.default.isExecutableFile(atPath: HangingGateway.compiler)),
            arguments: [false, true]
        )
        func hanging(isReload: Bool) throws {
            let gateway = try HangingGateway { configuration, folder in
                try Minter.acme.secret.write(toFile: "\(folder)/acme.secret", atomically: false, encoding: .utf8)
                configuration.companyKeys = """
                    [[company.key]]
                    id = "acme-2026"
                    algorithm = "HS256"
                    secret_file = "\(folder)/acme.secret"
                    """
            }
            // The look that follows a start has ended.
            try gateway.hang()
            if isReload {
                gateway.send(SIGHUP)
            } else {
                try Self.fresh.write(
                    toFile: gateway.directory["mount/acme.secret"],
                    atomically: false,
                    encoding: .utf8
                )
            }
            #expect(eventually { gateway.waiting > 0 })
            // More than there are threads for Swift's tasks.
            for _ in 0..<8 { gateway.send(SIGHUP) }
            #expect(try fetch(gateway.port, "/public/x").status == 200)
            #expect(try fetch(gateway.adminPort, "/metrics").status == 200)
            gateway.send(SIGUSR1)
            #expect(eventually { gateway.log.contains("the logs were opened again") })
            gateway.send(SIGTERM)
            #expect(gateway.wait() == 0)
        }

        @Test(
            "While the folder of ACME's challenges hangs, everything else is answered",
            .enabled(if: FileManager.default.isExecutableFile(atPath: HangingGateway.compiler))
        )
        func hangingChallenges() throws {
            let plain = try Listener.freePorts(1)[0]
            let gateway = try HangingGateway { configuration, folder in
                configuration.publicURL = "https://localhost"
                configuration.top = """
                    [[listener]]
                    address = "127.0.0.1:\(plain)"
                    redirect = "https"
                    acme_directory = "\(folder)"
                    """
            }
            try gateway.hang()
            let clients = try (0..<70).map { number in
                let client = try Client(port: plain)
                client.send("GET /.well-known/acme-challenge/x\(number) HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return client
            }
            #expect(eventually { gateway.waiting > 0 })
            #expect(try fetch(plain, "/.gateway/healthz").status == 200)
            #expect(try fetch(gateway.adminPort, "/metrics").status == 200)
            // They must not pile up without a bound.
            #expect(try eventually { try fetch(plain, "/.well-known/acme-challenge/y").status == 503 })
            gateway.send(SIGTERM)
            #expect(eventually { gateway.log.contains("draining: ") })
            gateway.send(SIGTERM)
            #expect(gateway.wait() == 0)
            withExtendedLifetime(clients) {}
        }
    }
}
