import Foundation
import Testing

extension EndToEnd {
    @Suite("Pages are in the viewer's language")
    struct PageLanguageTests {
        private static let site = Result { try Site { $0.limits += "\nheader_count = 20" } }
        private let site: Site

        init() throws { site = try Self.site.get() }

        private func expectPage(_ page: Response, _ status: Int, _ tag: String, _ title: String) {
            #expect(page.status == status && page.text.contains("<h1>\(title)</h1>"), "\(page)")
            #expect(page.text.contains("<html lang=\"\(tag)\" dir=\"ltr\">"))
            #expect(page["Content-Language"] == tag && page["Vary"] == "Accept-Language")
            #expect(page.body.count < 12_000)
        }

        @Test(
            "A refused viewer reads it in the language that the browser asks for, or else in English",
            arguments: [
                ("de-DE,de;q=0.9,en;q=0.8", "de", "Bitte öffnen Sie Ihren Einladungslink"),
                ("es-419", "es", "Abra su enlace de acceso"), ("fr", "fr", "Veuillez ouvrir votre lien d’accès"),
                ("nl, pt-BR;q=0.9, en;q=0.5", "pt", "Abra o seu link de acesso"),
                ("ja", "ja", "参加用のリンクを開いてください"), ("nl", "en", "Please open your join link"),
                ("de;q=0, en", "en", "Please open your join link"),
            ]
        )
        func refusals(accepted: String, tag: String, title: String) throws {
            let fields = Browser.navigation + ["Accept-Language: \(accepted)"]
            expectPage(try fetch(site.port, "/event/e1", fields), 401, tag, title)
            let client = try HTTP2Client.connected(port: site.port)
            let lower = try fields.map { line in
                let field = try Field(line: line)
                return Field(field.name.lowercased(), field.value)
            }
            expectPage(try client.exchange("/event/e1", lower), 401, tag, title)
        }

        @Test("Programs get English, and what the upstream says is its own affair")
        func programs() throws {
            let german = ["Accept-Language: de"]
            let problem = try fetch(site.port, "/event/e1", german)
            try expectProblem(problem, 401, "token_missing")
            #expect(problem.text.contains("Please open your join link") && problem["Content-Language"] == nil)
            let answer = try fetch(site.port, "/public/x", Browser.navigation + german)
            #expect(answer.status == 200 && answer["Content-Language"] == nil && answer["Vary"] == nil)
            #expect(site.upstream.requests(for: "/public/x").last?["Accept-Language"] == "de")
        }

        @Test(
            "So do those whose request could not be read or led nowhere",
            arguments: [
                ("/.gateway/nothing", [], 404, "Hier gibt es nichts"),
                ("/event/../x", [], 400, "Diese Adresse funktioniert nicht"),
                ("/public/x", ["X : y"], 400, "Diese Adresse funktioniert nicht"),
                ("/public/x", (0..<30).map { "X\($0): 1" }, 431, "Ihr Browser sendet zu viel"),
            ]
        )
        func faults(target: String, fields: [String], status: Int, title: String) throws {
            let german = Browser.navigation + ["Accept-Language: fr;q=0.1, de"]
            expectPage(try fetch(site.port, target, german + fields), status, "de", title)
        }

        @Test("A fault of the upstream is told in the viewer's language too, and the page tries again")
        func upstreamFaults() throws {
            let site = try Site()
            site.upstream.on("/public/cut") { _ in false }
            let german = Browser.navigation + ["Accept-Language: de"]
            for _ in 0..<2 {
                let page = try fetch(site.port, "/public/cut", german)
                expectPage(page, 502, "de", "Die Veranstaltung ist nicht erreichbar")
                #expect(page.text.contains("data-first=\"5\"") && page.text.contains("<noscript><meta http-equiv"))
                #expect(page["Content-Security-Policy"]?.contains("connect-src 'self'") == true)
            }
            let form = try fetch(site.port, "/public/cut", method: "POST", german + ["Content-Length: 0"])
            #expect(form.status == 502 && !form.text.contains("data-first"), "a form is not sent twice")
        }

        @Test("Attack: a hostile Accept-Language gets a page like any other")
        func hostile() throws {
            for value in [
                "de\"><script>alert(1)</script>", String(repeating: "de;q=0.1,", count: 700), ";;;q=", "*;q=9",
                String(repeating: "q", count: 6000),
            ] {
                let page = try fetch(site.port, "/event/e1", Browser.navigation + ["Accept-Language: \(value)"])
                #expect(page.status == 401 && !page.text.contains("alert"))
            }
        }
    }
}
