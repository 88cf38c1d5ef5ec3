import Basics
import Foundation
import Testing

extension EndToEnd {
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

        @Test("After two take-overs, all three processes agree, and the drain says how long it takes")
        func twice() throws {
            let site = try Site.drainingSoon { $0.top = "drain_timeout = \"20s\"\ndrain_delay = \"5s\"" }
            let old = try Client(port: site.port)
            let bearer = "Authorization: Bearer \(Minter.acme.registration("r1"))"
            let first = try #require(try old.exchange("/event/e1", [bearer])["Gateway-Session"])
            var former = [try site.gateway.takeOver()]
            // It keeps the second process draining.
            let middle = try Client(port: site.port)
            #expect(try middle.exchange("/public/x").status == 200)
            former.append(try site.gateway.takeOver())
            #expect(site.gateway.log.contains("draining: 1 connections, at most 20 s"))
            let last = try #require(try join(site, "r1")["Gateway-Session"])
            try expectProblem(try old.exchange("/event/e1", ["Gateway-Session: \(first)"]), 409, "session_replaced")
            #expect(try fetch(site.port, "/event/e1", ["Gateway-Session: \(last)"]).status == 200)
            withExtendedLifetime(middle) {}
            for process in former { process.send(SIGTERM) }
            for process in former { #expect(process.wait(within: 20) == 0) }
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
            former.send(SIGTERM)
            #expect(former.wait(within: 20) == 0)
        }
    }
}
