import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane
@testable import GatewayConfiguration

@Suite("Pages can read answers only if the company's embed_origins list them")
struct CrossOriginTests {
    private static let allowOrigin = HTTPField.Name("Access-Control-Allow-Origin")!
    private static let requestMethod = HTTPField.Name("Access-Control-Request-Method")!

    private func service() throws -> Service {
        try Service { settings in
            settings.companies[0].embedOrigins = ["https://www.acme.example", "https://*.acme.example:8443"]
        }
    }

    @Test(
        "Exact origins and wildcard ones are recognized, look-alikes are not",
        arguments: [
            ("https://www.acme.example", true), ("https://shop.acme.example:8443", true),
            ("https://a.b.acme.example:8443", true), ("https://acme.example:8443", false),
            ("https://shop.acme.example", false), ("http://www.acme.example", false),
            ("https://www.acme.example.evil.example", false), ("https://evil.example/.acme.example:8443", false),
            ("https://evil.example?.acme.example:8443", false), ("https://x@y.acme.example:8443", false),
            ("https://.acme.example:8443", false), ("null", false),
        ]
    )
    func origins(origin: String, isAllowed: Bool) {
        let list = OriginList(["https://www.acme.example", "https://*.acme.example:8443"])
        #expect(list.permission(for: origin) == (isAllowed ? origin : nil))
    }

    @Test("A preflight is answered for origins of any company, and for no other")
    func preflight() async throws {
        let service = try service()
        for (origin, isAllowed) in [
            ("https://www.acme.example", true), ("https://www.globex.example", true), ("https://evil.example", false),
        ] {
            let reply = await service.send(
                .options,
                "/api/v1/event/create",
                [.origin: origin, Self.requestMethod: "POST"]
            )
            #expect(reply.status == 204)
            #expect(reply.fields[Self.allowOrigin] == (isAllowed ? origin : nil))
            #expect(reply.fields[.vary]?.contains("Origin") ?? false)
            guard isAllowed else { continue }
            let fields = ["Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age"]
            #expect(
                fields.map { reply.fields[HTTPField.Name($0)!] } == [
                    "GET, POST, PUT, PATCH, DELETE", "Authorization, Content-Type, Accept, Idempotency-Key", "600",
                ]
            )
        }
    }

    @Test("An answer for a company is for its own origins only")
    func answers() async throws {
        let service = try service()
        for (origin, isAllowed) in [("https://www.acme.example", true), ("https://www.globex.example", false)] {
            let reply = try await service.call(.get, "/company/acme", nil, [.origin: origin])
            #expect(reply.status == 200)
            #expect(reply.fields[Self.allowOrigin] == (isAllowed ? origin : nil))
            let exposed = reply.fields[HTTPField.Name("Access-Control-Expose-Headers")!]
            let names = "Idempotent-Replayed, Link, Retry-After, X-Request-Id, X-Total-Count"
            #expect(exposed == (isAllowed ? names : nil))
        }
    }

    @Test("A company with * allows it for its answers")
    func any() async throws {
        let service = try Service { $0.companies[0].embedOrigins = ["*"] }
        let reply = try await service.call(.get, "/company/acme", nil, [.origin: "https://x.example"])
        #expect(reply.fields[Self.allowOrigin] == "*")
        let other = try await service.call(.get, "/company/globex", nil, as: "globex", [.origin: "https://x.example"])
        #expect(other.fields[Self.allowOrigin] == nil)
    }

    @Test("Pages can read errors too")
    func errors() async throws {
        let service = try service()
        let fields: HTTPFields = [.origin: "https://www.acme.example"]
        let replies = [
            await service.send(.get, "/api/v1/company/acme", fields),
            try await service.call(.get, "/company/other", nil, fields),
            await service.send(.get, "/api/v1/nothing", fields), await service.send(.put, "/api/oauth/token", fields),
        ]
        #expect(replies.map(\.status) == [401, 404, 404, 405])
        for reply in replies { #expect(reply.fields[Self.allowOrigin] == "https://www.acme.example") }
    }
}
