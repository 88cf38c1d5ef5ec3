import Basics
import Synchronization
import Testing

@testable import Console

/// What companies have in the database: events, registrations, webhooks and their messages.
@Suite struct CompanyRecordTests {
    private let desk = Desk()

    @Test(
        "An endpoint is shown without what may be a secret: to readers its host only",
        arguments: [
            ("https://h.example", "https://h.example", "https://h.example"),
            ("https://h.example/", "https://h.example/", "https://h.example/"),
            ("https://h.example:8443/a/b", "https://h.example:8443/a/b", "https://h.example:8443/…"),
            ("https://h.example/a?b=c#d", "https://h.example/a?…", "https://h.example/…"),
            ("https://h.example?b=c", "https://h.example?…", "https://h.example/…"),
            ("https://h.example#d", "https://h.example?…", "https://h.example/…"),
            ("http://u:p@[::1]:80/a", "http://…@[::1]:80/a", "http://…@[::1]:80/…"),
            ("http://u:p@x@h.example/@", "http://…@h.example/@", "http://…@h.example/…"),
            ("mailto:secret", "…", "…"),
        ]
    )
    func masked(url: String, operators: String, readers: String) {
        #expect(MaskedURL.text(url, for: Visitor(role: .operator, formKey: "")) == operators)
        #expect(MaskedURL.text(url, for: Visitor(role: .reader, formKey: "")) == readers)
    }

    @Test("No page shows the secret of an endpoint, and none its path to a reader")
    func endpoints() async throws {
        let (acts, reads) = (try await desk.signIn(), try await desk.signIn(FakeGateway.readToken))
        for path in ["/console/companies/one?id=acme", "/console/companies/webhook?company=acme&id=w1"] {
            for cookie in [acts, reads] {
                let text = await desk.call(.get, path, cookie: cookie).text
                #expect(text.contains("hooks.acme.example:8443"), "\(path)")
                for secret in ["pass-word", "query-secret"] { #expect(!text.contains(secret), "\(path)") }
                #expect(text.contains("path-secret") == (cookie == acts))
            }
        }
    }

    @Test("Texts of companies and of people are shown as text, bounded, on every page")
    func hostile() async throws {
        let cookie = try await desk.signIn()
        for path in [
            "one?id=acme", "event?company=acme&id=\(FakeRecords.uid)&kind=event",
            "event?company=acme&id=\(FakeRecords.uid)&kind=networking", "webhook?company=acme&id=w1",
        ] {
            let page = await desk.call(.get, "/console/companies/\(path)", cookie: cookie)
            #expect(page.status == 200 && page.text.contains("&lt;script&gt;alert(1)"), "\(path)")
            #expect(page.text.matches(of: /<script/).count == 1 && !page.text.contains("<img"))
            #expect(page.text.contains("\\u202e") && !page.text.contains("\u{202e}"))
        }
    }

    @Test("A message is delivered again only by a form, and by its webhook's page")
    func redelivery() async throws {
        let cookie = try await desk.signIn()
        let page = await desk.call(.get, "/console/companies/webhook?company=acme&id=w1", cookie: cookie).text
        #expect(page.matches(of: /action="\/console\/companies\/redeliver"/).count == 3)
        let form = "key=\(try await desk.key(cookie))&company=acme&webhook=w1&id=msg_2"
        let answer = await desk.call(.post, "/console/companies/redeliver", form, cookie: cookie)
        #expect(answer["Location"] == "/console/companies/webhook?company=acme&id=w1&done=queued")
        #expect(desk.records.redelivered.withLock { $0 } == ["msg_2 to w1 of acme"])
    }

    @Test("Lists that are empty or over say so in words")
    func empty() async throws {
        let cookie = try await desk.signIn()
        desk.records.isEmpty.withLock { $0 = true }
        let none = await desk.call(.get, "/console/companies/one?id=acme", cookie: cookie).text
        for words in ["No webhooks.", "No events.", "No networking hubs."] { #expect(none.contains(words)) }
        desk.records.isEmpty.withLock { $0 = false }
        let after = "\(start).upcoming.\(start).\(FakeRecords.uid)"
        let rest = await desk.call(.get, "/console/companies/one?id=acme&event=\(after)", cookie: cookie).text
        #expect(rest.contains("No more events.") && !rest.contains("No more networking hubs."))
        for path in ["event?company=acme&id=none", "webhook?company=acme&id=none", "one?id=none"] {
            #expect(await desk.call(.get, "/console/companies/\(path)", cookie: cookie).status == 404)
        }
    }
}
