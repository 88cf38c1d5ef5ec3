import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("The upstream learns who the viewer is, in one encoding")
    struct IdentityTests {
        static let shared = Result {
            try Site { $0.more = "[identity.claims]\nTier = \"https://acme.example/tier\"\nSeats = \"seats\"" }
        }
        let site: Site

        init() throws { site = try Self.shared.get() }

        @Test(
            "Spaces, percent signs and everything beyond ASCII are percent-encoded in every field",
            arguments: [" ada ", "ada b", "100%", "a%20b", "Zoë", "名前", "a\u{a0}b", "plain-1@x"]
        )
        func encoded(id: String) throws {
            let token = Minter.acme.signed([
                JSONMember("exp", .number(4_000_000_000)),
                JSONMember("sub", .string(id)), JSONMember("eventId", .string("e1")),
                JSONMember("companyId", .string("acme")),
                JSONMember("name", .string(id)), JSONMember("picture", .string("https://x.example/a b%20c")),
                JSONMember("https://acme.example/tier", .string(id)), JSONMember("seats", .number(3)),
                JSONMember("other", .string("kept to itself")),
            ])
            let path = "/event/e1/\(id.utf8.reduce(0) { $0 &* 31 &+ Int($1) })"
            #expect(try fetch(site.port, path, ["Authorization: Bearer \(token)"]).status == 200)
            let seen = try #require(site.upstream.requests(for: path).last)
            for name in ["X-Gateway-User-Id", "X-Gateway-User-Name", "X-Gateway-Tier"] {
                let value = try #require(seen[name], "\(name)")
                #expect(value.utf8.allSatisfy { (0x21...0x7e).contains($0) }, "\(value)")
                #expect(value.removingPercentEncoding == id)
            }
            #expect(seen["X-Gateway-User-Avatar"] == "https://x.example/a%20b%2520c")
            #expect(seen["X-Gateway-Seats"] == "3")
            #expect(!"\(seen.fields)".contains("kept to itself"))
        }

        @Test("A passed claim stays with the session's cookie, and a client's own field of that name does not")
        func session() throws {
            let browser = Browser(site)
            let token = Minter.acme.signed([
                JSONMember("exp", .number(4_000_000_000)),
                JSONMember("sub", .string("u-session")), JSONMember("eventId", .string("e1")),
                JSONMember("companyId", .string("acme")), JSONMember("https://acme.example/tier", .string("gold")),
            ])
            #expect(try browser.open("/event/e1/first?token=\(token)").status == 200)
            for forged in ["X-Gateway-Tier: platinum", "x_gateway_tier: platinum", "X-Gateway-Seats: 9"] {
                #expect(try browser.fetch("/event/e1/again", "GET", [forged]).status == 200)
                let seen = try #require(site.upstream.requests(for: "/event/e1/again").last)
                #expect(seen["X-Gateway-Tier"] == "gold" && seen["X-Gateway-Seats"] == nil)
                #expect(!"\(seen.fields)".contains("platinum"))
            }
        }
    }
}
