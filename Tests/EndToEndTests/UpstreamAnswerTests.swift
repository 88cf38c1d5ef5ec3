import Foundation
import Testing

extension EndToEnd {
    @Suite("How an upstream's answer affects a viewer's browser")
    struct UpstreamAnswerTests {
        static let shared = Result { try Site() }
        let site: Site
        let browser: Browser
        let token = Minter.acme.registration("answered")

        init() throws {
            site = try Self.shared.get()
            browser = Browser(site)
            #expect(try browser.open("/event/e1?token=" + token).status == 200)
        }

        /// The answers over HTTP/1.1 and over HTTP/2.
        private func answers(_ target: String, _ fields: [String] = []) throws -> [Response] {
            let lines = fields + browser.cookieField
            let first = try fetch(site.port, target, lines)
            let fields = try lines.map { line in
                let field = try Field(line: line)
                return Field(field.name.lowercased(), field.value)
            }
            let client = try HTTP2Client.connected(port: site.port)
            let second = try client.exchange(target, fields)
            #expect(client.faults.isEmpty && client.isAlive(), "\(client.faults)")
            return [first, second]
        }

        private func serve(_ path: String, _ fields: [String], hints: [String] = []) {
            site.upstream.on(path) { exchange in
                if !hints.isEmpty {
                    exchange.send("HTTP/1.1 103 Early Hints\r\n" + hints.joined(separator: "\r\n") + "\r\n\r\n")
                }
                return try exchange.reply("200 OK", fields, "x")
            }
        }

        // MARK: Referrer-Policy

        @Test(
            "A page's policy tells other origins what the upstream says, and our own the full address",
            arguments: [
                ([], "strict-origin-when-cross-origin"), (["no-referrer"], "same-origin"),
                (["strict-origin"], "strict-origin-when-cross-origin"), (["origin"], "origin-when-cross-origin"),
                (["No-Referrer"], "same-origin"), (["\tORIGIN  "], "origin-when-cross-origin"),
                // The last one that browsers know counts, over all fields.
                (["unsafe-url, no-referrer"], "same-origin"), (["unsafe-url", "no-referrer"], "same-origin"),
                (["no-referrer,,"], "same-origin"), (["no-referrer, never"], "same-origin"),
                (["no-referrer", ""], "same-origin"), (["origin,no-referrer", "bogus"], "same-origin"),
                (["same-origin ,\tstrict-origin"], "strict-origin-when-cross-origin"),
            ]
        )
        func policies(_ sent: [String], _ expected: String) throws {
            serve("/event/e1/policy", sent.map { "Referrer-Policy: \($0)" })
            for answer in try answers("/event/e1/policy") {
                #expect(answer.fields.values("referrer-policy") == [expected])
            }
        }

        @Test(
            "A policy that shows the full address to our own origin passes unchanged",
            arguments: [
                ["unsafe-url"], ["no-referrer-when-downgrade"], ["same-origin"], ["Strict-Origin-When-Cross-Origin"],
                ["origin-when-cross-origin"], ["no-referrer, strict-origin-when-cross-origin"],
                ["no-referrer", "same-origin"], [""], ["bogus"], ["no-referrerx"], ["no referrer"], ["\"no-referrer\""],
            ]
        )
        func passedPolicies(_ sent: [String]) throws {
            serve("/event/e1/policy", sent.map { "Referrer-Policy: \($0)" })
            for answer in try answers("/event/e1/policy") {
                #expect(answer.fields.values("referrer-policy") == sent)
            }
        }

        @Test("Early hints have the policy of the page if the address contains a token, and on public routes any")
        func policyPlaces() throws {
            let sent = ["Referrer-Policy: no-referrer"]
            serve("/event/e1/policy", sent, hints: sent)
            for answer in try answers("/event/e1/policy") {
                #expect(answer.interimFields.values("referrer-policy") == ["same-origin"])
            }
            serve("/event/e1/policy", ["Referrer-Policy: unsafe-url"], hints: ["Referrer-Policy: unsafe-url"])
            for answer in try answers("/event/e1/policy?token=\(token)", ["Accept: */*"]) {
                #expect(answer.fields.values("referrer-policy") == ["same-origin"])
                #expect(answer.interimFields.values("referrer-policy") == ["same-origin"])
            }
            serve("/public/policy", sent, hints: sent)
            for answer in try answers("/public/policy") {
                #expect(answer.fields.values("referrer-policy") == ["no-referrer"])
                #expect(answer.interimFields.values("referrer-policy") == ["no-referrer"])
            }
        }

        @Test(
            "Attack: with two events in one browser, a page with helmet's policy sends its requests as the other's viewer"
        )
        func twoEvents() throws {
            let two = Browser(site)
            for event in ["e1", "e2"] {
                serve("/event/\(event)", ["Referrer-Policy: no-referrer"])
                #expect(
                    try two.open("/event/\(event)?token=\(Minter.acme.registration(event, event: event))").status == 200
                )
            }
            // As a browser that follows the page's policy.
            let policy = try two.fetch("/event/e1")["Referrer-Policy"]
            let referer = policy == "same-origin" ? ["Referer: http://localhost:\(site.port)/event/e1"] : []
            #expect(try two.fetch("/app/whoami", "GET", referer).status == 200)
            #expect(site.upstream.requests(for: "/app/whoami").last?["X-Gateway-Registration"] == "e1")
        }

        // MARK: Session cookies

        private static let ours = [
            "gateway-session-0123abcd=1x; Path=/", "__Host-gateway-session-0123abcd=1x; Path=/; Secure",
            "__Secure-gateway-session-0123abcd=1x; Secure", "__HOST-GATEWAY-SESSION-0123abcd-1=x",
            "Gateway-Session-0123abcd=; Max-Age=0", "gateway-session-=", "gateway-session-x",
            // A cookie without a name is sent back as its value alone.
            "=gateway-session-0123abcd=1x", " = __host-gateway-session-0123abcd=1x", "\tgateway-session-1=1",
        ]
        private static let others = [
            "sid=gateway-session-1; Path=/", "gateway-session=1", "xgateway-session-1=1", "__Host-gateway-ses=1",
            "__Host-sid=1", "gateway_session-1=1", "gateway-sessions=1", "a=b, gateway-session-1=1",
        ]

        @Test("Attack: an upstream sets, replaces or deletes a session, on any route and in early hints")
        func sessionCookies() throws {
            let fields = Self.ours.map { "Set-Cookie: \($0)" } + ["Gateway-Session: forged", "gateway-session: forged"]
            let kept = Self.others.map { "set-cookie: \($0)" }
            for path in ["/event/e1/cookies", "/app/cookies", "/public/cookies"] {
                serve(path, fields + kept, hints: kept + fields)
                for answer in try answers(path) {
                    #expect(answer["Gateway-Session"] == nil && answer.interimFields["Gateway-Session"] == nil)
                    #expect(answer.interim == [103])
                    for fields in [answer.fields, answer.interimFields] {
                        let names = fields.values("set-cookie").map { $0.split(separator: ";")[0] }
                        #expect(names == Self.others.map { $0.split(separator: ";")[0] }, "\(path)")
                    }
                }
            }
            #expect(try browser.fetch("/event/e1/still").status == 200)
        }

        @Test("Attack: an upstream sets a session on a route that keeps cookies unchanged, and in trailers")
        func keptCookies() throws {
            let site = try Site {
                $0.more = """
                    [[route]]
                    path = "/kept/**"
                    upstream = "embed-host"
                    access = "session"
                    cookies = "keep"
                    """
            }
            site.upstream.on("/kept/a") { exchange in
                exchange.send(
                    "HTTP/1.1 200 OK\r\nSet-Cookie: gateway-session-1=1\r\nSet-Cookie: a=1\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nSet-Cookie: gateway-session-2=1\r\n\r\n"
                )
                return true
            }
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=" + token).status == 200)
            let answer = try browser.fetch("/kept/a")
            #expect(answer.fields.values("set-cookie") == ["a=1"] && answer.trailers.isEmpty)
        }
    }
}
