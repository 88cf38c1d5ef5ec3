import Foundation
import Testing

extension EndToEnd {
    @Suite("Pages show the viewer's company")
    struct CompanyPageTests {
        private static let page = """
            [company.page]
            name = "Acme Live"
            accent = "#0a0a40"
            contact = "help@acme.example"
            home = "https://www.acme.example/events"
            """

        /// Opens another event with a link, for which there is a page to a viewer who is known.
        private func follow(_ site: Site, _ person: String) throws -> Response {
            try Browser(site).navigate("/event/e2?token=\(Minter.acme.registration(person))")
        }

        @Test("A logo, a name, colours and a contact, to its own viewers only; a reload changes them")
        func branded() throws {
            let files = try TemporaryDirectory()
            try files.write("logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>")
            let site = try Site { $0.company = Self.page + "\nlogo = \"\(files["logo.svg"])\"" }
            let page = try follow(site, "one")
            #expect(page.status == 403 && page.text.contains("wrong_event"), "\(page)")
            #expect(
                page.text.contains("<img src=\"data:image/svg+xml;base64,") && page.text.contains("alt=\"Acme Live\"")
            )
            #expect(page.text.contains("--accent:#0a0a40") && page.text.contains("mailto:help@acme.example"))
            #expect(page.text.contains("href=\"https://www.acme.example/events\" target=\"_top\""))
            let policy = try #require(page["Content-Security-Policy"])
            #expect(policy.contains("img-src data:;") && policy.matches(of: /sha256-/).count == 2, "\(policy)")

            let stranger = try Browser(site).navigate("/event/e1")
            #expect(stranger.status == 401 && !stranger.text.contains("Acme") && !stranger.text.contains("<img"))
            #expect(stranger["Content-Security-Policy"]?.contains("img-src") == false)

            try site.gateway.rewrite(site.configuration())
            site.gateway.reload()
            let isPlain = eventually {
                (try? follow(site, "two").text.contains("<p class=\"brand\">Acme</p>")) ?? false
            }
            #expect(isPlain)
        }
    }
}
