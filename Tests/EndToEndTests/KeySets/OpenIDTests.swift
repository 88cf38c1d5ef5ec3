import Basics
import Foundation
import JOSE
import Testing

extension WaitingEndToEnd {
    @Suite("Providers with a discovery document (openid)")
    struct OpenIDTests {
        private let provider: KeyProvider

        init() throws { provider = try KeyProvider() }

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

        @Test("openid: the issuer's discovery document names the set, also after a restart while the provider is down")
        func discovery() throws {
            let key = try Key.generate(.es256, id: "one")
            let issuer = try openID(key)
            let site = try openIDSite(issuer)
            let bearer = ["Authorization: Bearer \(try key.viewerToken(issuer: issuer))"]
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
                let answer = try fetch(
                    site.port,
                    "/event/e1",
                    ["Authorization: Bearer \(key.viewerToken(issuer: mine))"]
                )
                #expect(answer.status == 503, "\(reason)")
                #expect(eventually { site.gateway.log.contains(reason) }, "\(site.gateway.log)")
                #expect(!site.gateway.log.contains("\u{1b}"))
            }
        }
    }
}
