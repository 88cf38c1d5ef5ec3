import Foundation
import Testing

extension EndToEnd {
    @Suite("The operator's own pages")
    struct OwnPagesTests {
        private static let template = """
            <!doctype html><html lang="{{lang}}"><head><title>{{title}}</title>{{head}}
            <meta name="viewport" content="width=device-width"></head>
            <body><h1>{{title}}</h1>{{detail}}{{more}}<p>Ours: {{reference}}</p></body></html>
            """

        @Test("Own texts and an own layout are shown, a reload reads them again, and bad ones change nothing")
        func own() throws {
            let files = try TemporaryDirectory()
            try files.write("page.html", Self.template)
            try files.write("de.toml", "[token_missing]\ntitle = \"Hallo\"\n")
            let site = try Site { $0.top += "\n[pages]\ndirectory = \"\(files.path)\"\nlanguages = [\"de\"]" }
            func page() throws -> String {
                try fetch(site.port, "/event/e1", Browser.navigation + ["Accept-Language: de"]).text
            }
            let shown = try page()
            #expect(
                shown.contains("<h1>Hallo</h1>Öffnen Sie") && shown.contains("<p>Ours: token_missing · "),
                "\(shown)"
            )

            try files.write("de.toml", "[token_missing]\ntitel = \"Servus\"\n")
            site.gateway.send(SIGHUP)
            let reason = "pages.languages: de.toml: token_missing.titel: unknown key; did you mean token_missing.title?"
            #expect(eventually { site.gateway.log.contains(reason) })
            #expect(try page().contains("<h1>Hallo</h1>"))

            try files.write("de.toml", "[token_missing]\ntitle = \"Servus\"\n")
            site.gateway.reload()
            #expect(eventually { (try? page().contains("<h1>Servus</h1>")) ?? false })
        }
    }
}
