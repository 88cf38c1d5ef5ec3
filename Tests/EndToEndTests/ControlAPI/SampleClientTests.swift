import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("The platform's sample client works unchanged, on a page of another origin")
    struct SampleClientTests {
        let site: Site
        let page: CrossOriginPage
        let event: String

        init() throws {
            site = try Site { $0.control = "" }
            page = CrossOriginPage(origin: "https://www.acme.example", port: site.port)
            event = try Backend.signedIn(site).createEvent("Spring launch")
        }

        private func signIn() throws -> String {
            let body = Backend(port: site.port).credentials()
            let response = try page.fetch("POST", "/api/oauth/token", body: body)
            #expect(response.status == 200)
            #expect(response["Cache-Control"]?.contains("no-store") == true)
            let answer = try response.json()
            #expect(answer["token_type"]?.text == "Bearer")
            #expect((answer["expires_in"]?.number ?? 0) > 0)
            return try #require(answer["access_token"]?.text)
        }

        @Test("Its calls in order: token, company, events, event, embedCode; and the URL opens the event")
        func calls() throws {
            let token = try signIn()
            let company = try page.fetch("GET", "/api/v1/company/acme", token: token)
            #expect(company.status == 200)
            let uid = try #require(try company.json()["uid"]?.text)
            #expect(try company.json()["eventIds"] == .array([.string(event)]))

            let events = try page.fetch("GET", "/api/v1/company/\(uid)/events", token: token)
            #expect(events.status == 200)
            let first = try #require(try events.json().list?.first)
            #expect(first["uid"]?.text == event)
            #expect(first["name"]?.text == "Spring launch")

            let shown = try page.fetch("GET", "/api/v1/event/\(event)", token: token)
            #expect(shown.status == 200)
            #expect(try shown.json() == first)

            let user: JSONValue = [
                "userId": "u-17", "userDisplayName": "Grace Hopper", "userEmail": "Grace@Example.com",
                "userAvatar": "https://pictures.example/17.png",
            ]
            let code = try page.fetch("POST", "/api/v1/event/\(event)/embedCode", token: token, body: user)
            #expect(code.status == 200)
            #expect(code["Content-Type"] == "application/json")
            let url = try #require(try code.json().text)
            #expect(url.hasPrefix("http://localhost:\(site.port)/event/\(event)?token="))
            #expect(!url.contains("&"))

            let viewer = Browser(site)
            #expect(try viewer.open(Browser.path(url)).status == 200)
            let seen = try #require(site.upstream.requests.last)
            #expect(seen["X-Gateway-User-Id"] == "u-17")
            #expect(seen["X-Gateway-User-Name"] == "Grace%20Hopper")
            #expect(seen["X-Gateway-User-Email"]?.lowercased() == "grace@example.com")
            #expect(seen["X-Gateway-User-Avatar"] == "https://pictures.example/17.png")
            #expect(seen["X-Gateway-Event"] == event)
            #expect(seen["X-Gateway-Role"] == "attendee")
            #expect(!seen.target.contains("token"))
        }

        @Test("A blank avatar becomes the e-mail's picture at Gravatar")
        func gravatar() throws {
            let token = try signIn()
            let user: JSONValue = [
                "userId": "u-18", "userDisplayName": "Ada", "userEmail": " MyEmailAddress@example.com ".trimmed,
                "userAvatar": "",
            ]
            let code = try page.fetch("POST", "/api/v1/event/\(event)/embedCode", token: token, body: user)
            let url = try #require(try code.json().text)
            #expect(try Browser(site).open(Browser.path(url)).status == 200)
            // The example from Gravatar's own documentation.
            #expect(
                site.upstream.requests.last?["X-Gateway-User-Avatar"]
                    == "https://www.gravatar.com/avatar/84059b07d4be67b806386c0aad8070a23f18836bbaae342275dc0a83414c32ee"
            )
        }

        @Test("The page can read errors too: their status and JSON, not a failed fetch")
        func errors() throws {
            let missing = try page.fetch("GET", "/api/v1/event/\(event)")
            try expectFault(missing, 401, "unauthorized")
            #expect(try missing.json()["errorMessage"]?.text == "Access token is missing or invalid")
            let token = try signIn()
            let unknown = UUID().uuidString.lowercased()
            try expectFault(try page.fetch("GET", "/api/v1/event/\(unknown)", token: token), 404, "not_found")
            let wrong = try page.fetch("POST", "/api/v1/event/\(event)/embedCode", token: token, body: [:])
            try expectFault(wrong, 400, "invalid_request", naming: "userId")
            try expectFault(try page.fetch("DELETE", "/api/v1/nothing", token: token), 404, "no_such_call")
        }

        @Test("A page of any other origin cannot read answers", arguments: ["https://evil.example", "null"])
        func foreignOrigins(origin: String) throws {
            let foreign = CrossOriginPage(origin: origin, port: site.port)
            let token = try signIn()
            let body = Backend(port: site.port).credentials()
            #expect(throws: CrossOriginPage.Blocked.self) { try foreign.fetch("POST", "/api/oauth/token", body: body) }
            #expect(throws: CrossOriginPage.Blocked.self) {
                try foreign.fetch("GET", "/api/v1/event/\(event)", token: token)
            }
            #expect(throws: CrossOriginPage.Blocked.self) { try foreign.fetch("GET", "/api/openapi.json") }
        }

        @Test("The page of one company cannot read answers for another")
        func otherCompanysPage() throws {
            let token = try #require(try Backend.signedIn(site, company: "globex").token)
            #expect(throws: CrossOriginPage.Blocked.self) {
                try page.fetch("GET", "/api/v1/company/globex", token: token)
            }
        }

        @Test("Without an Origin there are no CORS fields")
        func noOrigin() throws {
            let response = try fetch(site.port, "/api/v1/company/acme", ["Authorization: Bearer \(try signIn())"])
            #expect(response.status == 200)
            #expect(response["Access-Control-Allow-Origin"] == nil)
            #expect(response["Access-Control-Allow-Credentials"] == nil)
        }

        @Test("embed_origins = [\"*\"] lets any page call, as in a demo")
        func anyOrigin() throws {
            let site = try Site {
                $0.control = ""
                $0.embedOrigins = ["*"]
            }
            let page = CrossOriginPage(origin: "https://somebody.example", port: site.port)
            let body = Backend(port: site.port).credentials()
            let token = try #require(
                try page.fetch("POST", "/api/oauth/token", body: body).json()["access_token"]?.text
            )
            #expect(try page.fetch("GET", "/api/v1/company/acme", token: token).status == 200)
        }
    }
}

extension String {
    fileprivate var trimmed: JSONValue { .string(trimmingCharacters(in: .whitespaces)) }
}
