import Basics
import Foundation
import Testing

extension WaitingEndToEnd {
    @Suite("How long a session lasts, and which one counts")
    struct SessionLifeTests {
        private func expiring(in seconds: Double, registration: String = "r1") -> String {
            Minter.acme.token(Minter.Viewer(registration: registration, expires: Minter.now + seconds))
        }

        @Test("A session ends with its token, on open streams too")
        func expiry() throws {
            let site = try Site { $0.tokens = "leeway = \"0s\"" }
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let token = expiring(in: 3)
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(token)").status == 200)
            let client = try Client(port: site.port)
            #expect(try client.openWebSocket("/event/e1/ws", browser.cookieField).status == 101)
            #expect(try client.echo("hello") == "hello")
            #expect(client.remainder(within: 4.5) != nil)
            try expectProblem(try browser.fetch("/event/e1/poll"), 401, "token_expired")
        }

        @Test("An expired session is reported after a reload as well, until another takes its place")
        func expiredReload() throws {
            let site = try Site { $0.tokens = "leeway = \"0s\"" }
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(expiring(in: 2))").status == 200)
            #expect(try eventually { try browser.navigate("/event/e1").status == 401 })
            for path in ["/event/e1", "/event/e1/poll", "/assets/app.js", "/event/e1"] {
                try expectProblem(try browser.fetch(path), 401, "token_expired", "\(path)")
                #expect(try browser.navigate(path).text.contains("token_expired"), "\(path)")
            }
            #expect(browser.cookies.count == 1)
            // It is in nobody's way elsewhere.
            #expect(try browser.open("/event/e2?token=\(Minter.acme.registration("r2", event: "e2"))").status == 200)
            #expect(browser.cookies.count == 1)
            try expectProblem(try browser.fetch("/event/e1"), 403, "wrong_event")
            #expect(try browser.open("/event/e1?token=\(expiring(in: 60))").status == 200)
            #expect(browser.cookies.count == 2)
        }

        @Test("A session for another event gets that message, and a link for another event gets its own")
        func wrongEventText() throws {
            let site = try Site()
            let browser = Browser(site)
            let token = Minter.acme.registration("r1")
            #expect(try browser.open("/event/e1?token=\(token)").status == 200)
            let (session, link) = ("You are signed in to another event", "This link is for another event")
            for target in ["/event/e2", "/event/e2?a=1"] {
                #expect(try browser.navigate(target).text.contains("<h1>\(session)</h1>"))
                let problem = try browser.fetch(target)
                try expectProblem(problem, 403, "wrong_event")
                #expect(problem.text.contains(session) && !problem.text.contains(link))
            }
            for browser in [browser, Browser(site)] {
                #expect(try browser.navigate("/event/e2?token=\(token)").text.contains("<h1>\(link)</h1>"))
                #expect(try browser.fetch("/event/e2?token=\(token)").text.contains(link))
            }
            let client = try HTTP2Client.connected(port: site.port)
            let cookies = browser.cookies.map { Field("cookie", "\($0.key)=\($0.value)") }
            #expect(try client.exchange("/event/e2", cookies).text.contains(session))
        }

        @Test("With outlives_token a session that joined in time continues, and nobody joins late")
        func outlives() throws {
            let site = try Site {
                $0.tokens = "leeway = \"0s\""
                $0.sessions = "outlives_token = true"
            }
            let token = expiring(in: 2)
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(token)").status == 200)
            let other = expiring(in: 2, registration: "r2")
            #expect(try eventually { try fetch(site.port, "/event/e1?token=\(other)").status == 401 })
            #expect(try browser.fetch("/event/e1/poll").status == 200)
            try expectProblem(try fetch(site.port, "/event/e1?token=\(token)"), 401, "token_expired")
        }

        @Test("A session ends with max_lifetime, whatever its token says")
        func maxLifetime() throws {
            let site = try Site { $0.sessions = "max_lifetime = \"2s\"\nidle_timeout = \"2s\"\noutlives_token = true" }
            let bearer = "Authorization: Bearer \(expiring(in: 3600))"
            let session = try #require(try fetch(site.port, "/event/e1", [bearer])["Gateway-Session"])
            let fields = [bearer, "Gateway-Session: \(session)"]
            #expect(try fetch(site.port, "/event/e1", fields).status == 200)
            let first = site.upstream.requests.last?["X-Gateway-Session"]
            let hasEnded = try eventually {
                let response = try fetch(site.port, "/event/e1", fields)
                return response.status != 200 || site.upstream.requests.last?["X-Gateway-Session"] != first
            }
            #expect(hasEnded)
        }

        @Test("The page is told that its session has expired when its sockets are, and may ask for a little longer")
        func told() throws {
            let site = try Site()
            let browser = Browser(site)
            let expires = Minter.now + 3
            let token = Minter.acme.token(Minter.Viewer(registration: "r1", expires: expires))
            #expect(try browser.open("/event/e1?token=\(token)").status == 200)
            let session = try browser.fetch("/.gateway/session").json()
            #expect(session["expiresAt"]?.text.flatMap(RFC3339.parse) == Int64(expires) * 1000)
            #expect(try eventually { try browser.fetch("/.gateway/session").status == 401 })
            try expectProblem(try browser.fetch("/.gateway/session"), 401, "token_expired")
            #expect(try browser.fetch("/event/e1/poll").status == 200)
        }

        @Test("A session past max_lifetime has expired, and its viewer is told so, with the event's page around it")
        func pastLifetime() throws {
            let site = try Site { $0.sessions = "max_lifetime = \"3s\"\nidle_timeout = \"3s\"" }
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(expiring(in: 3600))").status == 200)
            let session = try browser.fetch("/.gateway/session").json()
            let end = try #require(session["expiresAt"]?.text.flatMap(RFC3339.parse))
            let joined = try #require(session["joinedAt"]?.text.flatMap(RFC3339.parse))
            #expect(end == joined + 3000)
            #expect(try eventually { try browser.fetch("/.gateway/session").status == 401 })
            for path in ["/.gateway/session", "/event/e1/poll", "/event/e1"] {
                try expectProblem(try browser.fetch(path), 401, "token_expired", "\(path)")
            }
            let page = try browser.navigate("/event/e1")
            #expect(page.status == 401 && page.text.contains("token_expired") && page.text.contains("Acme"), "\(page)")
            // A link is good for another one.
            #expect(try browser.open("/event/e1?token=\(expiring(in: 3600))").status == 200)
        }

        @Test("If a route names no event, the requesting page decides, or else the session that joined last")
        func referer() throws {
            let site = try Site()
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            usleep(5000)
            #expect(try browser.open("/event/e2?token=\(Minter.acme.registration("r2", event: "e2"))").status == 200)
            func event(_ referer: String?) throws -> String? {
                site.upstream.forget()
                let fields = referer.map { ["Referer: \($0)"] } ?? []
                #expect(try browser.fetch("/assets/app.js", "GET", fields).status == 200)
                return site.upstream.requests.last?["X-Gateway-Event"]
            }
            #expect(try event("http://localhost:\(site.port)/event/e1") == "e1")
            #expect(try event("http://localhost:\(site.port)/event/e2?x=1") == "e2")
            #expect(try event(nil) == "e2")
            #expect(try event("https://evil.example/event/e1") == "e2")
        }

        @Test("Another site's page can neither leave nor take over for the viewer")
        func foreignPages() throws {
            let site = try Site { $0.sessions = "second_join = \"refuse\"" }
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            for path in ["/.gateway/leave", "/.gateway/take-over"] {
                let response = try browser.fetch(path, "POST", ["Origin: https://evil.example"])
                try expectProblem(response, 403, "origin_denied")
                #expect(try browser.fetch(path).status == 405)
            }
            #expect(try browser.fetch("/event/e1/poll").status == 200)
            #expect(try fetch(site.port, "/event/e1?token=\(Minter.acme.registration("r1"))").status == 409)
        }

        @Test("A beacon's goodbye ends neither the page that a reload requested nor what another tab has open")
        func beacon() throws {
            let site = try Site { $0.sessions = "second_join = \"refuse\"" }
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let browser = Browser(site)
            let link = "/event/e1?token=\(Minter.acme.registration("r1"))"
            #expect(try browser.open(link).status == 200)
            let socket = try Client(port: site.port)
            #expect(try socket.openWebSocket("/event/e1/ws", browser.cookieField).status == 101)
            let fields = [
                "Origin: http://localhost:\(site.port)", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: empty",
                "Content-Length: 0",
            ]
            func goodbye() throws {
                let response = try fetch(site.port, "/.gateway/leave", method: "POST", fields + browser.cookieField)
                #expect(response.status == 204)
            }
            try goodbye()
            let since = monotonic()
            while monotonic() - since < 8 {
                #expect(try fetch(site.port, link).status == 409, "somebody else")
                #expect(try socket.echo("still here") == "still here")
                usleep(100_000)
            }
            // Nothing is open any more: then it counts.
            socket.socket.close()
            try goodbye()
            #expect(try fetch(site.port, link).status == 409)
            #expect(try eventually { try fetch(site.port, link).status == 200 })
        }

        @Test(
            "A leave ends what was open, and nothing that the viewer asks for once it was answered",
            arguments: [false, true]
        )
        func returningAtOnce(isHTTP2: Bool) throws {
            let site = try Site { $0.top = "threads = 1" }
            let mayAnswer = DispatchSemaphore(value: 0)
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            site.upstream.on("/event/e1/late") { exchange in
                _ = mayAnswer.wait(timeout: .now() + 20)
                return try exchange.reply("200 OK", [], "late")
            }
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            let open = try Client(port: site.port)
            #expect(try open.openWebSocket("/event/e1/ws", browser.cookieField).status == 101)
            #expect(try open.echo("hello") == "hello")

            let returning: () throws -> Response
            if isHTTP2 {
                let client = try HTTP2Client.connected(port: site.port)
                #expect(try browser.fetch("/.gateway/leave", "POST").status == 204)
                let cookies = browser.cookies.map { Field("cookie", "\($0.key)=\($0.value)") }
                let stream = client.request("/event/e1/late", cookies)
                returning = { try client.response(stream) }
            } else {
                let client = try Client(port: site.port)
                #expect(try browser.fetch("/.gateway/leave", "POST").status == 204)
                let lines = ["GET /event/e1/late HTTP/1.1", "Host: localhost"] + browser.cookieField
                client.send(lines.joined(separator: "\r\n") + "\r\n\r\n")
                returning = { try client.response() }
            }
            // Once the socket has ended, whatever the leave ends has ended.
            #expect(open.remainder(within: 20) != nil)
            mayAnswer.signal()
            let response = try returning()
            #expect(response.status == 200)
            #expect(response.text == "late")
        }

        @Test("Attack: leaving and returning in a loop gets 429 past joins_per_minute; an honest return is served")
        func leaveAndReturn() throws {
            let site = try Site { $0.limits = "joins_per_minute = 5\nfailures_per_minute = 0" }
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            let leave = { try browser.fetch("/.gateway/leave", "POST").status }
            // The first join counts too.
            for _ in 0..<4 {
                #expect(try leave() == 204)
                #expect(try browser.fetch("/event/e1/poll").status == 200)
            }
            #expect(try leave() == 204)
            try expectProblem(try browser.fetch("/event/e1/poll"), 429, "too_many_joins")
            let other = Browser(site)
            #expect(try other.open("/event/e1?token=\(Minter.acme.registration("r2"))").status == 200)
        }

        @Test("Attack: clients of a Unix socket have no address, so none of them takes over as the holder itself")
        func unixSocket() throws {
            let directory = try TemporaryDirectory()
            let path = directory["s"]
            let site = try Site {
                $0.top = "[[listener]]\naddress = \"unix:\(path)\""
                $0.sessions = "take_over_limit = 2"
            }
            func join(_ client: Client, _ registration: String) throws -> Response {
                let token = Minter.acme.registration(registration)
                return try client.exchange("/event/e1/page?token=\(token)", ["Connection: close"])
            }
            for _ in 0..<3 { #expect(try join(Client(path: path), "r1").status == 200) }
            for _ in 0..<3 { try expectProblem(try join(Client(path: path), "r1"), 429, "too_many_joins") }
            // A client with an address may move behind it.
            for _ in 0..<6 { #expect(try join(Client(port: site.port), "r2").status == 200) }
            try expectProblem(try join(Client(path: path), "r1"), 429, "too_many_joins")
        }

        @Test("allowed_origins may do what our own pages may")
        func allowedOrigins() throws {
            let site = try Site { $0.top = "allowed_origins = [\"https://app.acme.example\"]" }
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            let vote = { (origin: String) in try browser.fetch("/event/e1/vote", "POST", ["Origin: \(origin)"]).status }
            #expect(try vote("https://app.acme.example") == 200)
            #expect(try vote("https://app.acme.example.evil.example") == 403)
            #expect(try vote("http://app.acme.example") == 403)
            #expect(try vote("http://localhost:\(site.port).evil.example") == 403)
            #expect(try vote("http://localhost:\(site.port)") == 200)
        }

        @Test("The sessions of a hundred registrations do not affect each other")
        func many() throws {
            let site = try Site()
            let browsers = try (0..<100).map { number in
                let browser = Browser(site)
                _ = try browser.open("/event/e1?token=\(Minter.acme.registration("r\(number)"))")
                return browser
            }
            for (number, browser) in browsers.enumerated() {
                #expect(try browser.fetch("/event/e1/\(number)").status == 200)
                #expect(
                    site.upstream.requests(for: "/event/e1/\(number)").first?["X-Gateway-Registration"] == "r\(number)"
                )
            }
        }

        @Test("Two browsers that join at the same moment: at every moment after that, one holds the lease")
        func race() throws {
            let site = try Site { $0.sessions = "second_join = \"refuse\"" }
            let port = site.port
            for round in 0..<20 {
                let token = Minter.acme.registration("race\(round)")
                let counter = Counter()
                inParallel(8) { _ in
                    if (try? fetch(port, "/event/e1?token=\(token)").status) == 200 { counter.add() }
                }
                #expect(counter.count == 1)
            }
        }
    }
}
