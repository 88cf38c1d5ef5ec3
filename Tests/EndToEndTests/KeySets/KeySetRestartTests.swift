import Foundation
import JOSE
import Testing

extension WaitingEndToEnd {
    @Suite("Key sets that are kept for a restart while their provider is down")
    struct KeySetRestartTests {
        private let provider: KeyProvider

        init() throws { provider = try KeyProvider() }

        @Test("A restart while the provider is down refuses nobody: the sets of the last day are kept")
        func restart() throws {
            let (key, stranger) = (try Key.generate(.es256, id: "one"), try Key.generate(.es256, id: "two"))
            provider.publish([key])
            let site = try provider.site()
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(key.viewerToken())").status == 200)
            let file = site.gateway.directory["cookie.key.jwks"]
            #expect(eventually { FileManager.default.fileExists(atPath: file) })
            #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
            provider.say { try $0.reply("503 Down") }
            try site.gateway.restart()
            #expect(try browser.fetch("/event/e1/poll").status == 200)
            #expect(try site.status(key) == 200)
            #expect(try site.status(stranger) == 401)
            #expect(site.gateway.log.contains("1 keys from before the start"))
        }

        @Test(
            "Where no set is kept, or one that others may change or that is old, a session waits with its cookie",
            arguments: ["absent", "writable", "link", "pipe", "old", "negative", "future", "broken"]
        )
        func restartWithout(kept: String) throws {
            let key = try Key.generate(.es256, id: "one")
            provider.publish([key])
            let site = try provider.site()
            let browser = Browser(site)
            #expect(try browser.open("/event/e1?token=\(key.viewerToken())").status == 200)
            let session = try #require(
                try fetch(site.port, "/event/e1", ["Authorization: Bearer \(key.viewerToken())"])["Gateway-Session"]
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
            #expect(try site.status(key) == 503)
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
    }
}
