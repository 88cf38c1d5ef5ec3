import Basics
import Testing

/// What somebody who means harm sends for JSON: it must cost about as much as harmless text of the same length.
struct JSONAttackTests {
    @Test(
        "A repeated member among thousands is found, wherever it is and however it is spelt",
        arguments: [0, 1, 15, 16, 17, 255, 256, 99_999]
    )
    func twiceAmongMany(_ place: Int) throws {
        var limits = JSONLimits(size: 8 << 20)
        limits.members = 200_000
        let names = (0..<100_000).map { "name-\($0)" }
        func object(_ last: String) -> [UInt8] {
            bytes("{" + (names + [last]).map { "\"\($0)\":0" }.joined(separator: ",") + "}")
        }
        let spelt = "\\u006e" + names[place].dropFirst()
        let (twice, escaped, once) = (object(names[place]), object(spelt), object("another"))
        #expect(throws: JSONFault.duplicate) { try JSONValue(parsing: twice.span, limits: limits) }
        #expect(throws: JSONFault.duplicate) { try JSONValue(parsing: escaped.span, limits: limits) }
        guard case .object(let members) = try JSONValue(parsing: once.span, limits: limits) else {
            Issue.record("not an object")
            return
        }
        #expect(members.count == 100_001)
    }

    @Test("Arrays and objects are counted in total, wherever they are", arguments: ["[]", "[[[1]]]", "{\"a\":{}}"])
    func containers(_ unit: String) throws {
        let count = 1000
        let own = unit.utf8.count { $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "{") }
        let text = bytes("[" + [String](repeating: unit, count: count).joined(separator: ",") + "]")
        var limits = JSONLimits(size: 1 << 20)
        limits.containers = count * own + 1
        _ = try JSONValue(parsing: text.span, limits: limits)
        limits.containers -= 1
        #expect(throws: JSONFault.containers) { try JSONValue(parsing: text.span, limits: limits) }
    }

    @Test("Look-alikes are different members, also among many")
    func lookAlikes() throws {
        let filling = (0..<40).map { "\"\($0)\":0" }.joined(separator: ",")
        let text = "{\(filling),\"\u{E9}\":1,\"e\u{301}\":2,\"\u{212A}\":3,\"K\":4,\"\u{1FEF}\":5,\"`\":6}"
        guard case .object(let members) = try JSONValue(bytes(text)) else {
            Issue.record("not an object")
            return
        }
        #expect(members["e\u{301}"] == .number(2))
        #expect(members["`"] == .number(6))
    }

    @Test("Values are distinguished by their bytes")
    func valuesAreBytes() {
        #expect(JSONValue.string("\u{E9}") != .string("e\u{301}"))
        #expect(JSONValue.object([JSONMember("\u{212A}", .null)]) != .object([JSONMember("K", .null)]))
        #expect(ExactText("\u{E9}") != ExactText("e\u{301}"))
        #expect(Set<ExactText>(["\u{E9}", "e\u{301}", "\u{E9}"]).count == 2)
        #expect(!"\u{1FEF}".hasSameBytes(as: "`"))
        #expect("".hasSameBytes(as: ""))
    }

    /// A comparison by characters sorts the marks again and again, which takes many seconds.
    @Test("Names of stacked combining marks are compared quickly")
    func stackedMarks() throws {
        func object(_ marks: Int) -> [UInt8] {
            let names = (0..<250).map { number in
                "a" + (0..<marks).map { number >> ($0 % 8) & 1 == 0 ? "\u{301}" : "\u{316}" }.joined() + "\(number)"
            }
            return bytes("{" + names.map { "\"\($0)\":0" }.joined(separator: ",") + "}")
        }
        func cost(_ text: [UInt8]) throws -> Duration {
            let limits = JSONLimits(size: 1 << 20)
            return try (0..<5).map { _ in
                try ContinuousClock().measure { _ = try JSONValue(parsing: text.span, limits: limits) }
            }.min()!
        }
        #expect(try cost(object(400)) < .milliseconds(500))
    }
}
