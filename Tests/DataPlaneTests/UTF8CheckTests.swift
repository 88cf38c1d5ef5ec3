import TestSupport
import Testing

@testable import DataPlane

@Suite("UTF-8")
struct UTF8CheckTests {
    private static func isText(_ bytes: [UInt8]) -> Bool {
        var check = UTF8Check()
        for byte in bytes where !check.accepts(byte) { return false }
        return check.isComplete
    }

    private static func isSwiftText(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    @Test("All sequences of one and two bytes, and of three from the first non-ASCII one, are judged as by Swift")
    func allShort() {
        var wrong: [[UInt8]] = []
        for first in UInt8.min...UInt8.max {
            if Self.isText([first]) != Self.isSwiftText([first]) { wrong.append([first]) }
            for second in UInt8.min...UInt8.max {
                var bytes = [first, second]
                if Self.isText(bytes) != Self.isSwiftText(bytes) { wrong.append(bytes) }
                guard first >= 0x7f else { continue }
                bytes.append(0)
                // The state after the first two bytes is the same for every third.
                var check = UTF8Check()
                let isStarted = check.accepts(first) && check.accepts(second)
                for third in UInt8.min...UInt8.max {
                    bytes[2] = third
                    var next = check
                    let isText = isStarted && next.accepts(third) && next.isComplete
                    if isText != Self.isSwiftText(bytes) { wrong.append(bytes) }
                }
            }
        }
        #expect(wrong == [])
    }

    @Test("Sequences of four bytes around every boundary are judged as by the standard library")
    func four() {
        let firsts: [UInt8] = [0x41, 0x80, 0xc2, 0xe0, 0xed, 0xef] + Array(0xef...0xff)
        let others: [UInt8] = [
            0x00, 0x2f, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x9f, 0xa0, 0xbe, 0xbf, 0xc0, 0xc2, 0xff,
        ]
        var wrong: [[UInt8]] = []
        for first in firsts {
            for second in others {
                for third in others {
                    for fourth in others {
                        let bytes = [first, second, third, fourth]
                        if Self.isText(bytes) != Self.isSwiftText(bytes) {
                            wrong.append(bytes)
                        }
                    }
                }
            }
        }
        #expect(wrong == [])
    }

    @Test("Random text, and random bytes, are judged as by the standard library")
    func random() {
        var random = SplitMix64(seed: 4)
        var wrong: [[UInt8]] = []
        for _ in 0..<50_000 {
            var bytes: [UInt8] = []
            while bytes.count < 6 {
                if UInt8.random(in: 0...9, using: &random) == 0 {
                    bytes.append(UInt8.random(in: 0...255, using: &random))
                } else if let scalar = Unicode.Scalar(UInt32.random(in: 0...0x11_0000, using: &random)) {
                    bytes += Array(String(Character(scalar)).utf8)
                }
            }
            if Self.isText(bytes) != Self.isSwiftText(bytes) { wrong.append(bytes) }
        }
        #expect(wrong == [])
    }
}
