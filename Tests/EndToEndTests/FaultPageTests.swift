import Foundation
import Testing

extension EndToEnd {
    @Suite("A navigation that reaches no event gets a page, everything else a problem document")
    struct FaultPageTests {
        private static let navigations = [
            Browser.navigation, ["Accept: text/html"], ["Accept: */*", "Sec-Fetch-Mode: navigate"],
        ]
        private static let programs = [
            [], ["Accept: */*"], ["Accept: text/html", "Sec-Fetch-Mode: cors"], ["Accept: application/json"],
        ]

        private func expectPage(_ response: Response, _ status: Int, _ code: String) {
            #expect(response.status == status)
            #expect(response["Content-Type"]?.hasPrefix("text/html") == true, "\(response)")
            #expect(response["Cache-Control"] == "no-store")
            #expect(response["Content-Security-Policy"]?.contains("default-src 'none'") == true)
            #expect(response.text.contains("<h1>") && response.text.contains(code), "\(response)")
            #expect(!response.text.contains("RFC"))
        }

        private static let site = Result {
            try Site {
                $0.limits += "\nheader_size = \"4KiB\"\nheader_count = 20\nbody_size = \"1KiB\""
                $0.tokens = "max_size = \"1KiB\""
            }
        }
        private let site: Site

        init() throws { site = try Self.site.get() }

        /// Invalid targets and fields, with the status and code of the answer.
        private static let faults: [(target: String, fields: [String], status: Int, code: String)] = [
            ("/event/../x", [], 400, "bad_request"), ("/event/%2e%2e/x", [], 400, "bad_request"),
            ("/public/x", ["X : y"], 400, "bad_request"), ("/public/x", ["Host: two"], 400, "bad_request"),
            ("/.gateway/nothing", [], 404, "not_found"),
            ("/public/x", ["Cookie: a=" + String(repeating: "x", count: 5000)], 431, "header_too_large"),
            ("/public/x", (0..<30).map { "X\($0): 1" }, 431, "header_too_large"),
        ]

        @Test("HTTP/1.1", arguments: faults.indices)
        func http1(index: Int) throws {
            let (target, fields, status, code) = Self.faults[index]
            for navigation in Self.navigations {
                expectPage(try fetch(site.port, target, navigation + fields), status, code)
            }
            for program in Self.programs {
                try expectProblem(try fetch(site.port, target, program + fields), status, code)
            }
        }

        @Test("HTTP/2", arguments: faults.indices)
        func http2(index: Int) throws {
            let (target, lines, status, code) = Self.faults[index]
            // A space in a name or a second host ends the stream itself there.
            guard !lines.contains("X : y"), !lines.contains("Host: two") else { return }
            func fields(_ lines: [String]) throws -> [Field] {
                try lines.map {
                    let field = try Field(line: $0)
                    return Field(field.name.lowercased(), field.value)
                }
            }
            for navigation in Self.navigations {
                let client = try HTTP2Client.connected(port: site.port)
                expectPage(try client.exchange(target, try fields(navigation + lines)), status, code)
            }
            for program in Self.programs {
                let client = try HTTP2Client.connected(port: site.port)
                try expectProblem(try client.exchange(target, try fields(program + lines)), status, code)
            }
        }

        @Test("An address that is too long, after which the fields tell who asks if they are read")
        func longAddress() throws {
            let target = "/event/launch?" + String(repeating: "a", count: 10_000)
            for lines in Self.navigations + Self.programs {
                // Over HTTP/1 it depends on how the bytes arrive whether a program's fields are read.
                let first = try fetch(site.port, target, lines)
                #expect(first.status == 431)
                if Self.navigations.contains(lines) { expectPage(first, 431, "header_too_large") }
                let client = try HTTP2Client.connected(port: site.port)
                let fields = try lines.map { try Field(line: $0) }.map { Field($0.name.lowercased(), $0.value) }
                let answer = try client.exchange(target, fields)
                if Self.navigations.contains(lines) {
                    expectPage(answer, 431, "header_too_large")
                } else {
                    try expectProblem(answer, 431, "header_too_large")
                }
            }
            try expectProblem(try fetch(site.port, target, method: "POST", body: [1]), 431, "header_too_large")
        }

        @Test("A form that is too large, a path without a route, and a call of the control API")
        func siblings() throws {
            let navigation = Browser.navigation
            let body = [UInt8](repeating: 120, count: 2000)
            expectPage(
                try fetch(site.port, "/public/x", method: "POST", navigation, body: body),
                413,
                "content_too_large"
            )
            try expectProblem(try fetch(site.port, "/public/x", method: "POST", body: body), 413, "content_too_large")
            try expectProblem(try fetch(site.gateway.adminPort, "/nothing", navigation), 404, "not_found")
            let upgrade = try Client(port: site.port).openWebSocket("/.gateway/nothing", navigation)
            #expect(upgrade.status == 404 && upgrade.body.isEmpty)
            let head = try fetch(site.port, "/.gateway/nothing", method: "HEAD", navigation)
            #expect(head.status == 404 && head.body.isEmpty)
        }
    }
}
