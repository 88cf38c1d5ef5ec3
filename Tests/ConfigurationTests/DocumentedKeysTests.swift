import Foundation
import Testing

@testable import GatewayConfiguration

@Suite("The tables of keys in deploy/docs")
struct DocumentedKeysTests {
    /// A row about a key.
    private struct Row {
        /// Such as `limits.header_size`.
        let path: String
        /// The cell with its default.
        let standard: String
    }

    private let rows: [Row]
    /// The values in gateway.conf.example, which ``ExampleTests`` compares with the program.
    private let example: [String: String]
    /// The keys whose values stand there as comments. Only some of these are defaults.
    private let commented: Set<String>

    /// What the example makes up, because there is no default that it could show.
    private static let madeUp: Set = [
        "public_url", "listener.address", "upstream.name", "upstream.servers", "route.path", "route.upstream",
        "route.access", "company.id", "company.name", "company.embed_origins", "company.key.id",
        "company.key.algorithm", "company.key.secret_file",
    ]

    init() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        func lines(_ path: String) throws -> [Substring] {
            try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8).split(separator: "\n")
        }
        rows = try FileManager.default.contentsOfDirectory(atPath: root.appendingPathComponent("deploy/docs").path)
            .sorted().flatMap { try Self.rows(lines("deploy/docs/\($0)")) }
        var (values, commented, table) = ([String: String](), Set<String>(), "")
        for line in try lines("gateway.conf.example") {
            if let match = line.prefixMatch(of: /(?:# )?\[+([a-z0-9.]+)\]+/) {
                table = "\(match.1)."
            } else if let match = line.prefixMatch(of: /(# )?([a-z_]+) = (.*?) +#/) {
                let path = "\(table)\(match.2)"
                guard values[path] == nil else { continue }
                values[path] = String(match.3)
                if match.1 != nil { commented.insert(path) }
            }
        }
        (example, self.commented) = (values, commented)
    }

    private static func rows(_ lines: [Substring]) -> [Row] {
        var rows: [Row] = []
        var table: String?
        for line in lines {
            if let match = line.prefixMatch(of: /\| key (?:of `\[+([a-z0-9.]+)\]+`|at the top of the file) \|/) {
                table = match.1.map { "\($0)." } ?? ""
            } else if !line.hasPrefix("|") {
                table = nil
            } else if let table, let match = line.prefixMatch(of: /\| `([a-z_]+)` \| (.*?) \|/) {
                rows.append(Row(path: "\(table)\(match.1)", standard: String(match.2)))
            }
        }
        return rows
    }

    @Test("They have every key of the program, and no other")
    func keys() {
        let (documented, known) = (Set(rows.map(\.path)), Set(Schema.root.paths))
        #expect(known.subtracting(documented).sorted() == [], "not in deploy/docs")
        #expect(documented.subtracting(known).sorted() == [], "not in the program")
    }

    @Test("They show the defaults of the program")
    func defaults() {
        for row in rows where !Self.madeUp.contains(row.path) {
            if row.standard == "–", example[row.path] == nil || commented.contains(row.path) { continue }
            #expect(row.standard == "`\(example[row.path] ?? "")`", "\(row.path)")
        }
    }
}
