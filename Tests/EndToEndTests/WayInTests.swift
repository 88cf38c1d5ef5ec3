import Foundation
import Testing

extension EndToEnd {
    @Suite("A viewer's way in")
    struct WayInTests {
        let site: Site

        init() throws { site = try Site() }

        private static let frame = [
            "Accept: text/html,*/*;q=0.8", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe",
            "Sec-Fetch-Site: cross-site",
        ]

        /// The link on a page.
        private func link(_ page: Response) -> String? {
            guard let start = page.text.range(of: "id=\"tab\" href=\"") else { return nil }
            return page.text[start.upperBound...].firstIndex(of: "\"").map {
                String(page.text[start.upperBound..<$0]).replacingOccurrences(of: "&amp;", with: "&")
            }
        }

        private func ticket(_ location: String?) throws -> String {
            let parts = try #require(location).components(separatedBy: "gateway-ticket=")
            return try #require(parts.count == 2 ? parts[1] : nil)
        }

        // MARK: Requests that do not join

        @Test(
            "A scanner, a preview, a preflight or a prefetch takes nobody's lease, before the viewer and after",
            arguments: ["refuse", "take_over"],
            [
                (["Sec-Purpose: prefetch"], "GET"), (["Sec-Purpose: prefetch;prerender"], "GET"),
                (["Purpose: prefetch"], "GET"),
                (["X-Moz: prefetch"], "GET"), (["X-Purpose: preview", "Purpose: preview"], "GET"), ([], "HEAD"),
                ([], "OPTIONS"),
                (["Origin: https://www.acme.example", "Access-Control-Request-Method: GET"], "OPTIONS"),
                (["Sec-Fetch-Dest: image", "Sec-Fetch-Mode: no-cors"], "GET"), (["Sec-Fetch-Dest: style"], "GET"),
                (["Sec-Fetch-Dest: font"], "GET"),
            ]
        )
        func noJoin(policy: String, request: (fields: [String], method: String)) throws {
            let site = try Site { $0.sessions = "second_join = \"\(policy)\"" }
            let token = Minter.acme.registration("r1")
            let link = "/event/e1?token=\(token)"
            for place in ["query", "bearer"] {
                for isNavigation in [true, false] {
                    let target = place == "query" ? link : "/event/e1"
                    let fields =
                        request.fields + (place == "query" ? [] : ["Authorization: Bearer \(token)"])
                        + (isNavigation ? ["Accept: text/html", "Sec-Fetch-Mode: navigate"] : ["Accept: */*"])
                    let isMixed = isNavigation && request.fields.contains { $0.hasPrefix("Sec-Fetch-Mode") }
                    if isMixed { continue }
                    let answer = try Client(port: site.port, host: 9).exchange(target, method: request.method, fields)
                    #expect(answer["Set-Cookie"] == nil && answer["Gateway-Session"] == nil)
                }
            }
            let viewer = Browser(site)
            #expect(try viewer.open(link).status == 200)
            _ = try Client(port: site.port, host: 9).exchange(link, method: request.method, request.fields)
            #expect(try viewer.fetch("/event/e1/poll").status == 200)
            let seen = site.upstream.requests.filter { $0["X-Gateway-Session"] != nil }.map { $0["X-Gateway-Session"] }
            #expect(Set(seen).count == 1)
        }

        @Test("A link scanner that follows redirects and keeps no cookies ends nobody's session")
        func scanner() throws {
            let link = "/event/e1?token=\(Minter.acme.registration("scanned"))"
            let viewer = Browser(site)
            #expect(try viewer.open(link).status == 200)
            for _ in 0..<3 {
                let scanner = Browser(site, host: 9)
                scanner.keepsCookies = false
                #expect(try scanner.open(link).status == 401)
            }
            #expect(try viewer.fetch("/event/e1/poll").status == 200)
        }

        @Test("curl -I on a join link reports whether it is valid")
        func head() throws {
            let good = try Client(port: site.port).exchange(
                "/event/e1?token=\(Minter.acme.registration("h"))",
                method: "HEAD"
            )
            #expect(good.status == 200)
            #expect(try Client(port: site.port).exchange("/event/e1?token=a.b.c", method: "HEAD").status == 401)
            #expect(site.upstream.requests.isEmpty)
        }

        @Test("A frame on a page that may not show the event is refused before it joins")
        func foreignFrame() throws {
            let site = try Site { $0.sessions = "second_join = \"refuse\"" }
            let link = "/event/e1?token=\(Minter.acme.registration("framed"))"
            for referer in [
                "https://evil.example/", "https://evil.example/x?https://www.acme.example/", "http://www.acme.example/",
            ] {
                let answer = try fetch(site.port, link, Self.frame + ["Referer: \(referer)"])
                #expect(answer.status == 403 && answer.text.contains("frame_denied"), "\(referer)")
                // It can be read there, but does nothing, and says nothing of the company.
                let policy = try #require(answer["Content-Security-Policy"])
                #expect(policy.hasSuffix("; sandbox") && !policy.contains("frame-ancestors"), "\(policy)")
                #expect(!policy.contains("script-src") && answer["X-Frame-Options"] == nil)
                for word in ["<script", "<a ", "<button", "<form", "<img", "acme", "Acme"] {
                    #expect(!answer.text.contains(word), "\(word)")
                }
            }
            let viewer = Browser(site)
            #expect(try viewer.open(link).status == 200)
            // With its session an inner frame may return from elsewhere.
            let back = Self.frame + ["Referer: https://login.example/"]
            #expect(try fetch(site.port, "/event/e1", back + viewer.cookieField).status == 200)
        }

        // MARK: Blocked cookies

        @Test("A browser that blocks the cookie gets a page, whose link joins where cookies work")
        func blocked() throws {
            let framed = Browser(site)
            framed.keepsCookies = false
            let redirect = try framed.navigate("/event/e1?a=1&token=\(Minter.acme.registration("blocked"))")
            #expect(redirect.status == 303)
            let page = try framed.navigate(Browser.path(redirect["Location"] ?? ""))
            #expect(page.status == 401 && page.text.contains("cookies_blocked"))
            #expect(page["Content-Security-Policy"]?.contains("script-src 'sha256-") == true)
            #expect(!page.text.contains("eyJ"))
            #expect(site.upstream.requests.isEmpty)

            let tab = Browser(site)
            let place = try #require(link(page))
            #expect(place.hasPrefix("/event/e1?a=1&gateway-ticket="))
            #expect(try tab.open(place).status == 200)
            let seen = try #require(site.upstream.requests.first)
            #expect(seen.target == "/event/e1?a=1" && seen["X-Gateway-Registration"] == "blocked")
            // The ticket was used.
            let other = try Browser(site).open(place)
            #expect(other.status == 401 && other.text.contains("token_missing"))
        }

        @Test("If cookies are switched off altogether, the page says so and keeps its link")
        func switchedOff() throws {
            let browser = Browser(site)
            browser.keepsCookies = false
            let first = try browser.open("/event/e1?token=\(Minter.acme.registration("off"))")
            let second = try browser.open(try #require(link(first)))
            for page in [first, second] {
                #expect(page.status == 401 && page.text.contains("cookies_blocked"))
                #expect(
                    page.text.contains("Cookies are switched off for this site.")
                        && page.text.contains(">Try again</a>")
                )
                #expect(link(page) != nil && !page.text.contains("_blank"), "another tab would show the same")
            }
            // They may be blocked only in a frame.
            func frame(_ target: String) throws -> Response {
                let fields = ["Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: iframe"]
                let answer = try fetch(site.port, target, fields)
                return answer.status == 303 ? try frame(Browser.path(answer["Location"] ?? "")) : answer
            }
            let framed = try frame("/event/e1?token=\(Minter.acme.registration("framed"))")
            #expect(
                framed.status == 401 && framed.text.contains("role=\"status\" hidden") && framed.text.contains("_blank")
            )
            let again = try frame(try #require(link(framed)))
            #expect(again.text.contains("id=\"hint\" role=\"status\">"), "that did not help either")
        }

        @Test(
            "A used, foreign, truncated or other event's ticket gives token_missing, and never a message about cookies"
        )
        func badTickets() throws {
            let stranger = Browser(site)
            stranger.keepsCookies = false
            let redirect = try stranger.navigate("/event/e1?token=\(Minter.acme.registration("t"))")
            let good = try ticket(redirect["Location"])
            let elsewhere = try Browser(site).navigate("/event/e2?gateway-ticket=\(good)")
            let cut = try Browser(site).navigate("/event/e1?gateway-ticket=\(good.dropLast(3))")
            let made = try Browser(site).navigate("/event/e1?gateway-ticket=1")
            #expect(try stranger.navigate("/event/e1?gateway-ticket=\(good)").text.contains("cookies_blocked"))
            let used = try Browser(site).navigate("/event/e1?gateway-ticket=\(good)")
            for page in [elsewhere, cut, made, used] {
                #expect(page.status == 401 && page.text.contains("token_missing"))
                #expect(!page.text.contains("cookies_blocked") && page["Set-Cookie"] == nil)
            }
            try expectProblem(try Browser(site).fetch("/event/e1?gateway-ticket=\(good)"), 401, "token_missing")
        }

        @Test("The page's script renews its tickets, each once, and only from our own pages")
        func renewal() throws {
            let browser = Browser(site)
            browser.keepsCookies = false
            let page = try browser.open("/event/e1?token=\(Minter.acme.registration("renew"))")
            let start = try #require(page.text.range(of: "data-keep=\""))
            let keep = page.text[start.upperBound...].prefix { $0 != "\"" }
            let target = "/.gateway/ticket?gateway-ticket=\(keep)"
            let foreign = try browser.fetch(target, "POST", ["Origin: https://evil.example"])
            #expect(foreign.status == 403)
            let own = ["Origin: http://localhost:\(site.port)"]
            let fresh = try browser.fetch(target, "POST", own).text.split(separator: "\n")
            try #require(fresh.count == 2)
            try expectProblem(try browser.fetch(target, "POST", own), 401, "token_missing")
            #expect(try Browser(site).open("/event/e1?gateway-ticket=\(fresh[0])").status == 200)
            // The frame says so then.
            let later = try browser.fetch("/.gateway/ticket?gateway-ticket=\(fresh[1])", "POST", own).text
            let there = later.split(separator: "\n")
            try #require(there.count == 3)
            let told = try fetch(site.port, "/event/e1?gateway-ticket=\(there[2])", Self.frame)
            #expect(told.status == 401 && told.text.contains("<h1>The event is open in another tab</h1>"), "\(told)")
            #expect(told.text.contains(" data-elsewhere") && link(told) != nil)
        }

        @Test("Attack: tickets that create tickets are counted like joins")
        func breeding() throws {
            let site = try Site { $0.limits = "joins_per_minute = 8" }
            let browser = Browser(site)
            browser.keepsCookies = false
            let page = try browser.open("/event/e1?token=\(Minter.acme.registration("breed"))")
            let start = try #require(page.text.range(of: "data-keep=\""))
            var tickets = [String(page.text[start.upperBound...].prefix { $0 != "\"" })]
            var statuses: [Int] = []
            while let ticket = tickets.popLast(), statuses.count < 20 {
                let own = ["Origin: http://localhost:\(site.port)"]
                let answer = try browser.fetch("/.gateway/ticket?gateway-ticket=\(ticket)", "POST", own)
                statuses.append(answer.status)
                if answer.status == 200 { tickets += answer.text.split(separator: "\n").map(String.init) }
            }
            #expect(statuses.filter { $0 == 200 }.count < 8 && statuses.contains(429))
        }

        @Test("Attack: cookies of the previous request are not used in this one")
        func earlierCookies() throws {
            let long =
                "Cookie: "
                + (0..<60).map { "gateway-session-\(String(format: "%08x", $0))=1\($0)AAAA" }
                .joined(separator: "; ")
            for target in [
                "/.gateway/ticket", "/.gateway/ticket?gateway-ticket=x", "/.gateway/session", "/.gateway/take-over",
                "/.gateway/leave", "/event/e1", "/event/e1?joinCode=1", "/event/e1?token=a",
            ] {
                for method in ["GET", "POST"] {
                    let length = method == "POST" ? ["Content-Length: 0"] : []
                    let client = try Client(port: site.port)
                    _ = try client.exchange("/event/e1/\(String(repeating: "x", count: 500))", [long])
                    let answer = try client.exchange(target, method: method, length)
                    #expect((400..<500).contains(answer.status), "\(method) \(target)")
                    #expect(answer["Set-Cookie"] == nil, "\(method) \(target)")
                }
            }
            #expect(site.gateway.isRunning)
        }

        @Test("A page that was joined has no ticket in its address, whatever was bookmarked")
        func bookmarked() throws {
            let browser = Browser(site)
            let redirect = try browser.navigate("/event/e1?token=\(Minter.acme.registration("bookmark"))")
            let place = Browser.path(redirect["Location"] ?? "")
            #expect(try browser.open(place).status == 200)
            let again = try browser.navigate(place)
            #expect(again.status == 303 && again["Location"] == "/event/e1")
            #expect(site.upstream.requests.allSatisfy { !$0.target.contains("gateway-ticket") })
        }

        // MARK: The session's cookie

        @Test("Sixty events in one browser: each join works, and our cookies stay under 6 KiB")
        func sixtyEvents() throws {
            let browser = Browser(site)
            for number in 0..<60 {
                let link = "/event/many-\(number)?token=\(Minter.acme.registration("r", event: "many-\(number)"))"
                #expect(try browser.open(link).status == 200, "\(number)")
                #expect(try browser.fetch("/event/many-\(number)/asset").status == 200)
                #expect(browser.cookieField.joined().utf8.count < 6 << 10)
            }
            #expect(browser.cookies.count > 3)
        }

        @Test("A token of 7 KB is a session like any other, with its assets", arguments: [0, 3000])
        func longToken(avatar: Int) throws {
            let browser = Browser(site)
            var viewer = Minter.Viewer(padding: 5000 - avatar)
            if avatar > 0 { viewer.avatar = "https://a.example/" + String(repeating: "p", count: avatar) }
            let token = Minter.acme.token(viewer)
            #expect(token.utf8.count > 6500)
            #expect(try browser.open("/event/e1?token=\(token)").status == 200)
            #expect(try browser.fetch("/event/e1/asset").status == 200)
            #expect(try browser.fetch("/assets/app.js").status == 200)
            #expect(browser.cookies.count == (avatar > 0 ? 2 : 1))
        }

        @Test("Cookies that are no longer valid are deleted by name, at a join and at a refusal")
        func staleCookies() throws {
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("stale"))").status == 200)
            let dead = "gateway-session-0a0a0a0a=1AAAA; gateway-session-0b0b0b0b=old.format.token"
            let field = [browser.cookieField[0] + "; " + dead]
            let refused = try fetch(site.port, "/event/e9", field)
            #expect(refused.status == 403)
            for name in ["0a0a0a0a", "0b0b0b0b"] {
                #expect(
                    refused.fields.values("set-cookie").contains { $0.hasPrefix("gateway-session-\(name)=; Max-Age=0") }
                )
            }
            #expect(refused.fields.values("set-cookie").count == 2, "the good one stays")
        }

        @Test("Nobody can read the person in the cookie, and another listener's spelling of it does not work")
        func sealed() throws {
            let browser = Browser(site)
            _ = try browser.open("/event/e1?token=\(Minter.acme.registration("reader"))")
            for value in browser.cookies.values {
                #expect(!value.contains("eyJ") && !value.contains("."))
                #expect(value.utf8.count < 600)
            }
        }

        @Test("A session is enough for an API client, without its token")
        func sessionAlone() throws {
            let bearer = "Authorization: Bearer \(Minter.acme.registration("api"))"
            let session = try #require(try fetch(site.port, "/event/e1", [bearer])["Gateway-Session"])
            #expect(try fetch(site.port, "/event/e1/x", ["Gateway-Session: \(session)"]).status == 200)
            #expect(try fetch(site.port, "/event/e2/x", ["Gateway-Session: \(session)"]).status == 403)
        }

        // MARK: The application's own credentials

        @Test("The application's own tokens pass beside a session, in every place, and do not count")
        func appTokens() throws {
            let site = try Site { $0.limits = "failures_per_minute = 5" }
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("app"))").status == 200)
            for number in 0..<20 {
                let target = "/event/e1/api?token=reset-\(number)&jwt=1&authKey=2"
                let bearer = "Authorization: Bearer app-session-\(number)"
                #expect(try browser.fetch(target, "GET", [bearer]).status == 200)
                let seen = try #require(site.upstream.requests.last)
                #expect(seen.target == target && seen["Authorization"] == "Bearer app-session-\(number)")
                #expect(seen["X-Gateway-Registration"] == "app" && seen["Cookie"] == nil)
            }
            // A stranger at the same address still has the full allowance.
            #expect(try fetch(site.port, "/event/e1?token=a.b.c").status == 401)
        }
    }
}
