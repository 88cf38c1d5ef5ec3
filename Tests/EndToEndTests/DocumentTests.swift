import Foundation
import Testing

extension EndToEnd {
    @Suite("What deploy/docs shows works")
    struct DocumentTests {
        private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("deploy/docs").path

        private static func pages() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        }

        /// What a configuration needs besides what a page shows, by the table.
        private static let rest = [
            ("[[listener]]", "address = \"127.0.0.1:0\""),
            ("[[upstream]]", "name = \"embed-host\"\nservers = [\"127.0.0.1:3000\"]"),
            ("[[route]]", "path = \"/event/{event}/**\"\nupstream = \"embed-host\"\naccess = \"token\""),
            (
                "[[company]]",
                "id = \"acme\"\n[[company.key]]\nalgorithm = \"HS256\"\nsecret_file = \"/etc/gateway/acme.secret\""
            ),
            ("[sessions]", ""), ("[identity]", ""),
        ]

        @Test("`gateway check` accepts every configuration, without a warning", arguments: try pages())
        func configurations(page: String) throws {
            let directory = try Self.files()
            let text = try String(contentsOfFile: "\(Self.folder)/\(page)", encoding: .utf8)
            for match in text.matches(of: /(?s)\n *```toml\n(.*?)\n *```/) {
                let file = try directory.write("gateway.conf", Self.complete(String(match.1), directory.path))
                let checked = try run(Gateway.program, ["check", file])
                #expect(checked.status == 0 && checked.errors.isEmpty, "\(match.1)\n\(checked.errors)")
            }
        }

        @Test("Every link leads to a file, and to a heading in it", arguments: try pages() + ["../../README.md"])
        func links(page: String) throws {
            let own = URL(fileURLWithPath: "\(Self.folder)/\(page)").standardized
            let text = try String(contentsOf: own, encoding: .utf8)
            for match in text.matches(of: /\]\(([^)#]*)#?([^)]*)\)/) where !match.1.hasPrefix("http") {
                let folder = own.deletingLastPathComponent()
                let file = match.1.isEmpty ? own.path : folder.appendingPathComponent(String(match.1)).path
                #expect(FileManager.default.fileExists(atPath: file), "\(match.0)")
                guard !match.2.isEmpty else { continue }
                let lines = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n")
                let headings = lines.filter { $0.hasPrefix("#") }.map { line in
                    String(line.drop { $0 == "#" }.dropFirst().lowercased().filter { $0.isLetter || " -".contains($0) })
                        .replacing(" ", with: "-")
                }
                #expect(headings.contains(String(match.2)), "\(match.0)")
            }
        }

        /// Adds what is not shown, and puts files and addresses where this machine has them.
        private static func complete(_ shown: String, _ directory: String) -> String {
            var text = shown.contains("public_url =") ? shown : "public_url = \"https://embed.example.com\"\n" + shown
            for (table, keys) in rest where !text.contains(table) { text += "\n\(table)\n\(keys)" }
            for (table, key) in [("sessions", "cookie_key_file"), ("identity", "assertion_key_file")] {
                text.replace("[\(table)]", with: "[\(table)]\n\(key) = \"\(directory)/\(key)\"", maxReplacements: 1)
            }
            text.replace(/(?m)^( *address = ")[^":\/]*[^"\/]*:[0-9]+"/) { "\($0.1)127.0.0.1:0\"" }
            text.replace(/group = "[^"]*"/) { _ in "group = \"\(getgid())\"" }
            for folder in ["/etc/gateway", "/var/lib/gateway", "/var/log/gateway", "/run/gateway"] {
                text.replace("\"\(folder)", with: "\"\(directory)")
                text.replace("unix:\(folder)", with: "unix:\(directory)")
            }
            return text
        }

        /// The files that the pages name.
        private static func files() throws -> TemporaryDirectory {
            let (directory, files) = (try TemporaryDirectory(), FileManager.default)
            for folder in ["tls", "acme"] {
                try files.createDirectory(atPath: directory[folder], withIntermediateDirectories: true)
            }
            for name in ["acme.secret", "acme-2027.secret", "acme.client", "acme.new", "admin.token", "read.token"] {
                try directory.write(name, "\(name) with some more bytes, as it must be longer than the hash")
            }
            try directory.write("deny", "# nobody\n")
            let certificates = try TestCertificates.shared.get()
            for (name, made) in [
                ("fullchain.pem", "standard.pem"), ("privkey.pem", "standard.key"), ("acme.pem", "exact.pem"),
                ("acme.key", "exact.key"), ("upstream.pem", "ca.pem"), ("gateway.pem", "client.pem"),
                ("gateway.key", "client.key"),
            ] { try files.copyItem(atPath: certificates.path(made), toPath: directory["tls/\(name)"]) }
            for case let name as String in files.enumerator(atPath: directory.path) ?? .init() {
                let isFile = name.contains(".") || name == "deny"
                try files.setAttributes([.posixPermissions: isFile ? 0o600 : 0o700], ofItemAtPath: directory[name])
            }
            return directory
        }
    }
}
