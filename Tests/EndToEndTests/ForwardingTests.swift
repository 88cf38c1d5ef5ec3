import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("The upstream sees what it should, and nothing else")
    struct ForwardingTests {
        static let shared = Result { try Site() }
        let site: Site

        init() throws {
            site = try Self.shared.get()
            site.upstream.forget()
        }

        /// The only request that the upstream got since the last call.
        private func seen() throws -> RecordedRequest {
            #expect(site.upstream.requests.count == 1)
            return try #require(site.upstream.requests.last)
        }

        @Test(
            "The token's member is removed from the query, and the rest stays byte for byte",
            arguments: [
                ("", "?token=T"), ("?a=1&a=2", "?a=1&token=T&a=2"), ("?a=%20+%2B&b", "?a=%20+%2B&b&token=T"),
                ("?=&&x==", "?=&token=T&&x=="), ("?tokens=1&atoken=2", "?tokens=1&token=T&atoken=2"),
                ("?q=token%3Dx", "?token=T&q=token%3Dx"), ("?a;b=1?/:@", "?a;b=1?/:@&token=T"),
                ("?%C3%A4=%ff", "?%C3%A4=%ff&authKey=T"), ("?x=1", "?token=T&x=1&jwt=T"),
            ]
        )
        func query(left: String, sent: String) throws {
            let token = Minter.acme.token()
            let target = "/event/e1" + sent.replacingOccurrences(of: "T", with: token)
            #expect(try fetch(site.port, target).status == 200)
            #expect(try seen().target == "/event/e1" + left)
        }

        @Test("Our cookie is removed, the others stay; a foreign Authorization stays")
        func cookies() throws {
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("c1"))").status == 200)
            site.upstream.forget()
            let ours = try #require(browser.cookieField.first).dropFirst("Cookie: ".count)
            let client = try Client(port: site.port)
            let response = try client.exchange(
                "/event/e1",
                ["Cookie: a=1; \(ours); b=\"2\"", "Authorization: Basic YTpi"]
            )
            #expect(response.status == 200)
            #expect(try seen()["Cookie"] == "a=1; b=\"2\"")
            #expect(try seen()["Authorization"] == "Basic YTpi")
        }

        @Test("The identity fields describe the viewer")
        func identity() throws {
            let name = "Zoë Ødegård, 東京 %41"
            let viewer = Minter.Viewer(
                event: "e1",
                registration: "reg-7",
                user: "user-7",
                name: name,
                email: "Zoe@Example.com",
                avatar: "https://example.com/z.png"
            )
            #expect(try fetch(site.port, "/event/e1?token=\(Minter.acme.token(viewer))").status == 200)
            let request = try seen()
            #expect(request["X-Gateway-User-Id"] == "user-7")
            let encoded = try #require(request["X-Gateway-User-Name"])
            #expect(encoded.removingPercentEncoding == name)
            #expect(encoded.utf8.allSatisfy { (0x21...0x7e).contains($0) })
            #expect(request["X-Gateway-User-Email"]?.removingPercentEncoding == "Zoe@Example.com")
            #expect(request["X-Gateway-User-Avatar"] == "https://example.com/z.png")
            #expect(request["X-Gateway-Role"] == "attendee")
            #expect(request["X-Gateway-Event"] == "e1")
            #expect(request["X-Gateway-Company"] == "acme")
            #expect(request["X-Gateway-Registration"] == "reg-7")
            #expect(request["X-Gateway-Session"]?.isEmpty == false)
        }

        @Test(
            "No claim can break out of its field",
            arguments: ["a\r\nX-Gateway-Role: host", "a\nb", "a\0b", "\u{7f}"]
        )
        func splitting(text: String) throws {
            let viewer = Minter.Viewer(
                event: "e1",
                registration: "x\(text)",
                user: "u\(text)",
                name: text,
                email: text,
                avatar: text
            )
            let response = try fetch(site.port, "/event/e1?token=\(Minter.acme.token(viewer))")
            #expect([200, 401].contains(response.status))
            for request in site.upstream.requests {
                #expect(request.fields.values("x-gateway-role") == ["attendee"])
                #expect(!request.head.contains(0) && !request.head.contains(0x7f))
            }
        }

        @Test("The assertion is a 60-second ES256 token that /.gateway/jwks.json verifies")
        func assertion() throws {
            let response = try fetch(site.port, "/event/e1?token=\(Minter.acme.registration("as1"))")
            #expect(response.status == 200)
            let text = Array(try #require(try seen()["X-Gateway-Assertion"]).utf8)
            let set = try fetch(site.port, "/.gateway/jwks.json")
            #expect(set.status == 200)
            let token = try Token(parsing: text.span, maxSize: 8192)
            let keys = try Key.jwks(set.body)
            try token.verify(with: keys)
            #expect(token.algorithm == .es256)
            #expect(keys.allSatisfy { !$0.canSign }, "the set holds no private key")
            let expires = try #require(token.validity.expires)
            #expect(Double(expires) > Minter.now && Double(expires) <= Minter.now + 61)
            let payload = String(decoding: text, as: UTF8.self).split(separator: ".")[1]
            let claims = Base64URL.decode(Array(payload.utf8).span)
            let json = String(decoding: claims ?? [], as: UTF8.self)
            for value in ["user-as1", "as1", "e1", "acme", "attendee"] { #expect(json.contains("\"\(value)\"")) }
        }

        @Test("An assertion is for one upstream: each gets its own name, and none another's, in one session")
        func audience() throws {
            let other = try RecordingUpstream()
            let more = """
                [[upstream]]
                name = "chat"
                servers = ["127.0.0.1:\(other.port)"]
                [[route]]
                path = "/chat/{event}"
                upstream = "chat"
                access = "token"
                """
            let site = try Site { $0.more = more }
            let client = try Client(port: site.port)
            let bearer = "Authorization: Bearer \(Minter.acme.registration("aud1"))"
            var session: [String] = []
            for path in ["/event/e1", "/chat/e1", "/event/e1", "/chat/e1"] {
                let response = try client.exchange(path, [bearer] + session)
                #expect(response.status == 200)
                if let text = response["Gateway-Session"] { session = ["Gateway-Session: \(text)"] }
            }
            func audiences(_ requests: [RecordedRequest]) -> [String?] {
                requests.map { request in
                    let parts = (request["X-Gateway-Assertion"] ?? "").split(separator: ".")
                    guard parts.count == 3, let bytes = Base64URL.decode(Array(parts[1].utf8).span) else { return nil }
                    return (try? JSONValue(parsing: bytes.span, limits: JSONLimits(size: 4096)))?["aud"]?.text
                }
            }
            #expect(audiences(site.upstream.requests) == ["embed-host", "embed-host"])
            #expect(audiences(other.requests) == ["chat", "chat"])
            let sessions = (site.upstream.requests + other.requests).map { $0["X-Gateway-Session"] }
            #expect(Set(sessions).count == 1)
            other.stop()
        }

        @Test(
            "Nobody outside can forge the identity",
            arguments: [
                ["X-Gateway-Role: host"], ["x-gateway-role: host"], ["X_Gateway_Role: host"], ["X-GATEWAY_ROLE: host"],
                ["x_gateway-role: host"], ["X-Gateway-Role: host", "X-Gateway-Role: host"],
                ["Connection: X-Gateway-Role, close", "X-Gateway-Role: host"], ["Connection: x-gateway-role"],
                ["Connection: X-Gateway-User-Id, X-Gateway-Session, X-Gateway-Assertion"], ["x-GATEWAY-user-ID: admin"],
                ["X-Gateway-Assertion: a.b.c"], ["X-Gateway-Anything: at all"], ["X-Gateway-: x"],
                ["X-Gateway-Role:host"], ["X-Gateway-Role:\thost"], ["X-Gateway-Admin: 1", "X_gateway_admin: 1"],
                ["Connection: close, X_Gateway_Role"], ["X-Gateway-Role;: host"], ["X-Gateway-Role_: host"],
            ]
        )
        func forged(fields: [String]) throws {
            let token = Minter.acme.registration("forged")
            let response = try Client(port: site.port).exchange("/event/e1?token=\(token)", fields)
            #expect([200, 400].contains(response.status))
            for request in site.upstream.requests {
                let ours = request.fields.filter {
                    $0.name.lowercased().replacingOccurrences(of: "_", with: "-").hasPrefix("x-gateway-")
                }
                let names = ours.map { $0.name.lowercased() }
                #expect(Set(names).count == names.count, "each once")
                #expect(!ours.contains { ["host", "admin", "at all", "a.b.c", "1", "x"].contains($0.value) })
                #expect(request["X-Gateway-Role"] == "attendee")
                #expect(request["X-Gateway-User-Id"] == "user-forged")
                #expect(!names.contains { $0.contains("_") || $0.hasSuffix("-") || $0.contains("anything") })
            }
        }

        @Test("Nor on public routes, where viewers are unknown")
        func forgedInPublic() throws {
            let response = try fetch(
                site.port,
                "/public/x",
                ["X-Gateway-Role: host", "X_Gateway_User_Id: admin", "X-Other: kept"]
            )
            #expect(response.status == 200)
            let names = try seen().fields.map { $0.name.lowercased().replacingOccurrences(of: "_", with: "-") }
            #expect(!names.contains { $0.hasPrefix("x-gateway-") })
            #expect(try seen()["X-Other"] == "kept")
        }

        @Test("X-Forwarded fields describe this client, not what it claims")
        func forwarded() throws {
            let forged = [
                "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example",
                "X_Forwarded_For: 6.6.6.7",
            ]
            #expect(try Client(port: site.port, host: 9).exchange("/public/x", forged).status == 200)
            let request = try seen()
            #expect(request.fields.values("x-forwarded-for") == ["127.0.0.9"])
            #expect(request.fields.values("x-forwarded-proto") == ["http"])
            #expect(request.fields.values("x-forwarded-host") == ["localhost"])
            #expect(!request.fields.contains { $0.name.contains("_") })
        }

        @Test("A trusted proxy's X-Forwarded-For counts")
        func trusted() throws {
            let site = try Site { $0.limits += "\ntrusted_proxies = [\"127.0.0.0/8\"]" }
            #expect(try fetch(site.port, "/public/x", ["X-Forwarded-For: 203.0.113.7"]).status == 200)
            let value = try #require(site.upstream.requests.first?["X-Forwarded-For"])
            #expect(value.hasPrefix("203.0.113.7"))
        }

        @Test("Valid X-Request-Id and traceparent are kept")
        func kept() throws {
            let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            let response = try fetch(site.port, "/public/x", ["X-Request-Id: abc-123", "traceparent: \(trace)"])
            #expect(response.status == 200)
            #expect(try seen().fields.values("x-request-id") == ["abc-123"])
            #expect(try seen()["traceparent"]?.dropFirst(3).prefix(32) == trace.dropFirst(3).prefix(32))
        }

        @Test("The state of a trace stays with it, and goes without it")
        func traceState() throws {
            let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
            for (fields, kept) in [
                ([trace, "tracestate: rojo=1", "tracestate: congo=2"], ["rojo=1", "congo=2"]),
                ([trace, "tracestate: not a list"], []), (["tracestate: rojo=1"], []),
                (["traceparent: 00-xyz", "tracestate: rojo=1"], []),
            ] {
                site.upstream.forget()
                #expect(try fetch(site.port, "/public/x", fields).status == 200)
                #expect(try seen().fields.values("tracestate") == kept, "\(fields)")
            }
        }

        @Test(
            "Missing or invalid X-Request-Id and traceparent are made",
            arguments: [
                [], ["traceparent: 00-xyz"], ["traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01"],
                ["X-Request-Id: "],
            ]
        )
        func made(fields: [String]) throws {
            #expect(try fetch(site.port, "/public/x", fields).status == 200)
            let trace = try #require(try seen()["traceparent"])
            #expect(trace.utf8.count == 55 && trace.hasPrefix("00-") && !trace.hasPrefix("00-00000000000000000000"))
            #expect(try seen().fields.values("traceparent").count == 1)
            #expect(try seen()["X-Request-Id"]?.isEmpty == false)
        }

        @Test("Hop-by-hop fields stay on their side")
        func hopByHop() throws {
            site.upstream.on("/public/hop") { exchange in
                try exchange.reply(
                    "200 OK",
                    [
                        "Connection: X-Secret", "X-Secret: 1", "Keep-Alive: timeout=5", "Proxy-Connection: x",
                        "X-Kept: 1",
                    ],
                    "ok"
                )
            }
            let client = try Client(port: site.port)
            let response = try client.exchange(
                "/public/hop",
                [
                    "Connection: keep-alive, X-Drop, x-drop-too", "X-Drop: 1", "X-DROP-TOO: 1", "Keep-Alive: 300",
                    "Proxy-Connection: keep-alive", "TE: trailers", "X-Kept: 1",
                ]
            )
            #expect(response.status == 200)
            for name in ["X-Drop", "X-Drop-Too", "Keep-Alive", "Proxy-Connection"] {
                #expect(try seen()[name] == nil, "\(name)")
            }
            #expect(try seen()["X-Kept"] == "1")
            for name in ["X-Secret", "Keep-Alive", "Proxy-Connection"] { #expect(response[name] == nil, "\(name)") }
            #expect(response["X-Kept"] == "1")
        }

        @Test(
            "Connection cannot remove what the upstream needs",
            arguments: [
                "Host", "Content-Length", "Transfer-Encoding", "X-Forwarded-For", "Cookie", "X-Request-Id",
            ]
        )
        func listedAway(name: String) throws {
            let response = try Client(port: site.port).exchange(
                "/public/x",
                method: "POST",
                ["Connection: \(name)", "Cookie: a=1"],
                body: [1, 2, 3]
            )
            #expect([200, 400].contains(response.status))
            if response.status == 200 {
                #expect(response.text == "POST /public/x 3")
                #expect(try seen()["Host"]?.isEmpty == false)
                #expect(try seen()["X-Forwarded-For"] == "127.0.0.1")
            }
        }

        @Test("Answers say who may frame them, and are private unless they say otherwise")
        func responseFields() throws {
            site.upstream.on("/event/e1/plain") { exchange in
                try exchange.reply("200 OK", ["X-Frame-Options: DENY", "Server: secret"], "ok")
            }
            site.upstream.on("/event/e1/cached") { exchange in
                try exchange.reply("200 OK", ["Cache-Control: public, max-age=60"], "ok")
            }
            let bearer = ["Authorization: Bearer \(Minter.acme.token())"]
            let plain = try fetch(site.port, "/event/e1/plain", bearer)
            let policies = plain.fields.values("content-security-policy").joined(separator: " ")
            #expect(policies.contains("frame-ancestors") && policies.contains("https://www.acme.example"))
            #expect(plain["X-Frame-Options"] == nil)
            #expect(plain["Cache-Control"] == "private")
            #expect(plain["Referrer-Policy"] == "strict-origin-when-cross-origin")
            let session = try #require(plain["Gateway-Session"])
            let cached = try fetch(site.port, "/event/e1/cached", bearer + ["Gateway-Session: \(session)"])
            #expect(cached.fields.values("cache-control") == ["public, max-age=60"])
            #expect(try fetch(site.port, "/public/x")["Cache-Control"] == nil)
        }

        @Test("An answer that hands out a session is not cached, whatever the upstream says")
        func joinIsNeverCached() throws {
            site.upstream.on("/event/e1/logo") { exchange in
                let fields = ["Cache-Control: public, max-age=60", "Expires: Thu, 01 Jan 2099 00:00:00 GMT"]
                return try exchange.reply("200 OK", fields + ["Surrogate-Control: max-age=60"], "ok")
            }
            let answer = try fetch(site.port, "/event/e1/logo", ["Authorization: Bearer \(Minter.acme.token())"])
            #expect(answer["Set-Cookie"] != nil)
            #expect(answer.fields.values("cache-control") == ["no-store"])
            #expect(answer["Expires"] == nil && answer["Surrogate-Control"] == nil)
        }

        @Test("A path that could be read in two ways is refused", arguments: AmbiguousPaths.all)
        func ambiguous(path: String) throws {
            let bearer = "Authorization: Bearer \(Minter.acme.token())"
            let response = try fetch(site.port, path, [bearer])
            #expect(response.status == 400)
            #expect(site.upstream.requests.isEmpty)
        }

        @Test("An unambiguous path passes exactly as it was judged", arguments: AmbiguousPaths.harmless)
        func harmless(path: String) throws {
            let bearer = "Authorization: Bearer \(Minter.acme.token())"
            #expect(try fetch(site.port, path, [bearer]).status == 200)
            #expect(try seen().target.removingPercentEncoding == path.removingPercentEncoding)
        }
    }
}
