import Testing

extension EndToEnd {
    @Suite("A viewer with a valid token passes")
    struct JoinTests {
        let site: Site

        init() throws { site = try Site() }

        @Test(
            "A navigation with a token is redirected to the same address without it, with a cookie, and gets the page"
        )
        func navigation() throws {
            let token = Minter.acme.registration("r1")
            let browser = Browser(site)
            let redirect = try browser.navigate("/event/e1?a=1&token=\(token)&b=%41+x")
            #expect(redirect.status == 303)
            let location = redirect["Location"] ?? ""
            #expect(!location.contains(token))
            #expect(Browser.path(location).hasPrefix("/event/e1?a=1&b=%41+x"))
            #expect(redirect["Cache-Control"]?.contains("no-store") == true)
            let cookie = try #require(redirect["Set-Cookie"])
            #expect(cookie.hasPrefix("gateway-session"))
            #expect(cookie.contains("; HttpOnly") && cookie.contains("; Path=/") && !cookie.contains("Secure"))
            #expect(site.upstream.requests(for: "/event/e1").isEmpty)

            // The ticket is no longer needed once the cookie is back.
            let clean = try browser.navigate(Browser.path(location))
            #expect(clean.status == 303)
            #expect(clean["Location"] == "/event/e1?a=1&b=%41+x")
            let page = try browser.navigate(Browser.path(clean["Location"] ?? ""))
            #expect(page.status == 200)
            let seen = try #require(site.upstream.requests(for: "/event/e1").first)
            #expect(seen.target == "/event/e1?a=1&b=%41+x")
            #expect(seen["Cookie"] == nil)
        }

        @Test("The cookie lets the page load its assets, here and on routes for any viewer")
        func assets() throws {
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            for path in ["/event/e1/app.js", "/assets/style.css", "/assets/logo.png?v=3"] {
                #expect(try browser.fetch(path).status == 200, "\(path)")
            }
            #expect(try Browser(site).fetch("/assets/style.css").status == 401)
        }

        @Test("A reload of the link keeps the session", arguments: ["refuse", "ask", "take_over"])
        func reload(policy: String) throws {
            let site = try Site { $0.sessions = "second_join = \"\(policy)\"" }
            let browser = Browser(site)
            let link = "/event/e1?token=\(Minter.acme.registration("r1"))"
            for _ in 0..<3 { #expect(try browser.open(link).status == 200) }
            let sessions = Set(site.upstream.requests.compactMap { $0["X-Gateway-Session"] })
            #expect(sessions.count == 1)
        }

        @Test("Every configured name may carry the token", arguments: ["token", "authKey", "jwt"])
        func names(name: String) throws {
            let token = Minter.acme.token()
            let response = try fetch(site.port, "/event/e1?x=y&\(name)=\(token)")
            #expect(response.status == 200)
            #expect(site.upstream.requests.last?.target == "/event/e1?x=y")
        }

        @Test("An API client is served directly, and its session continues with Gateway-Session")
        func apiClient() throws {
            let bearer = "Authorization: Bearer \(Minter.acme.registration("r1"))"
            let first = try fetch(site.port, "/event/e1", [bearer])
            #expect(first.status == 200)
            let session = try #require(first["Gateway-Session"])
            let second = try fetch(site.port, "/event/e1", [bearer, "Gateway-Session: \(session)"])
            #expect(second.status == 200)
            let sessions = site.upstream.requests.compactMap { $0["X-Gateway-Session"] }
            #expect(sessions.count == 2 && sessions[0] == sessions[1])
            #expect(site.upstream.requests.allSatisfy { $0["Authorization"] == nil && $0["Gateway-Session"] == nil })
        }

        @Test("A company-wide token is refused for an unknown event, a specific one for every other event")
        func scope() throws {
            let wide = Minter.acme.token(Minter.Viewer(event: "e1", eventSpecific: false))
            #expect(try fetch(site.port, "/event/e1?token=\(wide)").status == 200)
            #expect(try fetch(site.port, "/event/e2?token=\(wide)").status == 403)
            let unsaid = Minter.acme.token(Minter.Viewer(event: "e1", eventSpecific: nil))
            #expect(try fetch(site.port, "/event/e1?token=\(unsaid)").status == 200)
            #expect(try fetch(site.port, "/event/e2?token=\(unsaid)").status == 403)
        }

        @Test("An event's name counts in every encoding of the same characters")
        func spelledEvent() throws {
            let one = Minter.acme.token()
            let two = Minter.acme.token(Minter.Viewer(event: "e2"))
            #expect(try fetch(site.port, "/event/%651?token=\(one)").status == 200)
            #expect(try fetch(site.port, "/event/%651?token=\(two)").status == 403)
            #expect(try fetch(site.port, "/%65vent/e1?token=\(one)").status == 200)
            #expect(try fetch(site.port, "/%65vent/e1?token=\(two)").status == 403)
        }

        @Test("Only the caller can read its own session")
        func ownSession() throws {
            let browser = Browser(site)
            _ = try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))")
            let own = try browser.fetch("/.gateway/session")
            #expect(own.status == 200)
            #expect(own.text.contains("attendee"))
            #expect(own["Cache-Control"]?.contains("no-store") == true)
            #expect(try Browser(site).fetch("/.gateway/session").status == 401)
        }

        @Test("Two events in one browser have a session each")
        func twoEvents() throws {
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r1"))").status == 200)
            #expect(
                try browser.open("/event/e2?token=\(Minter.acme.registration("r2", event: "e2"))").status == 200
            )
            #expect(browser.cookies.count == 2)
            #expect(try browser.fetch("/event/e1/a").status == 200)
            #expect(try browser.fetch("/event/e2/a").status == 200)
            #expect(site.upstream.requests(for: "/event/e1/a").first?["X-Gateway-Event"] == "e1")
            #expect(site.upstream.requests(for: "/event/e2/a").first?["X-Gateway-Event"] == "e2")
        }
    }
}
