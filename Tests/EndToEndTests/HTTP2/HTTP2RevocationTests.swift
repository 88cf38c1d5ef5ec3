import Foundation
import Testing

extension EndToEnd {
    @Suite("HTTP/2: streams end when their basis is revoked, and the connection stays")
    struct HTTP2RevocationTests {
        /// A viewer with an open socket and an open response, as streams of one connection.
        private struct Guest {
            let socket: HTTP2WebSocket
            let body: UInt32

            var client: HTTP2Client { socket.client }

            func isOpen() throws -> Bool {
                socket.send(.text("still here"))
                return try socket.receive() == .text("still here") && !client.streams[body]!.isOver
            }
        }

        private func open(_ site: Site, _ event: String, _ token: String) throws -> Guest {
            let socket = try HTTP2WebSocket("/event/\(event)/ws?token=\(token)", port: site.port)
            let client = socket.client
            let session = try #require(client.streams[socket.stream]!.response["gateway-session"])
            let fields = [Field("authorization", "Bearer \(token)"), Field("gateway-session", session)]
            let body = client.request("/event/\(event)/stream", fields)
            try #require(client.wait { client.streams[body]!.response.body.count == 5 })
            let guest = Guest(socket: socket, body: body)
            try #require(try guest.isOpen())
            return guest
        }

        /// Expects that both end soon, the socket with its code.
        private func expectEnd(_ guest: Guest, _ close: String, since start: Double) throws {
            #expect(try guest.socket.remainder().last?.close == close)
            let (client, body) = (guest.client, guest.body)
            #expect(client.wait { client.streams[body]!.isOver })
            #expect(client.streams[body]!.reset != nil, "it was cut before its end")
            #expect(monotonic() - start < OpenStreams.soon)
            #expect(try client.exchange("/public/x").status == 200)
            #expect(client.goAways.isEmpty && client.faults.isEmpty, "\(client.faults)")
        }

        @Test("A key replaced by SIGHUP: 4401 on the socket, the body reset, and nothing of another company")
        func key() throws {
            let site = try Site { $0.eventIDs = (acme: "event_ids = [\"e1\"]", globex: "event_ids = [\"e2\"]") }
            for event in ["e1", "e2"] { site.serveStreams(of: event) }
            let acme = try open(site, "e1", Minter.acme.registration("r1"))
            let globex = try open(site, "e2", Minter.globex.registration("r1", event: "e2"))
            try site.gateway.directory.write("acme.secret", "a fresh HMAC secret that acme shares with the gateway")
            let start = monotonic()
            site.gateway.send(SIGHUP)
            try expectEnd(acme, "4401 token_invalid", since: start)
            #expect(try globex.isOpen())
        }

        @Test("A role given: 4412 if configured")
        func role() throws {
            let site = try Site {
                $0.control = ""
                $0.sessions = "on_role_change = \"reconnect\""
            }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            site.serveStreams(of: event)
            let guest = try open(site, event, try backend.register("ada@acme.example", for: event).token)
            let other = try open(site, event, try backend.register("eve@acme.example", for: event).token)
            let start = monotonic()
            _ = try backend.ask("PUT", "/event/\(event)/presenter", ["presenter": "ada@acme.example"])
            try expectEnd(guest, "4412 role_changed", since: start)
            #expect(try other.isOpen())
        }

        @Test("A registration removed: 4410")
        func removed() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            site.serveStreams(of: event)
            let guest = try open(site, event, try backend.register("ada@acme.example", for: event).token)
            let start = monotonic()
            _ = try backend.ask("DELETE", "/event/\(event)")
            try expectEnd(guest, "4410 registration_removed", since: start)
        }

        @Test("A token that expires: 4401 within a second of its end")
        func expiry() throws {
            let site = try Site { $0.tokens = "leeway = \"0s\"" }
            site.serveStreams(of: "e1")
            let start = monotonic()
            let viewer = Minter.Viewer(registration: "r1", expires: Minter.now + 4)
            let guest = try open(site, "e1", Minter.acme.token(viewer))
            try expectEnd(guest, "4401 token_expired", since: start + 4)
        }

        @Test("A request whose body is in progress is refused because of what happened meanwhile, and not passed on")
        func upload() throws {
            let site = try Site()
            site.serveStreams(of: "e1")
            let token = Minter.acme.token()
            let client = try HTTP2Client.connected(port: site.port)
            let fields = [Field("authorization", "Bearer \(token)"), Field("content-length", "100000")]
            let stream = client.request("/event/e1/upload", method: "POST", fields, end: false)
            client.sendBody(stream, Array("first".utf8), end: false)
            try #require(eventually { !site.upstream.requests(for: "/event/e1/upload").isEmpty })
            try site.gateway.directory.write("acme.secret", "a fresh HMAC secret that acme shares with the gateway")
            site.gateway.send(SIGHUP)
            try expectProblem(try client.response(stream), 401, "token_invalid")
            #expect(site.upstream.requests(for: "/event/e1/upload").allSatisfy { !$0.isComplete })
            #expect(try client.exchange("/public/x").status == 200)
        }
    }
}
