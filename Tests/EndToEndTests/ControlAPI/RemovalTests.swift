import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("A removed viewer is gone within a second, and stays out")
    struct RemovalTests {
        private static let soon = 5.0

        private struct Guest {
            let browser: Browser
            let socket: WebSocketEnd
        }

        private func site(_ secondJoin: String) throws -> (Site, Backend, String) {
            let site = try Site {
                $0.control = ""
                $0.sessions = "second_join = \"\(secondJoin)\""
            }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            serve(site, event)
            return (site, backend, event)
        }

        private func serve(_ site: Site, _ event: String) {
            site.upstream.on("/event/\(event)/ws") { try WebSocket.serveEcho($0) }
        }

        private func guest(_ site: Site, _ event: String, _ target: String, host: UInt8) throws -> Guest {
            let browser = Browser(site, host: host)
            try #require(try browser.open(target).status == 200)
            let client = try Client(port: site.port)
            try #require(try client.openWebSocket("/event/\(event)/ws", browser.cookieField).status == 101)
            return Guest(browser: browser, socket: WebSocketEnd(client.reader, isClient: true))
        }

        private func isOpen(_ guest: Guest) throws -> Bool {
            guest.socket.send(.text("still here"))
            return try guest.socket.receive() == .text("still here")
        }

        /// Expects that nothing lets the viewer in.
        private func expectAway(_ browser: Browser, _ event: String, _ target: String) throws {
            let page = try browser.navigate("/event/\(event)")
            #expect(page.status == 403 && page.text.contains("viewer_removed"), "\(page)")
            let buttons = page.text.matches(of: /<button[^>]*>/).map { String($0.0) }
            #expect(!page.text.contains("<form") && buttons.allSatisfy { $0.contains("id=\"back\"") }, "\(buttons)")
            #expect(page.text.contains("You were removed from this event") && !page.text.contains("again"))
            try expectProblem(try browser.fetch("/event/\(event)/poll"), 403, "viewer_removed")
            let button = "/.gateway/take-over?to=/event/\(event)"
            try expectProblem(try browser.fetch(button, "POST"), 403, "viewer_removed")
            // The link, with and without the session, and requests that only ask.
            try expectProblem(try browser.fetch(target), 403, "viewer_removed")
            try expectProblem(try fetch(browser.port, target), 403, "viewer_removed")
            #expect(try fetch(browser.port, target, method: "HEAD").status == 403)
            #expect(try Client(port: browser.port).openWebSocket(target).status == 403)
            let client = try HTTP2Client.connected(port: browser.port)
            try expectProblem(try client.exchange(target), 403, "viewer_removed")
        }

        @Test(
            "By user id, e-mail or registration, through the API: 4411, and no link or button lets them in until it is lifted",
            arguments: ["userId", "email", "registrationId"],
            ["take_over", "ask", "refuse"]
        )
        func removed(member: String, secondJoin: String) throws {
            let (site, backend, event) = try site(secondJoin)
            let target: String
            if member == "userId" {
                target = Browser.path(try backend.embed(["userId": "u-1", "userName": "Ada"], in: event))
            } else {
                target = try backend.register("Ada@example.com", for: event).target
            }
            let away = try guest(site, event, target, host: 2)
            let other = try guest(site, event, try backend.register("b@example.com", for: event).target, host: 3)
            let registration = try backend.ask("GET", "/event/\(event)/sessions").list?.compactMap {
                $0["email"] == "b@example.com" ? nil : $0["registrationId"]?.text
            }.first
            let person =
                ["userId": "u-1", "email": "ADA@example.com", "registrationId": registration ?? ""][member] ?? ""
            let start = monotonic()
            let response = try backend.call("POST", "/event/\(event)/removals", [member: .string(person)])
            #expect(response.status == 201)
            #expect(try away.socket.remainder().last?.close == "4411 viewer_removed")
            #expect(monotonic() - start < Self.soon)
            try expectAway(away.browser, event, target)
            if member == "userId" {
                // A new token for the same user does not help.
                let fresh = try backend.embed(
                    ["userId": "u-1", "userName": "Eve", "userEmail": "e@x.example"],
                    in: event
                )
                try expectProblem(try fetch(site.port, Browser.path(fresh)), 403, "viewer_removed")
            }
            #expect(try backend.ask("GET", "/event/\(event)/sessions").list?.count == 1)
            try site.gateway.restart()
            try expectAway(away.browser, event, target)
            let again = try Backend.signedIn(site)
            let id = try #require(try again.ask("GET", "/event/\(event)/removals").list?.first?["id"]?.text)
            #expect(try again.call("DELETE", "/event/\(event)/removals/\(id)").status == 204)
            #expect(try away.browser.navigate("/event/\(event)").status == 200, "the same session comes back")
            #expect(try other.browser.fetch("/event/\(event)/poll").status == 200)
        }

        @Test("On HTTP/2: the socket's stream and the response's stream end, and the connection stays")
        func http2() throws {
            let (site, backend, event) = try site("take_over")
            site.upstream.on("/event/\(event)/stream") { exchange in
                exchange.socket.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst".utf8))
                _ = try? exchange.reader.rest()
                return false
            }
            let token = try backend.register("ada@example.com", for: event).token
            let socket = try HTTP2WebSocket("/event/\(event)/ws?token=\(token)", port: site.port)
            let client = socket.client
            let session = try #require(client.streams[socket.stream]!.response["gateway-session"])
            let body = client.request("/event/\(event)/stream", [Field("gateway-session", session)])
            try #require(client.wait { client.streams[body]!.response.body.count == 5 })
            let other = try guest(site, event, try backend.register("b@example.com", for: event).target, host: 3)
            let start = monotonic()
            let response = try backend.call("POST", "/event/\(event)/removals", ["email": "ada@example.com"])
            #expect(response.status == 201)
            #expect(try socket.remainder().last?.close == "4411 viewer_removed")
            #expect(client.wait { client.streams[body]!.isOver } && client.streams[body]!.reset != nil)
            #expect(monotonic() - start < Self.soon)
            try expectProblem(
                try client.exchange("/event/\(event)/poll", [Field("gateway-session", session)]),
                403,
                "viewer_removed"
            )
            #expect(try isOpen(other))
        }

        @Test("Until a time: it ends by itself")
        func until() throws {
            let (site, backend, event) = try site("take_over")
            let target = try backend.register("ada@example.com", for: event).target
            let away = try guest(site, event, target, host: 2)
            let until = JSONValue.string(Date().addingTimeInterval(4).ISO8601Format())
            let body: JSONValue = ["email": "ada@example.com", "until": until]
            #expect(try backend.call("POST", "/event/\(event)/removals", body).status == 201)
            #expect(try away.socket.remainder().last?.close == "4411 viewer_removed")
            let problem = try fetch(site.port, target)
            #expect(problem.status == 403 && (1...4).contains(Int(problem["Retry-After"] ?? "") ?? 0))
            let page = try away.browser.navigate("/event/\(event)")
            if page.status == 403 {
                #expect(page.text.contains("You can come back in <span") && page["Refresh"] != nil, "\(page)")
                #expect(page.text.contains("<br><time class=\"at\" datetime=\"2"))
            }
            #expect(eventually(within: 30) { (try? away.browser.navigate("/event/\(event)").status) == 200 })
        }

        @Test("Without a directory the operator removes and lifts, by the admin API and the command; kept in memory")
        func commands() throws {
            let site = try Site()
            serve(site, "e1")
            let config = site.gateway.directory["gateway.conf"]
            let target = "/event/e1?token=\(Minter.acme.registration("r1"))"
            let away = try guest(site, "e1", target, host: 2)
            let other = try guest(site, "e1", "/event/e1?token=\(Minter.acme.registration("r2"))", host: 3)
            func removals(_ words: String...) throws -> (status: Int32, output: String, errors: String) {
                let result = try run(Gateway.program, ["removals", words[0], config] + words.dropFirst())
                return (result.status, result.output, result.errors)
            }
            // Two companies may have the event.
            let doubt = try removals("add", "--event", "e1", "--registration", "r1")
            #expect(doubt.status == 1 && doubt.errors.contains("company"), "\(doubt)")
            let added = try removals(
                "add",
                "--event",
                "e1",
                "--registration",
                "r1",
                "--company",
                "acme",
                "--reason",
                "r\u{fc}de & more"
            )
            #expect(added.status == 0, "\(added)")
            #expect(try away.socket.remainder().last?.close == "4411 viewer_removed")
            try expectAway(away.browser, "e1", target)
            #expect(try isOpen(other))
            let listed = try removals("list")
            let id = added.output.trimmingCharacters(in: .newlines)
            // A script that reads the id gets only the id.
            for errors in [added.errors, listed.errors] {
                #expect(errors.contains("no [control] database: this is forgotten when the gateway restarts"))
            }
            #expect(try fetch(site.gateway.adminPort, "/removals").json()["kept"] == "memory")
            #expect(listed.output.contains(id) && listed.output.contains("r\u{fc}de & more"), "\(listed)")
            #expect(try removals("lift", id).status == 0)
            let again = try removals("lift", id)
            #expect(again.status == 1 && again.errors.contains("no such removal"), "\(again)")
            #expect(try away.browser.navigate("/event/e1").status == 200)
            for words in [
                ["--event", "e1"], ["--event", "e1", "--user", ""],
                ["--event", "e1", "--email", " ", "--company", "acme"],
                ["--event", "e1", "--user", String(repeating: "u", count: 1025), "--company", "acme"],
                ["--event", "e1", "--user", "u", "--company", "nobody"],
                ["--event", "e1", "--user", "u", "--email", "a@b.example"],
                ["--event", "e1", "--user", "u", "--company", "acme", "--until", "2001-01-01T00:00:00Z"],
            ] {
                let result = try run(Gateway.program, ["removals", "add", config] + words)
                #expect(result.status != 0 && !result.errors.isEmpty, "\(words)")
            }
            #expect(try fetch(site.gateway.adminPort, "/removals").json()["total"] == 0)
            for (method, target) in [("POST", "/removals?event=e1&user=u&color=red"), ("DELETE", "/removals")] {
                #expect(try fetch(site.gateway.adminPort, target, method: method).status == 400)
            }
        }

        /// The log lines with this message, each as its members that are texts.
        private func lines(_ site: Site, _ message: String, _ count: Int) throws -> [[String: String]] {
            func found() -> [[String: String]] {
                site.gateway.log.split(separator: "\n").compactMap { line in
                    let members = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                    return members?.compactMapValues { $0 as? String }
                }.filter { $0["message"] == message }
            }
            try #require(eventually { found().count >= count }, "\(message): \(site.gateway.log)")
            return found()
        }

        @Test(
            "Each kick, removal and lift has a line: whose, from where, until when, by which interface, how many sessions"
        )
        func logged() throws {
            let (site, backend, event) = try site("take_over")
            let port = site.gateway.adminPort
            let ada = try backend.register("ada@example.com", for: event)
            let ben = try backend.register("ben@example.com", for: event)
            let away = try guest(site, event, ada.target, host: 2)
            _ = try guest(site, event, ben.target, host: 3)
            let sessions = try #require(try backend.ask("GET", "/event/\(event)/sessions").list)
            let registration = try #require(sessions.first?["registrationId"]?.text)

            let removals = "/event/\(event)/removals"
            let body: JSONValue = [
                "email": "Ada@example.com", "until": "2040-01-31T17:00:00Z", "reason": "too \"loud\"",
            ]
            let id = try #require(try backend.call("POST", removals, body).json()["id"]?.text)
            let removed = try lines(site, "viewer removed", 1)[0]
            let common = ["company": "acme", "event": event, "level": "info"]
            var expected = common
            expected.merge([
                "removal": id, "named_by": "email", "until": "2040-01-31T17:00:00.000Z", "way": "api", "sessions": "1",
            ]) { $1 }
            #expect(removed.filter { $0.key != "time" && $0.key != "message" } == expected)
            #expect(try backend.call("DELETE", "\(removals)/\(id)").status == 204)
            let lifted = try lines(site, "removal lifted", 1)[0]
            #expect(lifted["removal"] == id && lifted["way"] == "api" && lifted["named_by"] == "email")

            // By the operator, for somebody who has not come.
            let user = "eve\r\nERROR: all is lost\u{2028}way=api".addingPercentEncoding(
                withAllowedCharacters: .alphanumerics
            )
            let refused = try fetch(port, "/removals?event=\(event)&user=\(user ?? "")", method: "POST")
            #expect(refused.status == 400, "control characters")
            let made = try fetch(port, "/removals?event=\(event)&user=eve%E2%80%A8way=api", method: "POST")
            let made2 = try #require(try made.json()["id"]?.text)
            let line = try lines(site, "viewer removed", 2)[1]
            #expect(line["way"] == "admin" && line["user"] == "eve\u{2028}way=api" && line["until"] == "for good")
            #expect(line["sessions"] == "0")
            #expect(try fetch(port, "/removals?id=\(made2)", method: "DELETE").status == 200)
            #expect(try lines(site, "removal lifted", 2)[1]["way"] == "admin")

            // One session by the company, and all that are left by the operator.
            let name = try #require(sessions.last?["session"]?.text)
            #expect(try backend.call("DELETE", "/event/\(event)/sessions/\(name)").status == 204)
            let kicked = try lines(site, "sessions ended for good", 1)[0]
            #expect(kicked["session"] == name && kicked["way"] == "api" && kicked["sessions"] == "1")
            #expect(kicked["registration"] == sessions.last?["registrationId"]?.text && kicked["event"] == event)
            #expect(try away.browser.navigate("/event/\(event)").status == 200)
            let query = "event=\(event)&registration=\(registration)"
            #expect(try fetch(port, "/sessions?\(query)", method: "DELETE").status == 200)
            let last = try lines(site, "sessions ended for good", 2)[1]
            #expect(last["way"] == "admin" && last["sessions"] == "1" && last["registration"] == registration)
            for text in [ada.token, ben.token, "ada@example.com", "Ada@example.com", "loud"] {
                #expect(!Child.text(of: site.gateway.directory["errors.log"]).contains(text), "\(text)")
            }
        }

        @Test(
            "Attack: an id of the maximum length, or an e-mail that is no address, does not escape a removal",
            arguments: [
                ("user", String(repeating: "u", count: 1024)), ("user", " ada"),
                ("email", String(repeating: "e", count: 320)), ("email", "Ada <ada@acme.example>"),
                ("email", "ADA"), ("email", "a@b@c.example"), ("email", "ada@"),
            ],
            ["admin", "command", "kick"]
        )
        func named(_ person: (member: String, text: String), way: String) throws {
            let (member, text) = person
            let site = try Site()
            serve(site, "e1")
            var viewer = Minter.Viewer(registration: "r1")
            if member == "user" { viewer.user = text } else { viewer.email = text }
            let target = "/event/e1?token=\(Minter.acme.token(viewer))"
            let away = try guest(site, "e1", target, host: 2)
            let config = site.gateway.directory["gateway.conf"]
            switch way {
            case "admin":
                let encoded = try #require(text.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
                let query = "event=e1&company=acme&\(member)=\(encoded)"
                #expect(try fetch(site.gateway.adminPort, "/removals?\(query)", method: "POST").status == 200)
            case "command":
                let words = ["removals", "add", config, "--event", "e1", "--company", "acme", "--\(member)=\(text)"]
                #expect(try run(Gateway.program, words).status == 0)
            default:
                #expect(try run(Gateway.program, ["kick", config, "--\(member)=\(text)"]).status == 0)
            }
            let ending = try away.socket.remainder().last?.close
            guard way != "kick" else { return }
            #expect(ending == "4411 viewer_removed")
            try expectAway(away.browser, "e1", target)
        }

        @Test("With a directory the operator's removals are visible to the company, and survive a restart")
        func operatorAndCompany() throws {
            let (site, backend, event) = try site("take_over")
            let target = try backend.register("ada@example.com", for: event).target
            let away = try guest(site, event, target, host: 2)
            let port = site.gateway.adminPort
            let made = try fetch(port, "/removals?event=\(event.uppercased())&email=ADA@example.com", method: "POST")
            #expect(try made.status == 200 && made.json()["kept"] == "database", "\(made)")
            #expect(try fetch(port, "/sessions?user=nobody", method: "DELETE").json()["kept"] == "database")
            #expect(try away.socket.remainder().last?.close == "4411 viewer_removed")
            #expect(try backend.ask("GET", "/event/\(event)/removals").list?.first?["email"] == "ADA@example.com")
            try site.gateway.restart()
            try expectAway(away.browser, event, target)
            let foreign = try Backend.signedIn(site, company: "globex")
            let id = try #require(try made.json()["id"]?.text)
            for (method, path) in [("GET", "removals"), ("DELETE", "removals/\(id)")] {
                try expectFault(try foreign.call(method, "/event/\(event)/\(path)"), 404, "not_found")
            }
            let lifted = try fetch(port, "/removals?id=\(id)", method: "DELETE")
            #expect(lifted.status == 200)
            #expect(try away.browser.open(target).status == 200)
        }
    }
}
