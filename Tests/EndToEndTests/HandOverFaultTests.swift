import Basics
import Foundation
import Testing

extension WaitingEndToEnd {
    @Suite("Take-overs that fail, or are disturbed: the running gateway goes on, and hears what it is told")
    struct HandOverFaultTests {
        private func join(_ site: Site, _ registration: String) throws -> Response {
            try fetch(site.port, "/event/e1", ["Authorization: Bearer \(Minter.acme.registration(registration))"])
        }

        private func goesOn(_ site: Site) throws {
            #expect(eventually { site.gateway.log.contains("does not take over, and this one goes on") })
            #expect(try fetch(site.port, "/public/x").status == 200)
            // The next one can.
            #expect(try site.gateway.takeOver().wait(within: 20) == 0)
        }

        @Test(
            "While another process takes over and says nothing, SIGHUP and SIGTERM are heard",
            arguments: [false, true]
        )
        func signals(hasControl: Bool) throws {
            let site = try Site.drainingSoon { if hasControl { $0.control = "" } }
            let successor = try FakeSuccessor(of: site.gateway)
            try successor.awaitTurn()
            site.gateway.reload()
            site.gateway.send(SIGUSR1)
            #expect(eventually { site.gateway.log.contains("the logs were opened again") })
            site.gateway.send(SIGUSR2)
            #expect(eventually { site.gateway.log.contains("SIGUSR2: another process is taking over already") })
            site.gateway.send(SIGTERM)
            #expect(try successor.awaitRefusal() == "the running gateway was told to stop")
            #expect(site.gateway.wait(within: 20) == 0)
        }

        @Test("A process that does not answer about leases takes nothing over")
        func silentFromTheBeginning() throws {
            let site = try Site.drainingSoon()
            let first = try #require(try join(site, "r1")["Gateway-Session"])
            let successor = try FakeSuccessor(of: site.gateway, isSilent: true)
            #expect(try successor.awaitRefusal() == "asked about leases, it does not answer in time")
            #expect(try fetch(site.port, "/event/e1", ["Gateway-Session: \(first)"]).status == 200)
            try goesOn(site)
        }

        @Test("Nor does one that stops answering before it serves, though it says that it does")
        func silentLater() throws {
            let site = try Site.drainingSoon()
            let successor = try FakeSuccessor(of: site.gateway)
            try successor.awaitTurn()
            successor.isSilent.set()
            let first = try #require(try join(site, "r1")["Gateway-Session"])
            successor.saysThatItServes()
            #expect(try successor.awaitRefusal() == "asked about leases, it does not answer in time")
            #expect(try fetch(site.port, "/event/e1", ["Gateway-Session: \(first)"]).status == 200)
            try goesOn(site)
        }

        @Test("If the process ends while it still holds the database, the API answers again once it can be opened")
        func database() throws {
            let site = try Site.drainingSoon { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent("Kept")
            let successor = try FakeSuccessor(of: site.gateway)
            try successor.awaitTurn()
            // SAFETY: the path is read during the call only.
            let lock = unsafe open(site.gateway.directory["gateway.sqlite.lock"], O_RDWR | O_CLOEXEC)
            #expect(flock(lock, LOCK_EX) == 0)
            successor.end()
            #expect(eventually { site.gateway.log.contains("the control API answers 503 until it can be opened") })
            #expect(try backend.call("GET", "/event/\(event)").status == 503)
            #expect(try join(site, "r1").status == 200)
            close(lock)
            #expect(eventually { (try? backend.call("GET", "/event/\(event)").status) == 200 })
            #expect(site.gateway.log.contains("the database was opened again"))
            try goesOn(site)
        }

        @Test("A successor that cannot start is reported with how it has ended")
        func child() throws {
            let site = try Site.drainingSoon()
            try site.gateway.rewrite(site.configuration { $0.top = "nonsense = 1" })
            site.gateway.send(SIGUSR2)
            #expect(
                eventually {
                    site.gateway.log.contains(
                        "which was started to take over, has ended with status 1, and this one goes on"
                    )
                }
            )
            #expect(try fetch(site.port, "/public/x").status == 200)
        }

        @Test(
            "A successor that hangs before it connects is ended, so that it does not take over when nobody expects it",
            .enabled(if: FileManager.default.isExecutableFile(atPath: HangingGateway.compiler))
        )
        func hangingChild() throws {
            let gateway = try HangingGateway { configuration, folder in
                let file = folder + "/acme.secret"
                try Data(Minter.secret.utf8).write(to: URL(fileURLWithPath: file))
                configuration.companyKeys = """
                    [[company.key]]
                    id = "acme-2026"
                    algorithm = "HS256"
                    secret_file = "\(file)"
                    """
            }
            try gateway.hang()
            gateway.send(SIGUSR2)
            #expect(eventually { gateway.waiting > 0 })
            #expect(eventually(within: 60) { gateway.log.contains("has not connected in 20 s, and is ended") })
            #expect(eventually { gateway.log.contains("has ended by signal 9, and this one goes on") })
            try gateway.goOn()
            #expect(try fetch(gateway.port, "/public/x").status == 200)
            #expect(!gateway.log.contains("handing over"))
        }

        @Test("Another key that signs is warned of by the process that takes over, as after a reload")
        func signingKey() throws {
            let site = try Site.drainingSoon()
            let folder = site.gateway.directory
            let file = try folder.write("acme.new", "a fresh HMAC secret that acme shares with the gateway")
            func key(_ id: String, _ file: String) -> String {
                "[[company.key]]\nid = \"\(id)\"\nalgorithm = \"HS256\"\nsecret_file = \"\(file)\"\n"
            }
            let (new, old) = (key("acme-2027", file), key("acme-2026", folder["acme.secret"]))
            let warning = "another key signs now than in the process before"
            try site.gateway.rewrite(site.configuration { $0.companyKeys = new + old + "signed_before = true\n" })
            _ = try site.gateway.takeOver()
            #expect(!site.gateway.log.contains(warning))
            try site.gateway.rewrite(site.configuration { $0.companyKeys = old })
            _ = try site.gateway.takeOver()
            #expect(eventually { site.gateway.log.contains(#"company \"acme\": \#(warning)"#) }, "\(site.gateway.log)")
        }

        @Test("SIGUSR2 starts what a link leads to by now")
        func link() throws {
            let directory = try TemporaryDirectory()
            let files = FileManager.default
            for version in ["v1", "v2"] {
                try files.createDirectory(atPath: directory[version], withIntermediateDirectories: true)
            }
            try files.createSymbolicLink(atPath: directory["v1/gateway"], withDestinationPath: Gateway.program)
            let script = "#!/bin/sh\ntouch '\(directory["started"])'\nexec '\(Gateway.program)' \"$@\"\n"
            let file = try directory.write("v2/gateway", script)
            try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
            try files.createSymbolicLink(atPath: directory["current"], withDestinationPath: "v1")
            let site = try Site.drainingSoon {
                $0.launch = ["/bin/sh", "-c", "shift; exec '\(directory["current"])/gateway' \"$@\"", "sh"]
            }
            try files.removeItem(atPath: directory["current"])
            try files.createSymbolicLink(atPath: directory["current"], withDestinationPath: "v2")
            site.gateway.send(SIGUSR2)
            #expect(site.gateway.wait(within: 20) == 0)
            #expect(files.fileExists(atPath: directory["started"]))
            let words = site.gateway.log.components(separatedBy: "was replaced by process ")
            let next = try #require(words.count == 2 ? pid_t(words[1].prefix { $0.isNumber }) : nil)
            kill(next, SIGKILL)
        }

        @Test("After two take-overs within one drain, all three processes agree until the oldest has ended")
        func twice() throws {
            let site = try Site.drainingSoon { $0.top = "drain_timeout = \"20s\"\ndrain_delay = \"5s\"" }
            let old = try Client(port: site.port)
            let bearer = "Authorization: Bearer \(Minter.acme.registration("r1"))"
            let first = try #require(try old.exchange("/event/e1", [bearer])["Gateway-Session"])
            let oldest = try site.gateway.takeOver()
            // It has no connection that keeps it.
            let middle = try site.gateway.takeOver()
            #expect(site.gateway.log.contains("draining: 1 connections, at most 20 s"))
            let last = try #require(try join(site, "r1")["Gateway-Session"])
            try expectProblem(try old.exchange("/event/e1", ["Gateway-Session: \(first)"]), 409, "session_replaced")
            #expect(try fetch(site.port, "/event/e1", ["Gateway-Session: \(last)"]).status == 200)
            oldest.cutDrain()
            #expect(oldest.wait(within: 20) == 0)
            #expect(middle.wait(within: 20) == 0)
        }

        @Test("The process in the middle ends at once if it is told to, though the oldest drains")
        func middle() throws {
            let site = try Site.drainingSoon { $0.top = "drain_timeout = \"1h\"" }
            let old = try Client(port: site.port)
            #expect(try old.exchange("/public/x").status == 200)
            let oldest = try site.gateway.takeOver()
            let middle = try site.gateway.takeOver()
            middle.send(SIGTERM)
            #expect(eventually { site.gateway.log.contains("draining already, since another process serves") })
            middle.send(SIGTERM)
            #expect(middle.wait(within: 20) == 0)
            oldest.cutDrain()
            #expect(oldest.wait(within: 20) == 0)
        }

        @Test("The new process goes on if the old one is killed before it has handed over")
        func killed() throws {
            let keys = try HeldKeySet()
            defer { keys.answer() }
            let site = try Site.drainingSoon()
            let session = try #require(try join(site, "r1")["Gateway-Session"])
            try site.gateway.rewrite(
                site.configuration { $0.company = keys.key }
            )
            let next = try site.gateway.startSuccessor()
            #expect(keys.awaitFetch())
            site.gateway.send(SIGKILL)
            keys.answer()
            #expect(eventually { site.gateway.log.contains("has ended before it had handed over: this one goes on") })
            // The socket has never been closed, and the session comes back as after a restart.
            #expect(try fetch(site.port, "/event/e1", ["Gateway-Session: \(session)"]).status == 200)
            #expect(next.exitStatus == nil)
        }

        private func refuses(_ site: Site, _ reason: String) throws {
            let next = try site.gateway.startSuccessor()
            #expect(next.wait(within: 20) == 1)
            let line = "process \(next.pid) does not take over, and this one goes on: \(reason)"
            #expect(eventually { site.gateway.log.contains(line) })
            #expect(try fetch(site.port, "/public/x").status == 200)
        }

        @Test("A database that was removed is not let go: the next process would begin with an empty one")
        func removedDatabase() throws {
            let site = try Site.drainingSoon { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent("Kept")
            try FileManager.default.removeItem(atPath: site.gateway.directory["gateway.sqlite"])
            try refuses(site, "control.database: files in use were removed or replaced")
            #expect(try backend.call("GET", "/event/\(event)").status == 200)
        }

        @Test("Nor is one that cannot be written: the next process could not open it")
        func unwritableDatabase() throws {
            let site = try Site.drainingSoon { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent("Kept")
            // No file may grow. Nothing has to in order to read.
            try site.gateway.limit("fsize", to: "1")
            let next = try site.gateway.startSuccessor()
            #expect(next.wait(within: 20) == 1)
            #expect(try backend.call("GET", "/event/\(event)").status == 200)
            // What the new one says: the limit holds for the old one's log, too.
            #expect(site.gateway.log.contains("the running gateway goes on: control.database: the disk"))
            try site.gateway.limit("fsize", to: "unlimited")
            #expect(try site.gateway.takeOver().wait(within: 20) == 0)
        }

        @Test("Another cookie key would end all sessions: with it, nothing is taken over")
        func otherKey() throws {
            let site = try Site.drainingSoon()
            let session = try #require(try join(site, "r1")["Gateway-Session"])
            let former = try Data(contentsOf: URL(fileURLWithPath: site.gateway.directory["cookie.key"]))
            try site.gateway.directory.write("cookie.key", String(repeating: "k", count: 32))
            try refuses(site, "sessions.cookie_key_file: \(site.gateway.directory["cookie.key"]): holds another key")
            try former.write(to: URL(fileURLWithPath: site.gateway.directory["cookie.key"]))
            try site.gateway.directory.write("assertion.key", try newAssertionKey())
            #expect(try site.gateway.takeOver().wait(within: 20) == 0)
            #expect(
                site.gateway.log.contains("identity.assertion_key_file: \(site.gateway.directory["assertion.key"])")
            )
            #expect(try fetch(site.port, "/event/e1", ["Gateway-Session: \(session)"]).status == 200)
        }

        private func newAssertionKey() throws -> String {
            let made = try run(
                "/usr/bin/openssl",
                ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
            )
            return made.output
        }

        @Test("SIGUSR2 replaces the process that gets it, though another gateway has the same cookie key")
        func sharedKey() throws {
            let first = try Site.drainingSoon()
            let files = FileManager.default
            #expect(eventually { files.fileExists(atPath: first.gateway.directory["cookie.key.sock"]) })
            let second = try Site.drainingSoon {
                $0.cookieKey = first.gateway.directory["cookie.key"]
            }
            #expect(eventually { second.gateway.log.contains("another gateway waits there") })
            second.gateway.send(SIGUSR2)
            #expect(eventually { second.gateway.log.contains("SIGUSR2: nothing can take over from this process") })
            #expect(try fetch(first.port, "/public/x").status == 200)
            #expect(try fetch(second.port, "/public/x").status == 200)
            #expect(!first.gateway.log.contains("handing over"))
        }

        @Test("If the socket's file was removed, SIGUSR2 and SIGHUP make it again")
        func removedSocket() throws {
            let site = try Site.drainingSoon()
            let socket = site.gateway.directory["cookie.key.sock"]
            let files = FileManager.default
            #expect(eventually { files.fileExists(atPath: socket) })
            try files.removeItem(atPath: socket)
            site.gateway.send(SIGHUP)
            #expect(eventually { site.gateway.log.contains("\(socket) was removed, and was made again") })
            #expect(try site.gateway.takeOver().wait(within: 20) == 0)
        }

        @Test("Whoever is removed at the new process is out at the old one, too, and the reverse")
        func removals() throws {
            let site = try Site.drainingSoon { $0.top = "drain_timeout = \"20s\"" }
            let (old, admin) = (try Client(port: site.port), try Client(port: site.gateway.adminPort))
            let bearer = "Authorization: Bearer \(Minter.acme.registration("r1"))"
            let session = try #require(try old.exchange("/event/e1", [bearer])["Gateway-Session"])
            #expect(try admin.exchange("/healthz").status == 200)
            let former = try site.gateway.takeOver()
            let removal = "/removals?company=acme&event=e1&registration="
            #expect(try fetch(site.gateway.adminPort, removal + "r1", method: "POST").status == 200)
            #expect(try old.exchange("/event/e1", ["Gateway-Session: \(session)"]).status == 403)
            // The last answer of a connection to the former process.
            admin.send("POST \(removal)r2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            #expect(try admin.response().status == 200)
            #expect(try join(site, "r2").status == 403)
            former.cutDrain()
            #expect(former.wait(within: 20) == 0)
        }
    }
}
