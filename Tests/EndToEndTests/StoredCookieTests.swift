import Basics
import Foundation
import Testing

extension EndToEnd {
    @Suite("The embed host's cookies that a service worker keeps")
    struct StoredCookieTests {
        @Test("The embed host's cookies come back to it, and to nobody else")
        func cookies() throws {
            let site = try FrameWorker.site()
            site.upstream.on("/event/e1/login") { exchange in
                let lines = ["app=1; Path=/event; HttpOnly", "deep=2", "gateway-session-0a0a0a0a=forged; Path=/"]
                return try exchange.reply("200 OK", lines.map { "Set-Cookie: \($0)" } + ["Cache-Control: public"], "")
            }
            site.upstream.on("/event/e1/logout") { exchange in
                try exchange.reply("200 OK", ["Set-Cookie: app=; Path=/event; Max-Age=0"], "")
            }
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("cookies")).status == 200)
            let login = try frame.request("/event/e1/login")
            #expect(login["Set-Cookie"] == nil && login.fields.values("gateway-set-cookie").count == 2)
            #expect(!login.fields.contains { $0.value.contains("app=1") })
            #expect(login.fields.values("cache-control") == ["no-store"])
            func seen(_ path: String) throws -> String? {
                _ = try frame.request(path)
                return site.upstream.requests(for: path).last?["Cookie"]
            }
            #expect(try seen("/event/e1/data") == "deep=2; app=1")
            #expect(try seen("/event/e1") == "deep=2; app=1")
            #expect(try seen("/other") == nil)
            #expect(try seen("/public/x") == nil)
            #expect(site.upstream.requests.allSatisfy { $0["Gateway-Cookie"] == nil })
            #expect(try frame.request("/event/e1/logout").status == 200)
            #expect(try seen("/event/e1/data") == "deep=2")
            // Only a worker's request has such cookies.
            let bearer = "Authorization: Bearer \(Minter.acme.registration("program"))"
            _ = try fetch(site.port, "/event/e1/x", [bearer, "Gateway-Cookie: \(login["Gateway-Set-Cookie"] ?? "")"])
            #expect(site.upstream.requests.last?["Cookie"] == nil)
        }

        @Test("Attack: the embed host's cookies in another viewer's jar, and in that of another event")
        func movedCookies() throws {
            let site = try FrameWorker.site()
            site.upstream.on("/event/e1/login") { try $0.reply("200 OK", ["Set-Cookie: app=1; Path=/"], "") }
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("owner")).status == 200)
            #expect(try frame.request("/event/e1/login").status == 200)
            for (person, event) in [("owner", "e1"), ("thief", "e1"), ("owner", "e2")] {
                let other = FrameWorker(site)
                #expect(try other.open(FrameWorker.link(person, event)).status == 200)
                other.cookies = frame.cookies
                #expect(try other.request("/event/\(event)/data").status == 200)
                let seen = try #require(site.upstream.requests(for: "/event/\(event)/data").last)
                #expect(seen["Cookie"] == (person == "owner" && event == "e1" ? "app=1" : nil), "\(person) \(event)")
            }
        }

        @Test(
            "An answer to a worker is kept by no shared cache, and by the browser's for the same viewer and cookies only"
        )
        func caching() throws {
            let site = try FrameWorker.site()
            func serve(_ path: String, _ fields: [String]) {
                for path in ["/event/e1/\(path)", "/public/\(path)"] {
                    site.upstream.on(path) { try $0.reply("200 OK", fields, "") }
                }
            }
            serve(
                "shared",
                ["Cache-Control: public, s-maxage=60", "CDN-Cache-Control: max-age=60", "Surrogate-Control: a"]
            )
            serve(
                "varied",
                ["Cache-Control: max-age=60", "vary: Accept , COOKIE", "Vary: Cookie", "Cache-Control: a=b"]
            )
            serve("other", ["Vary: Cookies, X-Cookie", "Cache-Control: no-store"])
            serve("silent", [])
            let frame = FrameWorker(site)
            #expect(try frame.open(FrameWorker.link("caching")).status == 200)
            func told(_ path: String, _ name: String) throws -> [String] {
                try frame.request(path).fields.values(name)
            }
            let varies = "Gateway-Session, Gateway-Cookie"
            #expect(try told("/event/e1/shared", "cache-control") == ["private", "public, s-maxage=60"])
            #expect(try told("/event/e1/shared", "cdn-cache-control").isEmpty)
            #expect(try told("/event/e1/shared", "surrogate-control").isEmpty)
            #expect(try told("/event/e1/varied", "cache-control") == ["private", "max-age=60", "a=b"])
            #expect(try told("/event/e1/varied", "vary") == [varies, "Accept , COOKIE", "Cookie"])
            #expect(try told("/event/e1/other", "cache-control") == ["private", "no-store"])
            #expect(try told("/event/e1/other", "vary") == ["Cookies, X-Cookie"])
            #expect(try told("/event/e1/silent", "cache-control") == ["private"])
            // What is for everyone, and what others are told, stays as it is.
            #expect(try told("/public/varied", "vary") == ["Accept , COOKIE", "Cookie"])
            let browser = Browser(site)
            _ = try browser.open("/event/e1?token=\(Minter.acme.registration("other"))")
            let shared = try browser.fetch("/event/e1/shared")
            #expect(shared.fields.values("cache-control") == ["public, s-maxage=60"])
            #expect(shared["CDN-Cache-Control"] == "max-age=60" && shared["Surrogate-Control"] == "a")
            #expect(try browser.fetch("/event/e1/varied").fields.values("vary") == ["Accept , COOKIE", "Cookie"])
        }
    }
}
