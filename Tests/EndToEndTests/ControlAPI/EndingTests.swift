import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("A viewer whom the company or the operator removes is gone within a second")
    struct EndingTests {
        /// A viewer with an open socket.
        private struct Guest {
            let browser: Browser
            let socket: WebSocketEnd
            /// The content of the last close frame, once the socket has ended.
            func ending() throws -> String? { try socket.remainder().last?.close }
        }

        private func guest(_ site: Site, _ event: String, _ target: String, host: UInt8 = 1) throws -> Guest {
            let browser = Browser(site, host: host)
            try #require(try browser.open(target).status == 200)
            let client = try Client(port: site.port)
            let response = try client.openWebSocket("/event/\(event)/ws", browser.cookieField)
            try #require(response.status == 101, "\(response)")
            return Guest(browser: browser, socket: WebSocketEnd(client.reader, isClient: true))
        }

        private func site(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws -> (Site, Backend, String) {
            let site = try Site {
                $0.control = ""
                adjust(&$0)
            }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            site.upstream.on("/event/\(event)/ws") { try WebSocket.serveEcho($0) }
            return (site, backend, event)
        }

        @Test("DELETE of an event: everybody gets 4410, and nobody gets in any more")
        func deletedEvent() throws {
            let (site, backend, event) = try site()
            let other = try backend.createEvent("Another one")
            site.upstream.on("/event/\(other)/ws") { try WebSocket.serveEcho($0) }
            let registered = try backend.register("ada@example.com", for: event)
            let embed = try backend.embed(["userId": "u-1", "userName": "Grace"], in: event)
            let guests = [
                try guest(site, event, registered.target), try guest(site, event, Browser.path(embed), host: 2),
            ]
            let spared = try guest(site, other, try backend.register("ada@example.com", for: other).target, host: 3)
            let start = monotonic()
            #expect(try backend.call("DELETE", "/event/\(event)").status == 200)
            for guest in guests { #expect(try guest.ending() == "4410 registration_removed") }
            #expect(monotonic() - start < 1)
            for target in [registered.target, Browser.path(embed)] {
                try expectProblem(try fetch(site.port, target), 403, "registration_removed")
            }
            #expect(
                [401, 403].contains(try fetch(site.port, "/event/\(event)?joinCode=\(registered.joinCode)").status)
            )
            try expectFault(try backend.call("GET", "/event/\(event)"), 404, "not_found")
            try expectFault(try backend.call("DELETE", "/event/\(event)"), 404, "not_found")
            #expect(try backend.ask("GET", "/company/acme")["eventIds"] == .array([.string(other)]))
            spared.socket.send(.text("still here"))
            #expect(try spared.socket.receive() == .text("still here"))
        }

        @Test("An erased person gets 4410 at the company's events; nothing about them is shown, and others stay")
        func erasedPerson() throws {
            let (site, backend, event) = try site()
            let registered = try backend.register("ada@example.com", for: event)
            let embed = try backend.embed(
                ["userId": "u", "userName": "Ada", "userEmail": "Ada@example.com"],
                in: event
            )
            let guests = [
                try guest(site, event, registered.target), try guest(site, event, Browser.path(embed), host: 2),
            ]
            let spared = try guest(site, event, try backend.register("b@example.com", for: event).target, host: 3)
            let path = "/company/acme/people?email=ADA@example.com"
            let foreign = try Backend.signedIn(site, company: "globex")
            for method in ["GET", "DELETE"] { try expectFault(try foreign.call(method, path), 404, "not_found") }
            let own = try foreign.ask("DELETE", "/company/globex/people?email=ada@example.com")
            #expect(own["registrations"] == 0 && own["stays"] == 0)
            #expect(try backend.ask("GET", path)["registrations"]?.list?.count == 1)
            #expect(try backend.ask("DELETE", path)["registrations"] == 1)
            for guest in guests { #expect(try guest.ending() == "4410 registration_removed") }
            try expectProblem(try fetch(site.port, registered.target), 403, "registration_removed")
            #expect(try backend.ask("GET", path)["registrations"] == [])
            spared.socket.send(.text("still here"))
            #expect(try spared.socket.receive() == .text("still here"))
        }

        @Test("DELETE of a session by the API: 4411 for it alone and for good; its viewer may join again")
        func kicked() throws {
            let (site, backend, event) = try site()
            let registered = try backend.register("ada@example.com", for: event)
            let kicked = try guest(site, event, registered.target)
            let other = try guest(site, event, try backend.register("b@example.com", for: event).target, host: 2)
            let sessions = try #require(try backend.ask("GET", "/event/\(event)/sessions").list)
            #expect(sessions.count == 2)
            let session = try #require(sessions.first { $0["email"] == "ada@example.com" }?["session"]?.text)
            let start = monotonic()
            let path = "/event/\(event)/sessions/\(session)"
            let foreign = try Backend.signedIn(site, company: "globex")
            try expectFault(try foreign.call("DELETE", path), 404, "not_found")
            let response = try backend.call("DELETE", path)
            #expect(response.status == 204 && response.body.isEmpty)
            #expect(try kicked.ending() == "4411 viewer_removed")
            #expect(monotonic() - start < 1)
            try expectFault(try backend.call("DELETE", path), 404, "not_found")
            #expect(try backend.ask("GET", "/event/\(event)/sessions").list?.count == 1)
            other.socket.send(.text("still here"))
            #expect(try other.socket.receive() == .text("still here"))
            let page = try kicked.browser.navigate("/event/\(event)")
            #expect(page.status == 403 && page.text.contains("viewer_removed") && !page.text.contains("<form"))
            #expect(page.text.contains("Open your link again to come back"))
            try expectProblem(try kicked.browser.fetch("/event/\(event)/poll"), 403, "viewer_removed")
            let button = "/.gateway/take-over?to=/event/\(event)"
            try expectProblem(try kicked.browser.fetch(button, "POST"), 403, "viewer_removed")
            try site.gateway.restart()
            try expectProblem(try kicked.browser.fetch("/event/\(event)/poll"), 403, "viewer_removed")
            #expect(try other.browser.fetch("/event/\(event)/poll").status == 200)
            // With the link they join again, in another browser and in this one.
            #expect(try Browser(site).open(registered.target).status == 200)
            #expect(try kicked.browser.open(registered.target).status == 200)
            #expect(try kicked.browser.fetch("/event/\(event)/poll").status == 200)
        }

        @Test("gateway sessions and gateway kick, over a Unix socket")
        func commands() throws {
            let directory = try TemporaryDirectory()
            let (site, backend, event) = try site { $0.adminAddress = "unix:\(directory["admin.sock"])" }
            let file = site.gateway.directory["gateway.conf"]
            let guests = try (0..<3).map { number in
                let registered = try backend.register("guest\(number)@example.com", for: event)
                return try guest(site, event, registered.target, host: UInt8(number + 1))
            }
            let listed = try run(Gateway.program, ["sessions", file, "--json"])
            #expect(listed.status == 0, "\(listed.errors)")
            let output = Array(listed.output.utf8)
            let list = try JSONValue(parsing: output.span, limits: JSONLimits(size: 1 << 20))
            #expect(list["total"] == 3)
            #expect(list["sessions"]?.list?.compactMap { $0["event"]?.text } == [event, event, event])
            let table = try run(Gateway.program, ["sessions", file, "--email", "guest1@example.com"])
            #expect(table.output.contains("guest1@example.com") && !table.output.contains("guest2@example.com"))

            let kicked = try run(Gateway.program, ["kick", file, "--email", "GUEST0@example.com"])
            #expect(kicked.status == 0 && kicked.output == "1 session ended\n")
            #expect(try guests[0].ending() == "4411 viewer_removed")
            let name = try #require(
                list["sessions"]?.list?.first { $0["email"] == "guest1@example.com" }?["session"]?.text
            )
            #expect(try run(Gateway.program, ["kick", file, name]).output == "1 session ended\n")
            #expect(try guests[1].ending() == "4411 viewer_removed")
            let again = try run(Gateway.program, ["kick", file, name])
            #expect(again.status == 1 && again.output == "0 sessions ended\n")
            guests[2].socket.send(.text("still here"))
            #expect(try guests[2].socket.receive() == .text("still here"))
            // An empty selection does not mean everybody.
            #expect(try run(Gateway.program, ["kick", file]).status != 0)
            #expect(try backend.ask("GET", "/event/\(event)/sessions").list?.count == 1)
        }

        @Test("Attack: an empty selector ends every session without that property")
        func emptySelector() throws {
            let (site, _, event) = try site()
            let token = Minter.acme.token(Minter.Viewer(event: event, email: nil))
            let stays = try guest(site, event, "/event/\(event)?token=\(token)")
            let port = site.gateway.adminPort
            for selector in ["session", "company", "event", "user", "email", "registration"] {
                for value in ["", "%20", "%09"] {
                    for more in ["", "&company=acme"] where !(selector == "company" && !more.isEmpty) {
                        for method in ["GET", "DELETE"] {
                            let target = "/sessions?\(selector)=\(value)\(more)"
                            #expect(try fetch(port, target, method: method).status == 400, "\(method) \(target)")
                        }
                    }
                }
            }
            let config = site.gateway.directory["gateway.conf"]
            for options in [["--email", ""], ["--user", " "], [""], ["--company", "acme", "--email", ""]] {
                #expect(try run(Gateway.program, ["kick", config] + options).status != 0)
            }
            stays.socket.send(.text("still here"))
            #expect(try stays.socket.receive() == .text("still here"))
        }

        @Test("admin.token_file: no request succeeds without the token, on TCP")
        func adminToken() throws {
            let directory = try TemporaryDirectory()
            let file = try directory.write("admin.token", "a token that only the operator knows\n")
            let (site, _, _) = try site { $0.admin = "token_file = \"\(file)\"" }
            let port = site.gateway.adminPort
            for fields in [
                [], ["Authorization: Bearer wrong"], ["Authorization: Basic YTpi"],
                ["Authorization: Bearer a token that only the operator know"],
            ] {
                for method in ["GET", "DELETE"] {
                    let response = try fetch(port, "/sessions?company=acme", method: method, fields)
                    try expectProblem(response, 401, "token_missing")
                }
            }
            let bearer = "Authorization: Bearer a token that only the operator knows"
            #expect(try fetch(port, "/sessions", [bearer]).status == 200)
            // Health is for load balancers, which have no token.
            #expect(try fetch(port, "/healthz").status == 200)
            let listed = try run(Gateway.program, ["sessions", site.gateway.directory["gateway.conf"], "--json"])
            #expect(listed.status == 0, "\(listed.errors)")
        }

        @Test(
            "Without a token no browser can use the operator API, whatever page is open in it",
            arguments: [
                ["Origin: https://evil.example"], ["Origin: null"], ["Sec-Fetch-Site: cross-site"],
                ["Host: rebound.evil.example"],
            ]
        )
        func browsers(fields: [String]) throws {
            let (site, _, _) = try site()
            let isHost = fields[0].hasPrefix("Host")
            for (method, target) in [("GET", "/sessions"), ("DELETE", "/sessions?company=acme")] {
                let client = try Client(port: site.gateway.adminPort)
                let lines = ["\(method) \(target) HTTP/1.1", "Connection: close"] + (isHost ? [] : ["Host: localhost"])
                client.send((lines + fields).joined(separator: "\r\n") + "\r\n\r\n")
                #expect(try client.response().status == 403)
            }
        }
    }
}
