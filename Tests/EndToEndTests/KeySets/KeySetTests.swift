import Basics
import Foundation
import JOSE
import Testing

extension WaitingEndToEnd {
    @Suite("Key sets that a company publishes (jwks_url)")
    struct KeySetTests {
        private let provider: KeyProvider

        init() throws { provider = try KeyProvider() }

        @Test("Its keys are known before the first viewer comes, and verify that company's tokens only")
        func keys() throws {
            let keys = try [Key.generate(.es256, id: "one"), Key.generate(.eddsa, id: "two")]
            provider.publish(keys)
            let site = try provider.site()
            for key in keys { #expect(try site.status(key) == 200) }
            #expect(try site.status(Key.generate(.es256, id: "one")) == 401)
            #expect(try site.status(keys[0], company: "globex") == 401)
            // They sign none of the gateway's own tokens.
            #expect(try site.status(keys[0], type: "embed+jwt") == 401)
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
            let site = try provider.site()
            #expect(try site.status(key) == 503)
            // A published set has no secrets.
            #expect(try site.status(Key.secret([UInt8](repeating: 7, count: 32), algorithm: .hs256, id: "x")) == 401)
            #expect(try site.status(key, company: "globex") == 401)
            provider.publish([key])
            #expect(try eventually(within: 60) { try site.status(key) == 200 })
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
            let site = try provider.site()
            #expect(eventually { site.gateway.log.contains("it holds a private key or a secret") })
            #expect(try site.status(Key.secret(secret, algorithm: .hs256, id: "s")) == 401)
            #expect(try site.status(good) == 401)
        }

        @Test("Keys of a set that cannot be used are named in the log, once, with the reason")
        func skipped() throws {
            let good = try Key.generate(.es256, id: "good")
            let text = String(decoding: try #require(good.publicJWK).serialized(), as: UTF8.self)
            let set =
                #"{"keys":[{"kty":"RSA","kid":"weak\u001b[2J","n":"AQAB","e":"AQAB"},{"kty":"EC","kid":"enc","use":"enc"},\#(text)]}"#
            provider.say { try $0.reply("200 OK", [], set) }
            let site = try provider.site()
            #expect(try site.status(good) == 200)
            site.gateway.reload()
            let lines = site.gateway.log.components(separatedBy: "\n").filter {
                $0.contains("keys that cannot be used")
            }
            #expect(lines.count == 1)
            #expect(lines[0].contains("enc") && lines[0].contains("weak") && !lines[0].contains("\u{1b}"))
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
            #expect(try socket.openWebSocket("/event/e1/ws?token=\(old.viewerToken())").status == 101)
            for number in 0..<40 { #expect(try site.status(Key.generate(.es256, id: "k\(number)")) == 401) }
            #expect(provider.fetches == 1)
            provider.publish([new])
            #expect(try eventually(within: 60) { try site.status(new) == 200 })
            #expect(eventually { provider.fetches == 2 })
            #expect(try site.status(old) == 401)
            #expect(socket.remainder(within: 20) != nil)
        }

        @Test("token inspect fetches the company's set to judge a token, and says why it cannot")
        func inspect() throws {
            let (key, stranger) = (try Key.generate(.es256, id: "one"), try Key.generate(.es256, id: "two"))
            provider.publish([key])
            let site = try provider.site()
            func inspect(_ key: Key) throws -> Finished {
                let config = site.gateway.directory["gateway.conf"]
                return try run(
                    Gateway.program,
                    ["token", "inspect", key.viewerToken(), "--config", config, "--event", "e1"]
                )
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
    }
}
