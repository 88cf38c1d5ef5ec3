import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("What bad signatures may cost, and whom that affects")
    struct SignatureCostTests {
        /// Three keys, none of which a token must name.
        private let keys: [Key]
        private let directory: TemporaryDirectory
        private let site: Site

        init() throws {
            let keys = try (0..<3).map { try Key.generate(.es384, id: "es-\($0)") }
            let set = JSONValue.object([JSONMember("keys", .array(keys.compactMap(\.publicJWK)))])
            directory = try TemporaryDirectory()
            let file = try directory.write("keys.json", String(decoding: set.serialized(), as: UTF8.self))
            site = try Site { $0.company = "[[company.key]]\njwks_file = \"\(file)\"" }
            self.keys = keys
        }

        private func bearer(_ key: Key) throws -> [String] {
            let claims = [
                JSONMember("companyId", .string("acme")), JSONMember("eventId", .string("e1")),
                JSONMember("sub", .string("u1")), JSONMember("exp", .number(Minter.now + 3600)),
            ]
            return ["Authorization: Bearer \(try Token.sign(claims, type: nil, with: key))"]
        }

        @Test("Attack: bad ES384 signatures, each tried with three keys, cost 25 ms a second; valid tokens still pass")
        func flood() throws {
            let bad = try bearer(Key.generate(.es384, id: nil))
            let (known, new) = (try bearer(keys[0]), try bearer(keys[1]))
            let client = try Client(port: site.port)
            #expect(try client.exchange("/event/e1", known).status == 200)
            let start = monotonic()
            var checked = 0
            for number in 0..<500 {
                let response = try client.exchange("/event/e1", bad)
                if response.status == 401 {
                    checked += 1
                } else {
                    try expectProblem(response, 429, "too_many_joins")
                    #expect(response["Retry-After"] == "1")
                }
                guard number % 50 == 49 else { continue }
                // A token of this connection's loop, and so known there; and one whose check costs nothing.
                #expect(try client.exchange("/event/e1", known).status == 200)
                #expect(try fetch(site.port, "/event/e1?token=\(Minter.acme.token())").status == 200)
            }
            #expect(Double(checked) <= 6 * (monotonic() - start + 2))
            #expect(try eventually { try fetch(site.port, "/event/e1", new).status == 200 })
        }

        @Test("Attack: the same on a public route, in the query and in many Authorization fields of one request")
        func publicRoute() throws {
            let bad = try bearer(Key.generate(.es384, id: nil))
            let client = try Client(port: site.port)
            var forwarded = 0
            let start = monotonic()
            for _ in 0..<50 {
                #expect(try client.exchange("/public/a", Array(repeating: bad[0], count: 20)).status == 200)
                let request = try #require(site.upstream.requests.last)
                forwarded += request.fields.count { $0.name.lowercased() == "authorization" }
            }
            // Checked tokens belong to nobody; unchecked ones are withheld.
            #expect(Double(forwarded) <= 6 * (monotonic() - start + 2))
        }
    }
}
