import Foundation
import Testing

extension EndToEnd {
    @Suite("Nobody else passes")
    struct RefusalTests {
        static let site = Result { try Site() }
        let site: Site

        init() throws { site = try Self.site.get() }

        @Test("A fetch is refused with a problem document", arguments: RefusalCase.all)
        func fetched(refusal: RefusalCase) throws {
            let response = try fetch(site.port, refusal.target, refusal.fields + ["Accept: */*"])
            try expectProblem(response, refusal.status, refusal.code)
        }

        @Test("A navigation is refused with a page", arguments: RefusalCase.all)
        func navigated(refusal: RefusalCase) throws {
            let response = try fetch(site.port, refusal.target, refusal.fields + Browser.navigation)
            #expect(response.status == refusal.status)
            #expect(response["Content-Type"]?.hasPrefix("text/html") == true)
            #expect(response["Cache-Control"]?.contains("no-store") == true)
            #expect(response["Set-Cookie"] == nil)
            let page = response.text
            #expect(page.contains("<html lang=") && page.contains("<h1"))
            #expect(!page.contains(#/(src|href|action)="?https?:/#), "the page loads nothing from elsewhere")
            #expect(!page.contains("eyJ"), "the page shows no token")
        }

        @Test("An upgrade is refused with the plain status", arguments: RefusalCase.all)
        func upgraded(refusal: RefusalCase) throws {
            let response = try Client(port: site.port).openWebSocket(refusal.target, refusal.fields)
            #expect(response.status == refusal.status)
            #expect(response["Content-Type"]?.hasPrefix("text/html") != true)
        }

        @Test("A link whose time has not come counts down to it; programs get Retry-After")
        func early() throws {
            var viewer = Minter.Viewer()
            (viewer.notBefore, viewer.expires) = (Minter.now + 7200, Minter.now + 86_400)
            let target = "/event/e1?token=\(Minter.acme.token(viewer))"
            let page = try fetch(site.port, target, Browser.navigation)
            let wait = try #require(Int(page["Retry-After"] ?? ""))
            #expect((7100...7200).contains(wait) && page["Refresh"] == "300", "\(page)")
            #expect(page.text.contains("Your link works in <span id=\"left\" role=\"timer\" data-left=\"\(wait)\""))
            #expect(page.text.contains("<br><time class=\"at\" datetime=\"2"))
            #expect(try fetch(site.port, target)["Retry-After"] != nil)
            viewer.notBefore = 0x1p52
            let never = try fetch(site.port, "/event/e1?token=\(Minter.acme.token(viewer))", Browser.navigation)
            #expect(never.status == 401 && never["Retry-After"] == nil && !never.text.contains("role=\"timer\""))
        }

        @Test("None of them reaches the upstream")
        func nothingForwarded() throws {
            let before = site.upstream.byteCount
            for refusal in RefusalCase.all {
                _ = try fetch(site.port, refusal.target, refusal.fields)
                _ = try fetch(site.port, refusal.target, method: "POST", refusal.fields, body: [1, 2, 3])
            }
            #expect(site.upstream.byteCount == before)
        }

        @Test("The cookie does not work for another site's pages")
        func originDenied() throws {
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("origin"))").status == 200)
            let foreign = ["Origin: https://evil.example"]
            try expectProblem(try browser.fetch("/event/e1/vote", "POST", foreign), 403, "origin_denied")
            try expectProblem(try browser.fetch("/event/e1/vote", "DELETE", foreign), 403, "origin_denied")
            let upgrade = try Client(port: site.port).openWebSocket("/event/e1/ws", foreign + browser.cookieField)
            #expect(upgrade.status == 403)
            #expect(site.upstream.requests(for: "/event/e1/vote").isEmpty)
            let own = ["Origin: http://localhost:\(site.port)"]
            #expect(try browser.fetch("/event/e1/vote", "POST", own).status == 200)
            #expect(try browser.fetch("/event/e1/vote", "GET", foreign).status == 200)
        }

        @Test(
            "Nothing else below /.gateway is served or forwarded",
            arguments: [
                "/.gateway", "/.gateway/", "/.gateway/x", "/.gateway/session/x", "/.gateway/healthz/", "/%2egateway/x",
                "/.Gateway/x", "/.gateway;a/healthz",
            ]
        )
        func ownPaths(path: String) throws {
            let bearer = "Authorization: Bearer \(Minter.acme.token())"
            let response = try fetch(site.port, path, [bearer])
            #expect((400..<500).contains(response.status))
            #expect(site.upstream.requests(for: path).isEmpty)
        }

        @Test(
            "Too many bad tokens from one address, or joins of one registration, are cut off, and others are not",
            arguments: [
                "failures_per_minute = 5", "joins_per_minute = 5",
            ]
        )
        func rates(limit: String) throws {
            let isJoin = limit.hasPrefix("joins")
            let site = try Site {
                $0.limits = limit + (isJoin ? "\nfailures_per_minute" : "\njoins_per_minute") + " = 0"
            }
            func attempt(_ number: Int, host: UInt8, registration: String = "r1") throws -> Response {
                let token = isJoin ? Minter.acme.registration(registration) : "a.b.\(number)"
                return try Client(port: site.port, host: host).exchange("/event/e1?token=\(token)")
            }
            let statuses = try (0..<12).map { try attempt($0, host: 7).status }
            #expect(statuses.first == (isJoin ? 200 : 401))
            #expect(statuses.last == 429)
            let refused = try attempt(99, host: 7)
            try expectProblem(refused, 429, "too_many_joins")
            #expect(refused["Retry-After"].flatMap { Int($0) } ?? 0 > 0)
            #expect(try attempt(100, host: 8, registration: "r2").status == (isJoin ? 200 : 401))
        }

        @Test("An office behind one address: a hundred colleagues join within a minute, and nobody is refused")
        func office() throws {
            let site = try Site()
            for number in 0..<100 {
                let browser = Browser(site, host: 33)
                let link = "/event/e1?token=\(Minter.acme.registration("colleague-\(number)"))"
                #expect(try browser.open(link).status == 200, "\(number)")
            }
        }

        @Test("Bad tokens by cross-site images lock nobody out: a valid token passes, and still only a valid one")
        func goodTokenPasses() throws {
            let site = try Site { $0.limits = "failures_per_minute = 5\njoins_per_minute = 0" }
            func status(_ token: String) throws -> Int {
                let fields = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Dest: empty"]
                return try Client(port: site.port, host: 9).exchange("/event/e1?token=\(token)", fields).status
            }
            for number in 0..<5 { #expect(try status("a.b.\(number)") == 401) }
            let forged = Minter(company: "acme", keyID: "acme-2026", secret: Minter.globex.secret)
            let bad = [
                "a.b.c", forged.token(),
                Minter(company: "acme", keyID: "other", secret: Minter.acme.secret).token(),
            ]
            for token in bad { #expect(try status(token) == 429) }
            for number in 0..<3 { #expect(try status(Minter.acme.registration("good-\(number)")) == 200) }
            #expect(try status(bad[1]) == 429)
            // A formerly valid token does not count as a guess.
            #expect(try status(Minter.acme.token(Minter.Viewer(expires: Minter.now - 3600))) == 401)
        }
    }
}

/// Expects a refusal in the form of [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457).
func expectProblem(
    _ response: Response,
    _ status: Int,
    _ code: String,
    _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    #expect(response.status == status, comment, sourceLocation: sourceLocation)
    #expect(response["Content-Type"] == "application/problem+json", comment, sourceLocation: sourceLocation)
    let object = try JSONSerialization.jsonObject(with: Data(response.body)) as? [String: any Sendable]
    let problem = try #require(object, sourceLocation: sourceLocation)
    #expect(problem["code"] as? String == code, sourceLocation: sourceLocation)
    #expect(problem["status"] as? Int == status, sourceLocation: sourceLocation)
    for name in ["type", "title", "detail", "requestId"] {
        #expect(problem[name] is String, "\(name)", sourceLocation: sourceLocation)
    }
    #expect(response["Cache-Control"]?.contains("no-store") == true, sourceLocation: sourceLocation)
    if status == 401 {
        #expect(response["WWW-Authenticate"]?.hasPrefix("Bearer") == true, sourceLocation: sourceLocation)
    }
}
