import Basics
import Foundation
import Testing

extension EndToEnd {
    @Suite("Links as mail programs, trackers and people leave them")
    struct BrokenLinkTests {
        static let shared = Result { try Site() }
        let site: Site

        init() throws { site = try Self.shared.get() }

        /// How a query with a token is broken, and what is left of it for the upstream.
        struct Breakage: Sendable, CustomTestStringConvertible {
            /// With `[T]` for the token, or `[F]` and `[L]` for its first and its last part.
            let query: String
            var left = ""

            var testDescription: String { query }

            func query(_ token: String) -> String {
                let (first, last) = (token.prefix(76), token.dropFirst(76))
                return query.replacing("[T]", with: token).replacing("[F]", with: first).replacing("[L]", with: last)
            }
        }

        private static let breakages = [
            Breakage(query: "token=[T]?utm_source=mail"), Breakage(query: "token=[T]%3Futm_source%3Dmail"),
            Breakage(query: "token=[T]??"), Breakage(query: "token=[T].?a=1"), Breakage(query: "token=[T]%20?a=1"),
            Breakage(query: "a=1&token=[T]?utm_source=mail&b=%20", left: "?a=1&b=%20"),
            Breakage(query: "a=1&amp;token=[T]", left: "?a=1"), Breakage(query: "amp;token=[T]"),
            Breakage(query: "a=1&AMP;token=[T]&amp;b=2", left: "?a=1&amp;b=2"),
            Breakage(query: "a=1&amp%3Btoken=[T]", left: "?a=1"),
            Breakage(query: "a=1&amp;amp;t%6Fken=[T]", left: "?a=1"),
            Breakage(query: "token=[T]&amp;x=1", left: "?amp;x=1"), Breakage(query: "token=[F]%0D%0A[L]"),
            Breakage(query: "token=[F]%0A[L]"), Breakage(query: "token=[F]=%0D%0A[L]"),
            Breakage(query: "token=[F]%3D%0A[L]"), Breakage(query: "token=[F]=%20%09+%0D%0A[L]"),
            Breakage(query: "token=[F]%20[L]"), Breakage(query: "token=[F]+[L]"),
            Breakage(query: "token=[F]%09%0d%0a%20[L]"),
            Breakage(query: "token=%20[F]=%0D%0A[L]%20%0D%0A"), Breakage(query: "token=[F]%20[L]?utm_source=mail"),
            Breakage(query: "token=[T]%26utm_source=mail"), Breakage(query: "token=[T]%23x"),
            Breakage(query: "token=3D[T]"), Breakage(query: "token=%3D[T]"), Breakage(query: "token==[T]"),
            Breakage(query: "token=%3D3D[T]"), Breakage(query: "utm?token=[T]", left: "?utm"),
            Breakage(query: "utm_source=x?token=[T]", left: "?utm_source=x"),
            Breakage(query: "a=?b?jwt=[T]?c&d", left: "?a=?b&d"),
            Breakage(query: "token=[F]%C2%AD[L]"), Breakage(query: "token=[F]%E2%80%8B[L]%C2%A0"),
            Breakage(query: "token=%3C[T]%3E"), Breakage(query: "token=%22[T]%22"), Breakage(query: "token=([T])"),
            Breakage(query: "token=[T]+"), Breakage(query: "token=[T])%20?"),
        ]

        @Test(
            "It leads in, and whatever carried the token is hidden from the address and the upstream",
            arguments: breakages
        )
        func leadsIn(_ breakage: Breakage) throws {
            let browser = Browser(site)
            let token = Minter.acme.registration("broken")
            let redirect = try browser.navigate("/event/e1?" + breakage.query(token))
            #expect(redirect.status == 303)
            let location = Browser.path(redirect["Location"] ?? "")
            #expect(location.hasPrefix("/event/e1\(breakage.left.isEmpty ? "?" : breakage.left + "&")gateway-ticket="))
            #expect(try browser.open(location).status == 200)
            #expect(site.upstream.requests.last?.target == "/event/e1" + breakage.left)
            // Beside the session that it opened, for a script, and over HTTP/2.
            #expect(try browser.fetch("/event/e1/asset?" + breakage.query(token)).status == 200)
            #expect(site.upstream.requests.last?.target == "/event/e1/asset" + breakage.left)
            let client = try HTTP2Client.connected(port: site.port)
            #expect(try client.exchange("/event/e1/h2?" + breakage.query(token)).status == 200)
            #expect(site.upstream.requests.last?.target == "/event/e1/h2" + breakage.left)
            #expect(site.upstream.requests.last?["X-Gateway-Registration"] == "broken")
        }

        @Test("On a public route the members that carried the token are not forwarded", arguments: breakages)
        func publicRoute(_ breakage: Breakage) throws {
            for token in [Minter.acme.registration("public"), Minter.globex.token()] {
                #expect(try fetch(site.port, "/public/a?" + breakage.query(token)).status == 200)
                #expect(site.upstream.requests.last?.target == "/public/a" + breakage.left)
            }
            let referer = "Referer: http://localhost:\(site.port)/public/a?" + breakage.query(Minter.acme.token())
            #expect(try fetch(site.port, "/public/b", [referer]).status == 200)
            #expect(site.upstream.requests.last?["Referer"] == "http://localhost:\(site.port)/public/a")
        }

        @Test(
            "Attack: a forged token is refused like any other, however it is broken, and is counted",
            arguments: breakages
        )
        func forged(_ breakage: Breakage) throws {
            let forged = Minter(company: "acme", keyID: "acme-2026", secret: String(repeating: "f", count: 40))
            let query = breakage.query(forged.registration("forged"))
            try expectProblem(try fetch(site.port, "/event/e1?" + query), 401, "token_invalid")
            #expect(try Browser(site).navigate("/event/e1?" + query).status == 401)
            let two = breakage.query(Minter.acme.registration("one")) + "&token=" + Minter.acme.registration("two")
            try expectProblem(try fetch(site.port, "/event/e1?" + two), 400, "token_conflict")
        }

        /// A link's token as mail programs and people shorten and change it: within the signature, and within the claims.
        private static func damaged(_ token: String) -> (readable: [String], unreadable: [String]) {
            let parts = token.split(separator: ".").map(String.init)
            let signature = String(parts[2].dropLast(5))
            return (
                ["\(parts[0]).\(parts[1]).\(signature)", "\(token)AAAA"],
                [
                    "\(parts[0]).\(parts[1])", "\(parts[0]).\(parts[1].dropLast(40))",
                    "\(parts[0]).\(parts[1].dropLast(40)).\(parts[2])",
                ]
            )
        }

        @Test("Beside a session, a damaged link is refused unless it is the viewer's own, as far as it can be read")
        func besideSession() throws {
            let browser = Browser(site)
            let own = Minter.acme.registration("ada-damaged")
            #expect(try browser.open("/event/e1?token=\(own)").status == 200)
            let (ownLinks, otherLinks) = (Self.damaged(own), Self.damaged(Minter.acme.registration("eve-damaged")))
            for token in ownLinks.unreadable + otherLinks.readable + otherLinks.unreadable {
                let page = try browser.navigate("/event/e1?token=\(token)")
                #expect(page.status == 401 && page.text.contains("token_invalid"), "\(token)")
                // What a page's script sends is the page's, as ever.
                #expect(try browser.fetch("/event/e1/poll?token=\(token)").status == 200)
            }
            for token in ownLinks.readable {
                #expect(try browser.navigate("/event/e1?token=\(token)").status == 200, "\(token)")
                #expect(site.upstream.requests.last?["X-Gateway-Registration"] == "ada-damaged")
            }
            // The application's own, one of them signed with the company's key.
            let foreign = Minter.acme.signed([JSONMember("companyId", .string("acme"))])
            for value in [foreign, foreign, "abc", "a.b.c"] {
                #expect(try browser.navigate("/event/e1/own?token=\(value)").status == 200, "\(value)")
                #expect(site.upstream.requests.last?.target == "/event/e1/own?token=\(value)")
            }
        }

        @Test("A damaged link to another event than the session's is refused as a damaged link")
        func besideAnotherEvent() throws {
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("here"))").status == 200)
            let there = Minter.acme.registration("there", event: "e2")
            for token in ["abc"] + Self.damaged(there).readable + Self.damaged(there).unreadable {
                let page = try browser.navigate("/event/e2?token=\(token)")
                #expect(page.status == 401 && page.text.contains("This link does not work"), "\(token)")
            }
            let page = try browser.navigate("/event/e2")
            #expect(page.status == 403 && page.text.contains("You are signed in to another event"))
        }

        @Test("Attack: texts that are no token stay so: two in one, one in pieces, padding, and 8 KiB of spaces")
        func none() throws {
            let token = Minter.acme.registration("none")
            let parts = token.split(separator: ".")
            for value in [
                "\(token)%20\(token)", "\(parts[0]).\(parts[1])", "\(parts[0])=.\(parts[1]).\(parts[2])", "?\(token)",
                "%20", "%0D%0A", "=%0D%0A", "?", "+", ".", "\(token)?".replacing(".", with: "?"),
                String(repeating: "%20", count: 2000),
            ] {
                try expectProblem(try fetch(site.port, "/event/e1?token=\(value)"), 401, "token_invalid", "\(value)")
            }
            let long = String(repeating: "%0A", count: 2000)
            #expect(try fetch(site.port, "/event/e1?token=\(long)\(token)\(long)").status == 200)
        }

        @Test("Attack: parts of a broken token are in the log no more than other tokens")
        func log() throws {
            let site = try Site()
            let token = Minter.acme.registration("secret")
            for breakage in Self.breakages {
                _ = try fetch(site.port, "/event/e1?" + breakage.query(token))
                _ = try fetch(site.port, "/public/a?" + breakage.query(token))
            }
            #expect(try fetch(site.port, "/public/last").status == 200)
            #expect(eventually { site.gateway.log.contains("/public/last") })
            for part in token.split(separator: ".") { #expect(!site.gateway.log.contains(part.prefix(24))) }
        }

        @Test(
            "The application's own values pass unchanged beside a session",
            arguments: ["a%20b?c=1", "a=%0D%0Ab", "?", "+"]
        )
        func own(value: String) throws {
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("own"))").status == 200)
            for name in ["token", "amp;token", "%61mp;jwt", "next=/p?token"] {
                #expect(try browser.fetch("/event/e1/own?\(name)=\(value)&x").status == 200)
                #expect(site.upstream.requests.last?.target == "/event/e1/own?\(name)=\(value)&x")
                #expect(try fetch(site.port, "/public/own?\(name)=\(value)&x").status == 200)
                #expect(site.upstream.requests.last?.target == "/public/own?\(name)=\(value)&x")
            }
        }
    }
}
