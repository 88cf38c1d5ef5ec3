import Basics
import JOSE
import Testing

extension EndToEnd {
    @Suite("A token made by the API is valid where it says, and nowhere else")
    struct EventScopeTests {
        @Test("eventSpecific: this event only; company-wide: the company's events, never another company's")
        func scope() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let (first, second) = (try backend.createEvent("One"), try backend.createEvent("Two"))
            let foreign = try Backend.signedIn(site, company: "globex").createEvent("Theirs")
            func status(_ token: String, _ event: String) throws -> Response {
                try fetch(site.port, "/event/\(event)", ["Authorization: Bearer \(token)"])
            }
            func embed(_ eventSpecific: JSONValue?) throws -> String {
                var user: JSONValue = ["userId": "u-1", "userName": "Ada"]
                user["eventSpecific"] = eventSpecific
                let answer = try backend.ask("POST", "/event/\(first)/embed", user)
                #expect(answer.names == ["expiresAt", "role", "token", "url"])
                let token = try #require(answer["token"]?.text)
                #expect(answer["url"]?.text == "http://localhost:\(site.port)/event/\(first)?token=\(token)")
                return token
            }
            for specific in [nil, true, nil] as [JSONValue?] {
                let token = try embed(specific)
                #expect(try status(token, first).status == 200)
                try expectProblem(try status(token, second), 403, "wrong_event")
                try expectProblem(try status(token, foreign), 403, "wrong_event")
            }
            let wide = try embed(false)
            #expect(try status(wide, first).status == 200)
            #expect(try status(wide, second).status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Event"] == second)
            try expectProblem(try status(wide, foreign), 403, "wrong_event")
            try expectProblem(try status(wide, "no-such-event"), 403, "wrong_event")
            let registered = try backend.register("ada@example.com", for: first).token
            #expect(try status(registered, first).status == 200)
            try expectProblem(try status(registered, second), 403, "wrong_event")
        }

        @Test(
            "Further requests of another event's page belong to the session that its company-wide token has there"
        )
        func assets() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let (first, second) = (try backend.createEvent("One"), try backend.createEvent("Two"))
            let user: JSONValue = ["userId": "u-1", "userName": "Ada", "eventSpecific": .bool(false)]
            let token = try #require(try backend.ask("POST", "/event/\(first)/embed", user)["token"]?.text)
            let browser = Browser(site)
            #expect(try browser.open("/event/\(second)?token=\(token)").status == 200)
            let session = try #require(site.upstream.requests.last?["X-Gateway-Session"])
            let page = "Referer: http://localhost:\(site.port)/event/\(second)"
            for _ in 0..<3 {
                #expect(try browser.fetch("/assets/app.js", "GET", [page]).status == 200)
                let request = try #require(site.upstream.requests.last)
                #expect(request["X-Gateway-Session"] == session)
                #expect(request["X-Gateway-Event"] == second)
            }
        }

        @Test("A networking hub has its own path, and is not an event")
        func networking() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let hub = try #require(try backend.ask("POST", "/networking/create", backend.newEvent("Hub"))["uid"]?.text)
            let url = try #require(
                try backend.ask("POST", "/networking/\(hub)/embedCode", ["userId": "u-1", "userName": "Ada"]).text
            )
            #expect(url.hasPrefix("http://localhost:\(site.port)/networking/\(hub)?token="))
            #expect(try Browser(site).open(Browser.path(url)).status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Event"] == hub)
            let body: JSONValue = ["name": "Ada", "email": "ada@example.com"]
            let registered = try Registered(try backend.ask("POST", "/networking/\(hub)/registrant", body))
            #expect(try Browser(site).open(registered.target).status == 200)
            #expect(try Browser(site).open("/networking/\(hub)?joinCode=\(registered.joinCode)").status == 200)
            try expectFault(try backend.call("GET", "/event/\(hub)"), 404, "not_found")
            #expect(try backend.ask("GET", "/company/acme/events") == [])
        }

        @Test(
            "The role in embed's answer is the one that the upstream gets",
            arguments: [
                ("presenters", "u-1"), ("organizers", "Grace@Example.com"),
            ]
        )
        func role(list: String, who: String) throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent("One", .object([JSONMember(list, .array([.string(who)]))]))
            let user: JSONValue = ["userId": "u-1", "userName": "Grace", "userEmail": "grace@example.com"]
            let embed = try backend.ask("POST", "/event/\(event)/embed", user)
            #expect(embed["role"] == "host")
            let token = try #require(embed["token"]?.text)
            #expect(try fetch(site.port, "/event/\(event)", ["Authorization: Bearer \(token)"]).status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Role"] == "host")
            #expect(site.upstream.requests.last?["X-Gateway-Listed-As"] == String(list.dropLast()))
        }
    }
}
