import Basics
import Synchronization
import Testing

@testable import Admission
@testable import Console

/// The list of sessions, and removing a viewer.
@Suite struct SessionPageTests {
    private let desk = Desk()

    private func page(_ query: String = "", _ cookie: String) async -> String {
        await desk.call(.get, "/console/sessions" + query, cookie: cookie).text
    }

    /// The users on a page, in order.
    private func users(_ page: String) -> [String] {
        page.matches(of: /<bdi>(user-\d+)<\/bdi>/).map { String($0.1) }
    }

    @Test("Sixty a page, latest first, each once, and as many as there are")
    func paging() async throws {
        for number in 1...130 { desk.gateway.join(UInt64(number)) }
        let cookie = try await desk.signIn()
        var (found, query): ([String], String?) = ([], "")
        var pages = 0
        while let place = query {
            let text = await page(place, cookie)
            #expect(text.contains("<strong id=\"total\">130</strong>"))
            found += users(text)
            pages += 1
            query = text.firstMatch(of: /rel="next" href="\/console\/sessions([^"]+)"/).map { String($0.1) }
        }
        #expect(pages == 3)
        #expect(found == (1...130).reversed().map { "user-\($0)" })
    }

    @Test("A search finds parts of names, e-mails and ids in any case, and companies and events exactly")
    func search() async throws {
        desk.gateway.join(1, name: "Ada Lovelace", email: "ada@example.com")
        desk.gateway.join(2, name: "Grace Hopper", event: "e2")
        desk.gateway.join(3, name: "ÉMILIE", company: "globex")
        let cookie = try await desk.signIn()
        for (query, count) in [
            ("?q=LOVE", 1), ("?q=ada%40EXAMPLE", 1), ("?q=%C3%A9milie", 1), ("?q=R2", 1),
            ("?event=e2", 1), ("?event=E2", 0), ("?company=globex", 1),
            ("?q=user-", 3),
            ("?q=nobody", 0), ("?q=ada&event=e2", 0),
        ] {
            let text = await page(query, cookie)
            #expect(text.contains("<strong id=\"total\">\(count)</strong>"), "\(query)")
        }
    }

    @Test("What a search says comes back as text")
    func hostileSearch() async throws {
        let cookie = try await desk.signIn()
        let text = await page("?q=%22%3E%3Cscript%3E&before=1-zz&event=%3Cb%3E", cookie)
        #expect(text.contains("value=\"&quot;&gt;&lt;script&gt;\"") && text.contains("value=\"&lt;b&gt;\""))
        #expect(!text.contains("<script>") && !text.contains("<b>"))
    }

    @Test("Names with markup, with turned directions and of any length change nothing on the page")
    func hostileNames() async throws {
        desk.gateway.join(1, name: "</td><script>alert(1)</script>", email: "\"><img src=x onerror=alert(1)>@x.example")
        desk.gateway.join(2, name: "gnp.\u{202e}exe", event: "<h1>\u{2067}")
        desk.gateway.join(3, name: String(repeating: "W", count: 100_000), company: "a'b\"c&d")
        let cookie = try await desk.signIn()
        let list = await page("", cookie)
        var texts = [list]
        for number in 1...3 {
            texts.append(
                await desk.call(.get, "/console/sessions/remove?session=000000000000000\(number)", cookie: cookie).text
            )
        }
        for text in texts {
            #expect(!text.contains("<img") && !text.contains("<h1>\u{2067}") && text.matches(of: /<script/).count == 1)
            #expect(!text.contains("\u{202e}") && !text.contains("\u{2067}"))
            #expect(text.utf8.count < 20_000)
        }
        #expect(list.contains("gnp.\\u202eexe") && list.contains("a&#39;b&quot;c&amp;d"))
    }

    @Test(
        "A viewer is removed until when the operator says",
        arguments: [
            ("how=hour", "2026-11-18T12:06:40.000Z"), ("how=day", "2026-11-19T11:06:40.000Z"), ("how=good", "for good"),
            ("how=until&until=2026-12-24T18%3A30", "2026-12-24T18:30:00.000Z"),
            ("how=until&until=2026-12-24T18%3A30%3A15", "2026-12-24T18:30:15.000Z"),
        ]
    )
    func removal(choice: String, until: String) async throws {
        #expect(Timestamp.text(start) == "2026-11-18T11:06:40.000Z")
        desk.gateway.join(1)
        let cookie = try await desk.signIn()
        let key = try await desk.key(cookie)
        let form = "key=\(key)&session=0000000000000001&reason=Spam&whom=registration&\(choice)"
        let answer = await desk.call(.post, "/console/sessions/remove", form, cookie: cookie)
        #expect(answer.status == 303 && answer["Location"] == "/console/removals?done=removed")
        #expect(desk.gateway.deeds.withLock { $0 } == ["remove registration r1 from e1 of acme, \(until), Spam"])
        let list = await desk.call(.get, "/console/removals?done=removed", cookie: cookie).text
        #expect(list.contains("The viewer was removed.") && list.contains("Spam"))
        let id = try #require(list.firstMatch(of: /name="id" value="([^"]+)"/)).1
        let lifted = await desk.call(
            .post,
            "/console/removals/lift",
            "key=\(key)&id=\(id)",
            cookie: cookie
        )
        #expect(lifted["Location"] == "/console/removals?done=lifted")
        #expect(try await desk.gateway.removals().isEmpty)
    }

    @Test(
        "A removal that is not clear is not done",
        arguments: [
            "", "how=", "how=forever", "how=until", "how=until&until=yesterday",
            "how=day&until=2090-12-24T18%3A30", "how=session&until=2090-12-24T18%3A30",
            "how=until&until=2020-01-01T00%3A00",
            "how=good&reason=a%00b", "how=good&reason=\(String(repeating: "x", count: 900))",
            "how=good&reason=a%E2%80%AEb&whom=user", "how=good", "how=good&whom=email", "how=good&whom=anybody",
        ]
    )
    func unclear(choice: String) async throws {
        desk.gateway.join(1)
        let cookie = try await desk.signIn()
        let key = try await desk.key(cookie)
        let form = "key=\(key)&session=0000000000000001&\(choice)"
        let answer = await desk.call(.post, "/console/sessions/remove", form, cookie: cookie)
        #expect(answer.status == 400 && answer.text.contains("role=\"alert\""))
        #expect(desk.gateway.deeds.withLock { $0 } == [])
    }

    @Test("A session that has ended meanwhile says so")
    func gone() async throws {
        let cookie = try await desk.signIn()
        #expect(await desk.call(.get, "/console/sessions/remove?session=1", cookie: cookie).status == 404)
        let key = try await desk.key(cookie)
        let form = "key=\(key)&session=1&how=session"
        #expect(await desk.call(.post, "/console/sessions/remove", form, cookie: cookie).status == 404)
    }

    @Test("A session outside of events can only be ended")
    func withoutEvent() async throws {
        desk.gateway.join(1, event: "")
        let cookie = try await desk.signIn()
        let page = await desk.call(.get, "/console/sessions/remove?session=0000000000000001", cookie: cookie).text
        #expect(page.matches(of: /name="how"/).count == 1)
        let key = try await desk.key(cookie)
        let form = "key=\(key)&session=0000000000000001&how=good"
        #expect(await desk.call(.post, "/console/sessions/remove", form, cookie: cookie).status == 400)
    }

    @Test(
        "A removal names whom the operator chose, of those that the session has",
        arguments: [("registration", "r1"), ("user", "user-1"), ("email", "ada@x.example")]
    )
    func whom(kind: String, text: String) async throws {
        desk.gateway.join(1, email: "ada@x.example")
        let cookie = try await desk.signIn()
        let form = await desk.call(.get, "/console/sessions/remove?session=0000000000000001", cookie: cookie).text
        #expect(form.contains("value=\"email\" checked") && form.matches(of: /name="whom"/).count == 3)
        let body = "key=\(try await desk.key(cookie))&session=0000000000000001&how=good&whom=\(kind)"
        #expect(await desk.call(.post, "/console/sessions/remove", body, cookie: cookie).status == 303)
        let deed = "remove \(kind) \(text) from e1 of acme, for good, no reason"
        #expect(desk.gateway.deeds.withLock { $0 } == [deed])
    }

    @Test("A form with a fault comes back as it was filled in, with the fault beside its field")
    func filled() async throws {
        desk.gateway.join(1, email: "ada@x.example")
        let cookie = try await desk.signIn()
        let body = "key=\(try await desk.key(cookie))&session=0000000000000001&how=until&until=2020-01-01T00%3A00"
        let answer = await desk.call(
            .post,
            "/console/sessions/remove",
            body + "&whom=user&reason=%3Cb%3EShouting",
            cookie: cookie
        )
        #expect(answer.status == 400)
        let text = answer.text
        for part in [
            "value=\"until\" checked", "value=\"user\" checked", "value=\"&lt;b&gt;Shouting\"",
            "value=\"2020-01-01T00:00\" aria-invalid=\"true\" aria-describedby=\"fault-until\"",
            "id=\"fault-until\">Say until when",
        ] { #expect(text.contains(part), "\(part)") }
        #expect(text.matches(of: #/ checked/#).count == 2)
    }

    @Test("The log says on whom or what an operator acted, and why, and not the key of the form")
    func logged() async throws {
        desk.gateway.join(1)
        let cookie = try await desk.signIn()
        let key = try await desk.key(cookie)
        let body = "key=\(key)&session=0000000000000001&how=session&reason=Asked+for+it"
        #expect(await desk.call(.post, "/console/sessions/remove", body, cookie: cookie).status == 303)
        let ready = "key=\(key)&upstream=embed-host&server=127.0.0.1:1&state=ready"
        #expect(await desk.call(.post, "/console/upstreams", ready, cookie: cookie).status == 303)
        let lines = desk.log.value.filter { $0.hasPrefix("console: an operator acted") }
        #expect(
            lines == [
                "console: an operator acted action=/console/sessions/remove client=127.0.0.1 how=session reason=Asked for it "
                    + "session=0000000000000001",
                "console: an operator acted action=/console/upstreams client=127.0.0.1 server=127.0.0.1:1 state=ready "
                    + "upstream=embed-host",
            ]
        )
        #expect(!desk.log.value.contains { $0.contains(key) })
    }
}
