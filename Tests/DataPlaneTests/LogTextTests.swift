import Basics
import Testing

@testable import DataPlane

@Suite("The parts of an access log line")
struct LogTextTests {
    private func written(_ write: (inout ByteWriter) -> Void) -> [UInt8] {
        var line = ByteBuffer()
        let isComplete = line.write(atMost: 256, write)
        #expect(isComplete)
        return line.contents
    }

    @Test("Numbers are written in decimal digits", arguments: [0, 1, 9, 10, 200, 65_535, 1_234_567_890, Int.max])
    func decimal(_ number: Int) {
        var line = bytes("x")
        line.append(decimal: number)
        #expect(text(line) == "x\(number)")
    }

    @Test(
        "Words are written in sixteen hexadecimal digits",
        arguments: [0, 1, 0x9abc_def0, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, UInt64.max] as [UInt64]
    )
    func hexadecimal(_ word: UInt64) {
        let digits = String(word, radix: 16)
        let expected = String(repeating: "0", count: 16 - digits.utf8.count) + digits
        let line = written { $0.writeHexadecimal(word) }
        #expect(text(line) == expected)
        #expect(Hexadecimal.text(word) == expected)
    }

    @Test("Attack: no byte ends the JSON string or the line that it is written into, or reaches a terminal")
    func everyByte() {
        for byte in UInt8.min...UInt8.max {
            for value in [[byte], [0x61, byte], [byte, 0x61], [0x61, byte, byte, 0x62]] {
                let line = written { $0.write(json: value.span) }
                var expected: [UInt8] = []
                for byte in value {
                    switch byte {
                    case UInt8(ascii: "\""): expected += bytes("\\\"")
                    case UInt8(ascii: "\\"): expected += bytes("\\\\")
                    case 0..<0x10: expected += bytes("\\u000" + String(byte, radix: 16))
                    case 0x10..<0x20, 0x7f: expected += bytes("\\u00" + String(byte, radix: 16))
                    // Alone, none of them is UTF-8.
                    case 0x80...: expected += bytes("\\ufffd")
                    default: expected.append(byte)
                    }
                }
                #expect(line == expected)
            }
        }
    }

    @Test("A byte that must be escaped is found at every place of a text of any length")
    func everyPlace() {
        func isPlain(_ value: [UInt8]) -> Bool { value.span.isPlain }
        for length in 1...50 {
            var value = [UInt8](repeating: UInt8(ascii: "~"), count: length)
            #expect(isPlain(value))
            for place in value.indices {
                for byte in [0x00, 0x1f, 0x22, 0x5c, 0x7f, 0x80, 0xff] as [UInt8] {
                    value[place] = byte
                    #expect(!isPlain(value), "\(byte) at \(place) of \(length)")
                }
                // The neighbours of those.
                for byte in [0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7e] as [UInt8] {
                    value[place] = byte
                    #expect(isPlain(value), "\(byte) at \(place) of \(length)")
                }
            }
        }
    }

    @Test(
        "Text in JSON is ASCII, and is read as the same characters",
        arguments: ["é", "aé", "€uro", "日本", "😀", "x😀y", "\u{9b}2J", "\u{202e}abc", "\u{10ffff}", "\u{d7ff}\u{e000}"]
    )
    func unicode(_ value: String) throws {
        let line = bytes("\"") + written { $0.write(json: Array(value.utf8).span) } + bytes("\"")
        #expect(line.allSatisfy { $0 < 0x7f })
        guard case .string(let read) = try JSONValue(parsing: line.span, limits: JSONLimits(size: 4096)) else {
            Issue.record("not a string: \(text(line))")
            return
        }
        #expect(read.utf8.elementsEqual(value.utf8))
    }

    @Test(
        "Attack: bytes that are not UTF-8 are replaced, also at the end",
        arguments: [
            [0xc0, 0xaf], [0xe0, 0x80, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0xf0],
            [0xc3, 0x28],
        ] as [[UInt8]]
    )
    func notUnicode(_ value: [UInt8]) {
        let line = written { $0.write(json: value.span) }
        #expect(text(line).hasPrefix("\\ufffd") && line.allSatisfy { $0 < 0x7f })
    }

    @Test("Attack: no byte makes a second word or ends a quotation, whatever the style")
    func styles() {
        for byte in UInt8.min...UInt8.max {
            let word = written { $0.write([0x61, byte, 0x62].span, .word) }
            let quoted = written { $0.write([0x61, byte, 0x62].span, .quoted) }
            #expect(word.allSatisfy { 0x21...0x7e ~= $0 }, "\(byte)")
            #expect(quoted.allSatisfy { 0x20...0x7e ~= $0 && $0 != UInt8(ascii: "\"") }, "\(byte)")
        }
        let line = written { $0.write(bytes("a \"b\" \\\u{1b}").span, .quoted) }
        #expect(text(line) == #"a \x22b\x22 \x5c\x1b"#)
    }

    @Test(
        "What may be a token is masked, and nothing shorter costs a copy",
        arguments: [
            ("e1", "e1", false),
            ("8f14e45f-ceea-467f-a0e6-2c9d1f5b7a10", "8f14e45f-ceea-467f-a0e6-2c9d1f5b7a10", false),
            ("eyJ", "eyJ", true), ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln y", "x * y", true),
            (String(repeating: "a", count: 65), "*", true),
            (String(repeating: "a", count: 64), String(repeating: "a", count: 64), false),
        ]
    )
    func masks(_ value: String, _ expected: String, _ mayHoldToken: Bool) {
        let bytes = bytes(value)
        var line: [UInt8] = []
        line.append(masked: bytes.span, upTo: 256)
        #expect(text(line) == expected)
        #expect(bytes.span.mayHoldToken == mayHoldToken)
    }
}
