import Foundation
import JOSE
import Testing

extension EndToEnd {
    @Suite("The control API uses a reloaded configuration")
    struct ControlReloadTests {
        @Test("A reload that adds the control API announces that a restart is needed; until then calls get 503")
        func added() throws {
            let site = try Site()
            let backend = Backend(port: site.port)
            try site.reloadWithControl { $0.top = "threads = 3" }
            let said = site.gateway.log
            for words in [
                "control.enabled: takes effect at the next start", "threads: takes effect at the next start",
                "control.enabled: until then, calls of the control API are answered with 503",
                "configuration reloaded, but for what takes effect at the next start: threads, control.enabled",
            ] {
                #expect(said.contains(words), "\(words) in \(said)")
            }
            for (method, path) in [("POST", "/api/oauth/token"), ("GET", "/api/v1/company/acme")] {
                let response = try backend.call(method, path, method == "POST" ? backend.credentials() : nil)
                try expectProblem(response, 503, "try_again")
                #expect(try response["Retry-After"] == "60" && response.json()["hasError"] == true)
            }
            #expect(eventually { site.gateway.log.contains("control_not_started") })
            let metrics = try fetch(site.gateway.adminPort, "/metrics").text
            #expect(metrics.contains("gateway_refusals_total{code=\"try_again\"} 2\n"))
            #expect(try Browser(site).open("/event/e1?token=\(Minter.acme.token())").status == 200)
            // It is announced again for as long as it is needed.
            site.gateway.reload()
            #expect(site.gateway.log.components(separatedBy: "control.enabled: takes effect").count == 3)
            try site.gateway.restart()
            let event = try Backend.signedIn(site).createEvent()
            #expect(!event.isEmpty)
        }

        @Test("A new company can sign in and work; a removed one cannot")
        func companies() throws {
            let site = try Site { $0.control = "" }
            let globex = try Backend.signedIn(site, company: "globex")
            let newcomer = Backend(port: site.port, company: "initech")
            try expectFault(
                try newcomer.call("POST", "/api/oauth/token", newcomer.credentials()),
                401,
                "invalid_client"
            )
            try site.gateway.directory.write("initech.client", Backend.secret(of: "initech"))
            try site.gateway.directory.write("initech.secret", "a secret of initech with its thirty-two bytes")
            try site.reloadWithControl {
                $0.more = """
                    [[company]]
                    id = "initech"
                    client_secret_file = "initech.client"
                    embed_origins = ["https://initech.example"]
                    [[company.key]]
                    id = "initech-1"
                    algorithm = "HS256"
                    secret_file = "initech.secret"
                    """
            }
            try newcomer.signIn()
            let event = try newcomer.createEvent()
            let embed = try newcomer.embed(["userId": "u-1", "userName": "Peter"], in: event)
            let response = try Browser(site).open(Browser.path(embed))
            #expect(response.status == 200)
            #expect(response["Content-Security-Policy"]?.contains("https://initech.example") == true)
            #expect(try globex.ask("GET", "/company/globex")["uid"] == "globex")
            try site.reloadWithControl()
            try expectFault(try newcomer.call("GET", "/company/initech"), 401, "unauthorized")
            newcomer.token = nil
            try expectFault(
                try newcomer.call("POST", "/api/oauth/token", newcomer.credentials()),
                401,
                "invalid_client"
            )
            #expect(try Browser(site).open(Browser.path(embed)).status == 401)
        }

        @Test("A new client secret: the old one is refused, and the tokens that it obtained end with it")
        func secret() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            try site.gateway.directory.write("acme.client", "another client secret of acme\n")
            try site.reloadWithControl()
            let stranger = Backend(port: site.port)
            try expectFault(
                try stranger.call("POST", "/api/oauth/token", stranger.credentials()),
                401,
                "invalid_client"
            )
            try stranger.signIn(secret: "another client secret of acme")
            #expect(try stranger.ask("GET", "/company/acme")["uid"] == "acme")
            try expectFault(try backend.call("GET", "/company/acme"), 401, "unauthorized")
        }

        @Test(
            "Two client secrets at once: backends change over one by one, and the old one's tokens last until it is removed"
        )
        func rotation() throws {
            let site = try Site { $0.control = "" }
            let early = try Backend.signedIn(site)
            let (old, new) = (Backend.secret(of: "acme"), "another client secret of acme")
            try site.gateway.directory.write("acme.new", new + "\n")
            try site.reloadWithControl { $0.clientSecrets = ["acme.client", "acme.new"] }
            #expect(try early.ask("GET", "/company/acme")["uid"] == "acme")
            let (byOld, byNew) = (Backend(port: site.port), Backend(port: site.port))
            try byOld.signIn(secret: old)
            try byNew.signIn(secret: new)
            for backend in [byOld, byNew] { #expect(try backend.ask("GET", "/company/acme")["uid"] == "acme") }
            try site.reloadWithControl { $0.clientSecrets = ["acme.new"] }
            for backend in [early, byOld] {
                try expectFault(try backend.call("GET", "/company/acme"), 401, "unauthorized")
            }
            #expect(try byNew.ask("GET", "/company/acme")["uid"] == "acme")
        }

        @Test(
            "A new application secret: embed URLs of the old one are refused, unless it signed before; API tokens stay valid"
        )
        func key() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            let embed = try backend.embed(["userId": "u-1", "userName": "Ada"], in: event)
            try site.gateway.directory.write("acme.secret", "a fresh HMAC secret that acme shares with the gateway")
            try site.reloadWithControl()
            #expect(try fetch(site.port, Browser.path(embed)).status == 401)
            #expect(try backend.ask("GET", "/event/\(event)")["uid"]?.text == event)
            // The old secret under its id, the new one under another.
            try site.gateway.directory.write("acme.old", Minter.acme.secret)
            func keys(_ signedBefore: Bool) -> String {
                """
                [[company.key]]
                id = "acme-2025"
                algorithm = "HS256"
                secret_file = "acme.secret"
                [[company.key]]
                id = "acme-2026"
                algorithm = "HS256"
                secret_file = "acme.old"
                signed_before = \(signedBefore)
                """
            }
            #expect(site.gateway.log.contains("every embed and join link that the gateway made with it has ended"))
            try site.reloadWithControl { $0.companyKeys = keys(false) }
            #expect(try fetch(site.port, Browser.path(embed)).status == 401)
            #expect(eventually { site.gateway.log.contains("key_not_signed_before") })
            try site.reloadWithControl { $0.companyKeys = keys(true) }
            #expect(try fetch(site.port, Browser.path(embed)).status == 200)
        }

        @Test("New embed_origins: their pages may call, the others no longer")
        func origins() throws {
            let site = try Site { $0.control = "" }
            let old = CrossOriginPage(origin: "https://www.acme.example", port: site.port)
            let new = CrossOriginPage(origin: "https://new.acme.example", port: site.port)
            let body = Backend(port: site.port).credentials()
            #expect(try old.fetch("POST", "/api/oauth/token", body: body).status == 200)
            #expect(throws: CrossOriginPage.Blocked.self) { try new.fetch("POST", "/api/oauth/token", body: body) }
            try site.reloadWithControl { $0.embedOrigins = ["https://new.acme.example"] }
            #expect(try new.fetch("POST", "/api/oauth/token", body: body).status == 200)
            #expect(throws: CrossOriginPage.Blocked.self) { try old.fetch("POST", "/api/oauth/token", body: body) }
        }

        @Test(
            "Another control.database takes effect at the next start: the reload says so, and nothing changes until then"
        )
        func database() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent()
            try site.reloadWithControl { $0.control = "database = \"other.sqlite\"" }
            #expect(site.gateway.log.contains("control.database: takes effect at the next start"))
            #expect(try backend.ask("GET", "/event/\(event)")["uid"]?.text == event)
            #expect(!FileManager.default.fileExists(atPath: site.gateway.directory["other.sqlite"]))
            try site.gateway.restart()
            let after = Backend(port: site.port)
            // The key of API tokens is beside the database.
            after.token = backend.token
            try expectFault(try after.call("GET", "/event/\(event)"), 401, "unauthorized")
            after.token = nil
            try after.signIn()
            try expectFault(try after.call("GET", "/event/\(event)"), 404, "not_found")
        }

        @Test("Keys replaced in place wait for the next start; each reload says what ends then")
        func replacedKeys() throws {
            let site = try Site { $0.control = "" }
            func warnings(_ word: String) throws -> Int {
                try site.reloadWithControl()
                return site.gateway.log.components(separatedBy: word).count - 1
            }
            #expect(try warnings("another key than the one in use") == 0)
            try site.gateway.directory.write("cookie.key", String(repeating: "k", count: 32))
            #expect(try warnings("another key than the one in use: at the next start all sessions end") == 1)
            try FileManager.default.removeItem(atPath: site.gateway.directory["gateway.sqlite.key"])
            #expect(try warnings("is gone: at the next start another is made, and all API tokens end") == 1)
            #expect(try warnings("another key than the one in use: at the next start all sessions end") == 3)
        }

        @Test("Another token_key_file takes effect at the next start, and each reload says so until it is in use")
        func tokenKeyFile() throws {
            let site = try Site { $0.control = "" }
            func notes(_ control: String) throws -> Int {
                let before = site.gateway.log.components(separatedBy: "control.token_key_file: takes effect").count
                try site.reloadWithControl { $0.control = control }
                return site.gateway.log.components(separatedBy: "control.token_key_file: takes effect").count - before
            }
            let other = "token_key_file = \"\(site.gateway.directory["token.key"])\""
            #expect(try notes(other) == 1)
            #expect(try notes(other) == 1)
            #expect(try notes("") == 0)
        }

        @Test("A second gateway on the same database does not start, and says why; the first continues")
        func second() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let ports = try Listener.freePorts(2)
            let folder = site.gateway.directory
            let text = site.configuration { $0.control = "" }
                .text(port: ports[0], adminPort: ports[1], directory: folder.path)
            let file = try folder.write("second.conf", text)
            let finished = try run(Gateway.program, ["run", file])
            #expect(finished.status == 1)
            let said = finished.output + finished.errors
            #expect(said.contains("gateway.sqlite: in use by another process"), "\(said)")
            // Its socket is not taken away either.
            #expect(try backend.ask("GET", "/company/acme")["uid"] == "acme")
            #expect(try Backend.signedIn(site).createEvent() != "")
        }
    }
}
