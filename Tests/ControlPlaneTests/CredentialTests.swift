import Admission
import Basics
import Foundation
import HTTPTypes
import JOSE
import Testing

@testable import ControlPlane
@testable import GatewayConfiguration

@Suite("API tokens are given for the client secret and open their own company only")
struct CredentialTests {
    private let path = "/api/oauth/token"

    private func body(_ id: String = "acme", _ secret: String = Service.secret) -> JSONValue {
        object(["client_id": .string(id), "client_secret": .string(secret), "grant_type": "client_credentials"])
    }

    private func ask(_ service: Service, _ body: JSONValue, from address: String? = nil) async -> Reply {
        var fields: HTTPFields = [.contentType: "application/json; charset=utf-8"]
        if let address { fields[HTTPField.Name("X-Forwarded-For")!] = address }
        return await service.send(.post, path, fields, body: body.serialized())
    }

    @Test("The right secret gets a token that opens the API, from JSON, from a form and with Basic")
    func allForms() async throws {
        let service = try Service()
        let form = "client_id=acme&client_secret=a+secret%20of+the+client&grant_type=client_credentials&audience=x"
        let formFields: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
        let basic = Data("acme:\(Service.secret)".utf8).base64EncodedString()
        let basicFields: HTTPFields = [
            .contentType: "application/x-www-form-urlencoded", .authorization: "Basic \(basic)",
        ]
        let replies = [
            await ask(service, body()), await service.send(.post, path, formFields, body: Array(form.utf8)),
            await service.send(.post, path, basicFields, body: Array("grant_type=client_credentials".utf8)),
        ]
        for reply in replies {
            #expect(reply.status == 200, "\(reply.text)")
            #expect(reply["token_type"] == "Bearer")
            #expect(reply["expires_in"] == 3600)
            #expect(reply.fields[.cacheControl] == "no-store")
            let token = try required(reply["access_token"]?.text)
            let company = await service.send(.get, "/api/v1/company/acme", [.authorization: "bearer \(token)"])
            #expect(company.status == 200)
        }
    }

    @Test(
        "Errors have the form of RFC 6749",
        arguments: [
            (
                object(["client_id": "acme", "client_secret": "x", "grant_type": "password"]), 400,
                "unsupported_grant_type"
            ),
            (object(["client_id": "acme", "client_secret": "x"]), 400, "invalid_request"),
            (
                object(["client_id": 1, "client_secret": "x", "grant_type": "client_credentials"]), 400,
                "invalid_request"
            ),
            (object(["grant_type": "client_credentials"]), 401, "invalid_client"),
            (object(["grant_type": "client_credentials", "client_id": "acme"]), 400, "invalid_request"),
            (object(["grant_type": "client_credentials", "client_secret": "x"]), 400, "invalid_request"),
            (
                object(["client_id": "acme", "client_secret": "x", "grant_type": "client_credentials"]), 401,
                "invalid_client"
            ),
            (
                object(["client_id": "nobody", "client_secret": "x", "grant_type": "client_credentials"]), 401,
                "invalid_client"
            ),
        ] as [(JSONValue, Int, String)]
    )
    func faults(body: JSONValue, status: Int, error: String) async throws {
        let reply = await ask(try Service(), body)
        #expect(reply.status == status)
        #expect(reply["error"]?.text == error)
        #expect(reply["hasError"] == true)
        #expect(reply.fields[.cacheControl] == "no-store")
        #expect(reply.fields[.contentType] == "application/json")
    }

    @Test("A secret is not valid for another company, and none opens a company without secrets")
    func otherSecrets() async throws {
        let service = try Service { settings in
            settings.companies[0].clientSecrets = [Secret(Array("another secret of acme".utf8))]
            settings.companies[1].clientSecrets = []
        }
        #expect(await ask(service, body("acme")).status == 401)
        #expect(await ask(service, body("globex")).status == 401)
        #expect(await ask(service, body("globex", "")).status == 401)
    }

    @Test("Guessing is stopped by address, with Retry-After; the right secret passes, whatever others have tried")
    func guessing() async throws {
        let service = try Service { $0.limits.failuresPerMinute = 3 }
        for _ in 0..<3 { #expect(await ask(service, body("acme", "guess"), from: "192.0.2.1").status == 401) }
        let stopped = await ask(service, body("acme", "guess"), from: "192.0.2.1")
        #expect(stopped.status == 429)
        #expect(stopped["error"] == "too_many_attempts")
        #expect((1...60).contains(Int(stopped.fields[.retryAfter] ?? "") ?? 0))
        #expect(await ask(service, body("globex", "guess"), from: "192.0.2.1").status == 429)
        #expect(await ask(service, body(), from: "192.0.2.1").status == 200)
        #expect(await ask(service, body("acme", "guess"), from: "192.0.2.2").status == 401)
    }

    @Test("Attack: strangers who know a company's id try to lock it out by guesses from ever new addresses")
    func lockOut() async throws {
        let service = try Service { $0.limits.failuresPerMinute = 1 }
        for number in 1...200 {
            #expect(await ask(service, body("acme", "guess"), from: "192.0.2.\(number)").status == 401)
        }
        for address in ["192.0.2.1", "192.0.2.250"] {
            #expect(await ask(service, body(), from: address).status == 200)
        }
    }

    @Test("Attack: ever new addresses of one IPv6 network count as one")
    func network() async throws {
        let service = try Service { $0.limits.failuresPerMinute = 3 }
        for number in 1...3 {
            #expect(await ask(service, body("acme", "guess"), from: "2001:db8::\(number)").status == 401)
        }
        #expect(await ask(service, body("acme", "guess"), from: "2001:db8::ffff:1").status == 429)
        #expect(await ask(service, body("acme", "guess"), from: "2001:db8:0:1::1").status == 401)
    }

    @Test("Attack: costly bodies before any limit applies; they are small, and count as failures")
    func costlyBodies() async throws {
        let service = try Service { $0.limits.failuresPerMinute = 3 }
        let fields: HTTPFields = [
            .contentType: "application/json", HTTPField.Name("X-Forwarded-For")!: "192.0.2.1",
        ]
        let marks = Array(("{\"a" + String(repeating: "\u{301}\u{316}", count: 4000) + "\":0}").utf8)
        #expect(await service.send(.post, path, fields, body: marks).status == 413)
        for _ in 0..<2 { #expect(await service.send(.post, path, fields, body: Array("[".utf8)).status == 400) }
        #expect(await service.send(.post, path, fields, body: Array("[".utf8)).status == 429)
        #expect(await ask(service, body(), from: "192.0.2.1").status == 200)
    }

    @Test("Attack: API tokens are guessed; wrong ones are counted, right ones pass")
    func guessedTokens() async throws {
        let service = try Service { $0.limits.failuresPerMinute = 3 }
        func get(_ token: String?) async -> Reply {
            var fields: HTTPFields = [HTTPField.Name("X-Forwarded-For")!: "192.0.2.1"]
            if let token { fields[.authorization] = "Bearer \(token)" }
            return await service.send(.get, "/api/v1/company/acme", fields)
        }
        for _ in 0..<3 { #expect(await get("a.b.c").status == 401) }
        let stopped = await get("a.b.c")
        #expect(stopped.status == 429)
        #expect(stopped.code == "too_many_attempts")
        #expect((1...60).contains(Int(stopped.fields[.retryAfter] ?? "") ?? 0))
        #expect(await get(nil).status == 401)
        #expect(await get(try service.token()).status == 200)
    }

    @Test(
        "Attack: an expired token is counted as guessing; it always gets 401, and nobody else pays for it"
    )
    func overTokens() async throws {
        let service = try Service { $0.limits.failuresPerMinute = 3 }
        let expired = try service.token()
        service.now += 2 * 3_600_000
        let good = try service.token()
        var settings = try Service.settings()
        settings.limits.failuresPerMinute = 3
        settings.companies[0].clientSecrets = [Secret(Array("the secret after it".utf8))]
        func get(_ token: String) async -> Int {
            let fields: HTTPFields = [
                HTTPField.Name("X-Forwarded-For")!: "192.0.2.1", .authorization: "Bearer \(token)",
            ]
            return await service.send(.get, "/api/v1/company/acme", fields).status
        }
        for _ in 0..<5 { #expect(await get(expired) == 401) }
        #expect(await get(good) == 200)
        try service.plane.adopt(settings)
        for token in [expired, good, good, good, good, expired] { #expect(await get(token) == 401) }
        // None of them has counted.
        for _ in 0..<3 { #expect(await get("a.b.c") == 401) }
        #expect(await get("a.b.c") == 429)
        // A token signed with another key does not pass for one of them either.
        let foreign = try Token.sign(
            Token(parsing: Array(good.utf8).span, maxSize: 8192).claims.members,
            type: "api+jwt",
            with: Key.secret([UInt8](repeating: 8, count: 32), algorithm: .hs256, id: nil)
        )
        #expect(await get(foreign) == 429)
        #expect(await get(good) == 401)
    }

    @Test("The client's address is the last one that is not a trusted proxy, whatever the client claims")
    func addresses() throws {
        let trusted = [try AddressRange(parsing: "10.0.0.0/8")]
        func hash(_ list: String) -> UInt64 {
            ClientAddress.ofControlCall([HTTPField.Name("X-Forwarded-For")!: list], trusted: trusted)?.hash ?? 0
        }
        #expect(hash("192.0.2.1") == hash("198.51.100.7, 192.0.2.1, 10.1.1.1"))
        #expect(hash("192.0.2.1") != hash("192.0.2.2"))
        #expect(hash("2001:db8::1") == hash("2001:db8::2"))
        #expect(hash("unix") == 0)
        #expect(hash("junk, 10.1.1.1") == hash("10.1.1.1"))
    }

    @Test("An API token is valid for its hour only")
    func expiry() async throws {
        let service = try Service()
        let fields: HTTPFields = [.authorization: "Bearer \(try service.token())"]
        service.now += 3_590_000
        #expect(await service.send(.get, "/api/v1/company/acme", fields).status == 200)
        // Past its end, and past the clocks' leeway.
        service.now += 60_000
        #expect(await service.send(.get, "/api/v1/company/acme", fields).status == 401)
    }

    @Test("Two secrets are valid at once; a token ends with the secret that obtained it, and no other does")
    func rotation() async throws {
        func settings(_ secrets: [String]) throws -> Settings {
            var settings = try Service.settings()
            settings.companies[0].clientSecrets = secrets.map { Secret(Array($0.utf8)) }
            return settings
        }
        let (old, new) = ("the old secret of acme", "the new secret of acme")
        let service = try Service()
        func get(_ token: String) async -> Int {
            await service.send(.get, "/api/v1/company/acme", [.authorization: "Bearer \(token)"]).status
        }
        try service.plane.adopt(settings([old, new]))
        let byOld = try required(await ask(service, body("acme", old))["access_token"]?.text)
        let byNew = try required(await ask(service, body("acme", new))["access_token"]?.text)
        #expect(await get(byOld) == 200)
        #expect(await get(byNew) == 200)
        try service.plane.adopt(settings([new]))
        #expect(await get(byOld) == 401)
        #expect(await get(byNew) == 200)
        #expect(await ask(service, body("acme", old)).status == 401)
        try service.plane.adopt(settings([]))
        #expect(await get(byNew) == 401)
    }

    @Test("Attack: a key that signs or verifies viewers' tokens makes an API token")
    func companyKeys() async throws {
        let service = try Service()
        let tenant = try required(service.plane.snapshot.tenant("acme"))
        let right = Array(try service.token().utf8)
        let claims = try Token(parsing: right.span, maxSize: 8192).claims.members
        for key in tenant.company.keys {
            let token = try Token.sign(claims, type: "api+jwt", with: key)
            let reply = await service.send(.get, "/api/v1/company/acme", [.authorization: "Bearer \(token)"])
            #expect(reply.status == 401)
        }
    }

    @Test("The secret's name in a token does not reveal the secret")
    func secretName() throws {
        let service = try Service()
        let token = Array(try service.token().utf8)
        let name = try required(Token(parsing: token.span, maxSize: 8192).claims.string("client_secret_name"))
        let plain = SHA256.hash(Array(Service.secret.utf8).span)
        #expect(name != String(decoding: Base64URL.encode(plain.span.extracting(0..<16)), as: UTF8.self))
        // The name depends on the company's id: the same secret at another company has another name.
        #expect(service.plane.snapshot.tenant("globex")?.secrets.first?.name != name)
    }

    /// Claims and types of tokens that are not API tokens of acme.
    private static let forgeries: [(String, String?, [JSONMember])] = {
        let now = Double(Service.start / 1000)
        func claims(_ change: (name: String, value: JSONValue)) -> [JSONMember] {
            let right: [JSONMember] = [
                JSONMember("iss", .string(Service.publicURL)), JSONMember("aud", .string(Service.publicURL + "/api")),
                JSONMember("sub", "acme"), JSONMember("companyId", "acme"), JSONMember("client_secret_name", "right"),
                JSONMember("iat", .number(now)), JSONMember("exp", .number(now + 60)),
            ]
            return right.map { $0.name == change.name ? JSONMember($0.name, change.value) : $0 }
                .filter { $0.value != .null }
        }
        return [
            ("an embed token", "embed+jwt", claims(("", .null))),
            ("a registration token", "registration+jwt", claims(("", .null))),
            ("an own token", "JWT", claims(("", .null))), ("no type", nil, claims(("", .null))),
            ("another issuer", "api+jwt", claims(("iss", "https://other.example"))),
            ("no issuer", "api+jwt", claims(("iss", .null))),
            ("another audience", "api+jwt", claims(("aud", .string(Service.publicURL)))),
            ("no audience", "api+jwt", claims(("aud", .null))), ("no expiry", "api+jwt", claims(("exp", .null))),
            ("expired", "api+jwt", claims(("exp", .number(now - 60)))),
            ("good for ten years", "api+jwt", claims(("exp", .number(now + 10 * 365 * 86_400)))),
            ("good for an hour and a second", "api+jwt", claims(("exp", .number(now + 3601)))),
            ("made at no time", "api+jwt", claims(("iat", .null))),
            ("no secret", "api+jwt", claims(("client_secret_name", .null))),
            ("another secret", "api+jwt", claims(("client_secret_name", "AAAAAAAAAAAAAAAAAAAAAA"))),
            ("another company's, with this one's key", "api+jwt", claims(("companyId", "globex"))),
            ("a company that there is not", "api+jwt", claims(("companyId", "nobody"))),
            ("another subject", "api+jwt", claims(("sub", "globex"))),
        ]
    }()

    @Test("Forged and foreign tokens are refused", arguments: forgeries)
    func forged(what: String, type: String?, claims: [JSONMember]) async throws {
        let service = try Service()
        let secret = try required(service.plane.snapshot.tenant("acme")?.secrets.first)
        let named = claims.map { $0.value == "right" ? JSONMember($0.name, .string(secret.name)) : $0 }
        let token = try Token.sign(named, type: type, with: service.plane.snapshot.tokenKey)
        let reply = await service.send(.get, "/api/v1/company/acme", [.authorization: "Bearer \(token)"])
        #expect(reply.status == 401, "\(what)")
        #expect(reply.message == "Access token is missing or invalid")
        #expect(reply.fields[.wwwAuthenticate] == "Bearer error=\"invalid_token\"")
    }

    @Test("A viewing token is refused by the API, and an API token is refused for viewing")
    func viewing() async throws {
        let service = try Service()
        let uid = try await service.makeEvent()
        let embed = try await service.call(.post, "/event/\(uid)/embed", object(["userId": "u"]))
        let token = try required(embed["token"]?.text)
        #expect(await service.send(.get, "/api/v1/company/acme", [.authorization: "Bearer \(token)"]).status == 401)
        let authority = TokenAuthority(try Service.settings(), generation: 1)
        let own = Array(try service.token().utf8)
        #expect(throws: TokenFault.self) { try authority.viewer(for: own.span) }
    }

    @Test(
        "Without a token the answer is 401 with WWW-Authenticate",
        arguments: ["", "Basic YWNtZTp4", "Bearer", "Bearer "]
    )
    func missing(authorization: String) async throws {
        let fields: HTTPFields = authorization.isEmpty ? [:] : [.authorization: authorization]
        let reply = await (try Service()).send(.get, "/api/v1/company/acme", fields)
        #expect(reply.status == 401)
        #expect(reply.fields[.wwwAuthenticate]?.hasPrefix("Bearer") ?? false)
        #expect(reply["hasError"] == true)
        #expect(reply["requestId"]?.text?.isEmpty == false)
    }
}
