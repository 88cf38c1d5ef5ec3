import Foundation
import Testing

extension EndToEnd {
    @Suite("A registration has one active session")
    struct SecondJoinTests {
        private func site(_ policy: String, _ more: String = "") throws -> Site {
            try Site { $0.sessions = "second_join = \"\(policy)\"\n\(more)" }
        }

        /// The target of a refusal page's button.
        private func button(_ page: Response) -> String? {
            guard let start = page.text.range(of: "action=\"") else { return nil }
            return page.text[start.upperBound...].firstIndex(of: "\"").map {
                String(page.text[start.upperBound..<$0]).replacingOccurrences(of: "&amp;", with: "&")
            }
        }

        private func press(_ page: Response, in browser: Browser) throws -> Response {
            let action = try #require(button(page))
            let response = try browser.navigate(action, "POST", ["Origin: http://localhost:\(browser.port)"])
            guard response.status == 303 else { return response }
            return try browser.navigate(Browser.path(response["Location"] ?? ""))
        }

        @Test("take_over: the second join wins, and the first stays out until its user asks")
        func takeOver() throws {
            let site = try site("take_over")
            let link = "/event/e1?token=\(Minter.acme.registration("r1"))"
            let first = Browser(site)
            let second = Browser(site)
            #expect(try first.open(link).status == 200)
            #expect(try second.open(link).status == 200)
            for _ in 0..<3 { try expectProblem(try first.fetch("/event/e1/poll"), 409, "session_replaced") }
            #expect(try second.fetch("/event/e1/poll").status == 200)

            let page = try first.navigate("/event/e1")
            #expect(page.status == 409)
            #expect(try press(page, in: first).status == 200)
            #expect(try first.fetch("/event/e1/poll").status == 200)
            try expectProblem(try second.fetch("/event/e1/poll"), 409, "session_replaced")
        }

        @Test("take_over: a script that opens the link again and again with its cookie does not win it back")
        func reconnectingScript() throws {
            let site = try site("take_over")
            let token = Minter.acme.registration("r1")
            let first = Browser(site)
            let second = Browser(site)
            #expect(try first.open("/event/e1?token=\(token)").status == 200)
            #expect(try second.open("/event/e1?token=\(token)").status == 200)
            for _ in 0..<3 {
                #expect(try first.fetch("/event/e1/poll?token=\(token)").status == 409)
                #expect(try first.fetch("/event/e1/poll", "GET", ["Authorization: Bearer \(token)"]).status == 409)
            }
            #expect(try second.fetch("/event/e1/poll").status == 200)
        }

        @Test("take_over: an API client takes it back with a POST")
        func apiTakeOver() throws {
            let site = try site("take_over")
            let bearer = "Authorization: Bearer \(Minter.acme.registration("r1"))"
            let first = try #require(try fetch(site.port, "/event/e1", [bearer])["Gateway-Session"])
            let second = try #require(try fetch(site.port, "/event/e1", [bearer])["Gateway-Session"])
            #expect(first != second)
            let fields = [bearer, "Gateway-Session: \(first)"]
            try expectProblem(try fetch(site.port, "/event/e1", fields), 409, "session_replaced")
            #expect(try fetch(site.port, "/.gateway/take-over", fields).status == 405)
            let asked = try fetch(site.port, "/.gateway/take-over", method: "POST", fields + ["Content-Length: 0"])
            #expect(asked.status < 300)
            let mine = [bearer, "Gateway-Session: \(asked["Gateway-Session"] ?? first)"]
            #expect(try fetch(site.port, "/event/e1", mine).status == 200)
            #expect(try fetch(site.port, "/event/e1", [bearer, "Gateway-Session: \(second)"]).status == 409)
        }

        @Test("refuse: the second is told the first one's join time and how long to wait, until the first leaves")
        func refuse() throws {
            let site = try site("refuse")
            let link = "/event/e1?token=\(Minter.acme.registration("r1"))"
            let first = Browser(site)
            let second = Browser(site)
            #expect(try first.open(link).status == 200)
            let refused = try second.fetch(link)
            try expectProblem(refused, 409, "already_active")
            #expect(refused["Retry-After"].flatMap { Int($0) } != nil)
            let page = try second.open(link)
            let wait = try #require(Int(page["Retry-After"] ?? ""))
            #expect(page.status == 409 && button(page) == nil && page.text.contains("data-left=\"\(wait)\""), "\(page)")
            let refresh = try #require(Int(page["Refresh"] ?? ""), "it tries again by itself")
            #expect(refresh >= wait && refresh <= wait + 3)
            #expect(try first.fetch("/event/e1/poll").status == 200)

            let own = ["Origin: http://localhost:\(site.port)"]
            #expect(try first.fetch("/.gateway/leave", "POST", own).status == 204)
            #expect(try second.open(link).status == 200)
        }

        @Test("refuse: nobody takes it by asking")
        func refuseTakeOver() throws {
            let site = try site("refuse")
            let bearer = "Authorization: Bearer \(Minter.acme.registration("r1"))"
            #expect(try fetch(site.port, "/event/e1", [bearer]).status == 200)
            let asked = try fetch(site.port, "/.gateway/take-over", method: "POST", [bearer, "Content-Length: 0"])
            #expect(asked.status == 409)
        }

        @Test("refuse: the lease ends some time after the last exchange")
        func idle() throws {
            let site = try site("refuse", "idle_timeout = \"1s\"")
            let link = "/event/e1?token=\(Minter.acme.registration("r1"))"
            #expect(try fetch(site.port, link).status == 200)
            #expect(try fetch(site.port, link).status == 409)
            #expect(try eventually { try fetch(site.port, link).status == 200 })
        }

        @Test(
            "A session whose key has left the configuration ends, says so, and keeps nobody out",
            arguments: ["refuse", "ask"]
        )
        func keyRemoved(policy: String) throws {
            let site = try site(policy, "idle_timeout = \"1h\"")
            let first = Browser(site)
            #expect(try first.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            let fresh = "a fresh HMAC secret that acme shares with the gateway"
            try site.gateway.directory.write("acme.secret", fresh)
            site.gateway.reload()

            for _ in 0..<2 { try expectProblem(try first.fetch("/event/e1/poll"), 401, "token_invalid") }
            let page = try first.navigate("/event/e1")
            #expect(page.status == 401 && page.text.contains("reload the page that shows the event"), "\(page.text)")
            #expect(eventually { site.gateway.log.contains("\"fault\":\"key_removed\"") })

            let token = Minter(company: "acme", keyID: "acme-2026", secret: fresh).registration("r1")
            let second = Browser(site)
            #expect(try second.open("/event/e1?token=\(token)").status == 200)
            #expect(try second.fetch("/event/e1/poll").status == 200)
            // This one is good, and does keep others out.
            try expectProblem(try first.fetch("/event/e1?token=\(token)"), 409, "already_active")
        }

        @Test("Sessions of a key that was taken out by mistake go on once it is back")
        func keyReturns() throws {
            let site = try Site()
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            try site.gateway.directory.write("acme.secret", "a fresh HMAC secret that acme shares with the gateway")
            site.gateway.reload()
            #expect(try browser.navigate("/event/e1").status == 401)
            try site.gateway.directory.write("acme.secret", Minter.secret)
            site.gateway.reload()
            #expect(try browser.navigate("/event/e1").status == 200)
        }

        @Test("ask: the second gets a button, and its POST takes over")
        func ask() throws {
            let site = try site("ask")
            let link = "/event/e1?token=\(Minter.acme.registration("r1"))"
            let first = Browser(site)
            let second = Browser(site)
            #expect(try first.open(link).status == 200)
            try expectProblem(try second.fetch(link), 409, "already_active")
            let page = try second.open(link)
            #expect(page.status == 409)
            #expect(try first.fetch("/event/e1/poll").status == 200)
            #expect(try press(page, in: second).status == 200)
            #expect(try second.fetch("/event/e1/poll").status == 200)
            #expect(try first.fetch("/event/e1/poll").status == 409)
        }

        @Test("Joins past the limit are refused, and the newest holder stays; the holder's own address does not count")
        func takeOverLimit() throws {
            let site = try site("take_over", "take_over_limit = 3")
            let token = Minter.acme.registration("r1")
            func join(host: UInt8) throws -> Response {
                try Client(port: site.port, host: host).exchange("/event/e1?token=\(token)")
            }
            for _ in 0..<8 { #expect(try join(host: 1).status == 200) }
            var statuses: [Int] = []
            var last: Response?
            for host in 2..<12 {
                let response = try join(host: UInt8(host))
                statuses.append(response.status)
                if response.status == 200 { last = response }
            }
            #expect(statuses.prefix(3) == [200, 200, 200])
            #expect(statuses.last == 429)
            try expectProblem(try join(host: 20), 429, "too_many_joins")
            let session = try #require(last?["Gateway-Session"])
            let fields = ["Authorization: Bearer \(token)", "Gateway-Session: \(session)"]
            #expect(try fetch(site.port, "/event/e1", fields).status == 200)
        }

        @Test("Embed tokens share their user's event freely, unless leases apply to all", arguments: [false, true])
        func embedTokens(all: Bool) throws {
            let site = try site("refuse", all ? "applies_to = \"all\"" : "")
            let token = Minter.acme.token()
            #expect(try fetch(site.port, "/event/e1?token=\(token)").status == 200)
            #expect(try fetch(site.port, "/event/e1?token=\(token)").status == (all ? 409 : 200))
        }

        @Test("A made-up or foreign session is refused")
        func forgedSessions() throws {
            let site = try site("refuse")
            let bearer = "Authorization: Bearer \(Minter.acme.registration("r1"))"
            let other = "Authorization: Bearer \(Minter.acme.registration("r2"))"
            let session = try #require(try fetch(site.port, "/event/e1", [bearer])["Gateway-Session"])
            var damaged = Array(session.utf8)
            damaged[damaged.count - 2] ^= 1
            let forged = [
                String(decoding: damaged, as: UTF8.self), String(repeating: "A", count: session.utf8.count), "x",
            ]
            for text in forged {
                #expect(try fetch(site.port, "/event/e1", [bearer, "Gateway-Session: \(text)"]).status == 409)
            }
            #expect(try fetch(site.port, "/event/e1", [bearer, "Gateway-Session: \(session)"]).status == 200)
            let mixed = try fetch(site.port, "/event/e1", [other, "Gateway-Session: \(session)"])
            #expect(mixed.status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Registration"] == "r2")
            let sessions = site.upstream.requests.map { ($0["X-Gateway-Registration"], $0["X-Gateway-Session"]) }
            #expect(sessions.first?.1 != sessions.last?.1)
        }
    }
}
