import Foundation
import Testing

extension EndToEnd {
    @Suite("A lying upstream never affects another exchange")
    struct HostileUpstreamTests {
        static let shared = Result { try Site { $0.upstream = "response_timeout = \"1s\"" } }
        let site: Site

        init() throws { site = try Self.shared.get() }

        @Test("There are at least 60 such answers")
        func count() {
            #expect(HostileResponse.all.count >= 60)
            #expect(Set(HostileResponse.all.map(\.name)).count == HostileResponse.all.count)
        }

        @Test(
            "The client gets the right answer, 502 or the end, and the next request its own answer",
            arguments: HostileResponse.all
        )
        func lie(response: HostileResponse) throws {
            let bytes = response.bytes
            let staysOpen = response.staysOpen
            site.upstream.on("/public/lie") { exchange in
                try exchange.readBody()
                exchange.socket.send(bytes, within: 2)
                return staysOpen
            }
            let client = try Client(port: site.port)
            client.send("GET /public/lie HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let isReusable = expect(response, on: client)
            let target = "/public/own-\(UUID().uuidString)"
            if isReusable {
                do {
                    #expect(try client.exchange(target).text == "GET \(target) 0", "on the same connection")
                } catch MessageFault.closed {
                    // The gateway may end it instead.
                }
            }
            for _ in 0..<3 { #expect(try fetch(site.port, target).text == "GET \(target) 0") }
        }

        /// Checks what arrived. Returns whether the connection can continue.
        private func expect(_ response: HostileResponse, on client: Client) -> Bool {
            do {
                let came = try client.response()
                let isRight =
                    switch response.outcome {
                    case .answer(let status, let text): came.status == status && came.text == text
                    case .broken: came.status == 502 || came.status == 504
                    case .either(let status, let text):
                        came.status == 502 || came.status == 504 || (came.status == status && came.text == text)
                    }
                if !isRight { Issue.record("\(response.name): \(came)") }
                if came.fields.contains(where: { $0.name.lowercased() == "x-evil" || $0.value.contains("evil") }) {
                    Issue.record("\(response.name): \(came)")
                }
                return true
            } catch MessageFault.closed, MessageFault.truncated {
                if case .answer = response.outcome { Issue.record("\(response.name): the connection ended") }
                return false
            } catch {
                Issue.record(
                    "\(response.name): \(error): \(String(decoding: client.reader.buffer.prefix(200), as: UTF8.self))"
                )
                return false
            }
        }

        @Test("A HEAD that is answered with a body, followed by a GET")
        func bodyForHead() throws {
            site.upstream.on("/public/head") { exchange in
                exchange.send(
                    "HTTP/1.1 200 OK\r\nContent-Length: 46\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSTOLEN"
                )
                return true
            }
            let client = try Client(port: site.port)
            client.send("HEAD /public/head HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try client.response(to: "HEAD").status == 200)
            for number in 0..<3 { #expect(try client.exchange("/public/\(number)").text == "GET /public/\(number) 0") }
        }

        @Test("An answer that arrives before its request goes to nobody")
        func answerInAdvance() throws {
            site.upstream.on("/public/late") { exchange in
                _ = try exchange.reply("200 OK", [], "first")
                usleep(20_000)
                exchange.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSTOLEN")
                return true
            }
            #expect(try fetch(site.port, "/public/late").text == "first")
            usleep(50_000)
            for number in 0..<5 {
                #expect(try fetch(site.port, "/public/own\(number)").text == "GET /public/own\(number) 0")
            }
        }

        @Test("An upstream that resets at any byte of a valid answer ends that answer, and no other")
        func resets() throws {
            let text = Array("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: 1\r\n\r\nhello".utf8)
            site.upstream.on("/public/reset") { exchange in
                try exchange.readBody()
                exchange.socket.send(Array(text[..<(exchange.request["X-Cut"].flatMap { Int($0) } ?? 0)]))
                exchange.socket.resetOnClose()
                return false
            }
            for cut in 0..<text.count {
                do {
                    let came = try fetch(site.port, "/public/reset", ["X-Cut: \(cut)"])
                    #expect(came.status == 502, "\(cut)")
                } catch MessageFault.closed, MessageFault.truncated {
                    // The end of the connection is acceptable too.
                }
            }
            #expect(try fetch(site.port, "/public/x").text == "GET /public/x 0")
        }
    }
}
