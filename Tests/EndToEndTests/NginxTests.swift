import Foundation
import Testing

extension EndToEnd {
    @Suite("In front of nginx, with curl")
    struct NginxTests {
        static let shared = Result { try NginxSite() }
        let site: NginxSite

        init() throws { site = try Self.shared.get() }

        @Test("A join link opens the page and its assets")
        func page() throws {
            let jar = site.directory["jar"]
            let link = "\(site.url)/event/e1?token=\(Minter.acme.registration("n1"))"
            let page = try curl(["-L", "-c", jar, "-b", jar, "-H", "Accept: text/html", link])
            #expect(page.status == 0)
            #expect(page.output.contains("<p>Hello</p>"))
            let script = try curl(["-b", jar, "\(site.url)/assets/app.js"])
            #expect(script.output == "console.log('live')\n")
            #expect(try curl(["-o", "/dev/null", "-w", "%{http_code}", "\(site.url)/assets/app.js"]).output == "401")
        }

        @Test("A download of 100 MB arrives byte for byte")
        func download() throws {
            let file = site.directory["large"]
            #expect(try curl(["-o", file, "\(site.url)/public/large"]).status == 0)
            let expected = try sum(site.nginx.directory["html/public/large"])
            #expect(try sum(file) == expected)
            try FileManager.default.removeItem(atPath: file)
        }

        @Test("A range of it is that range")
        func range() throws {
            let part = try curl(["-r", "3333333-3333340", "-o", site.directory["part"], "\(site.url)/public/large"])
            #expect(part.status == 0)
            let data = try Data(contentsOf: URL(fileURLWithPath: site.directory["part"]))
            let whole = try Data(
                contentsOf: URL(fileURLWithPath: site.nginx.directory["html/public/large"]),
                options: .mappedIfSafe
            )
            #expect(data == whole[3_333_333...3_333_340])
        }

        @Test("An upload of 100 MB arrives byte for byte", arguments: ["Content-Length", "chunked"])
        func upload(framing: String) throws {
            let file = site.nginx.directory["html/public/large"]
            let more = framing == "chunked" ? ["-H", "Transfer-Encoding: chunked"] : []
            let name = "upload-\(framing)"
            let sent = try curl(
                more + ["-T", file, "-o", "/dev/null", "-w", "%{http_code}", "\(site.url)/public/uploads/\(name)"]
            )
            #expect(sent.output == "201")
            #expect(try sum(site.nginx.directory["html/uploads/\(name)"]) == sum(file))
        }

        @Test("The gateway's memory does not grow with the data that passes")
        func memory() throws {
            let before = try residentKilobytes(site.gateway.pid)
            let port = site.gateway.port
            inParallel(4) { _ in
                guard let client = try? Client(port: port, receiveBuffer: 4096) else { return }
                client.send("GET /public/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
                for _ in 0..<200 { _ = client.socket.receive(upTo: 4096) }
            }
            #expect(try residentKilobytes(site.gateway.pid) - before < 20 << 10)
        }

        private func curl(_ arguments: [String]) throws -> Finished {
            try run("/usr/bin/curl", ["-sS", "-m", "60"] + arguments, within: 70)
        }

        private func sum(_ file: String) throws -> String {
            let output = try run("/usr/bin/sha256sum", [file]).output
            return String(output.prefix(64))
        }
    }
}

/// A gateway in front of a real server.
final class NginxSite: Sendable {
    let nginx: Nginx
    let gateway: Gateway
    let directory: TemporaryDirectory
    var url: String { "http://localhost:\(gateway.port)" }

    init() throws {
        nginx = try Nginx()
        gateway = try Gateway(GatewayConfiguration(upstream: nginx.port))
        directory = try TemporaryDirectory()
    }
}

/// The resident memory of a process.
func residentKilobytes(_ pid: pid_t) throws -> Int {
    let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
    return line.split(separator: " ").compactMap { Int($0) }.first ?? 0
}
