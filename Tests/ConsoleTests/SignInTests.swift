import Basics
import Synchronization
import Testing

@testable import Console
@testable import GatewayConfiguration

/// Who gets into the console, and what they may do.
@Suite struct SignInTests {
    private let desk = Desk()

    /// Every address that needs a visitor.
    private static let pages = [
        "/console/", "/console/sessions", "/console/sessions/remove?session=1", "/console/removals",
        "/console/companies", "/console/companies/one?id=acme", "/console/companies/one?id=initech",
        "/console/companies/event?company=acme&id=\(FakeRecords.uid)", "/console/companies/webhook?company=acme&id=w1",
        "/console/companies/revoke?company=initech&kind=key&id=k1", "/console/upstreams", "/console/configuration",
        "/console/log",
    ]

    /// Everything that changes something, and a form that would.
    private static let actions = [
        ("/console/sessions/remove", "session=0000000000000001&how=session"), ("/console/removals/lift", "id=x"),
        ("/console/upstreams", "upstream=embed-host&server=127.0.0.1:1&state=drain"),
        ("/console/configuration/reload", ""), ("/console/companies/redeliver", "company=acme&webhook=w1&id=msg_0"),
        ("/console/companies/secrets/add", "company=initech"),
        ("/console/companies/keys/add", "company=initech&kind=signs&algorithm=HS256"),
        ("/console/companies/revoke", "company=initech&kind=key&id=k1"),
    ]

    /// Whether anything was changed or asked for.
    private var isUntouched: Bool {
        desk.gateway.deeds.withLock { $0.isEmpty } && desk.gateway.calls.withLock { $0.isEmpty }
            && desk.records.redelivered.withLock { $0.isEmpty } && desk.reloads.value == 0
    }

    @Test("Without a sign-in, every page leads to the form, and back from there", arguments: pages)
    func stranger(path: String) async throws {
        let answer = await desk.call(.get, path)
        #expect(answer.status == 303)
        let form = try #require(answer["Location"])
        #expect(form == "/console/sign-in" + Form.query([("to", path)]))
        let page = await desk.call(.get, form)
        #expect(page.status == 200 && page.text.contains("name=\"to\" value=\"\(Markup.escaped(path))\""))
        let signedIn = await desk.call(
            .post,
            "/console/sign-in",
            "token=\(percentEncoded(FakeGateway.token))&to=\(percentEncoded(path))"
        )
        #expect(signedIn.status == 303 && signedIn["Location"] == path)
    }

    @Test("Without a sign-in there are no events, and nothing is done")
    func strangersAct() async {
        #expect(await desk.call(.get, "/console/events").status == 401)
        desk.gateway.join(1)
        for (path, form) in Self.actions {
            #expect(await desk.call(.post, path, "key=x&\(form)").status == 403)
        }
        #expect(isUntouched)
    }

    @Test("Signed in, but without the key of the forms or from elsewhere, no action is done either")
    func forgedActions() async throws {
        desk.gateway.join(1)
        let cookie = try await desk.signIn()
        let key = try await desk.key(cookie)
        for (path, form) in Self.actions {
            #expect(await desk.call(.post, path, form, cookie: cookie).status == 403)
            let foreign = await desk.call(.post, path, "key=\(key)&\(form)", cookie: cookie) {
                $0.fetchSite = Array("cross-site".utf8)
            }
            #expect(foreign.status == 403)
        }
        #expect(isUntouched)
    }

    @Test("The cookie is the browser's alone: no script reads it, and no other site sends it")
    func cookie() async throws {
        let form = "token=\(percentEncoded(FakeGateway.token))"
        let line = try #require(await desk.call(.post, "/console/sign-in", form)["Set-Cookie"])
        #expect(line.hasSuffix("; Path=/console; HttpOnly; SameSite=Strict"))
        let secure = await desk.call(.post, "/console/sign-in", form) { $0.isSecure = true }
        #expect(try #require(secure["Set-Cookie"]).hasSuffix("; Secure"))
        let (first, second) = (try await desk.signIn(), try await desk.signIn())
        #expect(first != second)
    }

    @Test("A wrong token signs nobody in, and the eleventh in a minute is told to wait; the right one always passes")
    func wrongTokens() async throws {
        for _ in 0..<Console.maxAttempts {
            let answer = await desk.call(.post, "/console/sign-in", "token=guess")
            #expect(answer.status == 403 && answer["Set-Cookie"] == nil)
        }
        let refused = await desk.call(.post, "/console/sign-in", "token=guess")
        #expect(refused.status == 429 && refused["Retry-After"] != nil && refused["Set-Cookie"] == nil)
        let elsewhere = await desk.call(.post, "/console/sign-in", "token=guess") { $0.addressHash = 8 }
        #expect(elsewhere.status == 403)
        let right = "token=\(percentEncoded(FakeGateway.token))"
        #expect(await desk.call(.post, "/console/sign-in", right).status == 303)
    }

    @Test("Somebody behind a Unix socket has bounded attempts too")
    func withoutAddress() async {
        for _ in 0..<Console.maxAttempts {
            _ = await desk.call(.post, "/console/sign-in", "token=guess") { $0.addressHash = 0 }
        }
        #expect(await desk.call(.post, "/console/sign-in", "token=guess") { $0.addressHash = 0 }.status == 429)
    }

    @Test("A sign-in ends after twelve hours, when somebody signs out, and with its token")
    func ends() async throws {
        let cookie = try await desk.signIn()
        desk.now.value = start + SignIns.lifetime - 1
        #expect(await desk.call(.get, "/console/", cookie: cookie).status == 200)
        desk.now.value = start + SignIns.lifetime
        #expect(await desk.call(.get, "/console/", cookie: cookie).status == 303)

        let second = try await desk.signIn()
        let key = try await desk.key(second)
        let out = await desk.call(.post, "/console/sign-out", "key=\(key)", cookie: second)
        #expect(out.status == 303 && out["Set-Cookie"]?.contains("Max-Age=0") == true)
        #expect(await desk.call(.get, "/console/", cookie: second).status == 303)

        let third = try await desk.signIn()
        desk.gateway.admin.withLock { $0.token = Secret(Array("another token, since the file changed".utf8)) }
        #expect(await desk.call(.get, "/console/", cookie: third).status == 303)
    }

    @Test("What a sign-in allowed does not grow when a reload gives its token another meaning")
    func swappedTokens() async throws {
        let cookie = try await desk.signIn(FakeGateway.readToken)
        desk.gateway.admin.withLock { ($0.token, $0.readToken) = ($0.readToken, $0.token) }
        #expect(await desk.call(.get, "/console/", cookie: cookie).status == 303)
    }

    @Test("Without a token in the configuration there is no console")
    func switchedOff() async {
        desk.gateway.admin.withLock { ($0.token, $0.readToken) = (nil, nil) }
        for path in ["/console/", "/console/sign-in", "/console/events"] {
            let answer = await desk.call(.get, path)
            #expect(answer.status == 403)
        }
        #expect(await desk.call(.post, "/console/sign-in", "token=").status == 403)
    }

    @Test("A cookie that is there twice counts for nothing")
    func twoCookies() async throws {
        let cookie = try await desk.signIn()
        let answer = await desk.call(.get, "/console/", cookie: cookie) {
            $0.cookie = Array("a=b; \(SignIns.cookieName)=\(cookie); \(SignIns.cookieName)=x".utf8)
        }
        #expect(answer.status == 303)
    }

    @Test("At most 256 are signed in: the oldest ends")
    func bounded() async throws {
        let first = try await desk.signIn()
        for number in 1...SignIns.limit {
            desk.now.value = start + Milliseconds(number)
            _ = try await desk.signIn()
        }
        #expect(await desk.call(.get, "/console/", cookie: first).status == 303)
    }

    // MARK: Requests that another site has caused

    enum Trick: String, CaseIterable {
        case otherSite, sameSite, otherOrigin, opaqueOrigin, noOrigin, otherPort, noKey, wrongKey, keyOfAnother
    }

    @Test(
        "No other site makes the console act, in a browser that says where requests come from or not",
        arguments: Trick.allCases
    )
    func forgery(trick: Trick) async throws {
        desk.gateway.join(1)
        let (cookie, other) = (try await desk.signIn(), try await desk.signIn())
        var key = try await desk.key(cookie)
        switch trick {
        case .noKey: key = ""
        case .wrongKey: key = String(key.reversed())
        case .keyOfAnother: key = try await desk.key(other)
        default: break
        }
        let form = "key=\(key)&session=0000000000000001&how=session"
        let answer = await desk.call(.post, "/console/sessions/remove", form, cookie: cookie) { call in
            switch trick {
            case .otherSite: call.fetchSite = Array("cross-site".utf8)
            case .sameSite: call.fetchSite = Array("same-site".utf8)
            case .otherOrigin: (call.fetchSite, call.origin) = (nil, Array("http://evil.example".utf8))
            case .opaqueOrigin: (call.fetchSite, call.origin) = (nil, Array("null".utf8))
            case .noOrigin: (call.fetchSite, call.origin) = (nil, nil)
            case .otherPort: (call.fetchSite, call.origin) = (nil, Array("http://127.0.0.1:3000".utf8))
            case .noKey, .wrongKey, .keyOfAnother: break
            }
        }
        #expect(answer.status == 403)
        #expect(desk.gateway.deeds.withLock { $0 } == [])
    }

    @Test("A browser that does not say where a request comes from may act by its origin")
    func oldBrowser() async throws {
        desk.gateway.join(1)
        let cookie = try await desk.signIn()
        let key = try await desk.key(cookie)
        let form = "key=\(key)&session=0000000000000001&how=session"
        let answer = await desk.call(.post, "/console/sessions/remove", form, cookie: cookie) { $0.fetchSite = nil }
        #expect(answer.status == 303)
        #expect(desk.gateway.deeds.withLock { $0 } == ["kick user-1"])
    }

    @Test("Nothing happens by opening an address")
    func reading() async throws {
        desk.gateway.join(1)
        let cookie = try await desk.signIn()
        let key = try await desk.key(cookie)
        for path in [
            "/console/sessions/remove?session=0000000000000001&how=good&key=\(key)",
            "/console/upstreams?upstream=embed-host&server=127.0.0.1:1&state=drain&key=\(key)",
            "/console/configuration/reload?key=\(key)", "/console/removals/lift?id=x&key=\(key)",
            "/console/sign-out?key=\(key)",
        ] {
            _ = await desk.call(.get, path, cookie: cookie)
        }
        #expect(desk.gateway.deeds.withLock { $0 } == [] && desk.reloads.value == 0)
        #expect(await desk.call(.get, "/console/", cookie: cookie).status == 200)
    }

    @Test("Whoever may only read sees every page, without a way to act, and cannot act")
    func reader() async throws {
        desk.gateway.join(1)
        let cookie = try await desk.signIn(FakeGateway.readToken)
        for path in Self.pages {
            let page = await desk.call(
                .get,
                path.replacing("session=1", with: "session=0000000000000001"),
                cookie: cookie
            )
            #expect(page.status == 200 && page.text.contains("read only"))
            let actions = page.text.matches(of: /method="post" action="([^"]+)"/).map { String($0.1) }
            #expect(actions.allSatisfy { $0 == "/console/sign-out" }, "\(path)")
        }
        let key = try await desk.key(cookie)
        desk.gateway.calls.withLock { $0 = [] }
        for (path, form) in Self.actions {
            let answer = await desk.call(.post, path, "key=\(key)&\(form)", cookie: cookie)
            #expect(answer.status == 403 && answer.text.contains("read_token_file"))
        }
        #expect(isUntouched)
    }

    @Test("Every page forbids scripts but the console's, frames, and sending forms elsewhere")
    func policy() async throws {
        let cookie = try await desk.signIn()
        for path in Self.pages + ["/console/sign-in", "/console/nothing"] {
            let page = await desk.call(.get, path, cookie: cookie)
            let policy = try #require(page["Content-Security-Policy"])
            for rule in [
                "default-src 'none'", "script-src 'self'", "form-action 'self'", "frame-ancestors 'none'",
                "base-uri 'none'",
                "require-trusted-types-for 'script'",
            ] { #expect(policy.contains(rule)) }
            #expect(!policy.contains("unsafe"))
            #expect(page.text.firstMatch(of: /<style|<[^>]*(\s(on[a-z]+|style)=|javascript:)/) == nil, "\(path)")
            let scripts = page.text.matches(of: /<script src="([^"]+)" integrity="sha256-[^"]+" defer><\/script>/)
            #expect(scripts.count == 1 && page.text.matches(of: /<script/).count == 1)
            let script = await desk.call(.get, String(try #require(scripts.first).1))
            #expect(script.status == 200 && script.type == "text/javascript; charset=utf-8")
        }
    }
}
