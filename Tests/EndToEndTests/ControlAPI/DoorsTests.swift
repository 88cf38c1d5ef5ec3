import Basics
import Foundation
import JOSE
import Testing

extension WaitingEndToEnd {
    @Suite("Doors: an event lets attendees in within a period")
    struct DoorsTests {
        /// More than the second that it takes, in case the machine is busy.
        private static let soon = 5.0

        private func site(_ secondJoin: String = "take_over") throws -> (Site, Backend) {
            let site = try Site {
                $0.control = ""
                $0.sessions = "second_join = \"\(secondJoin)\""
            }
            return (site, try Backend.signedIn(site))
        }

        private func text(_ seconds: Double) -> JSONValue {
            .string(Date().addingTimeInterval(seconds).ISO8601Format())
        }

        /// An event that `host@acme.example` presents.
        private func event(_ site: Site, _ backend: Backend, _ more: JSONValue) throws -> String {
            var body: JSONValue = ["presenters": ["host@acme.example"]]
            if case .object(let members) = more { for member in members { body[member.name] = member.value } }
            let event = try backend.createEvent("Doors", body)
            site.upstream.on("/event/\(event)/ws") { try WebSocket.serveEcho($0) }
            return event
        }

        @Test(
            "Before they open, a page counts down and lets in by itself; hosts come in",
            arguments: ["take_over", "refuse"]
        )
        func early(secondJoin: String) throws {
            let (site, backend) = try site(secondJoin)
            // They open in six seconds.
            let event = try event(site, backend, ["startDate": text(306), "doorsOpen": 5])
            let registered = try backend.register("ada@example.com", for: event)
            let browser = Browser(site)
            let page = try browser.navigate(registered.target)
            #expect(page.status == 403 && page.text.contains("not_open"), "\(page)")
            let wait = try #require(Int(page["Retry-After"] ?? ""))
            let refresh = try #require(Int(page["Refresh"] ?? ""))
            #expect((1...7).contains(wait) && refresh >= wait && refresh <= wait + 3)
            let script = try #require(page.text.firstMatch(of: /<script>(.*?)<\/script>/.dotMatchesNewlines()))
            let hash = Data(SHA256.hash(Array(script.output.1.utf8).span)).base64EncodedString()
            #expect(page["Content-Security-Policy"]?.contains("script-src 'sha256-\(hash)'") == true)
            #expect(page.text.contains("data-left=\"\(wait)\""))
            #expect(page.text.contains("<strong dir=\"auto\">Doors</strong><br><time class=\"at\" datetime=\"2"))
            let target = registered.target
            let response = try fetch(site.port, target)
            try expectProblem(response, 403, "not_open")
            #expect(response["Retry-After"] != nil && response["Refresh"] == nil)
            #expect(try Client(port: site.port).openWebSocket(target).status == 403)
            try expectProblem(try HTTP2Client.connected(port: site.port).exchange(target), 403, "not_open")
            let code = try browser.open("/event/\(event)?joinCode=\(registered.joinCode)")
            #expect(code.status == 403 && code.text.contains("not_open"))

            let host = ["userId": "h", "userName": "Host", "userEmail": "Host@acme.example"] as JSONValue
            #expect(try Browser(site, host: 2).open(Browser.path(try backend.embed(host, in: event))).status == 200)
            // What the browser does by itself: open the same address again.
            #expect(eventually(within: 30) { (try? browser.open(target).status) == 200 })
            #expect(try fetch(site.port, "/.gateway/session", browser.cookieField).json()["role"] == "attendee")
        }

        @Test(
            "After they close, open sockets of attendees get 4413, on both protocols; hosts stay",
            arguments: ["take_over", "refuse"]
        )
        func late(secondJoin: String) throws {
            let (site, backend) = try site(secondJoin)
            let event = try event(site, backend, ["endDate": text(8), "doorsClose": 0])
            let registered = try backend.register("ada@example.com", for: event)
            let browser = Browser(site)
            try #require(try browser.open(registered.target).status == 200)
            let client = try Client(port: site.port)
            try #require(try client.openWebSocket("/event/\(event)/ws", browser.cookieField).status == 101)
            let socket = WebSocketEnd(client.reader, isClient: true)
            let token = try backend.register("eve@example.com", for: event).token
            let http2 = try HTTP2WebSocket("/event/\(event)/ws?token=\(token)", port: site.port)
            let host = ["userId": "h", "userName": "Host", "userEmail": "Host@acme.example"] as JSONValue
            let hosts = Browser(site, host: 2)
            try #require(try hosts.open(Browser.path(try backend.embed(host, in: event))).status == 200)
            let hostClient = try Client(port: site.port)
            try #require(try hostClient.openWebSocket("/event/\(event)/ws", hosts.cookieField).status == 101)
            let hostSocket = WebSocketEnd(hostClient.reader, isClient: true)

            socket.reader.patience = 20
            #expect(try socket.remainder().last?.close == "4413 event_over")
            #expect(try http2.remainder().last?.close == "4413 event_over")
            let page = try browser.navigate("/event/\(event)")
            #expect(page.status == 403 && page.text.contains("event_over") && page["Refresh"] == nil)
            try expectProblem(try browser.fetch("/event/\(event)/poll"), 403, "event_over")
            try expectProblem(try fetch(site.port, registered.target), 403, "event_over")
            hostSocket.send(.text("still here"))
            #expect(try hostSocket.receive() == .text("still here"))
            // The organizer extends it.
            _ = try backend.ask("PATCH", "/event/\(event)", ["doorsClose": .null])
            #expect(try browser.navigate("/event/\(event)").status == 200)
        }

        @Test("When doors are moved while people are there, those outside have to go within a second")
        func moved() throws {
            let (site, backend) = try site()
            let event = try event(site, backend, ["doorsOpen": 30, "doorsClose": 30])
            let browser = Browser(site)
            try #require(try browser.open(try backend.register("ada@example.com", for: event).target).status == 200)
            let client = try Client(port: site.port)
            try #require(try client.openWebSocket("/event/\(event)/ws", browser.cookieField).status == 101)
            let socket = WebSocketEnd(client.reader, isClient: true)
            socket.send(.text("here"))
            #expect(try socket.receive() == .text("here"))
            let start = monotonic()
            _ = try backend.ask("PATCH", "/event/\(event)", ["endDate": text(-60), "doorsClose": 0])
            #expect(try socket.remainder().last?.close == "4413 event_over")
            #expect(monotonic() - start < Self.soon)
            try site.gateway.restart()
            try expectProblem(try browser.fetch("/event/\(event)/poll"), 403, "event_over")
        }
    }
}
