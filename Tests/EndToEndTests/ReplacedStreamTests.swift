import Foundation
import Testing

extension EndToEnd {
    @Suite("A replaced session's open streams end within a second")
    struct ReplacedStreamTests {
        let site: Site

        init() throws {
            site = try Site()
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            site.upstream.on("/event/e1/events") { exchange in
                exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: one\n\n")
                while exchange.socket.receive(within: 30) != .end {}
                return false
            }
        }

        /// Lets another holder join. Returns how long it took until the client's connection ended.
        private func replace(_ token: String, _ client: Client) throws -> Double {
            let start = monotonic()
            #expect(try fetch(site.port, "/event/e1?token=\(token)").status == 200)
            #expect(client.remainder(within: 5) != nil)
            return monotonic() - start
        }

        @Test("Server-sent events are cut, and not ended as if they were complete")
        func events() throws {
            let token = Minter.acme.registration("r1")
            let client = try Client(port: site.port)
            client.send("GET /event/e1/events?token=\(token) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let head = try #require(try client.reader.head())
            #expect(String(decoding: head, as: UTF8.self).hasPrefix("HTTP/1.1 200"))
            while !String(decoding: client.reader.buffer, as: UTF8.self).contains("data: one") {
                try #require(try client.reader.fill())
            }
            let start = monotonic()
            #expect(try fetch(site.port, "/event/e1?token=\(token)").status == 200)
            let rest = try #require(client.remainder())
            #expect(monotonic() - start < 1)
            #expect(!String(decoding: rest, as: UTF8.self).hasSuffix("0\r\n\r\n"))
        }

        @Test("WebSockets are closed")
        func webSocket() throws {
            let token = Minter.acme.registration("r2")
            let client = try Client(port: site.port)
            #expect(try client.openWebSocket("/event/e1/ws?token=\(token)").status == 101)
            #expect(try client.echo("hello") == "hello")
            #expect(try replace(token, client) < 1)
        }

        @Test("The new holder's streams and those of others stay")
        func others() throws {
            let token = Minter.acme.registration("r3")
            let other = try Client(port: site.port)
            #expect(try other.openWebSocket("/event/e1/ws?token=\(Minter.acme.registration("r4"))").status == 101)
            let old = try Client(port: site.port)
            #expect(try old.openWebSocket("/event/e1/ws?token=\(token)").status == 101)
            let new = try Client(port: site.port)
            #expect(try new.openWebSocket("/event/e1/ws?token=\(token)").status == 101)
            #expect(old.remainder() != nil)
            #expect(try new.echo("still here") == "still here")
            #expect(try other.echo("me too") == "me too")
        }

        @Test("An open stream keeps the lease, even if nothing is sent on it")
        func lease() throws {
            let site = try Site { $0.sessions = "second_join = \"refuse\"\nidle_timeout = \"1s\"" }
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let token = Minter.acme.registration("r1")
            let client = try Client(port: site.port)
            #expect(try client.openWebSocket("/event/e1/ws?token=\(token)").status == 101)
            let stolen = try eventually(within: 2.5) { try fetch(site.port, "/event/e1?token=\(token)").status == 200 }
            #expect(!stolen)
            client.socket.close()
            #expect(try eventually { try fetch(site.port, "/event/e1?token=\(token)").status == 200 })
        }
    }
}
