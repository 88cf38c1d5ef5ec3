import Basics
import Synchronization
import Testing

@testable import Console

/// Every page is markup as it should be: elements are closed in order, ids are unique, fields have names for people.
@Suite struct MarkupTests {
    /// Elements without an end tag.
    private static let void: Set<String> = ["meta", "link", "input", "br", "path"]

    private struct Element {
        let name: String
        let attributes: [String: String]
    }

    /// What is wrong with a page.
    private func faults(in page: String) -> [String] {
        var (faults, open, ids): ([String], [Element], Set<String>) = ([], [], [])
        var labels: Set<String> = []
        for match in page.matches(of: /<(\/?)([a-z0-9]+)((?:\s+[A-Za-z-]+(?:="[^"]*")?)*)\s*(\/?)>/) {
            let name = String(match.2)
            guard match.1.isEmpty else {
                if open.last?.name == name {
                    open.removeLast()
                } else {
                    faults.append("</\(name)> in \(open.last?.name ?? "")")
                }
                continue
            }
            var attributes: [String: String] = [:]
            for attribute in match.3.matches(of: /([A-Za-z-]+)(?:="([^"]*)")?/) {
                let known = attributes.updateValue(String(attribute.2 ?? ""), forKey: String(attribute.1))
                if known != nil { faults.append("\(attribute.1) twice in \(name)") }
            }
            if let id = attributes["id"], !ids.insert(id).inserted { faults.append("id \(id) twice") }
            if name == "label", let field = attributes["for"] { labels.insert(field) }
            let isField = ["input", "select", "textarea"].contains(name) && attributes["type"] != "hidden"
            let isNamed =
                open.contains { $0.name == "label" } || attributes["aria-label"] != nil
                || labels.contains(attributes["id"] ?? "")
            if isField, !isNamed { faults.append("a field without a label: \(attributes)") }
            if name == "form", attributes["method"] == nil { faults.append("a form without a method") }
            if !Self.void.contains(name) { open.append(Element(name: name, attributes: attributes)) }
        }
        // What is no tag has no angle brackets.
        let rest = page.replacing(/<!doctype html>|<\/?[a-z0-9]+(?:\s+[A-Za-z-]+(?:="[^"]*")?)*\s*\/?>/, with: "")
        if rest.contains("<") || rest.contains(">") { faults.append("a bracket: \(rest)") }
        return faults + open.map { "\($0.name) is not closed" }
    }

    @Test("The checks find what they look for")
    func checks() {
        #expect(faults(in: "<p>a<br><b>b</b></p>") == [])
        #expect(faults(in: "<p><b></p></b>") == ["</p> in b", "p is not closed"])
        #expect(faults(in: "<p id=\"a\"></p><p id=\"a\"></p>") == ["id a twice"])
        #expect(faults(in: "<input name=\"a\">").count == 1 && faults(in: "<p>a < b</p>").count == 1)
    }

    @Test("Pages for operators and for readers, empty and full", arguments: [FakeGateway.token, FakeGateway.readToken])
    func pages(token: String) async throws {
        let desk = Desk()
        let cookie = try await desk.signIn(token)
        desk.lines.append("a <line> of the log", .warning)
        let event = "companies/event?company=acme&id=\(FakeRecords.uid)&kind=networking"
        let after = "\(start).past.\(start).\(FakeRecords.uid)"
        for isFull in [false, true] {
            desk.records.isEmpty.withLock { $0 = !isFull }
            if isFull {
                for number in 1...61 { desk.gateway.join(UInt64(number), name: "<b>\"&'", email: "a@b.example") }
                for number in 1...3 {
                    let session = try #require(await desk.gateway.session(named: "000000000000000\(number)"))
                    _ = try await desk.gateway.remove(
                        RemovalForm.people(session)[0],
                        from: "e1",
                        company: "acme",
                        until: number == 1 ? nil : start + 1000,
                        reason: "<i>"
                    )
                }
            }
            for path in [
                "", "sessions", "sessions?q=a&company=b&before=1-1", "sessions/remove?session=0000000000000001",
                "removals",
                "removals?done=lifted", "companies", "companies?q=a&from=1", "companies/one?id=none",
                "companies/one?id=acme", "companies/one?id=initech",
                "companies/one?id=initech&done=key-added", "companies/one?id=acme&event=\(after)", event,
                "\(event)&q=%3Cb%3E&after=1", "companies/webhook?company=acme&id=w1",
                "companies/webhook?company=acme&id=w1&before=1&done=queued",
                "companies/revoke?company=initech&kind=key&id=k1", "companies/revoke?company=initech&kind=secret&id=s1",
                "companies/revoke?company=initech&kind=key&id=none", "companies/revoke?company=acme&kind=key&id=x",
                "upstreams", "configuration", "log", "nothing",
            ] {
                let page = await desk.call(.get, "/console/\(path)", cookie: cookie)
                #expect(faults(in: page.text) == [], "\(path)")
            }
        }
        let form = "key=\(try await desk.key(cookie))&company=initech"
        for (path, form) in [
            ("secrets/add", form), ("keys/add", "\(form)&kind=secret"), ("keys/add", form), ("revoke", form),
        ] {
            let page = await desk.call(.post, "/console/companies/\(path)", form, cookie: cookie)
            #expect(page.status != 303 && faults(in: page.text) == [], "\(path)")
        }
        if token == FakeGateway.token {
            let key = try await desk.key(cookie)
            for form in ["how=until&until=1", "how=day", "how=good&reason=a%00b"] {
                let body = "key=\(key)&session=0000000000000001&\(form)"
                let page = await desk.call(.post, RemovalForm.path, body, cookie: cookie)
                #expect(page.status == 400 && faults(in: page.text) == [], "\(form)")
            }
            let drain = "key=\(key)&upstream=embed-host&server=127.0.0.1:1&state=drain"
            #expect(faults(in: await desk.call(.post, "/console/upstreams", drain, cookie: cookie).text) == [])
        }
        for path in ["/console/sign-in", "/console/sign-in?to=%2Fconsole%2Flog"] {
            #expect(faults(in: await desk.call(.get, path).text) == [])
        }
        let wrong = await desk.call(.post, "/console/sign-in", "token=x&to=%2Fconsole%2Flog")
        #expect(faults(in: wrong.text) == [] && wrong.text.contains("Wrong token."))
    }
}
