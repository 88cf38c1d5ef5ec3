import Foundation
import TestSupport
import Testing

/// The corpora and inputs close to them break no property.
@Suite struct CorpusTests {
    private static let corpora = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Corpora")

    private func inputs(of target: FuzzTarget) throws -> [(name: String, bytes: [UInt8])] {
        try FileManager.default.contentsOfDirectory(
            at: Self.corpora.appending(path: target.name),
            includingPropertiesForKeys: nil
        )
        .map { ($0.lastPathComponent, Array(try Data(contentsOf: $0))) }
    }

    @Test("Every input of a corpus keeps the properties of its target", arguments: FuzzTarget.all.map(\.name))
    func corpus(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let inputs = try inputs(of: target)
        #expect(!inputs.isEmpty)
        let check = try target.prepare()
        for (name, bytes) in inputs {
            #expect(throws: Never.self, "\(name)") { try check(bytes) }
        }
        #expect(throws: Never.self) { try check([]) }
    }

    @Test("Inputs with dropped, doubled or changed bytes keep them too", arguments: FuzzTarget.all.map(\.name))
    func mutations(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let check = try target.prepare()
        var random = SplitMix64(seed: 1)
        for (name, original) in try inputs(of: target) where !original.isEmpty {
            for _ in 0..<20 {
                var bytes = original
                let index = Int.random(in: bytes.indices, using: &random)
                let end = Int.random(in: index...bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.removeSubrange(index..<end)
                case 1: bytes.insert(contentsOf: original[index..<end], at: index)
                default: bytes[index] = UInt8.random(in: 0...255, using: &random)
                }
                #expect(throws: Never.self, "\(name): \(bytes)") { try check(bytes) }
            }
        }
    }
}
