import Basics
import TestSupport
import Testing

@testable import DataPlane

@Suite("Known field names")
struct FieldNameTests {
    static let known = FieldName.allCases.filter { $0 != .other }

    @Test("No two names share a slot, so that a look-up never needs a second try")
    func slots() {
        let slots = Self.known.map(\.slot)
        #expect(Set(slots).count == slots.count)
        #expect(slots.allSatisfy { (0..<512).contains($0) })
    }

    @Test("A byte of a name counts in lower case, `_` and `.` as `-`, and what no name has counts as nothing")
    func foldedTokens() {
        for byte in UInt8.min...UInt8.max {
            let isDash = byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            let folded = isDash ? UInt8(ascii: "-") : byte.lowercased
            #expect(byte.foldedToken == (byte.isToken ? folded : 0), "\(byte)")
        }
    }

    @Test("Every name has its bit in the set of names that occur")
    func bits() {
        #expect(FieldName.allCases.allSatisfy { $0.rawValue < 64 })
    }

    @Test("A name is known in lower, upper, title and mixed case", arguments: known)
    func anyCase(_ name: FieldName) throws {
        let lower = name.text.description
        let title = lower.split(separator: "-").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(
            separator: "-"
        )
        let mixed = String(
            lower.enumerated().map { $0.offset % 2 == 0 ? $0.element : Character($0.element.uppercased()) }
        )
        for spelling in [lower, lower.uppercased(), title, mixed] {
            let (bytes, block) = try fieldBlock("\(spelling): v\r\n\r\n")
            #expect(block.fields.map(\.name) == [name], "\(spelling)")
            #expect(block.contains(name))
            #expect(block.isSingle(name))
            #expect(block.first(name).map { text(bytes[$0]) } == "v")
        }
    }

    @Test("A known name spelled with underscores is unknown, and is not forwarded", arguments: known)
    func lookalikes(_ name: FieldName) throws {
        let lower = name.text.description
        let spellings = [
            lower.replacing("-", with: "_"), lower.replacing("-", with: "_", maxReplacements: 1).uppercased(),
        ]
        for spelling in spellings where spelling.contains("_") {
            let (_, block) = try fieldBlock("\(spelling): v\r\nx_\(spelling): v\r\n\r\n")
            #expect(block.fields.map(\.name) == [.other, .other], "\(spelling)")
            #expect(block.fields.map(\.isRemoved) == [true, false], "\(spelling)")
        }
    }

    @Test("One byte more, less or different makes another name", arguments: known)
    func neighbours(_ name: FieldName) throws {
        let lower = name.text.description
        var others = [lower + "x", "x" + lower, String(lower.dropLast()), lower.replacing("-", with: "_"), lower + "-"]
        others += lower.indices.map { lower.replacing(at: $0, with: "~") }
        let names = Set(Self.known.map(\.text.description))
        for other in others where !other.isEmpty && !names.contains(other) {
            let (_, block) = try fieldBlock("\(other): v\r\n\r\n")
            #expect(block.fields.map(\.name) == [.other], "\(other)")
            #expect(!block.contains(name))
        }
    }

    @Test("A name that hashes to a known name's slot is not taken for it")
    func collisions() throws {
        var random = SplitMix64(seed: 11)
        let letters = bytes("abcdefghijklmnopqrstuvwxyz-")
        var collisions = 0
        for _ in 0..<20_000 {
            let name = (0..<Int.random(in: 1...12, using: &random)).map { _ in letters.randomElement(using: &random)! }
            var hash = FieldName.Hash()
            for byte in name { hash.add(byte) }
            guard FieldName.bySlot[hash.slot] != .other else { continue }
            guard !Self.known.contains(where: { $0.text.description == text(name) }) else { continue }
            collisions += 1
            let (_, block) = try fieldBlock("\(text(name)): v\r\n\r\n")
            #expect(block.fields.map(\.name) == [.other], "\(text(name))")
        }
        #expect(collisions > 100)
    }

    @Test("The first of several fields counts, and a name that occurs twice is not single")
    func repeated() throws {
        let (bytes, block) = try fieldBlock("Cookie: a\r\nHost: h\r\ncookie: b\r\nX: y\r\n\r\n")
        #expect(block.first(.cookie).map { text(bytes[$0]) } == "a")
        #expect(!block.isSingle(.cookie))
        #expect(block.isSingle(.host))
        #expect(!block.contains(.origin))
        #expect(!block.isSingle(.origin))
        #expect(block.first(.origin) == nil)
    }

    private func fieldBlock(_ lines: String) throws(HeadFault) -> ([UInt8], FieldBlock) {
        let bytes = bytes(lines)
        let block = FieldBlock()
        try FieldLines.read(bytes.span, from: 0, to: bytes.count, maxCount: 10, into: block)
        return (bytes, block)
    }
}

extension String {
    fileprivate func replacing(at place: Index, with other: String) -> String {
        self[..<place] + other + self[index(after: place)...]
    }
}
