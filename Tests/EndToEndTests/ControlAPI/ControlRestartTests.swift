import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("A restart loses nothing that the API has created")
    struct ControlRestartTests {
        @Test("Events, lists, registrations, join codes, deletions and webhooks survive a SIGKILL")
        func kept() throws {
            let site = try Site { $0.control = "webhook_private_addresses = [\"127.0.0.0/8\"]" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent(
                "Kept",
                [
                    "presenters": ["u-9"], "metadata": ["a": [1, nil, true, "x"]], "secondJoin": "refuse",
                    "picture": "https://pictures.example/1.png", "type": "LiveStreamInPerson",
                ]
            )
            let gone = try backend.createEvent("Gone")
            let registered = try backend.register("ada@example.com", for: event)
            let removed = try backend.register("eve@example.com", for: event)
            let closed = try backend.register("ada@example.com", for: gone)
            #expect(
                try backend.call("DELETE", "/event/\(event)/registrant", ["email": "eve@example.com"]).status == 204
            )
            #expect(try backend.call("DELETE", "/event/\(gone)").status == 200)
            let hook = try backend.call(
                "POST",
                "/webhooks",
                [
                    "eventType": "event.created", "endpoint": "https://127.0.0.1:9/hook",
                ]
            )
            #expect(hook.status == 201)
            let paths = [
                "/company/acme", "/company/acme/events", "/event/\(event)", "/event/\(event)/registrants", "/webhooks",
            ]
            let before = try paths.map { try backend.ask("GET", $0) }

            try site.gateway.restart()
            // The same token is valid: it is signed, and not stored.
            let after = Backend(port: site.port)
            after.token = backend.token
            #expect(try paths.map { try after.ask("GET", $0) } == before)
            #expect(try after.register("eve@example.com", for: event) != removed)
            let again: JSONValue = ["name": "Ada Lovelace", "email": "ada@example.com", "resend": true]
            #expect(try Registered(try after.ask("POST", "/event/\(event)/registrant", again)) == registered)
            for target in [removed.target, closed.target] {
                try expectProblem(try fetch(site.port, target), 403, "registration_removed")
            }
            for (event, code) in [(event, removed.joinCode), (gone, closed.joinCode)] {
                #expect([401, 403].contains(try fetch(site.port, "/event/\(event)?joinCode=\(code)").status))
            }
            #expect(try Browser(site).open("/event/\(event)?joinCode=\(registered.joinCode)").status == 200)
            // The event's own rule for a second join.
            try expectProblem(try fetch(site.port, registered.target), 409, "already_active")
            let embed = try after.embed(["userId": "u-9", "userName": "Grace"], in: event)
            #expect(try Browser(site).open(Browser.path(embed)).status == 200)
            #expect(site.upstream.requests.last?["X-Gateway-Listed-As"] == "presenter")
        }

        @Test(
            "A viewer there when the gateway was killed has left when it was last known to run: within its last second"
        )
        func stays() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            site.upstream.on("/event/\(event)/ws") { try WebSocket.serveEcho($0) }
            let browser = Browser(site)
            let registered = try backend.register("ada@example.com", for: event)
            #expect(try browser.open(registered.target).status == 200)
            let socket = try Client(port: site.port)
            #expect(try socket.openWebSocket("/event/\(event)/ws", browser.cookieField).status == 101)
            let path = "/event/\(event)/analytics"
            func participant(_ backend: Backend) throws -> JSONValue? {
                try backend.ask("GET", path)["participants"]?.list?.first
            }
            #expect(try eventually { try participant(backend) != nil })
            #expect(try participant(backend)?["lastLeave"] == .null)
            let joinedAt = try #require(moment(try participant(backend)?["firstJoin"]))
            // Long enough for several notes that the gateway is running.
            #expect(eventually { Date().timeIntervalSince(joinedAt) > 2 })
            let killedAt = Date()
            site.gateway.end()
            let goneAt = Date()
            #expect(eventually { Date().timeIntervalSince(killedAt) > 1.5 })
            try site.gateway.startAgain()

            let after = Backend(port: site.port)
            after.token = backend.token
            let left = try #require(moment(try participant(after)?["lastLeave"]))
            // The stay ends with the last note, of which there is one a second.
            #expect(left.timeIntervalSince(killedAt) > -2.5 && left < goneAt + 0.1, "\(left), killed at \(killedAt)")
            let minutes = try #require(try participant(after)?["minutes"]?.number)
            #expect(abs(minutes * 60 - left.timeIntervalSince(joinedAt)) < 0.5)
            // The session continues with its cookie, as another stay of the same person.
            #expect(try browser.fetch("/event/\(event)/poll").status == 200)
            #expect(try eventually { try participant(after)?["lastLeave"] == .null })
            #expect(try after.ask("GET", path)["attended"] == 1)
            #expect(try participant(after)?["joins"] == 1)
        }

        @Test("SIGTERM ends open stays at the moment when it arrives")
        func stopped() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let registered = try backend.register("ada@example.com", for: event)
            #expect(try Browser(site).open(registered.target).status == 200)
            let stoppedAt = Date()
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait() == 0)
            try site.gateway.startAgain()
            let after = Backend(port: site.port)
            after.token = backend.token
            let person = try #require(try after.ask("GET", "/event/\(event)/analytics")["participants"]?.list?.first)
            let left = try #require(moment(person["lastLeave"]))
            #expect(abs(left.timeIntervalSince(stoppedAt)) < 2)
        }

        private func moment(_ value: JSONValue?) -> Date? {
            value?.text.flatMap { text in
                try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: text.contains(".")))
            }
        }
    }
}
