import Basics
import Foundation
import JOSE
import Testing

extension WaitingEndToEnd {
    @Suite("Key sets that cannot be fetched, or whose file cannot be used, keep nobody waiting and take no key away")
    struct KeySetReloadTests {
        /// A key and a provider of it that can be told to stop answering.
        private struct Provider {
            let key: Key
            let server: RecordingUpstream
            /// Once it is set, requests are not answered before the test has ended.
            let hangs = Flag()
            let testHasEnded = Flag()

            init() throws {
                let key = try Key.generate(.es256, id: UUID().uuidString)
                let set = JSONValue.object([JSONMember("keys", .array([key.publicJWK].compactMap { $0 }))])
                let text = String(decoding: set.serialized(), as: UTF8.self)
                let (hangs, testHasEnded) = (hangs, testHasEnded)
                server = try RecordingUpstream { exchange in
                    if hangs.isSet { _ = eventually(within: 60) { testHasEnded.isSet } }
                    return try exchange.reply("200 OK", [], text)
                }
                self.key = key
            }

            var url: String { "http://127.0.0.1:\(server.port)/keys" }
            var companyKey: String { "[[company.key]]\njwks_url = \"\(url)\"\n" }
            var fetches: Int { server.requests(for: "/keys").count }

            func status(at site: Site) throws -> Int {
                let claims = [
                    JSONMember("companyId", .string("acme")), JSONMember("eventId", .string("e1")),
                    JSONMember("sub", .string("u1")), JSONMember("exp", .number(Minter.now + 3600)),
                ]
                let bearer = "Authorization: Bearer \(try Token.sign(claims, type: nil, with: key))"
                return try fetch(site.port, "/event/e1", [bearer]).status
            }
        }

        @Test("A reload does not wait for a provider that hangs if its keys are known")
        func known() throws {
            let provider = try Provider()
            defer { provider.testHasEnded.set() }
            let site = try Site { $0.company = provider.companyKey }
            #expect(try provider.status(at: site) == 200)
            provider.hangs.set()
            site.gateway.reload()
            #expect(eventually { provider.fetches == 2 })
            #expect(eventually { site.gateway.log.contains("its last keys stay in use") })
            let log = site.gateway.log
            let (reloaded, failed) = (
                log.range(of: "configuration reloaded"), log.range(of: "its last keys stay in use")
            )
            #expect(try #require(reloaded).lowerBound < #require(failed).lowerBound, "\(log)")
            #expect(try provider.status(at: site) == 200)
        }

        @Test("SIGTERM while a reload waits for a new provider that hangs ends the process, without a word about tasks")
        func termination() throws {
            let (provider, site) = (try Provider(), try Site())
            defer { provider.testHasEnded.set() }
            provider.hangs.set()
            try site.gateway.rewrite(site.configuration { $0.company = provider.companyKey })
            site.gateway.send(SIGHUP)
            #expect(eventually { provider.fetches == 1 })
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait() == 0)
            let log = site.gateway.log
            #expect(!log.contains("CONTINUATION") && !log.contains("no key could be fetched"), "\(log)")
        }

        @Test("SIGTERM while a start waits for a provider that hangs ends the process before it serves")
        func stoppedStart() throws {
            let provider = try Provider()
            defer { provider.testHasEnded.set() }
            provider.hangs.set()
            let directory = try TemporaryDirectory()
            try Gateway.writeSecrets(to: directory)
            let ports = try Listener.freePorts(2)
            var configuration = GatewayConfiguration(upstream: 9)
            configuration.company = provider.companyKey
            let text = configuration.text(port: ports[0], adminPort: ports[1], directory: directory.path)
            let child = try Child(
                Gateway.program,
                ["run", try directory.write("gateway.conf", text)],
                output: directory["output.log"],
                errors: directory["errors.log"]
            )
            #expect(eventually { provider.fetches == 1 })
            child.send(SIGTERM)
            #expect(child.wait(within: 20) == 0)
            let errors = Child.text(of: directory["errors.log"])
            #expect(errors.contains("gateway: stopped before it served"), "\(errors)")
            #expect(!errors.contains("listening on"), "\(errors)")
        }

        @Test("A refused reload names the provider and why, and warns about nothing that is not in use")
        func refused() throws {
            let site = try Site()
            let other = try RecordingUpstream { try $0.reply("404 Not Found") }
            let url = "http://127.0.0.1:\(other.port)/k"
            try site.gateway.rewrite(site.configuration { $0.company = "[[company.key]]\njwks_url = \"\(url)\"" })
            site.gateway.send(SIGHUP)
            #expect(eventually { site.gateway.log.contains("the running configuration stays as it is") })
            let lines = site.gateway.log.split(separator: "\n").filter { $0.contains(url) }
            #expect(lines.count == 1, "\(lines)")
            #expect(lines.first?.contains("\(url): status 404; no key could be fetched") == true, "\(lines)")
        }

        @Test(
            "A file of key sets that others may change is named by check and start, and helps again once it is mended"
        )
        func file() throws {
            let (up, down) = (try Provider(), try Provider())
            defer { down.testHasEnded.set() }
            let site = try Site { $0.company = up.companyKey + down.companyKey }
            #expect(try up.status(at: site) == 200)
            #expect(try down.status(at: site) == 200)
            let (files, file) = (FileManager.default, site.gateway.directory["cookie.key.jwks"])
            func isKept() -> Bool {
                let text = String(decoding: files.contents(atPath: file) ?? Data(), as: UTF8.self)
                return [up, down].allSatisfy { text.contains("127.0.0.1:\($0.server.port)") }
            }
            #expect(eventually(isKept))
            site.gateway.end()
            down.hangs.set()
            try files.setAttributes([.posixPermissions: 0o620], ofItemAtPath: file)
            let reason = "\(file): others may change it: chmod 600 it, or remove it: no key set is taken from it"
            let checked = try run(Gateway.program, ["check", site.gateway.directory["gateway.conf"]])
            #expect(checked.status == 0 && checked.errors.contains("warning: sessions.cookie_key_file: \(reason)"))
            try site.gateway.startAgain()
            #expect(try up.status(at: site) == 200)
            #expect(try down.status(at: site) == 503)
            #expect(site.gateway.log.contains(reason))
            site.gateway.end()
            try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
            try site.gateway.startAgain()
            #expect(try down.status(at: site) == 200)
        }
    }
}
