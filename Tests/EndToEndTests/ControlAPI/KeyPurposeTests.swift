import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("Each key has its purpose: viewers' own tokens, the gateway's tokens, the API's")
    struct KeyPurposeTests {
        /// A key of acme that only verifies, like an outside issuer's.
        private static let outside = Minter(
            company: "acme",
            keyID: "issuer-1",
            secret: "a secret that an outside issuer signs with"
        )

        private func makeSite() throws -> Site {
            let site = try Site { $0.control = "" }
            try site.gateway.directory.write("issuer.secret", Self.outside.secret)
            try site.gateway.rewrite(
                site.configuration {
                    $0.control = ""
                    $0.company = """
                        [[company.key]]
                        id = "acme-2026"
                        algorithm = "HS256"
                        secret_file = "acme.secret"
                        """
                    $0.companyKeys = """
                        [[company.key]]
                        id = "issuer-1"
                        algorithm = "HS256"
                        secret_file = "issuer.secret"
                        """
                }
            )
            try site.gateway.restart()
            return site
        }

        @Test("Attack: a company's key, whichever, makes an API token, valid for an hour or for ten years")
        func companyKeyAtTheAPI() throws {
            let site = try makeSite()
            for minter in [Minter.acme, Self.outside] {
                for life in [3600, 10 * 365 * 86_400] as [Double] {
                    for company in ["acme", "globex"] {
                        let url = "http://localhost:\(site.port)"
                        let forged = minter.signed(
                            [
                                JSONMember("iss", .string(url)), JSONMember("aud", .string(url + "/api")),
                                JSONMember("sub", .string(company)), JSONMember("companyId", .string(company)),
                                JSONMember("iat", .number(Minter.now)), JSONMember("exp", .number(Minter.now + life)),
                            ],
                            type: "api+jwt"
                        )
                        let backend = Backend(port: site.port, company: company)
                        backend.token = forged
                        try expectFault(try backend.call("GET", "/company/\(company)"), 401, "unauthorized")
                    }
                }
            }
        }

        @Test("Attack: an outside issuer's key makes embed and registration tokens that claim to be the gateway's")
        func outsideKeyAsOurs() throws {
            let site = try makeSite()
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            func status(_ minter: Minter, _ type: String?) throws -> Int {
                let ours = [
                    JSONMember("iss", .string("http://localhost:\(site.port)")), JSONMember("companyId", "acme"),
                    JSONMember("eventId", .string(event)), JSONMember("sub", "u-1"),
                    JSONMember("registrationId", .string(UUID().uuidString.lowercased())),
                    JSONMember("exp", .number(Minter.now + 600)),
                ]
                return try fetch(site.port, "/event/\(event)?token=\(minter.signed(ours, type: type))").status
            }
            for type in ["embed+jwt", "registration+jwt"] {
                #expect(try status(Self.outside, type) == 401)
                #expect(try status(Minter.acme, type) == 200)
            }
            // The issuer's legitimate use.
            #expect(try status(Self.outside, "JWT") == 200)
            #expect(try status(Self.outside, nil) == 200)
        }

        @Test("The key of API tokens is made at the first start, for its owner only, and survives a restart")
        func tokenKey() throws {
            let site = try Site { $0.control = "" }
            let path = site.gateway.directory["gateway.sqlite.key"]
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(attributes[.size] as? Int == 32)
            let backend = try Backend.signedIn(site)
            try site.gateway.restart()
            let after = Backend(port: site.port)
            after.token = backend.token
            #expect(try after.ask("GET", "/company/acme")["uid"] == "acme")
        }

        @Test("A join link follows its event: postponed it stays valid, moved into the past it ends, and comes back")
        func movedEvent() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let link = try backend.register("ada@acme.example", for: event).target
            func move(_ days: Double) throws {
                let start = Date().addingTimeInterval(days * 86_400)
                _ = try backend.ask(
                    "POST",
                    "/event/\(event)",
                    [
                        "startDate": .string(start.ISO8601Format()),
                        "endDate": .string(start.addingTimeInterval(3600).ISO8601Format()),
                    ]
                )
            }
            func status() throws -> Int { try Browser(site).open(link).status }
            #expect(try status() == 200)
            try move(300)
            #expect(try status() == 200)
            try move(-2)
            let late = try Browser(site).open(link)
            #expect(late.status == 401)
            try move(0)
            #expect(try status() == 200)
            // The token's own exp is an outer bound: a year after the event.
            let token = Array(link.components(separatedBy: "token=")[1].utf8)
            let expires = try #require(try Token(parsing: token.span, maxSize: 8192).validity.expires)
            #expect(expires > Int64(Minter.now) + 365 * 86_400)
        }
    }
}
