import Basics
import Testing

@testable import DataPlane

@Suite("The parts of an access log line")
struct LogTextTests {
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
        var line = bytes("x")
        line.append(hexadecimal: word)
        #expect(text(line) == "x" + expected)
        #expect(Hexadecimal.text(word) == expected)
    }

    @Test("Attack: no byte ends the string or the line that it is written into, wherever it stands")
    func everyByte() {
        for byte in UInt8.min...UInt8.max {
            for value in [[byte], [0x61, byte], [byte, 0x61], [0x61, byte, byte, 0x62]] {
                var line: [UInt8] = []
                line.append(json: value.span)
                var expected: [UInt8] = []
                for byte in value {
                    switch byte {
                    case UInt8(ascii: "\""): expected += bytes("\\\"")
                    case UInt8(ascii: "\\"): expected += bytes("\\\\")
                    case 0..<0x10: expected += bytes("\\u000" + String(byte, radix: 16))
                    case 0x10..<0x20, 0x7f: expected += bytes("\\u00" + String(byte, radix: 16))
                    default: expected.append(byte)
                    }
                }
                #expect(line == expected)
            }
        }
    }
}
