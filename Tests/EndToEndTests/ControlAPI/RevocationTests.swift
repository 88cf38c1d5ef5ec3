import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("Open connections end when their basis is revoked")
    struct RevocationTests {
        /// Each company has its own event.
        private static let apart = (acme: "event_ids = [\"e1\"]", globex: "event_ids = [\"e2\"]")

        /// A viewer with an open socket and an open response.
        private struct Guest {
            let socket: WebSocketEnd
            let stream: Client

            /// The content of the close frame, once the socket has ended.
            func ending() throws -> String? { try socket.remainder().last?.close }

            func isOpen() throws -> Bool {
                socket.send(.text("still here"))
                return try socket.receive() == .text("still here")
            }
        }

        private func makeSite(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws -> Site {
            let site = try Site {
                $0.control = ""
                adjust(&$0)
            }
            for event in ["e1", "e2"] { site.serveStreams(of: event) }
            return site
        }

        private func open(_ site: Site, _ event: String, _ token: String) throws -> Guest {
            let client = try Client(port: site.port)
            let response = try client.openWebSocket("/event/\(event)/ws?token=\(token)")
            try #require(response.status == 101, "\(response)")
            let session = try #require(response["Gateway-Session"])
            let stream = try Client(port: site.port)
            let fields = ["Authorization: Bearer \(token)", "Gateway-Session: \(session)"]
            stream.send(
                (["GET /event/\(event)/stream HTTP/1.1", "Host: localhost"] + fields).joined(separator: "\r\n")
            )
            stream.send("\r\n\r\n")
            while !String(decoding: stream.reader.buffer, as: UTF8.self).hasSuffix("first") {
                try #require(try stream.reader.fill())
            }
            return Guest(socket: WebSocketEnd(client.reader, isClient: true), stream: stream)
        }

        /// Expects that both end soon.
        private func expectEnd(_ guest: Guest, _ close: String, since start: Double) throws {
            #expect(try guest.ending() == close)
            // Cut before its end.
            #expect(try guest.stream.reader.rest().count < 1_000_000)
            #expect(monotonic() - start < OpenStreams.soon)
        }

        @Test("Replacing a key by SIGHUP ends what it opened, and nothing of another company")
        func key() throws {
            let site = try makeSite { $0.eventIDs = Self.apart }
            let acme = try open(site, "e1", Minter.acme.registration("r1"))
            let globex = try open(site, "e2", Minter.globex.registration("r1", event: "e2"))
            try site.gateway.directory.write("acme.secret", "a fresh HMAC secret that acme shares with the gateway")
            let start = monotonic()
            try site.reloadWithControl { $0.eventIDs = Self.apart }
            try expectEnd(acme, "4401 token_invalid", since: start)
            #expect(try globex.isOpen())
            // A reload that changes no key ends nothing.
            try site.reloadWithControl { $0.eventIDs = Self.apart }
            #expect(try globex.isOpen())
        }

        @Test("Removing a company by SIGHUP ends its viewers' sessions")
        func company() throws {
            let site = try makeSite { $0.eventIDs = Self.apart }
            let acme = try open(site, "e1", Minter.acme.registration("r1"))
            let globex = try open(site, "e2", Minter.globex.registration("r1", event: "e2"))
            let text = try String(contentsOfFile: site.gateway.directory["gateway.conf"], encoding: .utf8)
            let parts = text.components(separatedBy: "[[company]]")
            try #require(parts.count == 3)
            let rest = parts[2].components(separatedBy: "[sessions]")
            try site.gateway.directory.write(
                "gateway.conf",
                parts[0] + "[[company]]" + parts[1] + "[sessions]" + rest[1]
            )
            let start = monotonic()
            site.gateway.send(SIGHUP)
            try expectEnd(globex, "4401 token_invalid", since: start)
            #expect(try acme.isOpen())
        }

        @Test("Changing a company's issuer or audience ends what was judged by the old one")
        func terms() throws {
            let site = try makeSite { $0.eventIDs = Self.apart }
            for terms in ["issuer = \"https://login.acme.example\"", "audience = \"embed\""] {
                let acme = try open(site, "e1", Minter.acme.registration("r1"))
                let globex = try open(site, "e2", Minter.globex.registration("r1", event: "e2"))
                let start = monotonic()
                try site.reloadWithControl {
                    $0.eventIDs = Self.apart
                    $0.company = terms
                }
                try expectEnd(acme, "4401 token_invalid", since: start)
                #expect(try globex.isOpen())
                let again = try fetch(site.port, "/event/e1", ["Authorization: Bearer \(Minter.acme.token())"])
                try expectProblem(again, 401, "token_invalid")
                try site.reloadWithControl { $0.eventIDs = Self.apart }
                #expect(try globex.isOpen())
            }
        }

        @Test(
            "Other claim names end customers' tokens, another public_url ends ours; not the reverse"
        )
        func namesAndURL() throws {
            let site = try makeSite()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            site.serveStreams(of: event)
            let registered = try backend.register("ada@acme.example", for: event).token
            var (own, ours) = (try open(site, "e1", Minter.acme.registration("r1")), try open(site, event, registered))
            let start = monotonic()
            try site.reloadWithControl { $0.tokens = "[tokens.claims]\nemail = \"mail\"" }
            try expectEnd(own, "4401 token_invalid", since: start)
            #expect(try ours.isOpen())
            own = try open(site, "e1", Minter.acme.registration("r2"))
            let names = monotonic()
            try site.reloadWithControl {
                $0.tokens = "[tokens.claims]\nemail = \"mail\""
                $0.publicURL = "http://127.0.0.1:\(site.port)"
            }
            try expectEnd(ours, "4401 token_invalid", since: names)
            #expect(try own.isOpen())
            try site.reloadWithControl { $0.tokens = "[tokens.claims]\nemail = \"mail\"" }
            ours = try open(site, event, registered)
            #expect(try ours.isOpen())
        }

        @Test("max_lifetime ends open connections, whatever the token says")
        func lifetime() throws {
            let site = try makeSite { $0.sessions = "max_lifetime = \"3s\"\nidle_timeout = \"3s\"" }
            let start = monotonic()
            let guest = try open(site, "e1", Minter.acme.registration("r1"))
            try expectEnd(guest, "4401 token_expired", since: start + 3)
            #expect(monotonic() - start > 2.5)
        }

        @Test(
            "A role given or taken closes sockets with 4412 if configured; the session stays"
        )
        func roleReconnect() throws {
            let site = try makeSite { $0.sessions = "on_role_change = \"reconnect\"" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            site.serveStreams(of: event)
            let token = try backend.register("ada@acme.example", for: event).token
            let other = try open(site, event, try backend.register("eve@acme.example", for: event).token)
            for method in ["PUT", "DELETE"] {
                let guest = try open(site, event, token)
                let start = monotonic()
                if method == "PUT" {
                    _ = try backend.ask("PUT", "/event/\(event)/presenter", ["presenter": "ada@acme.example"])
                } else {
                    _ = try backend.ask("DELETE", "/event/\(event)/presenter/ada@acme.example")
                }
                try expectEnd(guest, "4412 role_changed", since: start)
                #expect(try other.isOpen())
            }
        }

        @Test("By default a change of roles leaves sockets open, and the session's present role is reported")
        func roleKept() throws {
            let site = try makeSite()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            site.serveStreams(of: event)
            let browser = Browser(site)
            try #require(try browser.open(try backend.register("ada@acme.example", for: event).target).status == 200)
            let client = try Client(port: site.port)
            try #require(try client.openWebSocket("/event/\(event)/ws", browser.cookieField).status == 101)
            let socket = WebSocketEnd(client.reader, isClient: true)
            #expect(try browser.fetch("/.gateway/session").json()["role"] == "attendee")
            _ = try backend.ask("PUT", "/event/\(event)/presenter", ["presenter": "ada@acme.example"])
            #expect(try browser.fetch("/.gateway/session").json()["role"] == "host")
            // Longer than a change takes to be noticed.
            let end = monotonic() + 2.5
            while monotonic() < end {
                socket.send(.text("still here"))
                #expect(try socket.receive() == .text("still here"))
                usleep(100_000)
            }
        }

        @Test("An id with a slash or a backslash is removed from an event's lists through the body")
        func idsThatNoPathHolds() throws {
            let site = try makeSite()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let path = "/event/\(event)/presenter"
            for id in ["a/b", "a\\b", "https://id.example/u?x=1#y", "..", "%2F"] {
                let body: JSONValue = ["presenter": .string(id)]
                #expect(try backend.ask("PUT", path, body) == [.string(id)])
                #expect(try backend.ask("DELETE", path, body) == [])
            }
            try expectFault(try backend.call("DELETE", path, [:]), 400, "invalid_request", naming: "presenter")
        }
    }
}
