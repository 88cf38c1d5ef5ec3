import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("One registration, one viewer: from the API to the event and back")
    struct RegistrationStoryTests {
        let site: Site
        let backend: Backend
        let event: String

        init() throws {
            site = try Site { $0.control = "" }
            backend = try Backend.signedIn(site)
            event = try backend.createEvent()
            site.upstream.on("/event/\(event)/ws") { try WebSocket.serveEcho($0) }
        }

        private func open(_ browser: Browser) throws -> WebSocketEnd {
            let client = try Client(port: site.port)
            let response = try client.openWebSocket("/event/\(event)/ws", browser.cookieField)
            try #require(response.status == 101, "\(response)")
            return WebSocketEnd(client.reader, isClient: true)
        }

        private func session(_ browser: Browser) throws -> JSONValue {
            let referer = "Referer: http://localhost:\(site.port)/event/\(event)"
            return try browser.fetch("/.gateway/session", "GET", [referer]).json()
        }

        @Test("An e-mail is registered once, however it is written; resend repeats the answer")
        func once() throws {
            let body: JSONValue = ["name": "Ada", "email": "Ada@Example.com", "metadata": ["seat": 7, "vip": true]]
            let first = try backend.ask("POST", "/event/\(event)/registrant", body)
            #expect(
                first.names == [
                    "email", "joinCode", "joinUrl", "join_url", "metadata", "name", "registeredAt", "registrationId",
                ]
            )
            #expect(first["join_url"] == first["joinUrl"])
            #expect(first["email"] == "Ada@Example.com" && first["name"] == "Ada")
            #expect(first["metadata"] == ["seat": 7, "vip": true])
            for email in ["Ada@Example.com", "ada@example.com", "ADA@EXAMPLE.COM"] {
                var again: JSONValue = ["name": "Ada", "email": .string(email)]
                try expectFault(
                    try backend.call("POST", "/event/\(event)/registrant", again),
                    409,
                    "already_registered"
                )
                again["resend"] = true
                #expect(try backend.ask("POST", "/event/\(event)/registrant", again) == first)
            }
            #expect(try backend.ask("GET", "/event/\(event)/registrants?include=join_url") == .array([first]))
        }

        @Test(
            "Joining elsewhere ends the first stay with 4409; a presenter is host at the next request; removal ends all"
        )
        func story() throws {
            let registered = try backend.register("ada@example.com", for: event)
            let first = Browser(site)
            #expect(try first.open(registered.target).status == 200)
            let firstSocket = try open(first)

            let second = Browser(site, host: 2)
            #expect(try second.open(registered.target).status == 200)
            #expect(try firstSocket.remainder().map(\.close) == ["4409 session_replaced"])
            try expectProblem(try first.fetch("/event/\(event)/poll"), 409, "session_replaced")

            let socket = try open(second)
            #expect(try second.fetch("/event/\(event)/poll").status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Role"] == "attendee")
            #expect(try session(second)["role"] == "attendee")
            let presenter: JSONValue = ["presenter": " ADA@example.com"]
            let list = try backend.ask("PUT", "/event/\(event)/presenter", presenter)
            #expect(list.list?.count == 1)
            #expect(try second.fetch("/event/\(event)/poll").status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Role"] == "host")
            #expect(site.upstream.requests.last?["X-Gateway-Listed-As"] == "presenter")
            #expect(try session(second)["role"] == "host")
            #expect(try session(second)["listedAs"] == "presenter")
            #expect(try backend.ask("DELETE", "/event/\(event)/presenter/ada%40EXAMPLE.com") == [])
            #expect(try second.fetch("/event/\(event)/poll").status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Role"] == "attendee")
            #expect(site.upstream.requests.last?["X-Gateway-Listed-As"] == nil)
            // Nobody was disconnected meanwhile.
            socket.send(.text("still here"))
            #expect(try socket.receive() == .text("still here"))

            let start = monotonic()
            let removed = try backend.call("DELETE", "/event/\(event)/registrant", ["email": "Ada@example.com"])
            #expect(removed.status == 204 && removed.body.isEmpty)
            #expect(try socket.remainder().map(\.close) == ["4410 registration_removed"])
            #expect(monotonic() - start < 1)
            try expectProblem(try second.fetch("/event/\(event)/poll"), 403, "registration_removed")
            try expectProblem(try fetch(site.port, registered.target), 403, "registration_removed")
            try expectProblem(
                try fetch(site.port, "/event/\(event)/x", ["Authorization: Bearer \(registered.token)"]),
                403,
                "registration_removed"
            )
            #expect(try backend.ask("GET", "/event/\(event)/registrants") == [])
            let again = try backend.call("DELETE", "/event/\(event)/registrant", ["email": "Ada@example.com"])
            try expectFault(again, 404, "not_found")
        }

        @Test("A removed registration may be made anew, with another URL and code; the old ones stay invalid")
        func registeredAnew() throws {
            let old = try backend.register("ada@example.com", for: event)
            _ = try backend.call("DELETE", "/event/\(event)/registrant", ["email": "ada@example.com"])
            let new = try backend.register("ada@example.com", for: event)
            #expect(new.target != old.target && new.joinCode != old.joinCode)
            #expect(try Browser(site).open(new.target).status == 200)
            try expectProblem(try fetch(site.port, old.target), 403, "registration_removed")
            let guess = try fetch(site.port, "/event/\(event)?joinCode=\(old.joinCode)")
            #expect([401, 403].contains(guess.status))
        }

        @Test("Analytics count a person once, for the time that they were there, with the company's metadata")
        func analytics() throws {
            let body: JSONValue = ["name": "Ada", "email": "ada@example.com", "metadata": ["crm": "a-1"]]
            let registered = try Registered(try backend.ask("POST", "/event/\(event)/registrant", body))
            _ = try backend.register("nobody@example.com", for: event)
            let start = monotonic()
            let browsers = [Browser(site), Browser(site, host: 2)]
            for browser in browsers { #expect(try browser.open(registered.target).status == 200) }
            let embed = try backend.embed(["userId": "u-1", "userName": "Grace"], in: event)
            let guest = Browser(site, host: 3)
            #expect(try guest.open(Browser.path(embed)).status == 200)
            let path = "/event/\(event)/analytics"
            let isThere = try eventually {
                let analytics = try backend.ask("GET", path)
                return analytics["attended"]?.number == 2
                    && analytics["participants"]?.list?.contains { $0["replaced"]?.number == 1 } == true
            }
            #expect(isThere)
            // Long enough for measurable minutes.
            while monotonic() - start < 1.3 {
                for browser in [browsers[1], guest] { #expect(try browser.fetch("/event/\(event)/poll").status == 200) }
                usleep(50_000)
            }
            let referer = "Referer: http://localhost:\(site.port)/event/\(event)"
            for browser in [browsers[1], guest] {
                let left = try browser.fetch(
                    "/.gateway/leave",
                    "POST",
                    [referer, "Origin: http://localhost:\(site.port)"]
                )
                #expect(left.status == 204)
            }
            let stayed = (monotonic() - start) / 60
            let hasLeft = try eventually {
                try backend.ask("GET", path)["participants"]?.list?.allSatisfy { $0["lastLeave"] != .null } ?? false
            }
            #expect(hasLeft)
            let analytics = try backend.ask("GET", path)
            #expect(analytics["eventId"]?.text == event && analytics["eventName"] == "Spring launch")
            #expect(analytics["registered"] == 2 && analytics["attended"] == 2 && analytics["peakConcurrent"] == 2)
            let people = analytics["participants"]?.list ?? []
            try #require(people.count == 2)
            let ada = try #require(people.first { $0["registrationId"] != nil })
            #expect(ada["email"] == "ada@example.com" && ada["name"] == "Ada" && ada["role"] == "attendee")
            #expect(ada["metadata"] == ["crm": "a-1"])
            #expect(ada["joins"] == 2 && ada["replaced"] == 1)
            let minutes = try #require(ada["minutes"]?.number)
            #expect(minutes >= 0.02 && minutes <= stayed + 0.01, "\(minutes) of \(stayed)")
            let other = try #require(people.first { $0["registrationId"] == nil })
            #expect(other["userId"] == "u-1" && other["joins"] == 1 && other["metadata"] == [:])
            let total = try #require(analytics["totalMinutes"]?.number)
            #expect(abs(total - minutes - (other["minutes"]?.number ?? 0)) <= 0.011)
            let concurrency = analytics["concurrency"]?.list ?? []
            #expect(concurrency.contains { $0.list?.last == 2 })

            let table = try backend.call("GET", path, nil, ["Accept: text/csv"])
            #expect(table["Content-Type"]?.hasPrefix("text/csv") == true)
            let lines = table.text.components(separatedByCRLF: ())
            #expect(lines.count == 4 && lines.last == "")
            #expect(table.text.contains("ada@example.com"))
        }
    }
}
