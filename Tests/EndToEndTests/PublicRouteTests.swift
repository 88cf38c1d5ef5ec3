import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("A viewer's credentials on a public route are not for its upstream")
    struct PublicRouteTests {
        static let shared = Result { try Site { $0.control = "" } }
        let site: Site

        init() throws { site = try Self.shared.get() }

        private func forwarded(_ target: String, _ fields: [String]) throws -> RecordedRequest {
            #expect(try fetch(site.port, target, fields).status == 200)
            return try #require(site.upstream.requests.last)
        }

        @Test("Tokens in the query, the session's cookie and header, and a viewer's Bearer are removed")
        func taken() throws {
            let tokens = [
                Minter.acme.token(), Minter.acme.registration("r1"), Minter.globex.token(),
                Minter.acme.token(.init(expires: Minter.now - 3600)), Minter.acme.token(.init(type: "api+jwt")),
                // Ours by its type, signed with a removed key.
                Minter(company: "acme", keyID: "old", secret: String(repeating: "x", count: 40))
                    .token(.init(type: "embed+jwt")),
            ]
            for token in tokens {
                for scheme in ["Bearer", "bearer", "BEARER "] {
                    let request = try forwarded("/public/a", ["Authorization: \(scheme) \(token)"])
                    #expect(request["Authorization"] == nil)
                }
                let encoded = token.replacing(".", with: "%2E")
                for name in ["token", "authKey", "jwt", "%74oken"] {
                    for value in [token, encoded] {
                        let target = "/public/a?x=1&\(name)=\(value)&y=2"
                        #expect(try forwarded(target, []).target == "/public/a?x=1&y=2")
                    }
                }
            }
            let joinCode = "/public/a?joinCode=0123456789AB&x=1"
            #expect(try forwarded(joinCode, []).target == "/public/a?x=1")
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(Minter.acme.registration("r7"))").status == 200)
            let request = try forwarded(
                "/public/a",
                [
                    "Cookie: own=1; " + browser.cookies.map { "\($0)=\($1)" }.joined(separator: "; "),
                    "Gateway-Session: abc",
                ]
            )
            #expect(request["Cookie"] == "own=1")
            #expect(request["Gateway-Session"] == nil)
        }

        @Test("Attack: a viewer's token in a form that only an upstream might read is removed")
        func unusual() throws {
            let token = Minter.acme.token()
            let values = [
                "Bearer \(token),", "Bearer \"\(token)\"", "bearer  \(token)", "Bearer\t\(token)", "Bearer \(token)==",
                "Bearer abc, Bearer \(token)", "Bearer abc,\(token)", "Bearer,\(token)", "Bearer token=\"\(token)\"",
                token,
                "JWT \(token)", "Token token=\(token); x=1",
            ]
            for path in ["/public/a", "/x?token=\(token)"] {
                for value in values {
                    for fields in [
                        ["Authorization: \(value)"], ["Authorization: Basic eDp5", "Authorization: \(value)"],
                    ] {
                        // On viewers' routes, some of it is not a valid request at all.
                        let response = try fetch(site.port, path, fields)
                        guard path == "/public/a" || response.status == 200 else { continue }
                        let request = try #require(site.upstream.requests.last)
                        #expect(!request.fields.contains { $0.value.contains(token) }, "\(path) \(value)")
                    }
                }
            }
            for value in ["\(token),", "%22\(token)%22", "Bearer%20\(token)", "abc,\(token)"] {
                #expect(try forwarded("/public/a?x=1&token=\(value)", []).target == "/public/a?x=1")
            }
        }

        @Test("The application's own credentials pass unchanged")
        func own() throws {
            let foreign = Minter(company: "nobody", keyID: "k", secret: String(repeating: "y", count: 40)).token()
            for own in ["abc", "a.b.c", foreign] {
                let request = try forwarded("/public/a?token=\(own)&x=1&jwt=", ["Authorization: Bearer \(own)"])
                #expect(request["Authorization"] == "Bearer \(own)")
                #expect(request.target == "/public/a?token=\(own)&x=1&jwt=")
            }
            let basic = "Basic dXNlcjpwYXNz"
            #expect(try forwarded("/public/a?joinCode=mine", ["Authorization: \(basic)"])["Authorization"] == basic)
        }

        @Test("The control API gets its callers' Bearer")
        func control() throws {
            #expect(try Backend.signedIn(site).ask("GET", "/company/acme")["uid"] == "acme")
        }

        @Test("Without a token route over hubs the gateway neither checks nor starts, and says what is open")
        func gap() throws {
            let directory = site.gateway.directory
            let text = site.configuration { $0.control = "" }.text(
                port: 8080,
                adminPort: 9901,
                directory: directory.path
            )
            let open = text.replacingOccurrences(of: "/networking/{event}", with: "/hubs/{event}")
            let file = try directory.write("gap.conf", open)
            for command in ["check", "run"] {
                let finished = try run(Gateway.program, [command, file])
                #expect(finished.status == 1)
                #expect(finished.errors.contains("/networking/{event}") && finished.errors.contains("\"/**\""))
            }
        }
    }
}
