import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("What applications send, and what browsers and proxies send them")
    struct AppTests {
        private static let link = "/event/e1?token="

        @Test("An upstream's frame-ancestors does not block the event, and the rest of its policy stays")
        func policies() throws {
            let site = try Site()
            site.upstream.on("/event/e1/helmet") { exchange in
                try exchange.reply(
                    "200 OK",
                    [
                        "Content-Security-Policy: default-src 'self';frame-ancestors 'self';object-src 'none'",
                        "content-security-policy: FRAME-ANCESTORS 'none'", "X-Frame-Options: DENY",
                    ],
                    "x"
                )
            }
            let browser = Browser(site)
            #expect(try browser.open(Self.link + Minter.acme.registration("csp")).status == 200)
            let answer = try browser.fetch("/event/e1/helmet")
            let policies = answer.fields.values("content-security-policy")
            #expect(policies.contains("default-src 'self'; object-src 'none'"))
            #expect(
                policies.count == 2 && policies.contains { $0.hasPrefix("frame-ancestors https://www.acme.example") }
            )
            #expect(answer["X-Frame-Options"] == nil)
        }

        @Test("Doubled slashes are merged, and the merged path is judged and forwarded")
        func doubledSlashes() throws {
            let site = try Site()
            let browser = Browser(site)
            #expect(try browser.open(Self.link + Minter.acme.registration("slash")).status == 200)
            for (path, forwarded) in [
                ("//event/e1/a", "/event/e1/a"), ("/event//e1///b?x=//y", "/event/e1/b?x=//y"),
                ("/event/e1//", "/event/e1/"),
                ("/assets//app.js", "/assets/app.js"),
            ] {
                #expect(try browser.fetch(path).status == 200, "\(path)")
                #expect(site.upstream.requests.last?.target == forwarded)
            }
            try expectProblem(try browser.fetch("//event//e2"), 403, "wrong_event")
        }

        @Test(
            "A preflight goes to the upstream without identity and credentials, or is refused if the route says so"
        )
        func preflight() throws {
            let site = try Site()
            let browser = Browser(site)
            let token = Minter.acme.registration("cors")
            #expect(try browser.open(Self.link + token).status == 200)
            let fields = [
                "Origin: https://www.acme.example", "Access-Control-Request-Method: POST",
                "Access-Control-Request-Headers: authorization",
            ]
            let answer = try fetch(
                site.port,
                "/event/e1/api?token=\(token)",
                method: "OPTIONS",
                fields + browser.cookieField
            )
            #expect(answer.status == 200)
            let seen = try #require(site.upstream.requests.last)
            #expect(seen.method == "OPTIONS" && seen.target == "/event/e1/api" && seen["Cookie"] == nil)
            #expect(!seen.fields.contains { $0.name.lowercased().hasPrefix("x-gateway-") })
            #expect(seen["Origin"] == "https://www.acme.example")
        }

        @Test(
            "A link works with characters that a mail program appended to the token",
            arguments: [".", "%3E", ">", "%20", ".%20", ")"]
        )
        func mailed(tail: String) throws {
            let site = try Site()
            let browser = Browser(site)
            #expect(try browser.open(Self.link + Minter.acme.registration("mail") + tail).status == 200)
            #expect(site.upstream.requests.last?.target == "/event/e1")
        }

        @Test("Attack: requests disguised as preflights: no body, no cookie, no credentials reach the upstream")
        func preflightAttack() throws {
            let site = try Site()
            let fields = ["Origin: https://evil.example", "Cookie: app=1", "Authorization: Bearer app"]
            let asked = fields + ["Access-Control-Request-Method: PUT"]
            #expect(try fetch(site.port, "/event/e1/x", method: "OPTIONS", asked).status == 200)
            let seen = try #require(site.upstream.requests.last)
            #expect(seen["Cookie"] == nil && seen["Authorization"] == nil && seen["X-Gateway-Role"] == nil)
            site.upstream.forget()
            for (more, body) in [
                (["Access-Control-Request-Method: PUT", "Content-Length: 3"], "abc"),
                (["Access-Control-Request-Method: PUT", "Transfer-Encoding: chunked"], "0\r\n\r\n"),
                (["Access-Control-Request-Method: "], ""), (["Access-Control-Request-Method: a b"], ""),
            ] {
                let client = try Client(port: site.port)
                let lines = (["OPTIONS /event/e1/x HTTP/1.1", "Host: localhost"] + fields + more).joined(
                    separator: "\r\n"
                )
                client.send(lines + "\r\n\r\n" + body)
                #expect(try client.response(to: "OPTIONS").status == 401, "\(more)")
            }
            #expect(site.upstream.requests.isEmpty)
        }

        @Test("Fields that only proxies may send are not trusted from anybody else")
        func proxyFields() throws {
            let site = try Site()
            let fields = [
                "X-Forwarded-User: root", "X-Original-URL: /admin", "X-Rewrite-URL: /admin",
                "X-HTTP-Method-Override: DELETE",
                "True-Client-IP: 1.2.3.4", "Remote-User: root", "Proxy: http://evil.example",
                "HTTP2-Settings: AAMAAABk",
                "Content.Length: 5", "Transfer_Encoding: chunked", "X-Mine: 1",
            ]
            #expect(try fetch(site.port, "/public/a", fields).status == 200)
            let seen = try #require(site.upstream.requests.last)
            let names = Set(seen.fields.map { $0.name.lowercased() })
            #expect(names.contains("x-mine"))
            for field in fields.dropLast() {
                let name = String(field.prefix { $0 != ":" }).lowercased()
                #expect(!names.contains(name), "\(name)")
            }
        }

        @Test("Origin: null from our own page counts as our own, and from elsewhere it does not")
        func nullOrigin() throws {
            let site = try Site()
            let browser = Browser(site)
            #expect(try browser.open(Self.link + Minter.acme.registration("null")).status == 200)
            let port = site.port
            func post(_ from: String) throws -> Int {
                let fields = ["Origin: null", "Sec-Fetch-Site: \(from)", "Content-Length: 0"]
                return try fetch(port, "/event/e1/form", method: "POST", fields + browser.cookieField).status
            }
            #expect(try post("same-origin") == 200)
            for from in ["cross-site", "same-site", "none"] { #expect(try post(from) == 403) }
        }

        @Test("Ids may be integers, null counts as absent, and iat is not judged")
        func lenientClaims() throws {
            let site = try Site()
            let claims: [JSONMember] = [
                JSONMember("sub", .number(42)), JSONMember("companyId", .string("acme")),
                JSONMember("eventId", .number(7)),
                JSONMember("registrationId", .null), JSONMember("email", .null), JSONMember("eventSpecific", .null),
                JSONMember("iat", .number(Minter.now + 120)), JSONMember("exp", .number(Minter.now + 600)),
            ]
            let token = Minter.acme.signed(claims)
            #expect(try fetch(site.port, "/event/7?token=\(token)").status == 200)
            let seen = try #require(site.upstream.requests.last)
            #expect(seen["X-Gateway-User-Id"] == "42" && seen["X-Gateway-Event"] == "7")
            #expect(seen["X-Gateway-Registration"] == nil)
        }

        @Test(
            "A socket's token may come as a subprotocol, which is not forwarded, and the client gets one that it offered"
        )
        func subprotocol() throws {
            let site = try Site()
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let token = Minter.acme.registration("sub")
            for offered in ["gateway-token.\(token)", "chat, gateway-token.\(token)"] {
                let field = "Sec-WebSocket-Protocol: \(offered)"
                let answer = try Client(port: site.port).openWebSocket("/event/e1/ws", [field])
                #expect(answer.status == 101)
                #expect(answer["Sec-WebSocket-Protocol"] == "gateway-token.\(token)")
                let seen = try #require(site.upstream.requests(for: "/event/e1/ws").last)
                #expect(seen["X-Gateway-Registration"] == "sub")
                #expect(seen["Sec-WebSocket-Protocol"] == (offered.hasPrefix("chat") ? "chat" : nil))
            }
            let apart = ["Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: gateway-token.\(token)"]
            #expect(try Client(port: site.port).openWebSocket("/event/e1/ws", apart).status == 101)
            let two = "gateway-token.\(token), gateway-token.\(Minter.acme.registration("other"))"
            #expect(
                try Client(port: site.port).openWebSocket("/event/e1/ws", ["Sec-WebSocket-Protocol: \(two)"]).status
                    == 400
            )
            let bad = try Client(port: site.port).openWebSocket(
                "/event/e1/ws",
                ["Sec-WebSocket-Protocol: gateway-token.a.b.c"]
            )
            #expect(bad.status == 401)
        }

        @Test("authorization = false leaves the field to the application, and a viewer's token in it does not let in")
        func authorizationOff() throws {
            let site = try Site { $0.tokens = "authorization = false" }
            let token = Minter.acme.registration("auth")
            #expect(try fetch(site.port, "/event/e1", ["Authorization: Bearer \(token)"]).status == 401)
            let browser = Browser(site)
            #expect(try browser.open(Self.link + token).status == 200)
            #expect(try browser.fetch("/event/e1/x", "GET", ["Authorization: Bearer app"]).status == 200)
            #expect(site.upstream.requests.last?["Authorization"] == "Bearer app")
            #expect(try browser.fetch("/event/e1/x", "GET", ["Authorization: Bearer \(token)"]).status == 200)
            #expect(site.upstream.requests.last?["Authorization"] == nil)
        }
    }
}
