import Foundation
import Glibc
import Testing

extension EndToEnd {
    @Suite("Files of Unix sockets")
    struct SocketFileTests {
        private func listener(_ path: String) -> String { "[[listener]]\naddress = \"unix:\(path)\"\n" }

        @Test("At the end the file goes with its listener, and one that is another's by then stays")
        func end() throws {
            let directory = try TemporaryDirectory()
            let (own, replaced) = (directory["own.sock"], directory["replaced.sock"])
            let site = try Site { $0.top = listener(own) + listener(replaced) }
            #expect(try Client(path: own).exchange("/.gateway/healthz").status == 200)
            let other = try directory.write("other", "another's")
            // SAFETY: the paths are C strings during the call.
            #expect(unsafe rename(other, replaced) == 0)
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait() == 0)
            #expect(!FileManager.default.fileExists(atPath: own))
            #expect(FileManager.default.contents(atPath: replaced) == Data("another's".utf8))
        }

        @Test("The control API's own socket is made again if somebody removes or replaces it, and the log says so")
        func control() throws {
            let site = try Site { $0.control = "" }
            let backend = try Backend.signedIn(site)
            let event = try backend.createEvent("Kept")
            let (files, path) = (FileManager.default, site.gateway.directory["gateway.sqlite.sock"])
            func mode() throws -> Int? {
                let attributes = try files.attributesOfItem(atPath: path)
                guard attributes[.type] as? FileAttributeType == .typeSocket else { return nil }
                return attributes[.posixPermissions] as? Int
            }
            for number in 1...2 {
                if number == 1 {
                    try files.removeItem(atPath: path)
                } else {
                    let other = try site.gateway.directory.write("other", "another's")
                    // SAFETY: the paths are C strings during the call.
                    #expect(unsafe rename(other, path) == 0)
                }
                #expect(eventually { (try? mode()) == 0o600 })
                #expect(eventually { (try? backend.call("GET", "/event/\(event)").status) == 200 })
                let words = "the control API's socket was removed or replaced: it is made again"
                #expect(eventually { site.gateway.log.components(separatedBy: words).count == number + 1 })
            }
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait() == 0)
            #expect(!files.fileExists(atPath: path))
        }

        @Test("After a take-over, a listener that is left out is closed at once, with its file, and the log says so")
        func takeOver() throws {
            let directory = try TemporaryDirectory()
            let (kept, gone) = (directory["kept.sock"], directory["gone.sock"])
            let site = try Site { $0.top = "drain_timeout = \"60s\"\n" + listener(kept) + listener(gone) }
            // Keeps the former process from ending.
            let mayAnswer = Flag()
            defer { mayAnswer.set() }
            site.upstream.on("/public/slow") { exchange in
                _ = eventually(within: 60) { mayAnswer.isSet }
                return try exchange.echo()
            }
            let client = try Client(path: kept)
            client.send("GET /public/slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(eventually { site.upstream.requests(for: "/public/slow").count == 1 })
            try site.gateway.rewrite(site.configuration { $0.top = "drain_timeout = \"60s\"\n" + listener(kept) })
            let former = try site.gateway.takeOver()
            #expect(eventually { !FileManager.default.fileExists(atPath: gone) })
            let line = "no longer listening on unix:\(gone), which the configuration does not name"
            #expect(eventually { site.gateway.log.contains(line) })
            #expect(try Client(path: kept).exchange("/.gateway/healthz").status == 200)
            #expect(former.exitStatus == nil)
            mayAnswer.set()
            #expect(try client.response(within: 20).status == 200)
            #expect(former.wait(within: 20) == 0)
            #expect(try Client(path: kept).exchange("/.gateway/healthz").status == 200)
        }
    }
}
