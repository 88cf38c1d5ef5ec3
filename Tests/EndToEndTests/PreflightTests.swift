import Foundation
import Testing

extension EndToEnd {
    @Suite("Preflights reveal nothing")
    struct PreflightTests {
        static let shared = Result { try Site() }
        let site: Site

        init() throws { site = try Self.shared.get() }

        private static let fields = ["Origin: https://evil.example", "Access-Control-Request-Method: GET"]
        private static let secret = "the page of the event"
        private static let allow = "Access-Control-Allow-Origin: https://evil.example"

        /// The answer of an application that treats every method alike.
        private static func page(_ status: String, _ body: String) -> String {
            let fields = [
                allow, "Set-Cookie: sid=1", "Content-Type: text/html", "Content-Encoding: identity",
                "Content-Language: en", "Content-Disposition: inline", "Content-Range: bytes 0-1/2", "ETag: \"a\"",
                "last-modified: Sun, 06 Nov 1994 08:49:37 GMT", "Accept-Ranges: bytes", "Digest: sha-256=x",
                "Repr-Digest: sha-256=:x:", "Vary: Origin", "X-Own: 1",
            ]
            return "HTTP/1.1 \(status)\r\n" + fields.joined(separator: "\r\n") + "\r\n" + body
        }

        private func check(_ answer: Response, _ status: Int) {
            #expect(answer.status == status && answer.body.isEmpty && answer.trailers.isEmpty, "\(answer)")
            #expect(answer["Access-Control-Allow-Origin"] == "https://evil.example" && answer["X-Own"] == "1")
            #expect(answer["Vary"] == "Origin" && answer.interim.isEmpty)
            let names = answer.fields.map { $0.name.lowercased() }
            #expect(!names.contains { $0.hasPrefix("content-") && $0 != "content-length" }, "\(names)")
            for name in ["set-cookie", "etag", "last-modified", "accept-ranges", "digest", "repr-digest"] {
                #expect(!names.contains(name))
            }
            #expect(answer["Content-Length"] == (status == 204 || status == 304 ? nil : "0"))
        }

        @Test(
            "Attack: a stranger reads by OPTIONS what an application answers to every method",
            arguments: ["/event/e1/page", "/app/page"],
            [
                ("200 OK", "Content-Length: \(secret.utf8.count)\r\n\r\n\(secret)"),
                ("200 OK", "Content-Length: 0\r\n\r\n"), ("204 No Content", "\r\n"), ("304 Not Modified", "\r\n"),
                ("200 OK", "Transfer-Encoding: chunked\r\n\r\n3\r\nthe\r\n0\r\nX-Trailer: 1\r\n\r\n"),
                ("404 Not Found", "Content-Length: 3\r\n\r\nthe"), ("500 Oops", "Content-Length: 3\r\n\r\nthe"),
                ("302 Found", "Content-Length: 3\r\n\r\nthe"),
            ]
        )
        func pages(path: String, answer: (status: String, body: String)) throws {
            site.upstream.on(path) { exchange in
                exchange.send("HTTP/1.1 103 Early Hints\r\nSet-Cookie: sid=1\r\nLink: </secret.js>\r\n\r\n")
                exchange.send(Self.page(answer.status, answer.body))
                return true
            }
            let status = try #require(Int(answer.status.prefix(3)))
            let client = try Client(port: site.port)
            // The connection continues.
            for _ in 0..<2 { check(try client.exchange(path, method: "OPTIONS", Self.fields), status) }
            let second = try HTTP2Client.connected(port: site.port)
            let fields = try Self.fields.map { try Field(line: $0) }.map { Field($0.name.lowercased(), $0.value) }
            for _ in 0..<2 {
                let stream = second.request(path, method: "OPTIONS", fields)
                check(try second.response(stream), status)
                #expect(second.streams[stream]?.pieces.isEmpty == true)
            }
            #expect(second.faults.isEmpty && second.isAlive(), "\(second.faults)")
        }

        @Test("A redirect passes unchanged, and a preflight of a public route belongs to its upstream")
        func passed() throws {
            site.upstream.on("/event/e1/moved") { exchange in
                try exchange.reply("307 Temporary Redirect", ["Location: /event/e1/there"], "there")
            }
            let moved = try fetch(site.port, "/event/e1/moved", method: "OPTIONS", Self.fields)
            #expect(moved.status == 307 && moved["Location"] == "/event/e1/there" && moved.body.isEmpty)
            site.upstream.on("/public/page") { exchange in
                try exchange.reply("200 OK", [Self.allow, "Set-Cookie: sid=1"], Self.secret)
            }
            let open = try fetch(site.port, "/public/page", method: "OPTIONS", Self.fields)
            #expect(open.text == Self.secret && open["Set-Cookie"] == "sid=1")
        }

        @Test(
            "Attack: a body that is huge, endless, or never begins: the preflight is answered, and its upstream released",
            arguments: [
                "Content-Length: 1000000000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n", "\r\n",
                "Content-Length: 5\r\n\r\n",
            ],
            [true, false]
        )
        func endless(framing: String, isSent: Bool) throws {
            let ended = Flag()
            site.upstream.on("/event/e1/endless") { exchange in
                exchange.send(Self.page("200 OK", framing))
                let piece =
                    framing.contains("chunked") ? "3e8\r\n" + String(repeating: "x", count: 1000) + "\r\n" : "xxx"
                // The gateway closes the connection: writing or reading fails.
                let count = !isSent ? 0 : framing.contains(": 5") ? 1 : 20_000
                for _ in 0..<count { guard exchange.socket.send(Array(piece.utf8)) else { break } }
                while (try? exchange.reader.fill()) == true {}
                ended.set()
                return false
            }
            let client = try Client(port: site.port)
            check(try client.exchange("/event/e1/endless", method: "OPTIONS", Self.fields), 200)
            #expect(try client.exchange("/public/next").status == 200)
            #expect(eventually { ended.isSet })
            let second = try HTTP2Client.connected(port: site.port)
            let fields = try Self.fields.map { try Field(line: $0) }.map { Field($0.name.lowercased(), $0.value) }
            check(try second.exchange("/event/e1/endless", method: "OPTIONS", fields), 200)
        }

        @Test("A body that arrives with its head costs no connection")
        func reuse() throws {
            let site = try Site()
            site.upstream.on("/event/e1/small") { exchange in
                try exchange.reply("200 OK", [Self.allow], "GET, HEAD, POST")
            }
            let client = try Client(port: site.port)
            for _ in 0..<5 {
                #expect(try client.exchange("/event/e1/small", method: "OPTIONS", Self.fields).body.isEmpty)
            }
            #expect(site.upstream.connections == 1)
        }
    }
}
