import Foundation
import Testing

extension EndToEnd {
    @Suite("deploy/examples work unchanged")
    struct ExamplesTests {
        /// The examples' gateway.conf on free ports, in front of an embed host.
        private final class ExampleSite {
            let upstream: RecordingUpstream
            let directory: TemporaryDirectory
            let port: UInt16
            private let child: Child

            init() throws {
                upstream = try RecordingUpstream()
                directory = try TemporaryDirectory()
                let ports = try Listener.freePorts(2)
                port = ports[0]
                let text = try String(contentsOfFile: "\(ExampleLanguage.folder)/gateway.conf", encoding: .utf8)
                    .replacingOccurrences(of: "localhost:8080", with: "localhost:\(port)")
                    .replacingOccurrences(of: "127.0.0.1:8080", with: "127.0.0.1:\(port)")
                    .replacingOccurrences(of: "127.0.0.1:3000", with: "127.0.0.1:\(upstream.port)")
                try directory.write("gateway.conf", text + "\n[admin]\naddress = \"127.0.0.1:\(ports[1])\"\n")
                try directory.write("acme.secret", "an application secret of more than 32 bytes\n")
                try directory.write("acme.client", "a client secret of acme\n")
                child = try Child(
                    Gateway.program,
                    ["run", directory["gateway.conf"]],
                    output: directory["output.log"],
                    errors: directory["errors.log"]
                )
                let isServing = eventually(within: 15) {
                    (try? fetch(port, "/.gateway/healthz").status) == 200 || child.exitStatus != nil
                }
                guard isServing, child.exitStatus == nil else {
                    throw GatewayFailure(text: Child.text(of: directory["errors.log"]))
                }
            }
        }

        /// The `/event/…` of an address.
        private static func target(_ address: String) throws -> String {
            let start = try #require(address.range(of: "/event/")?.lowerBound)
            return String(address[start...])
        }

        @Test(
            "A token signed by each language's example opens its event, and names its viewer",
            arguments: [
                ["/usr/bin/env", "python3", "sign_token.py"], ["/usr/bin/env", "node", "sign-token.mjs"],
                ["/usr/bin/env", "java", "SignToken.java"],
            ]
        )
        func signed(_ command: [String]) throws {
            // The other tests need Python too; the other languages are tested if they are installed.
            let isInstalled = try run("/usr/bin/env", ["sh", "-c", "command -v \(command[1])"]).status == 0
            guard isInstalled || command[1] == "python3" else { return }
            let site = try ExampleSite()
            let script = "\(ExampleLanguage.folder)/\(command[2])"
            let made = try run(
                command[0],
                [
                    command[1], script, site.directory["acme.secret"], "http://localhost:\(site.port)", "launch", "ada",
                    "Ada \"L\" é", "ada@acme.example",
                ],
                within: 60
            )
            try #require(made.status == 0, "\(made.errors)")
            let address = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(try fetch(site.port, try Self.target(address)).status == 200)
            let request = try #require(site.upstream.requests.last)
            #expect(request["X-Gateway-User-Id"] == "ada")
            #expect(request["X-Gateway-User-Name"] == "Ada%20\"L\"%20%C3%A9")
            #expect(request["X-Gateway-User-Email"] == "ada@acme.example")
        }

        @Test("register.sh creates an event and a registration; its join URL and its embed URL open the event")
        func register() throws {
            let site = try ExampleSite()
            let made = try run(
                "/usr/bin/env",
                [
                    "CLIENT_SECRET=a client secret of acme", "\(ExampleLanguage.folder)/register.sh",
                    "http://localhost:\(site.port)",
                    "acme", "ada@acme.example", "Ada",
                ]
            )
            try #require(made.status == 0, "\(made.errors)")
            for kind in ["join URL", "embed URL"] {
                let line = try #require(made.output.split(separator: "\n").first { $0.hasPrefix(kind) })
                #expect(try fetch(site.port, try Self.target(String(line))).status == 200, "\(kind)")
            }
        }
    }
}
