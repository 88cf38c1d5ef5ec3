import Basics
import Foundation
import Testing

/// A visitor of the demo's company site.
private final class Visitor {
    let port: UInt16
    var host: String { "acme.localhost:\(port)" }
    private var cookie: String?

    init(_ port: UInt16) { self.port = port }

    func request(
        _ target: String,
        form: String? = nil,
        origin: String? = nil,
        host: String? = nil
    ) throws -> Response {
        let client = try Client(port: port)
        var lines = [
            "\(form == nil ? "GET" : "POST") \(target) HTTP/1.1", "Host: \(host ?? self.host)", "Connection: close",
        ]
        if let cookie { lines.append("Cookie: \(cookie)") }
        if let form {
            lines += [
                "Origin: \(origin ?? "http://\(self.host)")", "Content-Type: application/x-www-form-urlencoded",
                "Content-Length: \(form.utf8.count)",
            ]
        }
        client.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + (form ?? ""))
        let response = try client.response(to: form == nil ? "GET" : "POST", within: 20)
        if let field = response["Set-Cookie"] { cookie = String(field.prefix { $0 != ";" }) }
        return response
    }

    func signIn(_ person: String) throws {
        let response = try request("/sign-in", form: "person=\(person)")
        #expect(response.status == 303)
    }
}

/// A demo that runs.
private struct RunningDemo {
    let process: Child
    let port: UInt16
    let gateway: UInt16

    init(_ directory: TemporaryDirectory, _ name: String, _ arguments: [String]) throws {
        let output = directory["\(name).output"]
        process = try Child(
            "/usr/bin/env",
            ["TMPDIR=\(directory.path)", Gateway.program, "demo"] + arguments,
            output: output,
            errors: directory["\(name).errors"]
        )
        let child = process
        let hasBegun = eventually(within: 30) { child.exitStatus != nil || child.said.contains("Below: ") }
        try #require(hasBegun, "\(Child.text(of: directory["\(name).errors"]))")
        let site = try #require(process.said.firstMatch(of: /http:\/\/acme\.localhost:(\d+)/), "\(process.said)")
        let live = try #require(process.said.firstMatch(of: /http:\/\/live\.acme\.localhost:(\d+)/))
        (port, gateway) = (try #require(UInt16(site.1)), try #require(UInt16(live.1)))
    }

    func end() {
        process.send(SIGTERM)
        #expect(process.wait(within: 20) == 0)
    }
}

extension EndToEnd {
    @Suite("The demo")
    struct DemoTests {
        let directory: TemporaryDirectory

        init() throws { directory = try TemporaryDirectory() }

        private func start(_ name: String = "demo") throws -> RunningDemo {
            try RunningDemo(directory, name, ["--port", "0", "--gateway-port", "0"])
        }

        /// Where the site's first event is, and the address in its frame.
        private func frame(_ visitor: Visitor) throws -> (event: String, target: String) {
            let list = try visitor.request("/")
            let event = try #require(list.text.firstMatch(of: /href="(\/event\/[0-9a-f-]+)"/), "\(list)").1
            let page = try visitor.request(String(event))
            let source = try #require(
                page.text.firstMatch(of: /src="(http:\/\/live\.acme\.localhost:\d+)([^"]*)"/),
                "\(page)"
            )
            return (String(event), String(source.2))
        }

        @Test(
            "A guest signs in on the company's site, and the event opens in a frame; a second device ends the session"
        )
        func guest() throws {
            let demo = try start()
            let ada = Visitor(demo.port)
            #expect(try ada.request("/").text.contains("Who are you?"))
            try ada.signIn("ada")
            let (event, target) = try frame(ada)
            let browser = Browser(port: demo.gateway)
            let page = try browser.open(target)
            #expect(page.status == 200)
            #expect(page.text.contains("Welcome, <strong>Ada Lovelace</strong>"))
            #expect(page["Content-Security-Policy"]?.contains("frame-ancestors http://\(ada.host)") == true, "\(page)")
            #expect(try browser.fetch("/.gateway/session").status == 200)
            #expect(try ada.request("\(event)/elsewhere", form: "x=1").status == 303)
            let replaced = try browser.fetch("/.gateway/session")
            #expect(replaced.status == 409)
            #expect(replaced.text.contains("session_replaced"))
            demo.end()
        }

        @Test("The host sees who is there, makes a guest a host without a new link, and sends one away")
        func host() throws {
            let demo = try start()
            let (alan, grace) = (Visitor(demo.port), Visitor(demo.port))
            try alan.signIn("alan")
            let (event, target) = try frame(alan)
            let browser = Browser(port: demo.gateway)
            #expect(try browser.open(target).text.contains("data-role=\"attendee\""))
            try grace.signIn("grace")
            let page = try grace.request(event)
            #expect(page.text.contains("Who is there"))
            let list = try grace.request("\(event)/sessions")
            #expect(list.status == 200)
            #expect(list.text.contains("Alan Turing"), "\(list)")
            #expect(try alan.request("\(event)/sessions").status == 403, "only the host")
            let email = "email=alan%40acme.example"
            #expect(try alan.request("\(event)/presenter", form: email).status == 403)
            #expect(try grace.request("\(event)/presenter", form: email).status == 303)
            #expect(try browser.navigate(event).text.contains("data-role=\"host\""))
            #expect(try grace.request("\(event)/attendee", form: email).status == 303)
            #expect(try browser.navigate(event).text.contains("data-role=\"attendee\""))
            #expect(try grace.request("\(event)/send-away", form: email).status == 303)
            #expect(try browser.fetch("/.gateway/session").text.contains("viewer_removed"))
            demo.end()
        }

        @Test("The page has the decisions of the gateway, live, and code that makes the same link")
        func panel() throws {
            let demo = try start()
            let ada = Visitor(demo.port)
            try ada.signIn("ada")
            let (event, target) = try frame(ada)
            _ = try Browser(port: demo.gateway).open(target)
            let stream = try Client(port: demo.port)
            stream.send("GET /decisions HTTP/1.1\r\nHost: \(ada.host)\r\n\r\n")
            var text = ""
            let hasJoin = eventually(within: 20) {
                if case .bytes(let bytes) = stream.socket.receive(within: 1) {
                    text += String(decoding: bytes, as: UTF8.self)
                }
                return text.contains("\"verdict\":\"join\"")
            }
            #expect(hasJoin, "\(text)")
            #expect(!text.contains(target.suffix(20)), "no line has a token")

            let page = try ada.request(event)
            let code = try #require(page.text.firstMatch(of: /(?s)<pre id="curl"[^>]*>(.*?)<\/pre>/)).1
                .replacingOccurrences(of: "&quot;", with: "\"").replacingOccurrences(of: "&#39;", with: "'")
                .replacingOccurrences(of: "&amp;", with: "&")
            // A substitute for jq, for what the code uses of it.
            let jq = try directory.write(
                "jq",
                "#!/usr/bin/env python3\nimport json, sys\nprint(json.load(sys.stdin)[sys.argv[2][1:]])\n"
            )
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: jq)
            let made = try run(
                "/usr/bin/env",
                ["PATH=\(directory.path):/usr/bin:/bin", "bash", "-c", code],
                within: 60
            )
            #expect(made.output.contains(target), "\(made)")
            demo.end()
        }

        @Test("Links that are expired, for another event, or forged are refused")
        func mistakes() throws {
            let demo = try start()
            let ada = Visitor(demo.port)
            try ada.signIn("ada")
            let page = try ada.request("/")
            let links = page.text.matches(of: /href="http:\/\/live\.acme\.localhost:\d+([^"]*)"/).map { String($0.1) }
            let statuses = try links.map { try Browser(port: demo.gateway).open($0).status }
            #expect(statuses == [401, 403, 401])
            demo.end()
        }

        @Test("The site is there under its own name only, and takes no forms of other sites")
        func otherSites() throws {
            let demo = try start()
            let ada = Visitor(demo.port)
            let renamed = try ada.request("/", host: "attacker.example:\(demo.port)")
            #expect(renamed.status == 307)
            #expect(renamed["Location"] == "http://\(ada.host)/")
            #expect(try ada.request("/sign-in", form: "person=ada", origin: "https://attacker.example").status == 403)
            demo.end()
        }

        @Test("Where another program has its ports it says so and takes others; at its end nothing is left")
        func ports() throws {
            let first = try RunningDemo(directory, "first", [])
            let second = try RunningDemo(directory, "second", [])
            #expect(
                second.process.said.contains("Port 8080 is taken by another program: using \(second.port) instead.")
            )
            #expect(
                second.process.said.contains("Port 8081 is taken by another program: using \(second.gateway) instead.")
            )
            #expect(Set([first.port, first.gateway, second.port, second.gateway]).count == 4)
            #expect(try Visitor(second.port).request("/").status == 200)
            first.end()
            second.end()
            let left = try FileManager.default.contentsOfDirectory(atPath: directory.path).filter {
                $0.hasPrefix("gateway-demo-")
            }
            #expect(left.isEmpty)
        }
    }
}
