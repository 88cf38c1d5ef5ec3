import Testing

@testable import DataPlane

@Suite("UTF-8")
struct UTF8CheckTests {
    private static func isText(_ octets: [UInt8]) -> Bool {
        var check = UTF8Check()
        for octet in octets where !check.accepts(octet) { return false }
        return check.isComplete
    }

    private static func isSwiftText(_ octets: [UInt8]) -> Bool { String(validating: octets, as: UTF8.self) != nil }

    @Test("All sequences of one and two octets, and of three from the first that is not ASCII, are judged as by Swift")
    func allShort() {
        var wrong: [[UInt8]] = []
        for first in UInt8.min...UInt8.max {
            if Self.isText([first]) != Self.isSwiftText([first]) { wrong.append([first]) }
            for second in UInt8.min...UInt8.max {
                var octets = [first, second]
                if Self.isText(octets) != Self.isSwiftText(octets) { wrong.append(octets) }
                guard first >= 0x7f else { continue }
                octets.append(0)
                // What the first two octets lead to is the same for every third.
                var check = UTF8Check()
                let isStarted = check.accepts(first) && check.accepts(second)
                for third in UInt8.min...UInt8.max {
                    octets[2] = third
                    var next = check
                    let isText = isStarted && next.accepts(third) && next.isComplete
                    if isText != Self.isSwiftText(octets) { wrong.append(octets) }
                }
            }
        }
        #expect(wrong == [])
    }

    @Test("Sequences of four octets around every boundary are judged as the standard library does")
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
                        let octets = [first, second, third, fourth]
                        if Self.isText(octets) != Self.isSwiftText(octets) {
                            wrong.append(octets)
                        }
                    }
                }
            }
        }
        #expect(wrong == [])
    }

    @Test("Random text, and random octets, are judged as the standard library does")
    func random() {
        var random = SplitMix64(seed: 4)
        var wrong: [[UInt8]] = []
        for _ in 0..<50_000 {
            var octets: [UInt8] = []
            while octets.count < 6 {
                if UInt8.random(in: 0...9, using: &random) == 0 {
                    octets.append(UInt8.random(in: 0...255, using: &random))
                } else if let scalar = Unicode.Scalar(UInt32.random(in: 0...0x11_0000, using: &random)) {
                    octets += Array(String(Character(scalar)).utf8)
                }
            }
            if Self.isText(octets) != Self.isSwiftText(octets) { wrong.append(octets) }
        }
        #expect(wrong == [])
    }
}
