import Foundation
import Testing

extension EndToEnd {
    @Suite("README's first steps work when typed one after the other")
    struct FirstStepsTests {
        /// The fenced blocks of README, in order.
        private static func blocks() throws -> [String] {
            let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent()
            let text = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
            let parts = text.components(separatedBy: "```")
            return parts.indices.filter { $0 % 2 == 1 }.map { String(parts[$0].drop { $0 != "\n" }.dropFirst()) }
        }

        @Test("An empty folder, a secret, a configuration, a link; then the control API and its calls")
        func typed() throws {
            let blocks = try Self.blocks()
            func block(_ words: String...) throws -> String {
                try #require(blocks.first { block in words.allSatisfy { block.contains($0) } }, "\(words)")
            }
            let upstream = try RecordingUpstream()
            let ports = try Listener.freePorts(2)
            let directory = try TemporaryDirectory()
            let trial = directory["trial"]
            /// Types lines in a shell in the folder of the steps.
            func type(_ lines: String, in folder: String) throws -> Finished {
                let setting = [
                    "set -e", "cd '\(folder)'", "gateway='\(Gateway.program)'", "PATH=\(directory.path):$PATH",
                ]
                return try run("/usr/bin/env", ["bash", "-c", (setting + [lines]).joined(separator: "\n")], within: 60)
            }
            func ported(_ text: String) -> String {
                text.replacingOccurrences(of: "localhost:8088", with: "localhost:\(ports[0])")
                    .replacingOccurrences(of: "127.0.0.1:8088", with: "127.0.0.1:\(ports[0])")
                    .replacingOccurrences(of: "127.0.0.1:3000", with: "127.0.0.1:\(upstream.port)")
            }
            func append(_ text: String) throws {
                let present = (try? String(contentsOfFile: "\(trial)/gateway.conf", encoding: .utf8)) ?? ""
                try directory.write("trial/gateway.conf", present + text)
            }
            // A substitute for jq, for what the steps use of it.
            let jq = try directory.write(
                "jq",
                "#!/usr/bin/env python3\nimport json, sys\nprint(json.load(sys.stdin)[sys.argv[2][1:]])\n"
            )
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: jq)

            let folder = try block("mkdir trial").split(separator: "\n").filter { !$0.hasPrefix("gateway=") }
            #expect(try type(folder.joined(separator: "\n"), in: directory.path).status == 0)
            try append(ported(try block("public_url =", "acme.secret")))
            try append("[admin]\naddress = \"127.0.0.1:\(ports[1])\"\n")
            let steps = try block("$gateway check", "$gateway run").split(separator: "\n")
            let first = try type(steps.filter { !$0.contains("gateway run") }.joined(separator: "\n"), in: trial)
            #expect(first.status == 0, "\(first.errors)")
            #expect(first.output.contains("http://localhost:\(ports[0])/event/launch?token="), "\(first.output)")
            #expect(!first.errors.contains("warning"), "\(first.errors)")

            #expect(try type(try block("> acme.client"), in: trial).status == 0)
            // The worst case of base64.
            try directory.write("trial/acme.client", "+/+/a secret+with/what+forms/read+otherwise==\n")
            try append(ported(try block("upstream = \"control\"")))
            let checked = try type("$gateway check gateway.conf", in: trial)
            #expect(checked.status == 0, "\(checked.errors)")
            let gateway = try Child(
                Gateway.program,
                ["run", "\(trial)/gateway.conf"],
                output: directory["output.log"],
                errors: directory["errors.log"]
            )
            #expect(
                eventually(within: 15) { (try? fetch(ports[0], "/.gateway/healthz").status) == 200 },
                "\(Child.text(of: directory["errors.log"]))"
            )
            let calls = try type(ported(try block("api=http", "registrant")), in: trial)
            #expect(calls.status == 0, "\(calls.errors)")
            #expect(calls.output.contains("\"joinCode\"") && calls.output.contains("/event/"), "\(calls.output)")
            let link = try #require(calls.output.firstMatch(of: /"join_url" *: *"([^"]*)"/)).1
            let target = link.replacingOccurrences(of: "\\/", with: "/")
                .replacingOccurrences(of: "http://localhost:\(ports[0])", with: "")
            #expect(try fetch(ports[0], target).status == 200, "\(target)")
            gateway.send(SIGTERM)
        }
    }
}
