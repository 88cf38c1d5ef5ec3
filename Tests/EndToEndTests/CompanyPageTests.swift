import Basics
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
            #expect(
                policy.contains("img-src data:;")
                    && policy.firstMatch(of: /style-src[^;]*/)?.0.matches(of: /sha256-/).count == 2,
                "\(policy)"
            )

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

        @Test("So does the page of a company of the directory, and it names the event, but not to viewers of another")
        func directory() throws {
            let site = try Site { $0.control = "" }
            let page: JSONValue = [
                "name": "Initech Live", "accent": "#0a0a40", "logo": "https://initech.example/l.png",
            ]
            func operate(_ method: String, _ path: String, _ body: JSONValue) throws -> Response {
                try fetch(site.gateway.adminPort, path, method: method, body: body.serialized(), within: 20)
            }
            let made = try operate("POST", "/companies", ["id": "initech", "page": page])
            try #require(made.status == 201, "\(made)")
            let backend = Backend(port: site.port, company: "initech")
            try backend.signIn(secret: try #require(try made.json()["clientSecret"]?.text))
            let later: JSONValue = [
                "startDate": "2040-01-01T10:00:00Z", "endDate": "2040-01-01T11:00:00Z", "doorsOpen": 5,
            ]
            let (first, second) = (try backend.createEvent("First", later), try backend.createEvent("Second", later))
            var own = later
            own["page"] = ["name": "Initech Academy", "accent": "#a00020", "contact": "academy@initech.example"]
            let third = try backend.createEvent("Third", own)
            let user: JSONValue = ["userId": "u1", "userName": "Ada"]
            let token = try #require(try backend.embed(user, in: first).split(separator: "=").last)
            let early = try Browser(site).navigate("/event/\(first)?token=\(token)")
            #expect(early.status == 403 && early.text.contains("not_open"), "\(early)")
            let logo = "<p class=\"brand\"><img src=\"https://initech.example/l.png\" alt=\"Initech Live\"></p>"
            #expect(early.text.contains(logo) && early.text.contains("#0a0a40"))
            #expect(try backend.ask("GET", "/company/initech")["logo"]?.text == "https://initech.example/l.png")
            #expect(early.text.contains(">First</strong><br><time class=\"at\" datetime=\"2040-01-01T10:00:00.000Z\">"))
            let link = try #require(try backend.embed(user, in: third).split(separator: "=").last)
            let branded = try Browser(site).navigate("/event/\(third)?token=\(link)")
            #expect(branded.status == 403 && branded.text.contains("not_open"), "\(branded)")
            #expect(branded.text.contains("<img src=\"https://initech.example/l.png\" alt=\"Initech Academy\">"))
            #expect(branded.text.contains("--accent:#a00020") && !branded.text.contains("#0a0a40"))
            #expect(branded.text.contains("mailto:academy@initech.example"))
            let other = try Browser(site).navigate("/event/\(second)?token=\(token)")
            #expect(other.status == 403 && other.text.contains("wrong_event"))
            #expect(other.text.contains("Initech Live") && !other.text.contains("Second"))

            #expect(try operate("PATCH", "/companies/initech", ["page": .null]).status == 200)
            let plain = try Browser(site).navigate("/event/\(first)?token=\(token)")
            #expect(plain.text.contains("not_open") && !plain.text.contains("Initech Live"))
        }
    }
}
