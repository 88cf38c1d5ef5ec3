import Basics
import Foundation
import JOSE
import Synchronization
import Testing

extension EndToEnd {
    @Suite("Key sets that a company publishes (jwks_url)")
    struct KeySetTests {
        /// An identity provider and a gateway that trusts it for `acme`.
        private struct Provider {
            let server: RecordingUpstream
            private let answer: Answer

            /// What it says at present. Its server's threads may outlive the test.
            private final class Answer: Sendable {
                let script = Mutex<RecordingUpstream.Script>({ try $0.reply("404 Not Found") })
            }

            init() throws {
                let answer = Answer()
                server = try RecordingUpstream { try answer.script.withLock { $0 }($0) }
                self.answer = answer
            }

            var url: String { "http://127.0.0.1:\(server.port)/keys?v=1" }
            var fetches: Int { server.requests(for: "/keys").count }
            var companyKey: String { "[[company.key]]\njwks_url = \"\(url)\"" }

            func say(_ script: @escaping RecordingUpstream.Script) { answer.script.withLock { $0 = script } }

            func publish(_ keys: [Key], _ fields: [String] = []) {
                let set = JSONValue.object([JSONMember("keys", .array(keys.compactMap(\.publicJWK)))])
                let text = String(decoding: set.serialized(), as: UTF8.self)
                say { try $0.reply("200 OK", fields, text) }
            }
        }

        private let provider: Provider

        init() throws { provider = try Provider() }

        private func site(_ adjust: (inout GatewayConfiguration) -> Void = { _ in }) throws -> Site {
            let key = provider.companyKey
            return try Site {
                $0.company = key
                adjust(&$0)
            }
        }

        private func token(_ key: Key, company: String = "acme", type: String? = nil) throws -> String {
            let claims = [
                JSONMember("companyId", .string(company)), JSONMember("eventId", .string("e1")),
                JSONMember("sub", .string("u1")), JSONMember("exp", .number(Minter.now + 3600)),
            ]
            return try Token.sign(claims, type: type, with: key)
        }

        private func status(_ site: Site, _ key: Key, company: String = "acme", type: String? = nil) throws -> Int {
            let bearer = "Authorization: Bearer \(try token(key, company: company, type: type))"
            return try fetch(site.port, "/event/e1", [bearer]).status
        }

        @Test("Its keys are known before the first viewer comes, and verify that company's tokens only")
        func keys() throws {
            let keys = try [Key.generate(.es256, id: "one"), Key.generate(.eddsa, id: "two")]
            provider.publish(keys)
            let site = try site()
            for key in keys { #expect(try status(site, key) == 200) }
            #expect(try status(site, Key.generate(.es256, id: "one")) == 401)
            #expect(try status(site, keys[0], company: "globex") == 401)
            // They sign none of the gateway's own tokens.
            #expect(try status(site, keys[0], type: "embed+jwt") == 401)
            #expect(try fetch(site.port, "/event/e1?token=\(Minter.acme.token())").status == 200)
            #expect(provider.fetches == 1)
            let request = try #require(provider.server.requests(for: "/keys").first)
            #expect(request.target == "/keys?v=1" && request["host"] == "127.0.0.1:\(provider.server.port)")
            #expect(eventually { site.gateway.log.contains("\(provider.url): 2 keys") })
        }

        @Test("A source that is down stops no start, refuses forged tokens, and its keys come once it is well")
        func down() throws {
            let key = try Key.generate(.es256, id: "one")
            provider.say { try $0.reply("503 Down") }
            let site = try site()
            #expect(try status(site, key) == 503)
            // A published set has no secrets.
            #expect(try status(site, Key.secret([UInt8](repeating: 7, count: 32), algorithm: .hs256, id: "x")) == 401)
            #expect(try status(site, key, company: "globex") == 401)
            provider.publish([key])
            #expect(try eventually(within: 60) { try status(site, key) == 200 })
            #expect(eventually { site.gateway.log.contains("\(provider.url): 1 keys") })
        }

        @Test("Attack: a set with a private key or a secret is refused as a whole")
        func secrets() throws {
            let secret = Array("an HMAC secret that is long enough".utf8)
            let text = String(decoding: Base64URL.encode(secret.span), as: UTF8.self)
            let good = try Key.generate(.es256, id: "good")
            let goodText = String(decoding: try #require(good.publicJWK).serialized(), as: UTF8.self)
            let set = #"{"keys":[{"kty":"oct","kid":"s","alg":"HS256","k":"\#(text)"},\#(goodText)]}"#
            provider.say { try $0.reply("200 OK", [], set) }
            let site = try site()
            #expect(eventually { site.gateway.log.contains("it holds a private key or a secret") })
            #expect(try status(site, Key.secret(secret, algorithm: .hs256, id: "s")) == 401)
            #expect(try status(site, good) == 401)
        }

        @Test("An unknown key is fetched thirty seconds after the last fetch; a key that went ends what it opened")
        func rotation() throws {
            let (old, new) = (try Key.generate(.es256, id: "old"), try Key.generate(.es256, id: "new"))
            provider.publish([old])
            let site = try Site {
                $0.company = provider.companyKey
                $0.top = "threads = 2"
            }
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let socket = try Client(port: site.port)
            #expect(try socket.openWebSocket("/event/e1/ws?token=\(token(old))").status == 101)
            for number in 0..<40 { #expect(try status(site, Key.generate(.es256, id: "k\(number)")) == 401) }
            #expect(provider.fetches == 1)
            provider.publish([new])
            #expect(try eventually(within: 60) { try status(site, new) == 200 })
            #expect(eventually { provider.fetches == 2 })
            #expect(try status(site, old) == 401)
            #expect(socket.remainder(within: 20) != nil)
        }

        @Test("A restart while the provider is down refuses nobody: the sets of the last day are kept")
        func restart() throws {
            let (key, stranger) = (try Key.generate(.es256, id: "one"), try Key.generate(.es256, id: "two"))
            provider.publish([key])
            let site = try site()
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(token(key))").status == 200)
            let file = site.gateway.directory["cookie.key.jwks"]
            #expect(eventually { FileManager.default.fileExists(atPath: file) })
            #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            provider.say { try $0.reply("503 Down") }
            try site.gateway.restart()
            #expect(try browser.fetch("/event/e1/poll").status == 200)
            #expect(try status(site, key) == 200)
            #expect(try status(site, stranger) == 401)
            #expect(site.gateway.log.contains("1 keys from before the start"))
        }

        @Test(
            "Where no set is kept, or one that others may change or that is old, a session waits with its cookie",
            arguments: ["absent", "writable", "link", "pipe", "old", "negative", "future", "broken"]
        )
        func restartWithout(kept: String) throws {
            let key = try Key.generate(.es256, id: "one")
            provider.publish([key])
            let site = try site()
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(token(key))").status == 200)
            let session = try #require(
                try fetch(site.port, "/event/e1", ["Authorization: Bearer \(token(key))"])["Gateway-Session"]
            )
            let file = site.gateway.directory["cookie.key.jwks"]
            #expect(eventually { FileManager.default.fileExists(atPath: file) })
            provider.say { try $0.reply("503 Down") }
            site.gateway.end()
            let files = FileManager.default
            let text = try String(contentsOfFile: file, encoding: .utf8)
            func write(moment: Int) throws {
                let changed = text.replacing(/"fetchedAt":[0-9]+/, with: "\"fetchedAt\":\(moment)")
                #expect(changed != text)
                try changed.write(toFile: file, atomically: false, encoding: .utf8)
            }
            switch kept {
            case "absent": try files.removeItem(atPath: file)
            case "writable": try files.setAttributes([.posixPermissions: 0o620], ofItemAtPath: file)
            case "link":
                try files.moveItem(atPath: file, toPath: file + ".real")
                try files.createSymbolicLink(atPath: file, withDestinationPath: file + ".real")
            case "pipe":
                try files.removeItem(atPath: file)
                // SAFETY: the path is passed as a C string for the call.
                #expect(unsafe mkfifo(file, 0o600) == 0)
            case "negative": try write(moment: .min)
            case "old": try write(moment: Int(Minter.now) - 86_401)
            case "future": try write(moment: Int(Minter.now) + 3600)
            default:
                try "{\"sets\":[{\"url\":\"\(provider.url)\"}".write(toFile: file, atomically: false, encoding: .utf8)
            }
            try site.gateway.startAgain()
            #expect(try status(site, key) == 503)
            for path in ["/event/e1/poll", "/assets/x.js", "/.gateway/session"] {
                let answer = try browser.fetch(path)
                #expect(answer.status == 503 && answer["Retry-After"] == "5", "\(path)")
                #expect(answer["Set-Cookie"] == nil, "\(path)")
            }
            #expect(try fetch(site.port, "/event/e1", ["Gateway-Session: \(session)"]).status == 503)
            // Those of our own links go on.
            #expect(try fetch(site.port, "/event/e1?token=\(Minter.acme.token())").status == 200)
            provider.publish([key])
            #expect(try eventually(within: 60) { try browser.fetch("/event/e1/poll").status == 200 })
        }

        /// A provider whose next answer waits until the test says so.
        private func holdAnswer(_ keys: [Key]) -> (asked: DispatchSemaphore, goOn: DispatchSemaphore) {
            let (asked, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            let set = JSONValue.object([JSONMember("keys", .array(keys.compactMap(\.publicJWK)))])
            let text = String(decoding: set.serialized(), as: UTF8.self)
            provider.say {
                asked.signal()
                goOn.wait()
                return try $0.reply("200 OK", [], text)
            }
            return (asked, goOn)
        }

        @Test("The first viewers after a change of keys wait for the fetch; a stranger's key is refused then")
        func waiting() throws {
            for _ in 0..<20 {
                let (old, new) = (try Key.generate(.es256, id: "old"), try Key.generate(.es256, id: "new"))
                provider.publish([old])
                let site = try Site {
                    $0.company = provider.companyKey
                    $0.top = "threads = 1"
                }
                #expect(try status(site, new) == 401)
                let heads = try [new, Key.generate(.es256, id: "none")].map { key in
                    "POST /event/e1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(try token(key))\r\nContent-Length: 5\r\n\r\n"
                }
                let (asked, goOn) = holdAnswer([new])
                let (fetches, began) = (provider.fetches, ContinuousClock.now)
                site.gateway.send(SIGHUP)
                #expect(asked.wait(timeout: .now() + 20) == .success)
                let clients = try heads.map { head in
                    let client = try Client(port: site.port)
                    client.send(head + "12")
                    return client
                }
                // By then, the one loop has read the heads.
                #expect(try fetch(site.port, "/event/e1?token=\(Minter.acme.token())").status == 200)
                goOn.signal()
                clients[0].send("345")
                let answers = try clients.map { try $0.response() }
                // Nobody waits for longer than three seconds: a round that took this machine so long says nothing.
                guard ContinuousClock.now - began < .seconds(3) else { continue }
                #expect(answers.map(\.status) == [200, 401])
                let posts = site.upstream.requests.filter { $0.method == "POST" }
                #expect(posts.map(\.body) == [Array("12345".utf8)])
                #expect(provider.fetches == fetches + 1)
                #expect(try status(site, Key.generate(.es256, id: "none")) == 401)
                #expect(provider.fetches == fetches + 1)
                return
            }
            Issue.record("no round took less than three seconds")
        }

        @Test("A viewer who waits for a reload that takes their language away is answered in another one")
        func language() throws {
            let examples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent("deploy/examples/pages/en.toml")
            let files = try TemporaryDirectory()
            try files.write("nl.toml", try String(contentsOf: examples, encoding: .utf8))
            let old = try Key.generate(.es256, id: "old")
            provider.publish([old])
            func configure(_ configuration: inout GatewayConfiguration) {
                configuration.company = provider.companyKey
                configuration.top = "threads = 1"
            }
            let site = try Site {
                configure(&$0)
                $0.more = "[pages]\ndirectory = \"\(files.path)\"\nlanguages = [\"nl\"]"
            }
            func head(_ key: Key) throws -> String {
                "GET /event/e1?token=\(try token(key)) HTTP/1.1\r\nHost: x\r\nAccept-Language: nl\r\n"
                    + Browser.navigation.joined(separator: "\r\n") + "\r\n\r\n"
            }
            let stranger = try Key.generate(.es256, id: "none")
            let first = try Client(port: site.port)
            first.send(try head(stranger))
            #expect(try first.response()["Content-Language"] == "nl")
            let (asked, goOn) = holdAnswer([old])
            try site.gateway.rewrite(site.configuration(configure))
            site.gateway.send(SIGHUP)
            #expect(asked.wait(timeout: .now() + 20) == .success)
            let client = try Client(port: site.port)
            client.send(try head(stranger))
            // By then, the one loop has read the head.
            #expect(try fetch(site.port, "/event/e1?token=\(Minter.acme.token())").status == 200)
            goOn.signal()
            let answer = try client.response()
            #expect(answer.status == 401 || answer.status == 503)
            let isReloaded = eventually {
                guard let client = try? Client(port: site.port), let head = try? head(stranger) else { return false }
                client.send(head)
                return (try? client.response()["Content-Language"]) == "en"
            }
            #expect(isReloaded)
        }

        @Test("token inspect fetches the company's set to judge a token, and says why it cannot")
        func inspect() throws {
            let (key, stranger) = (try Key.generate(.es256, id: "one"), try Key.generate(.es256, id: "two"))
            provider.publish([key])
            let site = try site()
            func inspect(_ key: Key) throws -> Finished {
                let config = site.gateway.directory["gateway.conf"]
                return try run(Gateway.program, ["token", "inspect", token(key), "--config", config, "--event", "e1"])
            }
            let good = try inspect(key)
            #expect(good.status == 0 && good.output.contains("accept") && good.output.contains("\(provider.url): 1"))
            let bad = try inspect(stranger)
            #expect(bad.status == 1 && bad.output.contains("refused token_invalid: unknown_key"))
            provider.say { try $0.reply("503 Down") }
            let unknown = try inspect(key)
            #expect(unknown.status == 1 && unknown.output.contains("\(provider.url): status 503"))
            #expect(unknown.output.contains("refused try_again: keys_awaited"))
        }

        // MARK: OpenID

        /// A provider with a discovery document.
        private func openID(issuer: String? = nil, jwksURI: String? = nil, _ key: Key) throws -> String {
            let mine = "http://127.0.0.1:\(provider.server.port)/realm"
            let document = JSONValue.object([
                JSONMember("issuer", .string(issuer ?? mine)),
                JSONMember("jwks_uri", .string(jwksURI ?? provider.url)),
            ])
            let text = String(decoding: document.serialized(), as: UTF8.self)
            provider.server.on("/realm/.well-known/openid-configuration") { try $0.reply("200 OK", [], text) }
            provider.publish([key])
            return mine
        }

        private func openIDSite(_ issuer: String) throws -> Site {
            try Site {
                $0.company = "issuer = \"\(issuer)\"\n[[company.key]]\nopenid = true"
            }
        }

        private func token(_ key: Key, issuer: String) throws -> String {
            let claims = [
                JSONMember("iss", .string(issuer)), JSONMember("eventId", .string("e1")),
                JSONMember("sub", .string("u1")), JSONMember("exp", .number(Minter.now + 3600)),
            ]
            return try Token.sign(claims, type: nil, with: key)
        }

        @Test("openid: the issuer's discovery document names the set, also after a restart while the provider is down")
        func discovery() throws {
            let key = try Key.generate(.es256, id: "one")
            let issuer = try openID(key)
            let site = try openIDSite(issuer)
            let bearer = ["Authorization: Bearer \(try token(key, issuer: issuer))"]
            #expect(try fetch(site.port, "/event/e1", bearer).status == 200)
            #expect(provider.server.requests(for: "/realm/.well-known/openid-configuration").count == 1)
            #expect(provider.fetches == 1)
            #expect(eventually { FileManager.default.fileExists(atPath: site.gateway.directory["cookie.key.jwks"]) })
            provider.server.stop()
            try site.gateway.restart()
            #expect(try fetch(site.port, "/event/e1", bearer).status == 200)
        }

        @Test("Attack: a discovery document for another issuer, or one that leads elsewhere, gives no keys")
        func badDiscovery() throws {
            let key = try Key.generate(.es256, id: "one")
            let mine = try openID(key)
            for (issuer, jwksURI, reason) in [
                (mine + "/", nil, "its issuer is"), ("https://login.acme.example", nil, "its issuer is"),
                (nil, "http://keys.example/k", "is not an https URL"),
                (nil, "file:///etc/passwd", "is not an https URL"),
                (nil, "\u{1b}[2J", "is not an https URL"), (nil, "http://127.0.0.1:1/k", "http://127.0.0.1:1/k"),
            ] as [(String?, String?, String)] {
                _ = try openID(issuer: issuer, jwksURI: jwksURI, key)
                let site = try openIDSite(mine)
                let answer = try fetch(site.port, "/event/e1", ["Authorization: Bearer \(token(key, issuer: mine))"])
                #expect(answer.status == 503, "\(reason)")
                #expect(eventually { site.gateway.log.contains(reason) }, "\(site.gateway.log)")
                #expect(!site.gateway.log.contains("\u{1b}"))
            }
        }

        @Test("Keys of a set that cannot be used are named in the log, once, with the reason")
        func skipped() throws {
            let good = try Key.generate(.es256, id: "good")
            let text = String(decoding: try #require(good.publicJWK).serialized(), as: UTF8.self)
            let set =
                #"{"keys":[{"kty":"RSA","kid":"weak\u001b[2J","n":"AQAB","e":"AQAB"},{"kty":"EC","kid":"enc","use":"enc"},\#(text)]}"#
            provider.say { try $0.reply("200 OK", [], set) }
            let site = try site()
            #expect(try status(site, good) == 200)
            site.gateway.reload()
            let lines = site.gateway.log.components(separatedBy: "\n").filter {
                $0.contains("keys that cannot be used")
            }
            #expect(lines.count == 1)
            #expect(lines[0].contains("enc") && lines[0].contains("weak") && !lines[0].contains("\u{1b}"))
        }

        @Test("A reload has the keys before it takes effect, and forgets those of a URL that went")
        func reload() throws {
            let key = try Key.generate(.es256, id: "one")
            provider.publish([key])
            let site = try Site()
            #expect(try status(site, key) == 401)
            func reload(_ company: String) throws {
                try site.gateway.rewrite(site.configuration { $0.company = company })
                site.gateway.reload()
            }
            try reload(provider.companyKey)
            #expect(try status(site, key) == 200)
            try reload(provider.companyKey + "\nsigned_before = false")
            #expect(try status(site, key) == 200)
            // Each reload fetches again, for an operator who cannot wait.
            #expect(eventually { provider.fetches == 2 })
            // The same keys at another URL: nobody is sent away meanwhile.
            site.upstream.on("/event/e1/ws") { try WebSocket.serveEcho($0) }
            let socket = try Client(port: site.port)
            #expect(try socket.openWebSocket("/event/e1/ws?token=\(token(key))").status == 101)
            try reload(provider.companyKey.replacingOccurrences(of: "v=1", with: "v=2"))
            #expect(try status(site, key) == 200)
            #expect(try socket.echo("still here") == "still here")
            try reload("")
            #expect(try status(site, key) == 401)
            #expect(socket.remainder(within: 20) != nil)
        }

        @Test("A reload with a new URL that gives no keys changes nothing; what was forgotten does not come back")
        func badReload() throws {
            let key = try Key.generate(.es256, id: "one")
            provider.publish([key])
            let site = try site()
            #expect(try status(site, key) == 200)
            let other = try RecordingUpstream { try $0.reply("404 Not Found") }
            try site.gateway.rewrite(
                site.configuration { $0.company = "[[company.key]]\njwks_url = \"http://127.0.0.1:\(other.port)/k\"" }
            )
            site.gateway.send(SIGHUP)
            #expect(eventually { site.gateway.log.contains("/k: status 404; no key could be fetched") })
            #expect(eventually { site.gateway.log.contains("the running configuration stays as it is") })
            #expect(try status(site, key) == 200)
            // What a failed reload has fetched does not serve a later one.
            func reloadFails(_ times: Int) -> Bool {
                site.gateway.send(SIGHUP)
                return eventually { site.gateway.log.components(separatedBy: "stays as it is").count > times }
            }
            let third = try Provider()
            third.publish([key])
            try site.gateway.rewrite(
                site.configuration {
                    $0.company = third.companyKey + "\n[[company.key]]\njwks_url = \"http://127.0.0.1:\(other.port)/k\""
                }
            )
            #expect(reloadFails(2))
            third.say { try $0.reply("503 Down") }
            try site.gateway.rewrite(site.configuration { $0.company = third.companyKey })
            #expect(reloadFails(3))
            try site.gateway.rewrite(site.configuration())
            site.gateway.reload()
            #expect(try status(site, key) == 401)
            provider.say { try $0.reply("503 Down") }
            try site.gateway.rewrite(site.configuration { $0.company = provider.companyKey })
            site.gateway.send(SIGHUP)
            #expect(eventually { site.gateway.log.contains("\(provider.url): status 503; no key could be fetched") })
            #expect(try status(site, key) == 401)
        }
    }
}
