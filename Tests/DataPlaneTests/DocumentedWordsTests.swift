import Admission
import Foundation
import GatewayConfiguration
import JOSE
import Testing

@testable import DataPlane

/// Operators look up in `deploy/docs` what they find in logs and metrics.
@Suite("deploy/docs explains the words of logs and metrics, and no others")
struct DocumentedWordsTests {
    /// The lines of a page below a heading.
    private func section(_ heading: String, of page: String) throws -> [Substring] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let path = root.appendingPathComponent("deploy/docs/\(page).md")
        let lines = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
        let start = try #require(lines.firstIndex { $0 == heading }, "\(heading) in \(page)")
        return lines[(start + 1)...].prefix { !$0.hasPrefix("#") }.map { $0 }
    }

    /// The words in code style in the first cells of tables.
    private func firstCells(_ lines: [Substring]) -> Set<String> {
        let cells = lines.filter { $0.hasPrefix("| `") }.compactMap { $0.split(separator: "|").first }
        return Set(cells.flatMap(words))
    }

    private func words(_ text: Substring) -> [String] { text.matches(of: /`([a-z0-9_]+)[`:]/).map { String($0.1) } }

    @Test("Each refusal has its status and close code")
    func refusals() throws {
        let rows = try section("## Refusals", of: "troubleshooting").compactMap { line in
            line.prefixMatch(of: /\| `([a-z_]+)` \| (\d+) \| (\d*) ?\|/).map { "\($0.1) \($0.2) \($0.3)" }
        }
        let known = Refusal.allCases.map { "\($0.code) \($0.status) \($0.closeCode.map(String.init) ?? "")" }
        #expect(rows.sorted() == known.sorted())
    }

    @Test("Each fault of an upstream")
    func upstreamFaults() throws {
        let section = try section("### Faults of upstreams", of: "troubleshooting")
        #expect(firstCells(section) == Set(UpstreamFaultKind.allCases.map(\.rawValue)))
    }

    @Test("Each fault of a token, but for the two that are refusals of their own")
    func tokenFaults() throws {
        let section = try section("### Faults of tokens", of: "troubleshooting")
        let known: [TokenFault] = [
            .tooLarge, .malformed, .encoding, .header, .algorithm, .critical, .unknownKey, .keysAwaited, .signature,
            .claims, .claim("x"), .expiryMissing, .issuer, .audience, .company, .type, .keyNotSignedBefore, .unchecked,
        ]
        let words = known.map { String($0.code.prefix { $0 != ":" }) } + [Exchange.voidSession]
        #expect(firstCells(section) == Set(words))
    }

    @Test("Each field of the access log, and each cut")
    func fields() throws {
        let section = try section("## Fields", of: "logs")
        let known = Set(AccessField.allCases.map(\.rawValue))
        // Two are only in some formats, and stand beside others.
        #expect(firstCells(section) == known.subtracting(["time_common", "referer"]))
        let all = Set(section.flatMap(words))
        #expect(all.isSuperset(of: known))
        #expect(all.isSuperset(of: Cut.allCases.map(\.rawValue)))
    }

    @Test("Each outcome of a token, and each end of a session, as values of labels")
    func labels() throws {
        let all = Set(try section("## Sessions and tokens", of: "metrics").flatMap(words))
        #expect(all.isSuperset(of: TokenOutcome.allCases.map(\.rawValue)))
        #expect(all.isSuperset(of: SessionEnding.allCases.filter { $0 != .stopped }.map(\.rawValue)))
    }
}
