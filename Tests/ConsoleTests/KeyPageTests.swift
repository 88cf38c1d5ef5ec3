import Basics
import Synchronization
import Testing

@testable import Console

/// Keys and client secrets of companies: shown, added and revoked.
@Suite struct KeyPageTests {
    private let desk = Desk()

    private func page(_ company: String, _ cookie: String) async -> String {
        await desk.call(.get, "/console/companies/one?id=\(company)", cookie: cookie).text
    }

    private func post(_ path: String, _ form: String, _ cookie: String) async throws -> ConsoleAnswer {
        try await desk.call(.post, path, "key=\(await desk.key(cookie))&\(form)", cookie: cookie)
    }

    /// What was asked of the operator API.
    private var calls: [String] { desk.gateway.calls.withLock { $0 } }

    /// Without what only reads.
    private var changes: [String] { calls.filter { !$0.hasPrefix("GET") } }

    @Test("A company of the database shows its keys to both roles, and ways to change them to operators")
    func stored() async throws {
        let all = await page("initech", try await desk.signIn())
        for word in [
            "k1", "RS256", "signs and verifies", "key set, https://initech.example/keys", "2026-11-18", "2031-01-01",
            "until revoked", "/console/companies/keys/add", "/console/companies/secrets/add",
            "/console/companies/revoke?company=initech&amp;kind=key&amp;id=k1",
            "/console/companies/revoke?company=initech&amp;kind=secret&amp;id=s1", "in the database",
        ] { #expect(all.contains(word), "\(word)") }
        let readable = await page("initech", try await desk.signIn(FakeGateway.readToken))
        #expect(readable.contains("k1") && readable.contains("s1"))
        for word in ["/console/companies/keys", "/console/companies/secrets", "/revoke"] {
            #expect(!readable.contains(word), "\(word)")
        }
    }

    @Test("A company of the configuration's file says so, has no button, and cannot be changed by a form either")
    func file() async throws {
        let cookie = try await desk.signIn()
        let text = await page("acme", cookie)
        #expect(text.contains("in the configuration file") && text.contains("acme-2026, HS256"))
        #expect(!text.contains("/console/companies/keys") && !text.contains("/revoke"))
        for (path, form) in [
            ("keys/add", "kind=signs&algorithm=HS256"), ("secrets/add", ""), ("revoke", "kind=key&id=acme-2026"),
        ] {
            let answer = try await post("/console/companies/\(path)", "company=acme&\(form)", cookie)
            #expect(answer.status == 409 && answer.text.contains("in the configuration file"))
        }
        #expect(calls.isEmpty)
    }

    @Test("A client secret is shown in the answer to the call that made it, and nowhere else")
    func secretOnce() async throws {
        let cookie = try await desk.signIn()
        let answer = try await post("/console/companies/secrets/add", "company=initech&previous=day", cookie)
        #expect(changes == ["POST /companies/initech/secrets {\"previousUntil\":\"2026-11-19T11:06:40.000Z\"}"])
        #expect(answer.status == 201 && answer["Location"] == nil && answer.caching == "no-store")
        #expect(answer.text.contains("data-once>\(FakeGateway.newSecret)</code>"))
        // A page that is loaded again is the company's, and makes no second one.
        #expect(answer.text.contains("data-address=\"/console/companies/one?id=initech\""))
        for path in [
            "/console/", "/console/companies", "/console/companies/one?id=initech", "/console/configuration",
            "/console/log?level=debug",
        ] {
            #expect(await !desk.call(.get, path, cookie: cookie).text.contains(FakeGateway.newSecret), "\(path)")
        }
        let events = await desk.call(.get, "/console/events", cookie: cookie)
        let message = String(decoding: try #require(await events.pieces?()), as: UTF8.self)
        #expect(!message.contains(FakeGateway.newSecret))
    }

    @Test("A shared secret is made here and shown once, or given and never shown")
    func sharedSecret() async throws {
        let cookie = try await desk.signIn()
        let form = "company=initech&kind=secret&algorithm=HS512&kid=k9&previous=revoked"
        let answer = try await post("/console/companies/keys/add", form, cookie)
        let secret = try #require(answer.text.firstMatch(of: /data-once>([A-Za-z0-9_-]+)</)).1
        #expect(answer.status == 201 && secret.utf8.count == 86)
        let body = "{\"id\":\"k9\",\"algorithm\":\"HS512\",\"secret\":\"\(secret)\"}"
        #expect(changes == ["POST /companies/initech/keys \(body)"])
        let given = "given-secret-of-the-company-32-bytes"
        let second = try await post("/console/companies/keys/add", form + "&content=%0D%0A\(given)%0D%0A", cookie)
        #expect(second["Location"] == "/console/companies/one?id=initech&done=key-added")
        #expect(changes.last?.hasSuffix("\"secret\":\"\(given)\"}") == true)
        #expect(await !page("initech", cookie).contains(given))
    }

    @Test(
        "Each kind of key is the API's call",
        arguments: [
            ("kind=signs&algorithm=ES256", "{\"algorithm\":\"ES256\"}"),
            (
                "kind=signs&algorithm=ES256&previous=hour",
                "{\"algorithm\":\"ES256\",\"previousUntil\":\"2026-11-18T12:06:40.000Z\"}"
            ),
            ("kind=publicKey&algorithm=EdDSA&content=PEM", "{\"algorithm\":\"EdDSA\",\"publicKey\":\"PEM\"}"),
            ("kind=jwksUrl&algorithm=HS256&content=https://x.example", "{\"jwksUrl\":\"https://x.example\"}"),
        ]
    )
    func kinds(form: String, body: String) async throws {
        let answer = try await post("/console/companies/keys/add", "company=initech&\(form)", try await desk.signIn())
        #expect(answer.status == 303 && changes == ["POST /companies/initech/keys \(body)"])
    }

    @Test(
        "A form that is not clear makes no call",
        arguments: [
            "", "kind=other", "kind=signs&content=x", "kind=publicKey&algorithm=RS256", "kind=jwksUrl&content=%20%0A",
            "kind=signs&previous=ever", "kind=secret&algorithm=HS256&previous=hour",
        ]
    )
    func unclear(form: String) async throws {
        let answer = try await post("/console/companies/keys/add", "company=initech&\(form)", try await desk.signIn())
        #expect(answer.status == 400 && answer.text.contains("href=\"/console/companies/one?id=initech\">Back"))
        #expect(changes.isEmpty)
    }

    @Test("What the API refuses is said in its words")
    func refused() async throws {
        desk.gateway.refusal.withLock { $0 = (409, "Revoke one of the 8 client secrets first") }
        let answer = try await post("/console/companies/secrets/add", "company=initech", try await desk.signIn())
        #expect(answer.status == 409 && answer.text.contains("Revoke one of the 8 client secrets first."))
        desk.gateway.refusal.withLock { $0 = (503, nil) }
        let closed = try await post("/console/companies/secrets/add", "company=initech", try await desk.signIn())
        #expect(closed.status == 503 && closed.text.contains("Try again soon."))
        #expect(await page("initech", try await desk.signIn()).contains("keys cannot be read at the moment"))
    }

    @Test(
        "A key is revoked after a page that says what that does; so is a client secret",
        arguments: ["key", "secret"]
    )
    func revoked(kind: String) async throws {
        let (cookie, id) = (try await desk.signIn(), kind == "key" ? "k1" : "s1")
        let form = "company=initech&kind=\(kind)&id=\(id)"
        let page = await desk.call(.get, "/console/companies/revoke?\(form)", cookie: cookie)
        #expect(page.status == 200 && page.text.contains("cannot be undone") && changes.isEmpty)
        #expect(page.text.contains(kind == "key" ? "sessions that began with them end" : "API tokens"))
        let answer = try await post("/console/companies/revoke", form, cookie)
        #expect(answer["Location"] == "/console/companies/one?id=initech&done=\(kind)-revoked")
        #expect(changes == ["DELETE /companies/initech/\(kind)s/\(id)"])
    }

    @Test(
        "Nothing from a form becomes another call",
        arguments: [
            "company=initech&kind=key&id=none", "company=initech&kind=key&id=s1", "company=initech&kind=secret&id=k1",
            "company=initech&kind=key&id=k1/../../acme", "company=initech/keys/k1&kind=key&id=",
            "company=&kind=key&id=k1",
            "company=initech&kind=key", "company=initech%3Fx&kind=key&id=k1", "company=..&kind=secret&id=s1",
        ]
    )
    func paths(form: String) async throws {
        let cookie = try await desk.signIn()
        #expect(try await post("/console/companies/revoke", form, cookie).status == 404)
        #expect(await desk.call(.get, "/console/companies/revoke?\(form)", cookie: cookie).status == 404)
        #expect(changes.isEmpty)
    }
}
