import Foundation
import Testing

extension EndToEnd {
    @Suite("HTTP/2: exchanges come through complete")
    struct HTTP2ExchangeTests {
        static let shared = Result { try Site() }
        let site: Site

        init() throws {
            site = try Self.shared.get()
            site.upstream.forget()
        }

        private func isClean(_ client: HTTP2Client) -> Bool { client.faults.isEmpty && client.isAlive() }

        @Test("RFC 9113, 3.4: SETTINGS come first, with limits that are enforced")
        func settings() throws {
            let client = try HTTP2Client.connected(port: site.port)
            #expect((1...1000).contains(client.settings[.maxConcurrentStreams] ?? .max))
            #expect((1...1 << 20).contains(client.settings[.maxHeaderListSize] ?? .max))
            #expect((16_384...1 << 24 - 1).contains(client.settings[.maxFrameSize] ?? 16_384))
            #expect((client.settings[.headerTableSize] ?? 4096) <= 65_536)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 3.1: HTTP/1.1 is not upgraded to h2c, and the offer is not forwarded")
        func upgrade() throws {
            let response = try fetch(
                site.port,
                "/public/h2c",
                ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]
            )
            #expect(response.status == 200 || (400..<500).contains(response.status))
            for request in site.upstream.requests(for: "/public/h2c") {
                #expect(request["Upgrade"] == nil && request["HTTP2-Settings"] == nil, "\(request.fields)")
            }
        }

        @Test("A thousand requests on one connection, one after the other")
        func sequence() throws {
            let client = try HTTP2Client.connected(port: site.port)
            for number in 0..<1000 {
                #expect(try client.exchange("/public/\(number)").text == "GET /public/\(number) 0")
            }
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 5.1.2: as many concurrent requests as announced are all answered, each with its own answer")
        func atOnce() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let count = min(100, Int(client.settings[.maxConcurrentStreams] ?? 100))
            let streams = (0..<count).map { client.request("/public/\($0)", method: "POST", end: false) }
            for (number, stream) in streams.enumerated().reversed() {
                client.send(.data(stream, [UInt8](repeating: 120, count: number), end: true))
            }
            for (number, stream) in streams.enumerated() {
                #expect(try client.response(stream).text == "POST /public/\(number) \(number)")
            }
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 5.1.2: streams past the announced number are refused, and the others are served")
        func tooManyAtOnce() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let count = Int(try #require(client.settings[.maxConcurrentStreams]))
            let streams = (0..<count).map { _ in client.request("/public/x", method: "POST", end: false) }
            let extra = client.request("/public/extra", method: "POST", end: false)
            let outcome = client.outcome(of: extra)
            #expect(
                [.reset(.refusedStream), .reset(.protocolError), .goAway(.protocolError)].contains(outcome),
                "\(outcome)"
            )
            if case .reset = outcome {
                for stream in streams { client.send(.data(stream, "", end: true)) }
                for stream in streams { #expect(try client.response(stream).status == 200) }
                #expect(try client.exchange("/public/again").status == 200)
            }
            #expect(site.upstream.requests(for: "/public/extra").isEmpty)
        }

        @Test("RFC 9113, 8.1: HEAD is answered without a body, and with the length that GET would have")
        func head() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let response = try client.exchange("/public/head", method: "HEAD")
            #expect(response.status == 200 && response.body.isEmpty)
            #expect(response["content-length"] == "19")
            #expect(isClean(client), "\(client.faults)")
        }

        @Test(
            "RFC 9110, 15: answers that have no body end with their head",
            arguments: ["204 No Content", "304 Not Modified"]
        )
        func empty(status: String) throws {
            site.upstream.on("/public/empty") { exchange in
                try exchange.readBody()
                exchange.send("HTTP/1.1 \(status)\r\nETag: \"x\"\r\n\r\n")
                return true
            }
            let client = try HTTP2Client.connected(port: site.port)
            let response = try client.exchange("/public/empty")
            #expect(response.status == Int(status.prefix(3)) && response.body.isEmpty)
            #expect(response["etag"] == "\"x\"")
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 8.1: interim answers precede the answer, and a storm of them uses no growing memory")
        func interim() throws {
            site.upstream.on("/public/hints") { exchange in
                exchange.send("HTTP/1.1 103 Early Hints\r\nLink: </app.js>; rel=preload\r\n\r\n")
                return try exchange.reply("200 OK", [], "page")
            }
            let client = try HTTP2Client.connected(port: site.port)
            let response = try client.exchange("/public/hints")
            #expect(response.text == "page" && response.interim.allSatisfy { $0 == 103 })
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9110, 10.1.1: Expect: 100-continue is answered before the body arrives")
        func expectContinue() throws {
            site.upstream.on("/public/expect") { exchange in
                exchange.send("HTTP/1.1 100 Continue\r\n\r\n")
                return try exchange.echo()
            }
            let client = try HTTP2Client.connected(port: site.port)
            let fields = [Field("expect", "100-continue"), Field("content-length", "5")]
            let stream = client.request("/public/expect", method: "POST", fields, end: false)
            #expect(client.wait { client.streams[stream]!.response.interim == [100] })
            client.send(.data(stream, "hello", end: true))
            #expect(try client.response(stream).text == "POST /public/expect 5")
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 8.1: trailers pass in both directions, or are left out; bodies stay complete")
        func trailers() throws {
            site.upstream.on("/public/trailers") { exchange in
                try exchange.readBody()
                exchange.send(
                    "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n"
                )
                return true
            }
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.request("/public/trailers", method: "POST", [Field("te", "trailers")], end: false)
            client.send(.data(stream, "hello"), .headers(stream, HPACK.block([Field("x-sent", "1")])))
            let response = try client.response(stream)
            #expect(response.text == "ok")
            #expect(response.trailers.isEmpty || response.trailers == [Field("x-sum", "7")])
            let seen = try #require(site.upstream.requests(for: "/public/trailers").first)
            #expect(seen.body == Array("hello".utf8))
            #expect(seen.trailers.isEmpty || seen.trailers.map(\.value) == ["1"])
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 8.2.2: connection fields of the upstream do not come through; names are in lower case")
        func responseFields() throws {
            site.upstream.on("/public/fields") { exchange in
                try exchange.reply(
                    "200 OK",
                    [
                        "Connection: keep-alive, X-Hop", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive",
                        "X-Hop: 1", "X-KEPT: 1", "Set-Cookie: a=1", "Set-Cookie: b=2",
                    ]
                )
            }
            let client = try HTTP2Client.connected(port: site.port)
            let response = try client.exchange("/public/fields")
            #expect(response["x-kept"] == "1" && response["x-hop"] == nil)
            #expect(response.fields.values("set-cookie").contains("a=1"))
            #expect(response.fields.values("set-cookie").contains("b=2"))
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 8.2.3: split cookies reach the upstream as one field")
        func cookies() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let crumbs = ["a=1", "b=2", "c=3; d=4"].map { Field("cookie", $0) }
            #expect(try client.exchange("/public/crumbs", crumbs).status == 200)
            let seen = try #require(site.upstream.requests(for: "/public/crumbs").first)
            #expect(seen.fields.values("cookie") == ["a=1; b=2; c=3; d=4"])
        }

        @Test("A session cookie in a split field identifies the viewer, and reaches no upstream")
        func sessionCrumb() throws {
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("h2-crumbs"))").status == 200)
            site.upstream.forget()
            let client = try HTTP2Client.connected(port: site.port)
            let crumbs = [Field("cookie", "a=1")] + browser.cookies.map { Field("cookie", "\($0.key)=\($0.value)") }
            #expect(try client.exchange("/event/e1", crumbs + [Field("cookie", "z=2")]).status == 200)
            let seen = try #require(site.upstream.requests(for: "/event/e1").first)
            #expect(seen.fields.values("cookie") == ["a=1; z=2"])
            #expect(seen["X-Gateway-Registration"] == "h2-crumbs")
        }

        @Test("A claimed identity does not reach the upstream, in any spelling")
        func identity() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let forged = [
                "x-gateway-role", "x_gateway_role", "x-gateway_user-id", "x_gateway-assertion", "x-gateway-new",
                "x_forwarded_for", "content_length", "transfer_encoding",
            ].map { Field($0, "forged") }
            #expect(try client.exchange("/public/forged", forged + [Field("x-kept", "1")]).status == 200)
            let seen = try #require(site.upstream.requests(for: "/public/forged").first)
            #expect(seen.fields.filter { $0.value.contains("forged") } == [])
            #expect(seen["x-kept"] == "1")
        }

        @Test("The upstream learns who is there, and which protocol was used")
        func forwarding() throws {
            let client = try HTTP2Client.connected(port: site.port)
            let fields = [Field("authorization", "Bearer \(Minter.acme.token())"), Field("accept", "*/*")]
            #expect(try client.exchange("/event/e1/page?x=1", fields).text == "GET /event/e1/page?x=1 0")
            let seen = try #require(site.upstream.requests(for: "/event/e1/page").first)
            #expect(seen.version == "HTTP/1.1")
            #expect(seen["Host"] == "localhost")
            #expect(seen["X-Gateway-User-Id"] == "user-1")
            #expect(seen["X-Forwarded-Proto"] == "http")
            #expect(seen["X-Forwarded-For"] == "127.0.0.1")
            #expect(seen["Authorization"] == nil)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("Refusals are the same as over HTTP/1.1")
        func refusals() throws {
            let client = try HTTP2Client.connected(port: site.port)
            #expect(try client.exchange("/event/e1").status == 401)
            let wrong = [Field("authorization", "Bearer \(Minter.globex.token(.init(event: "e2")))")]
            #expect(try client.exchange("/event/e1", wrong).status == 403)
            let response = try client.exchange("/event/e1", [Field("accept", "application/json")])
            #expect(response["content-type"] == "application/problem+json")
            #expect(response["www-authenticate"]?.hasPrefix("Bearer") == true)
            let body = [UInt8](repeating: 120, count: 100_000)
            #expect(try client.exchange("/event/e1", method: "POST", body: body).status == 401)
            #expect(try client.exchange("/.gateway/healthz").status == 200)
            #expect(site.upstream.requests.isEmpty)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 9113, 8.1: an answer before the end of the body arrives, and the connection continues")
        func earlyAnswer() throws {
            site.upstream.on("/public/early") { exchange in
                exchange.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
                exchange.socket.finishSending()
                return false
            }
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.request("/public/early", method: "POST", end: false)
            client.send(.data(stream, "beginning"))
            let response = try client.response(stream)
            #expect(response.status == 413 && response.text == "no")
            #expect(client.wait { client.streams[stream]!.reset != nil || client.isAlive() })
            #expect(client.streams[stream]!.reset ?? .noError == .noError)
            // Frames on the way meanwhile are not an error.
            client.send(.data(stream, "end"), .headers(stream, HPACK.block([Field("x-sum", "1")])))
            #expect(try client.exchange("/public/x").status == 200)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("A response that the upstream cuts short ends its stream with an error, and no other")
        func truncated() throws {
            site.upstream.on("/public/cut") { exchange in
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello")
                return false
            }
            let client = try HTTP2Client.connected(port: site.port)
            let stream = client.request("/public/cut")
            let outcome = client.outcome(of: stream)
            if case .reset(let code) = outcome { #expect(code != .noError) } else { Issue.record("\(outcome)") }
            #expect(try client.exchange("/public/x").status == 200)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RST_STREAM releases the upstream at once")
        func givenUp() throws {
            let isOver = Flag()
            site.upstream.on("/public/flood") { exchange in
                defer { isOver.set() }
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n")
                while exchange.socket.send([UInt8](repeating: 120, count: 65_536), within: 20) {}
                return false
            }
            let client = try HTTP2Client.connected(port: site.port)
            client.refillsWindows = false
            let stream = client.request("/public/flood")
            #expect(client.wait { client.streams[stream]!.hasHead })
            client.send(.reset(stream))
            #expect(eventually { isOver.isSet })
            client.send(.windowUpdate(0, 1 << 20))
            #expect(try client.exchange("/public/x").status == 200)
        }

        @Test("A head with many fields and a header block larger than one frame are served", arguments: [20, 90])
        func large(count: Int) throws {
            let client = try HTTP2Client.connected(port: site.port)
            let fields = (0..<count).map { Field("x-\($0)", String(repeating: "x", count: 200)) }
            let block = HPACK.request("/public/large-head", fields)
            let stream = client.newStream()
            client.open(stream)
            client.send(.headers(stream, Array(block.prefix(16_000)), endHeaders: block.count <= 16_000))
            if block.count > 16_000 { client.send(.continuation(stream, Array(block.dropFirst(16_000)))) }
            #expect(try client.response(stream).status == 200)
            let seen = try #require(site.upstream.requests(for: "/public/large-head").first)
            #expect(seen.fields.filter { $0.name.lowercased().hasPrefix("x-") && $0.value.count == 200 }.count == count)
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("A response head larger than one frame and than the compression table comes through")
        func largeResponseHead() throws {
            site.upstream.on("/public/fat") { exchange in
                try exchange.reply("200 OK", (0..<50).map { "X-\($0): " + String(repeating: "é", count: 200) }, "fat")
            }
            let client = try HTTP2Client.connected(port: site.port)
            for _ in 0..<3 {
                let response = try client.exchange("/public/fat")
                #expect(response.text == "fat")
                #expect(response["x-49"] == String(repeating: "é", count: 200))
            }
            #expect(isClean(client), "\(client.faults)")
        }

        @Test("RFC 7541, 4.2: a client without a compression table gets heads that do not use one")
        func noTable() throws {
            let client = try HTTP2Client.connected(port: site.port, [(.headerTableSize, 0)])
            for _ in 0..<5 { #expect(try client.exchange("/public/x").status == 200) }
            client.send(.settings([(.headerTableSize, 100)]))
            for _ in 0..<5 { #expect(try client.exchange("/public/x").status == 200) }
            #expect(isClean(client), "\(client.faults)")
        }
    }
}
