import Basics
import Foundation
import JOSE
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Companies of the directory are made and changed while the gateway runs")
    struct CompanyTests {
        /// The operator of a gateway.
        private struct Operator {
            let site: Site

            func call(_ method: String, _ path: String, _ body: JSONValue? = nil) throws -> Response {
                try fetch(
                    site.gateway.adminPort,
                    "/companies" + path,
                    method: method,
                    body: body?.serialized() ?? [],
                    within: 20
                )
            }

            func ask(_ method: String, _ path: String, _ body: JSONValue? = nil, _ status: Int = 200) throws
                -> JSONValue
            {
                let response = try call(method, path, body)
                try #require(response.status == status, "\(response)")
                return status == 204 ? .null : try response.json()
            }
        }

        private static let origin = "https://www.initech.example"

        private func makeSite() throws -> Site { try Site { $0.control = "" } }

        /// Makes a company, and returns its backend, which has its API token.
        private func make(_ id: String, _ admin: Operator) throws -> (backend: Backend, secret: String) {
            let made = try admin.ask("POST", "", ["id": .string(id), "embedOrigins": [.string(Self.origin)]], 201)
            let secret = try #require(made["clientSecret"]?.text)
            let backend = Backend(port: admin.site.port, company: id)
            try backend.signIn(secret: secret)
            return (backend, secret)
        }

        /// Opens a socket with the token of an embed URL.
        private func openSocket(_ url: String, _ event: String, _ site: Site) throws -> WebSocketEnd {
            site.serveStreams(of: event)
            let token = url.components(separatedBy: "token=").last ?? ""
            let client = try Client(port: site.port)
            let response = try client.openWebSocket("/event/\(event)/ws?token=\(token)")
            try #require(response.status == 101, "\(response)")
            return WebSocketEnd(client.reader, isClient: true)
        }

        @Test("Its secret gets an API token, its embed URL opens its event, and its origins may frame it")
        func made() throws {
            let admin = Operator(site: try makeSite())
            let backend = try make("initech", admin).backend
            let event = try backend.createEvent()
            let url = try backend.embed(["userId": "u1", "userName": "Ada"], in: event)
            let opened = try Browser(admin.site).open(Browser.path(url))
            #expect(opened.status == 200)
            #expect(opened["Content-Security-Policy"] == "frame-ancestors \(Self.origin) 'self'")
            // Another's token does not open it, and the company sees nothing of others.
            #expect(try fetch(admin.site.port, "/event/\(event)?token=\(Minter.acme.token())").status != 200)
            #expect(try backend.call("GET", "/company/acme").status == 404)
            _ = try admin.ask("PATCH", "/initech", ["embedOrigins": ["https://new.initech.example"]])
            let later = try Browser(admin.site).open(Browser.path(url))
            #expect(later["Content-Security-Policy"] == "frame-ancestors https://new.initech.example 'self'")
        }

        @Test(
            "A suspension ends open sessions, tokens and API calls within a second, and a resumption brings them back"
        )
        func suspended() throws {
            let admin = Operator(site: try makeSite())
            let (backend, secret) = try make("initech", admin)
            let event = try backend.createEvent()
            let url = try backend.embed(["userId": "u1", "userName": "Ada"], in: event)
            let socket = try openSocket(url, event, admin.site)
            let start = monotonic()
            _ = try admin.ask("PATCH", "/initech", ["suspended": true])
            #expect(try socket.remainder().last?.close == "4401 token_invalid")
            #expect(monotonic() - start < OpenStreams.soon)
            #expect(try Browser(admin.site).open(Browser.path(url)).status == 401)
            try expectFault(try backend.call("GET", "/company/initech"), 403, "company_suspended")
            let refused = try backend.call("POST", "/api/oauth/token", backend.credentials(secret: secret))
            #expect(refused.status == 400)
            #expect(try refused.json()["error"]?.text == "unauthorized_client")
            _ = try admin.ask("PATCH", "/initech", ["suspended": false])
            #expect(try backend.call("GET", "/company/initech").status == 200)
            #expect(try Browser(admin.site).open(Browser.path(url)).status == 200)
        }

        @Test("Messages of a suspended company wait until it is resumed, and do not count as late")
        func suspendedWebhooks() throws {
            let admin = Operator(site: try Site { $0.control = "webhook_private_addresses = [\"127.0.0.0/8\"]" })
            let server = try RecordingUpstream { try $0.reply("204 No Content") }
            let release = DispatchSemaphore(value: 0)
            server.on("/initech") { request in
                release.wait()
                defer { release.signal() }
                return try request.reply("204 No Content")
            }
            func subscribe(_ backend: Backend) throws {
                let endpoint = "http://127.0.0.1:\(server.port)/\(backend.company)"
                let body: JSONValue = [
                    "eventTypes": ["event.created", "event.updated"], "endpoint": .string(endpoint),
                ]
                try #require(try backend.call("POST", "/webhooks", body).status == 201)
            }
            func come(_ company: String) -> Int { server.requests(for: "/\(company)").count }
            func metric(_ name: String) throws -> Double { try admin.site.gateway.metrics().value(name) }
            func oldestAge() throws -> Double { try metric("gateway_webhook_oldest_message_age_seconds") }
            let backend = try make("initech", admin).backend
            let other = try make("umbrella", admin).backend
            try subscribe(backend)
            try subscribe(other)
            // The second message waits for the first, whose answer is held.
            let event = try backend.createEvent()
            _ = try backend.ask("POST", "/event/\(event)", ["name": "Later"])
            #expect(eventually { come("initech") > 0 })
            #expect(try eventually { try oldestAge() >= 1 })
            _ = try admin.ask("PATCH", "/initech", ["suspended": true])
            release.signal()
            #expect(try eventually { try metric("gateway_webhook_messages_waiting") >= 1 && oldestAge() == 0 })
            let before = come("initech")
            _ = try other.createEvent()
            #expect(eventually { come("umbrella") > 0 })
            #expect(come("initech") == before)
            _ = try admin.ask("PATCH", "/initech", ["suspended": false])
            #expect(eventually { come("initech") > before })
        }

        @Test("A removal ends everything of a company for good, and nothing of another")
        func removed() throws {
            let admin = Operator(site: try makeSite())
            let (backend, secret) = try make("initech", admin)
            let other = try make("umbrella", admin).backend
            let event = try backend.createEvent()
            let url = try backend.embed(["userId": "u1", "userName": "Ada"], in: event)
            let socket = try openSocket(url, event, admin.site)
            let otherEvent = try other.createEvent()
            let otherURL = try other.embed(["userId": "u1", "userName": "Ada"], in: otherEvent)
            let otherSocket = try openSocket(otherURL, otherEvent, admin.site)
            _ = try admin.ask("DELETE", "/initech", nil, 204)
            #expect(["4401 token_invalid", "4410 registration_removed"].contains(try socket.remainder().last?.close))
            #expect(try backend.call("GET", "/company/initech").status == 401)
            let refused = try backend.call("POST", "/api/oauth/token", backend.credentials(secret: secret))
            #expect(refused.status == 401)
            #expect(try Browser(admin.site).open(Browser.path(url)).status >= 400)
            otherSocket.send(.text("still here"))
            #expect(try otherSocket.receive() == .text("still here"))
            #expect(try admin.call("GET", "/initech").status == 404)
        }

        @Test("A new key signs, links of the one before are good until it is revoked, and open sessions end with it")
        func rotated() throws {
            let admin = Operator(site: try makeSite())
            let backend = try make("initech", admin).backend
            let event = try backend.createEvent()
            let old = try backend.embed(["userId": "u1", "userName": "Ada"], in: event)
            let socket = try openSocket(old, event, admin.site)
            let keys = try #require(try admin.ask("GET", "/initech")["keys"]?.list)
            let first = try #require(keys.first?["id"]?.text)
            let second = try admin.ask("POST", "/initech/keys", ["algorithm": "ES256"], 201)
            #expect(second["use"] == "signs")
            let new = try backend.embed(["userId": "u2", "userName": "Grace"], in: event)
            for url in [old, new] { #expect(try Browser(admin.site).open(Browser.path(url)).status == 200) }
            _ = try admin.ask("DELETE", "/initech/keys/\(first)", nil, 204)
            #expect(try socket.remainder().last?.close == "4401 token_invalid")
            #expect(try Browser(admin.site).open(Browser.path(old)).status == 401)
            #expect(try Browser(admin.site).open(Browser.path(new)).status == 200)
        }

        @Test("Client secrets overlap; a revoked one ends with its API tokens")
        func secrets() throws {
            let admin = Operator(site: try makeSite())
            let (backend, first) = try make("initech", admin)
            let id = try #require(try admin.ask("GET", "/initech")["clientSecrets"]?.list?.first?["id"]?.text)
            let second = try #require(try admin.ask("POST", "/initech/secrets", [:], 201)["secret"]?.text)
            let later = Backend(port: admin.site.port, company: "initech")
            try later.signIn(secret: second)
            #expect(try backend.call("GET", "/company/initech").status == 200)
            _ = try admin.ask("DELETE", "/initech/secrets/\(id)", nil, 204)
            #expect(try backend.call("GET", "/company/initech").status == 401)
            #expect(try later.call("GET", "/company/initech").status == 200)
            #expect(try later.call("POST", "/api/oauth/token", later.credentials(secret: first)).status == 401)
        }

        @Test("A restart and a reload keep everything, and no secret is in the database's files or in the log")
        func kept() throws {
            let admin = Operator(site: try makeSite())
            let (backend, secret) = try make("initech", admin)
            let given = "a signing secret that initech has given"
            _ = try admin.ask("POST", "/initech/keys", ["algorithm": "HS256", "secret": .string(given)], 201)
            let event = try backend.createEvent()
            let url = try backend.embed(["userId": "u1", "userName": "Ada"], in: event)
            let before = try admin.ask("GET", "")
            try admin.site.gateway.restart()
            admin.site.gateway.reload()
            #expect(try admin.ask("GET", "") == before)
            let after = Backend(port: admin.site.port, company: "initech")
            after.token = backend.token
            #expect(try after.call("GET", "/company/initech").status == 200)
            try after.signIn(secret: secret)
            #expect(try Browser(admin.site).open(Browser.path(url)).status == 200)
            let folder = admin.site.gateway.directory
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
                guard let content = FileManager.default.contents(atPath: folder[name]) else { continue }
                for text in [secret, given] { #expect(content.range(of: Data(text.utf8)) == nil, "\(name)") }
            }
            let key = folder["gateway.sqlite.companies.key"]
            let mode = try FileManager.default.attributesOfItem(atPath: key)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }

        @Test("Without the key of the secrets, or with another, the gateway does not start, and says why")
        func lostKey() throws {
            let admin = Operator(site: try makeSite())
            _ = try make("initech", admin)
            let gateway = admin.site.gateway
            gateway.end()
            let path = gateway.directory["gateway.sqlite.companies.key"]
            let key = try #require(FileManager.default.contents(atPath: path))
            for other in [nil, Data(repeating: 1, count: 32)] {
                try FileManager.default.removeItem(atPath: path)
                if let other { try other.write(to: URL(fileURLWithPath: path)) }
                for command in ["check", "run"] {
                    let finished = try run(Gateway.program, [command, gateway.directory["gateway.conf"]])
                    #expect(finished.status == 1)
                    #expect(finished.errors.contains("control.company_key_file"), "\(finished.errors)")
                }
                // Nothing was made in its place.
                #expect(FileManager.default.fileExists(atPath: path) == (other != nil))
                try key.write(to: URL(fileURLWithPath: path))
            }
            try gateway.startAgain()
            #expect(try admin.call("GET", "/initech").status == 200)
        }

        @Test("The file wins over the directory from the reload that names the company, and until one that does not")
        func fileWins() throws {
            let site = try makeSite()
            let admin = Operator(site: site)
            let (backend, secret) = try make("initech", admin)
            let named = """
                [[company]]
                id = "initech"
                client_secret_files = ["\(site.gateway.directory["globex.client"])"]
                [[company.key]]
                algorithm = "HS512"
                secret_file = "\(site.gateway.directory["initech.secret"])"
                """
            try site.gateway.directory.write("initech.secret", String(repeating: "s", count: 64))
            try site.reloadWithControl { $0.more = named }
            #expect(try admin.ask("GET", "/initech")["state"] == "shadowed")
            #expect(try backend.call("GET", "/company/initech").status == 401)
            #expect(try backend.call("POST", "/api/oauth/token", backend.credentials(secret: secret)).status == 401)
            #expect(try admin.call("PATCH", "/initech", ["name": "x"]).status == 409)
            try site.reloadWithControl()
            #expect(try admin.ask("GET", "/initech")["state"] == "active")
            #expect(try backend.call("GET", "/company/initech").status == 200)
        }

        @Test("Attack: who has no operator's token, or a page in a browser, makes no company")
        func authorised() throws {
            let site = try makeSite()
            let body = Array("{\"id\": \"initech\"}".utf8)
            for fields in [["Origin: https://evil.example"], ["Sec-Fetch-Site: cross-site"]] {
                let response = try fetch(site.gateway.adminPort, "/companies", method: "POST", fields, body: body)
                #expect(response.status == 403)
            }
            // No listener of viewers has it, and not the control API.
            for path in ["/companies", "/api/companies", "/api/v1/companies"] {
                #expect(try fetch(site.port, path, method: "POST", body: body).status != 201)
            }
            #expect(try Operator(site: site).call("GET", "/initech").status == 404)
            let folder = try TemporaryDirectory()
            let token = try folder.write("admin.token", "a-token-of-the-operator-0123456789")
            let guarded = try Site {
                $0.control = ""
                $0.admin = "token_file = \"\(token)\""
            }
            let port = guarded.gateway.adminPort
            for fields in [[], ["Authorization: Bearer another-token-of-somebody-0123456789"]] {
                let response = try fetch(port, "/companies", method: "POST", fields, body: body)
                #expect(response.status == 401)
            }
            let right = ["Authorization: Bearer a-token-of-the-operator-0123456789"]
            #expect(try fetch(port, "/companies", method: "POST", right, body: body, within: 20).status == 201)
        }

        @Test("Attack: a body that is too large, broken or slow makes nothing")
        func bodies() throws {
            let site = try makeSite()
            let large = [UInt8](repeating: UInt8(ascii: " "), count: 300_000)
            #expect(try fetch(site.gateway.adminPort, "/companies", method: "POST", body: large).status == 413)
            let client = try Client(port: site.gateway.adminPort)
            client.send("POST /companies HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send("7\r\n{\"id\": \r\n")
            client.send("3\r\n\"a\"\r\n1\r\n}\r\n0\r\n\r\n")
            #expect(try client.response(to: "POST", within: 20).status == 201)
            let other = try Client(port: site.gateway.adminPort)
            other.send(
                "POST /companies HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"
            )
            other.send("{\"id\": \"b\"}")
            let made = try other.response(to: "POST", within: 20)
            #expect(made.status == 201 && made.interim == [100])
        }

        @Test("The command does what the API does")
        func command() throws {
            let site = try makeSite()
            let configuration = site.gateway.directory["gateway.conf"]
            func gateway(_ words: String...) throws -> String {
                let finished = try run(Gateway.program, ["company"] + words)
                try #require(finished.status == 0, "\(words): \(finished.errors)")
                return finished.output.trimmingCharacters(in: .whitespacesAndNewlines)
            }
            let secret = try gateway("create", configuration, "initech", "--origin", Self.origin)
            let backend = Backend(port: site.port, company: "initech")
            try backend.signIn(secret: secret)
            #expect(try gateway("list", configuration).contains("initech"))
            #expect(try gateway("show", configuration, "initech").contains(Self.origin))
            _ = try gateway("change", configuration, "initech", "--name", "Initech")
            #expect(try backend.ask("GET", "/company/initech")["name"] == "Initech")
            _ = try gateway("suspend", configuration, "initech")
            #expect(try backend.call("GET", "/company/initech").status == 403)
            _ = try gateway("resume", configuration, "initech")
            let second = try gateway("secret", "add", configuration, "initech")
            try backend.signIn(secret: second)
            let key = try gateway("key", "add", configuration, "initech", "--algorithm", "ES256")
            let later = try gateway("key", "add", configuration, "initech")
            #expect(key != later)
            _ = try gateway("key", "revoke", configuration, "initech", key)
            _ = try gateway("remove", configuration, "initech")
            #expect(try backend.call("GET", "/company/initech").status == 401)
            #expect(try run(Gateway.program, ["company", "show", configuration, "initech"]).status == 1)
        }
    }
}
