import Admission
import Basics
import Directory
import Foundation
import JOSE
import Logging
import Synchronization
import Testing

@testable import ControlPlane
@testable import GatewayConfiguration

/// The operator API about companies, without sockets.
@Suite struct OperatorCompanyTests {
    /// The API with its directory. What is published is what the directory has.
    private final class Desk: Sendable {
        let service: Service
        let companies = DirectoryCompanies()
        let publication = Publication()
        let api: OperatorCompanies
        private let file: Settings

        init() throws {
            let service = try Service()
            let (companies, publication) = (companies, publication)
            var file = try Service.settings()
            file.companies[0].issuers = ["https://login.acme.example"]
            let settings = file
            (self.service, self.file) = (service, file)
            let stored = try service.directory.openCompanies(secret: [UInt8](repeating: 3, count: 32))
            #expect(companies.replace(with: stored, at: service.now) == [])
            service.directory.onCompanyChange { id, company in
                companies.set(id, company, at: service.now)
                publication.note()
            }
            publication.onAsk { publication.finish(publication.begin()) }
            api = OperatorCompanies(
                directory: service.directory,
                companies: companies,
                publication: publication,
                settings: { settings.merging(companies.settings(at: service.now)).settings },
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                clock: { service.now }
            )
        }

        func call(_ method: String, _ path: String, _ body: String = "", query: String? = nil) async -> OperatorAnswer {
            await api.answer(
                OperatorCall(
                    method: method,
                    path: path,
                    query: query.map { Array($0.utf8) },
                    body: Array(body.utf8),
                    requestID: "r"
                )
            )
        }

        /// Makes the company `initech`.
        func make(_ more: String = "") async throws -> OperatorAnswer {
            let made = await call("POST", "/companies", "{\"id\": \"initech\"\(more)}")
            #expect(made.status == 201)
            return made
        }

        func settings() throws -> CompanySettings {
            try required(companies.settings(at: service.now).first { $0.id == "initech" })
        }
    }

    private func members(_ answer: OperatorAnswer) -> [JSONMember] {
        guard case .object(let members)? = answer.body else { return [] }
        return members
    }

    private func text(_ answer: OperatorAnswer, _ name: String) -> String? {
        guard case .string(let text)? = members(answer)[name] else { return nil }
        return text
    }

    private func list(_ answer: OperatorAnswer, _ name: String) -> [[JSONMember]] {
        guard case .array(let values)? = members(answer)[name] else { return [] }
        return values.map { value in if case .object(let members) = value { members } else { [] } }
    }

    private func code(_ answer: OperatorAnswer) -> String { "\(answer.status) \(text(answer, "code") ?? "")" }

    /// The fields that an answer finds fault with.
    private func fields(_ answer: OperatorAnswer) -> [String] {
        list(answer, "problems").compactMap { if case .string(let field)? = $0["field"] { field } else { nil } }
    }

    @Test("A new company has a key that signs and a client secret, which only the answer of its making shows")
    func made() async throws {
        let desk = try Desk()
        let made = try await desk.make(
            ", \"name\": \"Initech\", \"embedOrigins\": [\"https://www.initech.example\"], \"audiences\": \"events\""
        )
        let secret = try #require(text(made, "clientSecret"))
        let settings = try desk.settings()
        #expect(settings.clientSecrets.map(\.bytes) == [Array(secret.utf8)])
        #expect(settings.keys.count == 1 && settings.keys[0].canSign && settings.earlierKeys.isEmpty)
        #expect(settings.name == "Initech" && settings.embedOrigins == ["https://www.initech.example"])
        #expect(settings.audiences == ["events"] && settings.isInDirectory && !settings.isSuspended)
        for path in ["/companies", "/companies/initech"] {
            let shown = await desk.call("GET", path)
            #expect(shown.status == 200)
            let text = String(decoding: shown.body?.serialized() ?? [], as: UTF8.self)
            #expect(!text.contains(secret))
        }
    }

    @Test("Everything that is wrong with a body is said at once, with its member")
    func problems() async throws {
        let desk = try Desk()
        let answer = await desk.call(
            "POST",
            "/companies",
            """
            {"id": "a b", "name": "", "embedOrigins": ["https://a.example", "nowhere"], "issuers": [1], "colour": "red"}
            """
        )
        #expect(code(answer) == "400 invalid_request")
        #expect(fields(answer) == ["colour", "id", "name", "embedOrigins[1]", "issuers[0]"])
        #expect(fields(await desk.call("POST", "/companies")) == ["id"])
        for body in ["[]", "{", "{\"id\": \"a\", \"id\": \"b\"}"] {
            #expect(code(await desk.call("POST", "/companies", body)) == "400 invalid_request")
        }
        #expect(desk.companies.all.isEmpty)
    }

    @Test("What pages show of a company is set member by member, and judged like [company.page]")
    func page() async throws {
        let desk = try Desk()
        func page(_ answer: OperatorAnswer) -> String {
            String(decoding: members(answer)["page"]?.serialized() ?? [], as: UTF8.self)
        }
        let made = try await desk.make(", \"page\": {\"accent\": \"#ABC\", \"name\": \"Initech Live\"}")
        #expect(page(made) == "{\"name\":\"Initech Live\",\"accent\":\"#aabbcc\"}")
        #expect(try desk.settings().page.name == "Initech Live" && desk.settings().page.accent?.text == "#aabbcc")
        let logo = "{\"logo\":\"https://a.example/l.png\",\"accent\":\"#aabbcc\"}"
        for (body, shown) in [
            ("{\"name\": \"Initech\"}", page(made)),
            ("{\"page\": {\"name\": null, \"logo\": \"https://a.example/l.png\"}}", logo), ("{\"page\": {}}", logo),
            ("{\"page\": null}", "{}"),
        ] {
            let changed = await desk.call("PATCH", "/companies/initech", body)
            #expect(changed.status == 200 && page(changed) == shown, "\(body)")
        }
        #expect(try desk.settings().page == CompanyPage())
        let wrong = """
            {"page": {"accent": "red", "logo": "/etc/passwd", "home": 1, "contact": "javascript:x", "colour": "#fff"}}
            """
        let answer = await desk.call("PATCH", "/companies/initech", wrong)
        #expect(fields(answer) == ["page.colour", "page.logo", "page.accent", "page.contact", "page.home"])
        #expect(fields(await desk.call("PATCH", "/companies/initech", "{\"page\": \"x\"}")) == ["page"])
    }

    @Test("An id that is taken, by the directory or the file, and an issuer that is taken are refused")
    func taken() async throws {
        let desk = try Desk()
        _ = try await desk.make(", \"issuers\": [\"https://login.initech.example\"]")
        #expect(code(await desk.call("POST", "/companies", "{\"id\": \"initech\"}")) == "409 company_exists")
        #expect(code(await desk.call("POST", "/companies", "{\"id\": \"acme\"}")) == "409 company_in_file")
        #expect(code(await desk.call("PATCH", "/companies/acme", "{\"name\": \"x\"}")) == "409 company_in_file")
        #expect(code(await desk.call("DELETE", "/companies/acme")) == "409 company_in_file")
        for issuer in ["https://login.acme.example", "https://login.initech.example", Service.publicURL] {
            let answer = await desk.call("POST", "/companies", "{\"id\": \"umbrella\", \"issuers\": [\"\(issuer)\"]}")
            #expect(fields(answer) == ["issuers"])
        }
        // Its own issuer is no clash.
        let same = "{\"issuers\": [\"https://login.initech.example\"]}"
        #expect(await desk.call("PATCH", "/companies/initech", same).status == 200)
    }

    @Test("Attack: a secret that another company signs with is refused under every algorithm")
    func sharedSecret() async throws {
        let desk = try Desk()
        _ = try await desk.make()
        _ = await desk.call("POST", "/companies", "{\"id\": \"umbrella\"}")
        let secret = String(repeating: "s", count: 64)
        let body = { (algorithm: String) in "{\"algorithm\": \"\(algorithm)\", \"secret\": \"\(secret)\"}" }
        #expect(await desk.call("POST", "/companies/initech/keys", body("HS256")).status == 201)
        for algorithm in ["HS256", "HS384", "HS512"] {
            let answer = await desk.call("POST", "/companies/umbrella/keys", body(algorithm))
            #expect(fields(answer) == ["keys"], "\(algorithm)")
        }
    }

    @Test("Attack: a key that only verifies never signs, also when the last one that signs has ended")
    func noSigner() async throws {
        let desk = try Desk()
        _ = try await desk.make()
        let first = try desk.settings().keys[0]
        let until = Timestamp.text(desk.service.now + 60_000)
        let added = await desk.call(
            "POST",
            "/companies/initech/keys",
            "{\"id\": \"k2\", \"previousUntil\": \"\(until)\"}"
        )
        #expect(added.status == 201)
        let theirs = """
            {"id": "theirs", "algorithm": "HS256", "secret": "0123456789abcdef0123456789abcdef"}
            """
        #expect(await desk.call("POST", "/companies/initech/keys", theirs).status == 201)
        // The first one still signs, but will end.
        #expect(code(await desk.call("DELETE", "/companies/initech/keys/k2")) == "409 last_signing_key")
        #expect(await desk.call("DELETE", "/companies/initech/keys/\(first.id ?? "")").status == 204)
        let settings = try desk.settings()
        #expect(Company(settings).signingKey?.id == "k2")
        var ended = settings
        ended.keys.removeFirst()
        #expect(ended.keys.map(\.id) == ["theirs"])
        ended.firstSigns = false
        #expect(Company(ended).signingKey == nil && Company(ended).ownKeys.isEmpty)
    }

    @Test("An id of dots only is refused: paths take it for another place", arguments: [".", "..", "..."])
    func dots(id: String) async throws {
        let desk = try Desk()
        let answer = await desk.call("POST", "/companies", "{\"id\": \"\(id)\"}")
        #expect(answer.status == 400 && fields(answer) == ["id"])
    }

    @Test("A new key signs, the one before is good until its time or its revocation; the last one cannot be revoked")
    func keys() async throws {
        let desk = try Desk()
        _ = try await desk.make()
        let first = try desk.settings().keys[0]
        let until = Timestamp.text(desk.service.now + 60_000)
        let added = await desk.call(
            "POST",
            "/companies/initech/keys",
            "{\"id\": \"k2\", \"algorithm\": \"ES256\", \"previousUntil\": \"\(until)\"}"
        )
        #expect(added.status == 201 && members(added)["publicKey"] != nil && text(added, "use") == "signs")
        #expect(try desk.settings().keys.map(\.id) == ["k2", first.id])
        #expect(try desk.settings().earlierKeys.map(\.thumbprint) == [first.thumbprint])
        #expect(!desk.companies.hasEnded(at: desk.service.now))
        desk.service.now += 60_000
        #expect(desk.companies.hasEnded(at: desk.service.now))
        #expect(try desk.settings().keys.map(\.id) == ["k2"] && desk.settings().earlierKeys.isEmpty)
        #expect(!desk.companies.hasEnded(at: desk.service.now))
        #expect(code(await desk.call("DELETE", "/companies/initech/keys/k2")) == "409 last_signing_key")
        #expect(await desk.call("POST", "/companies/initech/keys").status == 201)
        #expect(await desk.call("DELETE", "/companies/initech/keys/k2").status == 204)
        #expect(try !desk.settings().keys.contains { $0.id == "k2" })
    }

    @Test("Given keys verify and do not sign; what they must be is checked")
    func givenKeys() async throws {
        let desk = try Desk()
        _ = try await desk.make()
        let url = "{\"id\": \"set\", \"jwksUrl\": \"https://keys.initech.example/set\"}"
        #expect(await desk.call("POST", "/companies/initech/keys", url).status == 201)
        #expect(try desk.settings().keySetURLs.map(\.text) == ["https://keys.initech.example/set"])
        #expect(try desk.settings().keys.count == 1)
        let pem = String(decoding: try Key.generate(.es256, id: nil).privatePEM(), as: UTF8.self)
        let quoted = String(decoding: JSONValue.string(pem).serialized(), as: UTF8.self)
        let wrong: [(body: String, fields: [String])] = [
            ("{\"secret\": \"short\", \"algorithm\": \"HS256\"}", ["secret"]),
            ("{\"secret\": \"\(String(repeating: "s", count: 32))\"}", ["algorithm"]),
            ("{\"publicKey\": \(quoted), \"algorithm\": \"ES256\"}", ["publicKey"]),
            ("{\"publicKey\": \"x\", \"jwksUrl\": \"https://a.example\"}", ["jwksUrl"]),
            ("{\"jwksUrl\": \"http://keys.initech.example\"}", ["jwksUrl"]),
            ("{\"jwksUrl\": \"https://a.example\", \"signs\": true}", ["signs"]),
            ("{\"algorithm\": \"none\"}", ["algorithm"]), ("{\"id\": \"set\"}", ["id"]), ("{\"id\": \"..\"}", ["id"]),
            ("{\"previousUntil\": \"2001-01-01T00:00:00Z\"}", ["previousUntil"]),
        ]
        for (body, names) in wrong {
            let answer = await desk.call("POST", "/companies/initech/keys", body)
            #expect(answer.status == 400 && fields(answer) == names, "\(body): \(fields(answer))")
        }
        #expect(try desk.settings().keys.count == 1)
    }

    @Test("Client secrets overlap and are revoked one by one, up to a limit")
    func secrets() async throws {
        let desk = try Desk()
        let first = try #require(text(try await desk.make(), "clientSecret"))
        let added = await desk.call("POST", "/companies/initech/secrets")
        let second = try #require(text(added, "secret"))
        #expect(try desk.settings().clientSecrets.map(\.bytes) == [first, second].map { Array($0.utf8) })
        let id = try #require(text(added, "id"))
        #expect(await desk.call("DELETE", "/companies/initech/secrets/\(id)").status == 204)
        #expect(await desk.call("DELETE", "/companies/initech/secrets/\(id)").status == 404)
        #expect(try desk.settings().clientSecrets.map(\.bytes) == [Array(first.utf8)])
        for _ in 1..<OperatorCompanies.maxSecrets {
            #expect(await desk.call("POST", "/companies/initech/secrets").status == 201)
        }
        #expect(code(await desk.call("POST", "/companies/initech/secrets")) == "409 too_many_secrets")
    }

    @Test("A company is suspended, resumed and removed")
    func states() async throws {
        let desk = try Desk()
        _ = try await desk.make()
        #expect(text(await desk.call("PATCH", "/companies/initech", "{\"suspended\": true}"), "state") == "suspended")
        #expect(try desk.settings().isSuspended)
        #expect(text(await desk.call("PATCH", "/companies/initech", "{\"suspended\": false}"), "state") == "active")
        #expect(await desk.call("DELETE", "/companies/initech").status == 204)
        #expect(await desk.call("GET", "/companies/initech").status == 404)
        #expect(code(await desk.call("POST", "/companies", "{\"id\": \"initech\"}")) == "409 company_removed")
    }

    @Test("The list is by id, in pages, of file and directory, and finds parts of names")
    func list() async throws {
        let desk = try Desk()
        for number in 1...5 {
            _ = await desk.call("POST", "/companies", "{\"id\": \"c\(number)\", \"name\": \"Number \(number)\"}")
        }
        func ids(_ answer: OperatorAnswer) -> [String] {
            list(answer, "companies").compactMap { if case .string(let id)? = $0["id"] { id } else { nil } }
        }
        var found: [String] = []
        var query: String? = "limit=3"
        while let asked = query {
            let page = await desk.call("GET", "/companies", query: asked)
            #expect(members(page)["total"]?.number == 7)
            found += ids(page)
            query = text(page, "next").map { "limit=3&cursor=\($0)" }
        }
        #expect(found == ["acme", "c1", "c2", "c3", "c4", "c5", "globex"])
        #expect(ids(await desk.call("GET", "/companies", query: "q=number%204")) == ["c4"])
        #expect(ids(await desk.call("GET", "/companies", query: "q=number+4")) == ["c4"])
        for query in ["limit=0", "limit=x", "page=2", "q=1&q=2"] {
            #expect(await desk.call("GET", "/companies", query: query).status == 400, "\(query)")
        }
    }

    @Test("What is not there is 404, and another method 405 with those that there are")
    func paths() async throws {
        let desk = try Desk()
        _ = try await desk.make()
        for path in ["/companies/x", "/companies/", "/companies/initech/colours", "/companies/initech/keys/x/y"] {
            #expect(await desk.call("GET", path).status == 404, "\(path)")
        }
        #expect(await desk.call("DELETE", "/companies/initech/keys/x").status == 404)
        let wrong = await desk.call("PUT", "/companies/initech")
        #expect(wrong.status == 405 && wrong.allowed == "GET, PATCH, DELETE")
        #expect(await desk.call("HEAD", "/companies/initech").status == 200)
    }

    @Test("A change that nobody brings into effect is waited for only so long")
    func publication() async {
        let publication = Publication()
        publication.note()
        let asked = Mutex(0)
        publication.onAsk { asked.withLock { $0 += 1 } }
        publication.note()
        #expect(asked.withLock { $0 } == 1)
        #expect(publication.begin() == 2)
        publication.note()
        #expect(asked.withLock { $0 } == 2)
        async let settled: Void = publication.settle()
        publication.finish(3)
        await settled
    }
}
