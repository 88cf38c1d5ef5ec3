import Basics
import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("While a reload waits for key sets, other changes take effect, and the reload does not undo them")
    struct BusyReloadTests {
        private let keys: HeldKeySet
        /// How long a change may take. The promise is a second; the machine may be busy.
        private static let soon = 2.0

        /// The first key of `acme`, as it was.
        private static let ownKey = """
            [[company.key]]
            id = "acme-2026"
            algorithm = "HS256"
            secret_file = "acme.secret"

            """

        init() throws { keys = try HeldKeySet(Key.generate(.es256, id: "held")) }

        private func reloads(_ site: Site) -> Int {
            site.gateway.log.components(separatedBy: "configuration reloaded").count - 1
        }

        /// Begins a reload that names key sets which are not answered.
        private func beginReload(_ site: Site) throws {
            try site.gateway.rewrite(
                site.configuration {
                    $0.control = ""
                    $0.companyKeys = Self.ownKey + keys.keys
                }
            )
            site.gateway.send(SIGHUP)
            try #require(keys.awaitFetch())
        }

        private func endReload(_ site: Site) {
            keys.answer()
            #expect(eventually { reloads(site) == 1 }, "\(site.gateway.log)")
        }

        private func change(_ id: String, _ body: JSONValue, _ site: Site) throws -> Int {
            try fetch(
                site.gateway.adminPort,
                "/companies" + id,
                method: id.isEmpty ? "POST" : "PATCH",
                body: body.serialized(),
                within: 20
            ).status
        }

        @Test("A company's suspension is in effect on every loop within a second, and its resumption, too")
        func suspended() throws {
            defer { keys.answer() }
            let site = try Site {
                $0.control = ""
                $0.top = "threads = 2"
            }
            let minter = Minter(company: "initech", keyID: "k", secret: "a signing secret that initech has given")
            try #require(try change("", ["id": "initech"], site) == 201)
            let key: JSONValue = ["id": "k", "algorithm": "HS256", "secret": .string(minter.secret)]
            let body = key.serialized()
            let path = "/companies/initech/keys"
            try #require(try fetch(site.gateway.adminPort, path, method: "POST", body: body).status == 201)
            let backend = Backend(port: site.port, company: "initech")
            let secret = try fetch(
                site.gateway.adminPort,
                "/companies/initech/secrets",
                method: "POST",
                body: Array("{}".utf8)
            )
            try backend.signIn(secret: try #require(try secret.json()["secret"]?.text))
            let event = try backend.createEvent()
            // New connections go to the loops in turn.
            let clients = try (0..<4).map { _ in try Client(port: site.port) }
            func statuses() throws -> Set<Int> {
                let bearer = "Authorization: Bearer \(minter.token(Minter.Viewer(event: event)))"
                return Set(try clients.map { try $0.exchange("/event/\(event)", [bearer]).status })
            }
            #expect(try statuses() == [200])
            try beginReload(site)
            for (isSuspended, status) in [(true, 401), (false, 200), (true, 401)] {
                let start = monotonic()
                #expect(try change("/initech", ["suspended": .bool(isSuspended)], site) == 200)
                #expect(try statuses() == [status])
                #expect(monotonic() - start < Self.soon)
            }
            #expect(reloads(site) == 0)
            endReload(site)
            #expect(try statuses() == [401])
            try expectFault(try backend.call("GET", "/company/initech"), 403, "company_suspended")
        }

        @Test("A company that is made with a key set of its own does not make the reload fail")
        func made() throws {
            defer { keys.answer() }
            let site = try Site { $0.control = "" }
            try beginReload(site)
            let other = try RecordingUpstream { try $0.reply("200 OK", [], #"{"keys": []}"#) }
            try #require(try change("", ["id": "initech"], site) == 201)
            let key: JSONValue = ["jwksUrl": .string("http://127.0.0.1:\(other.port)/keys")]
            let made = try fetch(
                site.gateway.adminPort,
                "/companies/initech/keys",
                method: "POST",
                body: key.serialized()
            )
            #expect(made.status == 201)
            #expect(reloads(site) == 0)
            endReload(site)
            // Its turn comes after the sets of the reload.
            #expect(eventually { !other.requests(for: "/keys").isEmpty })
        }

        @Test("A new secret in a company's file is used, and the former one is not good again after the reload")
        func secretFile() throws {
            defer { keys.answer() }
            let site = try Site { $0.control = "" }
            func status(_ minter: Minter) throws -> Int {
                try fetch(site.port, "/event/e1", ["Authorization: Bearer \(minter.token())"]).status
            }
            try beginReload(site)
            let fresh = Minter(
                company: "acme",
                keyID: "acme-2026",
                secret: "a fresh HMAC secret of acme's, long enough"
            )
            try site.gateway.directory.write("acme.secret", fresh.secret)
            #expect(try eventually { try status(fresh) == 200 })
            #expect(try status(.acme) == 401)
            #expect(reloads(site) == 0)
            endReload(site)
            #expect(try status(fresh) == 200)
            #expect(try status(.acme) == 401)
        }
    }
}
