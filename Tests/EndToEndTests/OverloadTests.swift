import Foundation
import Testing

extension EndToEnd {
    @Suite("Overload: whoever has a session goes on, the others are told to try again")
    struct OverloadTests {
        @Test(
            "Beyond memory_limit, joins and public requests get 503, renewals and health checks do not; a reload ends it"
        )
        func memory() throws {
            let site = try Site()
            let viewer = Browser(site)
            let link = "/event/e1?token=\(Minter.acme.registration("r1"))"
            #expect(try viewer.open(link).status == 200)
            let late = Browser(site)
            let redirect = try late.navigate("/event/e1?token=\(Minter.acme.registration("r4"))")
            #expect(redirect.status == 303)
            // No process is so small.
            try site.gateway.rewrite(site.configuration { $0.limits += "\nmemory_limit = \"1MiB\"" })
            site.gateway.reload()
            #expect(eventually(within: 20) { (try? fetch(site.port, "/public/x").status) == 503 })
            let refused = try fetch(site.port, "/event/e1", ["Authorization: Bearer \(Minter.acme.registration("r2"))"])
            try expectProblem(refused, 503, "try_again")
            #expect((5...10).contains(Int(refused["Retry-After"] ?? "") ?? 0))
            let page = try Browser(site).navigate("/event/e1?token=\(Minter.acme.registration("r3"))")
            #expect(page.status == 503 && page.text.contains("One moment, please"))
            // A join that has begun goes on later, with its cookie.
            let second = try late.navigate(Browser.path(redirect["Location"] ?? ""))
            #expect(second.status == 503 && second["Set-Cookie"] == nil)
            // Costs no signature check.
            try expectProblem(try fetch(site.port, "/event/e1?token=x.y.z"), 503, "try_again")
            for path in ["/event/e1/poll", "/assets/x", "/public/x"] { #expect(try viewer.fetch(path).status == 200) }
            #expect(try viewer.open(link).status == 200, "a reload of the link's page")
            #expect(try fetch(site.port, "/.gateway/healthz").status == 200)
            let preflight = ["Origin: https://x.example", "Access-Control-Request-Method: PUT"]
            #expect(try fetch(site.port, "/event/e1", method: "OPTIONS", preflight).status == 200)
            try site.gateway.rewrite(site.configuration())
            site.gateway.reload()
            #expect(eventually(within: 20) { (try? fetch(site.port, "/public/x").status) == 200 })
            #expect(eventually { site.gateway.log.contains("there is memory again") })
            #expect(try late.open(Browser.path(redirect["Location"] ?? "")).status == 200)
        }
    }
}
