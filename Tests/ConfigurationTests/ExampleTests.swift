import Foundation
import Testing

@testable import GatewayConfiguration

/// `gateway.conf.example` is complete and correct.
@Suite struct ExampleTests {
    private static let files: [String: [UInt8]] = [
        "/etc/gateway/acme.secret": Array("0123456789abcdef0123456789abcdef\n".utf8)
    ]

    /// The tables and values without a default, for which the example has made-up ones.
    private static let required = """
        public_url = "https://embed.example.com"
        [[listener]]
        address = "127.0.0.1:8080"
        [[upstream]]
        name = "embed-host"
        servers = ["127.0.0.1:3000"]
        [[route]]
        path = "/event/{event}/**"
        upstream = "embed-host"
        access = "token"
        [[route]]
        path = "/networking/{event}/**"
        upstream = "embed-host"
        access = "token"
        [[route]]
        path = "/**"
        upstream = "embed-host"
        access = "session"
        [[company]]
        id = "acme"
        name = "Acme"
        embed_origins = ["https://www.acme.example"]
        [[company.key]]
        id = "acme-2026"
        algorithm = "HS256"
        secret_file = "/etc/gateway/acme.secret"
        """

    private let text: String

    init() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        text = try String(contentsOf: root.appendingPathComponent("gateway.conf.example"), encoding: .utf8)
    }

    /// A line of the example about a key.
    private struct Line {
        let path: String
        let isCommented: Bool
        let comment: String
    }

    private var lines: [Line] {
        var table = ""
        return text.split(separator: "\n").compactMap { line in
            let isCommented = line.hasPrefix("# ")
            let words = isCommented ? line.dropFirst(2) : line
            if words.hasPrefix("["), let end = words.firstIndex(of: "]") {
                let name = String(words[..<end].drop { $0 == "[" })
                table = name + "."
                // A table that is a single value, with names chosen by the operator.
                guard Schema.root.paths.contains(name) else { return nil }
                let comment = words[end...].drop { $0 != "#" }
                return Line(path: name, isCommented: isCommented, comment: String(comment))
            }
            guard let match = words.prefixMatch(of: /([a-z_]+) = [^#]*(#.*)?/) else { return nil }
            return Line(path: table + match.1, isCommented: isCommented, comment: match.2.map(String.init) ?? "")
        }
    }

    @Test("It loads unchanged, with the secret file")
    func loads() throws {
        #expect(problems(text, files: Self.files) == [])
        #expect(problems(text) == ["company[0].key[0].secret_file: no such file: /etc/gateway/acme.secret"])
    }

    @Test("It has every key once per kind of table, and no unknown key")
    func isComplete() {
        let paths = lines.map(\.path)
        for path in Schema.root.paths { #expect(paths.contains(path), "\(path) is not in the example") }
        for path in paths { #expect(Schema.root.paths.contains(path), "\(path) is not in the schema") }
    }

    @Test("The keys are in the order of the schema")
    func order() {
        var seen: Set<String> = []
        #expect(lines.map(\.path).filter { seen.insert($0).inserted } == Schema.root.paths)
    }

    @Test("Every key has a comment")
    func comments() {
        var seen: Set<String> = []
        for line in lines where seen.insert(line.path).inserted {
            #expect(line.comment.count > 4, "\(line.path) has no comment")
        }
    }

    @Test("Every default shown is the real default")
    func defaults() throws {
        let example = try load(text, files: Self.files).printed()
        let bare = try load(Self.required, files: Self.files).printed()
        #expect(example == bare)
    }

    @Test(
        "A default that differs from the code would be noticed",
        arguments: [
            ("header_count = 100 ", "header_count = 101 "), ("leeway = \"30s\"", "leeway = \"6s\""),
            ("take_over_limit = 6", "take_over_limit = 7"),
            ("on_role_change = \"keep\"", "on_role_change = \"reconnect\""), ("level = \"info\"", "level = \"debug\""),
        ]
    )
    func defaultsAreCompared(_ shown: String, _ other: String) throws {
        let changed = text.replacing(shown, with: other)
        #expect(changed != text)
        #expect(try load(changed, files: Self.files).printed() != load(Self.required, files: Self.files).printed())
    }

    @Test("Among the keys with a default, only those without a value are commented out")
    func commented() throws {
        let printed = try load(Self.required, files: Self.files).printed()
        for line in lines where line.isCommented {
            let key = line.path.split(separator: ".").last.map(String.init) ?? ""
            let table = line.path.dropLast(key.count + 1)
            let section = printed.components(separatedBy: "\n\n").first { $0.contains("[\(table)]") } ?? ""
            #expect(!section.contains("\n\(key) = "), "\(line.path) has a default")
        }
    }
}
