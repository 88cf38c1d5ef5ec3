import Basics
import Foundation
import Testing

extension EndToEnd {
    /// The console of a running gateway, without a browser. `ConsoleBrowserTests` uses one.
    @Suite("The operator console")
    struct ConsoleTests {
        static let token = "a token that operators know"
        static let readToken = "a token that readers know"

        /// A gateway whose console asks for ``token`` or ``readToken``.
        static func site(_ adjust: (inout GatewayConfiguration) throws -> Void = { _ in }) throws -> Site {
            let secrets = try Self.secrets.get()
            return try Site {
                $0.admin = """
                    token_file = "\(secrets["admin.token"])"
                    read_token_file = "\(secrets["read.token"])"
                    """
                try adjust(&$0)
            }
        }

        private static let secrets = Result {
            let directory = try TemporaryDirectory()
            try directory.write("admin.token", token)
            try directory.write("read.token", readToken)
            return directory
        }

        /// Signs in, and returns the line of the cookie.
        static func signIn(_ site: Site, _ token: String = token) throws -> String {
            let response = try fetch(
                site.gateway.adminPort,
                "/console/sign-in",
                method: "POST",
                ["Sec-Fetch-Site: same-origin", "Content-Type: application/x-www-form-urlencoded"],
                body: Array("token=\(percentEncoded(token))".utf8)
            )
            #expect(response.status == 303 && response["Location"] == "/console/")
            return "Cookie: " + (response["Set-Cookie"]?.split(separator: ";").first ?? "")
        }

        @Test("It is on the admin listener only, and leads strangers to the sign-in page")
        func place() throws {
            let site = try Self.site()
            #expect(try fetch(site.gateway.adminPort, "/")["Location"] == "/console/")
            let page = try fetch(site.gateway.adminPort, "/console/")
            #expect(page.status == 303 && page["Location"] == "/console/sign-in?to=%2Fconsole%2F")
            #expect(try fetch(site.gateway.adminPort, "/console/sign-in").status == 200)
            #expect(try fetch(site.port, "/console/sign-in").status == 401)
            #expect(try fetch(site.port, "/.gateway/console/").status == 404)
            #expect(site.upstream.requests.isEmpty)
        }

        @Test("Forms of any size and framing are answered or refused, and leave the connection in order")
        func forms() throws {
            let site = try Self.site()
            let client = try Client(port: site.gateway.adminPort)
            let fields = ["Sec-Fetch-Site: same-origin"]
            let long = [UInt8](repeating: UInt8(ascii: "a"), count: 60_000)
            #expect(try client.exchange("/console/sign-in", method: "POST", fields, body: long).status == 403)
            client.send(
                "POST /console/sign-in HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\nExpect: 100-continue\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n6\r\ntoken=\r\n1\r\nx\r\n0\r\n\r\n"
            )
            let chunked = try client.response(to: "POST")
            #expect(chunked.status == 403 && chunked.interim == [100])
            #expect(try client.exchange("/console/sign-in", method: "PUT", fields).status == 405)
            #expect(try client.exchange("/healthz").status == 200)
            let huge = [UInt8](repeating: UInt8(ascii: "a"), count: 70_000)
            let refused = try fetch(site.gateway.adminPort, "/console/sign-in", method: "POST", fields, body: huge)
            #expect(refused.status == 413)
        }

        @Test("Values come as events while somebody watches, and the stream ends with the sign-in")
        func events() throws {
            let site = try Self.site()
            let cookie = try Self.signIn(site)
            let client = try Client(port: site.gateway.adminPort)
            client.reader.patience = 20
            client.send("GET /console/events HTTP/1.1\r\nHost: localhost\r\n\(cookie)\r\n\r\n")
            let head = String(decoding: try #require(try client.reader.head()), as: UTF8.self).lowercased()
            #expect(head.hasPrefix("http/1.1 200") && head.contains("content-type: text/event-stream"))
            #expect(head.contains("cache-control: no-store") && head.contains("x-accel-buffering: no"))
            /// The next event's text values.
            func next() throws -> JSONValue? {
                let line = try client.reader.line()
                let size = try #require(Int(line, radix: 16))
                guard size > 0 else { return nil }
                let text = String(decoding: try client.reader.take(size + 2), as: UTF8.self)
                #expect(text.hasPrefix("event: reading\ndata: ") && text.hasSuffix("\n\n\r\n"))
                let json = Array(text.dropFirst(21).utf8)
                return try Response(body: json).json()["texts"]
            }
            #expect(try next()?["viewers"]?.text == "0")
            let joined = try Browser(site).open("/event/e1?token=\(Minter.acme.registration("r1"))")
            #expect(joined.status == 200)
            // The reading under way may be older than the join.
            var readings = 0
            while try #require(try next())["viewers"]?.text != "1" {
                readings += 1
                try #require(readings < 10)
            }

            let page = try fetch(site.gateway.adminPort, "/console/", [cookie]).text
            let key = try #require(page.firstMatch(of: /name="key" value="([^"]+)"/)).1
            let out = try fetch(
                site.gateway.adminPort,
                "/console/sign-out",
                method: "POST",
                [cookie, "Sec-Fetch-Site: same-origin"],
                body: Array("key=\(key)".utf8)
            )
            #expect(out.status == 303)
            readings = 0
            while try next() != nil {
                readings += 1
                try #require(readings < 10)
            }
            #expect(try fetch(site.gateway.adminPort, "/console/events", [cookie]).status == 401)
        }

        @Test("Somebody who watches does not keep a gateway that is told to stop, or was replaced")
        func drain() throws {
            let site = try Self.site { $0.top = "drain_timeout = \"60s\"" }
            let cookie = try Self.signIn(site)
            let client = try Client(port: site.gateway.adminPort)
            client.send("GET /console/events HTTP/1.1\r\nHost: localhost\r\n\(cookie)\r\n\r\n")
            #expect(try client.reader.head() != nil)
            let former = try site.gateway.takeOver()
            #expect(former.wait(within: 20) == 0)
            // In memory, so the next process asks again.
            let again = try fetch(site.gateway.adminPort, "/console/", [cookie])
            #expect(again.status == 303)
            let second = try Self.signIn(site)
            let other = try Client(port: site.gateway.adminPort)
            other.send("GET /console/events HTTP/1.1\r\nHost: localhost\r\n\(second)\r\n\r\n")
            #expect(try other.reader.head() != nil)
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait(within: 20) == 0)
        }

        @Test("RFC 9113, 8.2.3: over HTTP/2, a sign-in counts whose cookie is one of several fields")
        func splitCookies() throws {
            let site = try Self.site()
            let client = try HTTP2Client.connected(port: site.gateway.adminPort)
            let origin = Field("sec-fetch-site", "same-origin")
            let token = Array("token=\(percentEncoded(Self.token))".utf8)
            let begun = try client.exchange("/console/sign-in", method: "POST", [origin], body: token)
            #expect(begun.status == 303)
            let cookie = String(try #require(begun["Set-Cookie"]).prefix { $0 != ";" })
            let crumbs = ["a=1", cookie, "c=3; d=4"].map { Field("cookie", $0) }
            let page = try client.exchange("/console/log", crumbs)
            #expect(page.status == 200)
            let key = try #require(page.text.firstMatch(of: /name="key" value="([^"]+)"/)).1
            // As in one field, a cookie that is there twice counts for nothing.
            let twice = try client.exchange("/console/log", crumbs + [Field("cookie", "gateway-console=x")])
            #expect(twice.status == 303)
            let body = Array("key=\(key)".utf8)
            let out = try client.exchange("/console/sign-out", method: "POST", crumbs + [origin], body: body)
            #expect(out.status == 303 && out["Location"] == "/console/sign-in")
            #expect(try client.exchange("/console/log", crumbs).status == 303)
        }

        @Test("The token for reading reads the operator API, and changes nothing there either")
        func readToken() throws {
            let site = try Self.site()
            let (port, reader) = (site.gateway.adminPort, ["Authorization: Bearer \(Self.readToken)"])
            for path in ["/sessions", "/metrics", "/upstreams", "/removals"] {
                #expect(try fetch(port, path, reader).status == 200)
                #expect(try fetch(port, path).status == 401)
            }
            for (method, path) in [
                ("DELETE", "/sessions?company=acme"), ("POST", "/removals?event=e1&user=u1&company=acme"),
                ("POST", "/upstreams?upstream=embed-host&server=x&state=drain"),
            ] {
                #expect(try fetch(port, path, method: method, reader).status == 403)
            }
            // A bearer token opens no page, and a cookie no call.
            #expect(try fetch(port, "/console/", ["Authorization: Bearer \(Self.token)"]).status == 303)
            #expect(try fetch(port, "/sessions", [try Self.signIn(site)]).status == 401)
        }

        @Test(
            "Every event and every networking hub of a company is on one of its pages",
            arguments: ["event", "networking"]
        )
        func eventPages(kind: String) throws {
            let site = try Self.site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let made = try (0..<61).map { number in
                try backend.ask("POST", "/\(kind)/create", backend.newEvent("Event \(number)"))["uid"]?.text ?? ""
            }
            let cookie = try Self.signIn(site)
            var (listed, next): ([String], String?) = ([], "/console/companies/one?id=acme")
            while let path = next {
                let page = try fetch(site.gateway.adminPort, path, [cookie]).text
                listed += page.matches(of: /<code>([0-9a-f-]{36})<\/code>/).map { String($0.1) }
                next = page.firstMatch(of: /rel="next" href="([^"]+)"/).map {
                    String($0.1).replacing("&amp;", with: "&")
                }
                try #require(listed.count <= made.count)
            }
            #expect(listed.sorted() == made.sorted())
        }

        @Test("The log says who signed in and from where, and no token")
        func log() throws {
            let site = try Self.site()
            _ = try Self.signIn(site)
            _ = try Self.signIn(site, Self.readToken)
            _ = try fetch(
                site.gateway.adminPort,
                "/console/sign-in",
                method: "POST",
                ["Sec-Fetch-Site: same-origin"],
                body: Array("token=not-the-token-at-all".utf8)
            )
            let isSaid = eventually { site.gateway.log.contains("a sign-in was refused") }
            #expect(isSaid)
            let log = site.gateway.log
            #expect(log.contains("somebody signed in") && log.contains("reader") && log.contains("127.0.0.1"))
            for secret in [Self.token, Self.readToken, "not-the-token-at-all"] { #expect(!log.contains(secret)) }
        }
    }
}
