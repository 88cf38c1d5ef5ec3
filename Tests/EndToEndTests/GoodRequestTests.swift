import Foundation
import Testing

extension EndToEnd {
    @Suite("Valid requests get their own answers")
    struct GoodRequestTests {
        static let shared = Result { try Site() }
        let site: Site

        init() throws {
            site = try Self.shared.get()
            site.upstream.forget()
        }

        @Test("A connection serves one request after the other")
        func keepAlive() throws {
            let client = try Client(port: site.port)
            for number in 0..<50 {
                #expect(try client.exchange("/public/\(number)").text == "GET /public/\(number) 0")
            }
        }

        @Test("Twenty requests at once are answered in order, each with its own answer")
        func pipelining() throws {
            let client = try Client(port: site.port)
            let requests = (0..<20).map { number in
                number % 3 == 0
                    ? "POST /public/\(number) HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
                    : "GET /public/\(number) HTTP/1.1\r\nHost: localhost\r\n\r\n"
            }
            client.send(requests.joined())
            for number in 0..<20 {
                let expected = number % 3 == 0 ? "POST /public/\(number) 3" : "GET /public/\(number) 0"
                #expect(try client.response().text == expected)
            }
        }

        @Test("Pipelined requests of several viewers on one connection keep their own identity")
        func pipelinedIdentity() throws {
            let client = try Client(port: site.port)
            let users = (0..<10).map { "user-\($0)" }
            client.send(
                users.map { user in
                    let token = Minter.acme.token(Minter.Viewer(user: user))
                    return "GET /event/e1/\(user) HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \(token)\r\n\r\n"
                }.joined()
            )
            for user in users { #expect(try client.response().text == "GET /event/e1/\(user) 0") }
            for request in site.upstream.requests {
                #expect(request.target == "/event/e1/" + (request["X-Gateway-User-Id"] ?? ""))
            }
        }

        @Test("A chunked request arrives complete, wherever it is split")
        func chunkedRequest() throws {
            let text = Array(
                ("POST /public/c HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "5;x=y\r\nhello\r\n1\r\n \r\n0005\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n").utf8
            )
            let cuts = Array(1..<text.count)
            let clients = try cuts.map { _ in try Client(port: site.port) }
            for (client, cut) in zip(clients, cuts) { client.send(Array(text[..<cut])) }
            #expect(try fetch(site.port, "/.gateway/healthz").status == 200)
            for (client, cut) in zip(clients, cuts) { client.send(Array(text[cut...])) }
            for client in clients { #expect(try client.response().text == "POST /public/c 11") }
            #expect(site.upstream.requests.allSatisfy { $0.body == Array("hello world".utf8) })
        }

        @Test("A chunked response arrives complete, wherever it is split")
        func chunkedResponse() throws {
            let text = Array(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a\r\nhello\r\n6\r\n world\r\n0\r\n\r\n".utf8
            )
            site.upstream.on("/public/split") { exchange in
                let cut = exchange.request["X-Cut"].flatMap { Int($0) } ?? 0
                try exchange.readBody()
                exchange.socket.send(Array(text[..<cut]))
                usleep(500)
                exchange.socket.send(Array(text[cut...]))
                return true
            }
            let client = try Client(port: site.port)
            for cut in 0...text.count {
                #expect(try client.exchange("/public/split", ["X-Cut: \(cut)"]).text == "hello world")
            }
        }

        @Test("HEAD, 204 and 304 have no body, whatever their fields say")
        func bodiless() throws {
            let replies = ["head": "200 OK", "none": "204 No Content", "same": "304 Not Modified"]
            for (name, status) in replies {
                site.upstream.on("/public/\(name)") { exchange in
                    try exchange.readBody()
                    let length = name == "none" ? "" : "Content-Length: 5\r\n"
                    exchange.send("HTTP/1.1 \(status)\r\n\(length)ETag: \"1\"\r\n\r\n")
                    return true
                }
            }
            let client = try Client(port: site.port)
            for _ in 0..<3 {
                let head = try client.exchange("/public/head", method: "HEAD")
                #expect(head.status == 200 && head["Content-Length"] == "5")
                #expect(try client.exchange("/public/none").status == 204)
                let same = try client.exchange("/public/same")
                #expect(same.status == 304 && same["ETag"] == "\"1\"")
                #expect(try client.exchange("/public/after").text == "GET /public/after 0")
            }
        }

        @Test("HTTP/1.0 gets one answer and the end, unless it asks for keep-alive")
        func http10() throws {
            let client = try Client(port: site.port)
            client.send("GET /public/old HTTP/1.0\r\n\r\n")
            #expect(try client.response().text == "GET /public/old 0")
            #expect(client.isClosed())

            let kept = try Client(port: site.port)
            for _ in 0..<3 {
                kept.send("GET /public/old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
                let response = try kept.response()
                #expect(response.text == "GET /public/old 0")
                #expect(response["Connection"]?.lowercased() == "keep-alive")
            }
        }

        @Test("HTTP/1.0 never gets a chunked answer")
        func http10Chunked() throws {
            site.upstream.on("/public/chunked") { exchange in
                try exchange.readBody()
                exchange.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
                return true
            }
            for keepAlive in ["", "Connection: keep-alive\r\n"] {
                let client = try Client(port: site.port)
                client.send("GET /public/chunked HTTP/1.0\r\n\(keepAlive)\r\n")
                let response = try client.response()
                #expect(response["Transfer-Encoding"] == nil)
                #expect(response.text == "hello")
            }
        }

        @Test("Connection: close ends the connection after the answer")
        func close() throws {
            let client = try Client(port: site.port)
            let response = try client.exchange("/public/x", ["Connection: close"])
            #expect(response.text == "GET /public/x 0")
            #expect(response["Connection"]?.lowercased() == "close")
            #expect(client.isClosed())
        }

        @Test("Expect: 100-continue is answered before the body arrives")
        func expectContinue() throws {
            let client = try Client(port: site.port)
            client.send(
                "POST /public/expect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
            )
            let head = try #require(try client.reader.head())
            #expect(String(decoding: head, as: UTF8.self).hasPrefix("HTTP/1.1 100"))
            client.send("hello")
            #expect(try client.response().text == "POST /public/expect 5")
            #expect(try client.exchange("/public/x").text == "GET /public/x 0")
        }

        @Test("Expect: 100-continue of a refused request is answered with the refusal alone")
        func expectRefused() throws {
            let client = try Client(port: site.port)
            client.send(
                "POST /event/e1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
            )
            let response = try client.response()
            #expect(response.status == 401 && response.interim.isEmpty)
        }

        @Test("Trailers pass in both directions, or are left out; the body stays complete")
        func trailers() throws {
            site.upstream.on("/public/trailers") { exchange in
                try exchange.readBody()
                exchange.send(
                    "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n"
                )
                return true
            }
            let client = try Client(port: site.port)
            client.send(
                "POST /public/trailers HTTP/1.1\r\nHost: localhost\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "2\r\nhi\r\n0\r\nX-Sent: 1\r\nX-Gateway-Role: host\r\nContent-Length: 9\r\n\r\n"
            )
            let response = try client.response()
            #expect(response.text == "ok")
            #expect(response.trailers.isEmpty || response.trailers == [Field(name: "X-Sum", value: "7")])
            let seen = try #require(site.upstream.requests(for: "/public/trailers").first)
            #expect(seen.body == Array("hi".utf8))
            #expect(seen.trailers.isEmpty || seen.trailers == [Field(name: "X-Sent", value: "1")])
            #expect(try client.exchange("/public/x").text == "GET /public/x 0")
        }

        @Test("An answer that arrives before the body is passed on, and nothing is mixed up afterwards")
        func earlyResponse() throws {
            site.upstream.on("/public/early") { exchange in
                exchange.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
                return false
            }
            let client = try Client(port: site.port)
            client.send("POST /public/early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhello")
            let response = try client.response()
            #expect(response.status == 403 && response.text == "no")
            client.send([UInt8](repeating: 120, count: 995))
            client.send("GET /public/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            do {
                #expect(try client.response().text == "GET /public/x 0")
            } catch MessageFault.closed {
                // The end of the connection is acceptable too.
            }
            #expect(try fetch(site.port, "/public/y").text == "GET /public/y 0")
        }

        @Test("1xx answers pass, and the final one follows", arguments: [1, 3])
        func interim(count: Int) throws {
            site.upstream.on("/public/hints\(count)") { exchange in
                try exchange.readBody()
                for _ in 0..<count {
                    exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </app.js>; rel=preload\r\n\r\n")
                }
                return try exchange.reply("200 OK", [], "page")
            }
            let client = try Client(port: site.port)
            let response = try client.exchange("/public/hints\(count)")
            #expect(response.text == "page")
            #expect(response.interim.allSatisfy { $0 == 103 } && response.interim.count <= count)
            #expect(try client.exchange("/public/x").text == "GET /public/x 0")
        }

        @Test("Server-sent events arrive one by one, as they are sent")
        func serverSentEvents() throws {
            let hasFirst = Flag()
            site.upstream.on("/public/events") { exchange in
                exchange.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 0\n\n")
                // What is not passed on at once never is.
                guard eventually(within: 20, { hasFirst.isSet }) else { return false }
                for number in 1..<5 { exchange.send("data: \(number)\n\n") }
                return false
            }
            let client = try Client(port: site.port)
            client.send("GET /public/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            _ = try client.reader.head()
            while !String(decoding: client.reader.buffer, as: UTF8.self).contains("data: 0") {
                try #require(try client.reader.fill())
            }
            hasFirst.set()
            while !String(decoding: client.reader.buffer, as: UTF8.self).contains("data: 4") {
                try #require(try client.reader.fill())
            }
        }

        @Test("A WebSocket carries frames both ways")
        func webSocket() throws {
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let token = Minter.acme.registration("ws")
            let client = try Client(port: site.port)
            let response = try client.openWebSocket("/event/e1/ws?token=\(token)")
            #expect(response.status == 101)
            #expect(response["Sec-WebSocket-Accept"] == WebSocket.accept)
            for number in 0..<100 { #expect(try client.echo("message \(number)") == "message \(number)") }
            let seen = try #require(site.upstream.requests(for: "/event/e1/ws").first)
            #expect(seen.target == "/event/e1/ws" && seen["X-Gateway-Registration"] == "ws")
        }

        @Test("Frames that a client sends right after its handshake are not lost")
        func eagerWebSocket() throws {
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let eager = try Client(port: site.port)
            let lines =
                ["GET /event/e1/ws?token=\(Minter.acme.token()) HTTP/1.1", "Host: localhost"] + WebSocket.handshake
            eager.send(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + WebSocket.frame("early"))
            #expect(try eager.response().status == 101)
            #expect(try eager.reader.take(7) == [0x81, 5] + Array("early".utf8))
        }

        @Test(
            "An upgrade that the upstream refuses does not become a tunnel",
            arguments: ["426 Upgrade Required", "200 OK"]
        )
        func refusedUpgrade(status: String) throws {
            site.upstream.on("/public/ws") { try $0.reply(status, [], "no") }
            let client = try Client(port: site.port)
            let response = try client.openWebSocket("/public/ws")
            #expect("\(response.status) \(response.reason)" == status && response.text == "no")
            #expect(try client.exchange("/event/e1").status == 401)
            #expect(site.upstream.requests(for: "/event/e1").isEmpty)
        }

        @Test("Upgrades to other protocols are refused", arguments: ["h2c", "TLS/1.0", "websocket, h2c", "foo"])
        func otherUpgrades(name: String) throws {
            let client = try Client(port: site.port)
            let response = try client.exchange(
                "/public/up",
                ["Connection: Upgrade, HTTP2-Settings", "Upgrade: \(name)", "HTTP2-Settings: AAMAAABkAAQAAP__"]
            )
            #expect([200, 400].contains(response.status))
            for request in site.upstream.requests(for: "/public/up") {
                #expect(request["Upgrade"] == nil && request["HTTP2-Settings"] == nil)
            }
        }

        @Test("A client that ends only its sending side still gets its answer")
        func halfClosed() throws {
            let client = try Client(port: site.port)
            client.send("POST /public/half HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc")
            client.socket.finishSending()
            #expect(try client.response().text == "POST /public/half 3")
        }

        @Test("Upstream connections are reused")
        func reuse() throws {
            let before = site.upstream.connections
            let client = try Client(port: site.port)
            for _ in 0..<30 { #expect(try client.exchange("/public/x").status == 200) }
            #expect(site.upstream.connections - before <= 2)
        }

        @Test(
            "A connection that the upstream closed meanwhile does not affect the client",
            arguments: ["GET", "HEAD"]
        )
        func staleConnection(method: String) throws {
            for _ in 0..<10 {
                #expect(try fetch(site.port, "/public/x", method: method).status == 200)
                site.upstream.closeConnections()
                #expect(try fetch(site.port, "/public/x", method: method).status == 200)
            }
        }

        @Test("A request that must not be repeated is sent once")
        func noRepeat() throws {
            site.upstream.on("/public/once") { exchange in
                try exchange.readBody()
                return false
            }
            let client = try Client(port: site.port)
            #expect(try client.exchange("/public/x").status == 200)
            #expect(try client.exchange("/public/once", method: "POST", body: [1, 2, 3]).status == 502)
            #expect(site.upstream.requests(for: "/public/once").count == 1)
        }
    }
}
