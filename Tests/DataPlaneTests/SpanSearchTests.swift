import Basics
import TestSupport
import Testing

@testable import DataPlane

@Suite("Searching bytes")
struct SpanSearchTests {
    private static func isControl(_ byte: UInt8) -> Bool { (byte < 0x20 && byte != 0x09) || byte == 0x7f }

    @Test("Every byte forbidden in field values is found, at every place of every length up to 40")
    func everyControl() {
        var wrong: [String] = []
        for filler: UInt8 in [0x20, 0x61, 0x7e, 0x80, 0xff, 0x09, 0x21, 0xa0] {
            for length in 1...40 {
                var bytes = [UInt8](repeating: filler, count: length)
                for place in 0..<length {
                    for byte: UInt8 in [0x00, 0x08, 0x09, 0x0a, 0x0b, 0x0d, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0x9f, 0xff] {
                        bytes[place] = byte
                        if bytes.span.hasControl(in: 0..<length) != Self.isControl(byte) {
                            wrong.append("\(byte) at \(place) of \(length) in \(filler)")
                        }
                    }
                    bytes[place] = filler
                }
            }
        }
        #expect(wrong == [])
    }

    @Test("Each of the 256 bytes is judged alike wherever it is in a word")
    func everyByte() {
        var wrong: [String] = []
        for byte in UInt8.min...UInt8.max {
            for place in 0..<17 {
                var bytes = [UInt8](repeating: 0x61, count: 17)
                bytes[place] = byte
                if bytes.span.hasControl(in: 0..<17) != Self.isControl(byte) { wrong.append("\(byte) at \(place)") }
            }
        }
        #expect(wrong == [])
    }

    @Test("The first of several controls is found, wherever it stands and whatever stands behind it")
    func firstControl() {
        var random = SplitMix64(seed: 17)
        let choice: [UInt8] =
            [0x09, 0x0a, 0x0d, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0xff] + Array(repeating: 0x61, count: 30)
        var wrong: [String] = []
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in choice.randomElement(using: &random)! }
            let lower = Int.random(in: 0...bytes.count, using: &random)
            let expected = bytes[lower...].firstIndex(where: Self.isControl)
            if bytes.span.firstControl(in: lower..<bytes.count) != expected { wrong.append("\(bytes) \(lower)") }
        }
        #expect(wrong == [])
    }

    @Test("Only the requested range is examined, whatever surrounds it")
    func onlyTheRange() {
        var random = SplitMix64(seed: 3)
        var wrong: [String] = []
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                Bool.random(using: &random) ? UInt8.random(in: 0...255, using: &random) : 0x61
            }
            let lower = Int.random(in: 0...bytes.count, using: &random)
            let upper = Int.random(in: lower...bytes.count, using: &random)
            let expected = bytes[lower..<upper].contains(where: Self.isControl)
            if bytes.span.hasControl(in: lower..<upper) != expected { wrong.append("\(bytes) \(lower)..<\(upper)") }
        }
        #expect(wrong == [])
    }

    @Test("A byte is found at its first place within the bounds, and nowhere outside them")
    func firstIndex() {
        let bytes = bytes("a,b,,c")
        let span = bytes.span
        for start in -1...7 {
            for end in -1...7 {
                let isInside = start >= 0 && start < end && end <= bytes.count
                let expected = isInside ? bytes[start..<end].firstIndex(of: UInt8(ascii: ",")) : nil
                let found = span.firstIndex(of: UInt8(ascii: ","), from: start, to: end)
                #expect(found == expected, "\(start)..<\(end)")
            }
        }
    }

    @Test("The characters of names and methods are exactly RFC 9110's tchar")
    func tokens() {
        let allowed = Set(
            bytes("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        )
        #expect((UInt8.min...UInt8.max).filter(\.isToken) == allowed.sorted())
    }

    @Test(
        "Spaces and tabs at the ends are cut, and nothing else is",
        arguments: [
            ("", ""), (" ", ""), ("\t \t", ""), ("a", "a"), (" a", "a"), ("a\t", "a"), ("\t a b \t", "a b"),
            ("\u{b}a\u{c}", "\u{b}a\u{c}"), (" \u{a0}a ", "\u{a0}a"),
        ]
    )
    func trimming(_ padded: String, _ trimmed: String) {
        let bytes = bytes(padded)
        let range = bytes.span.trimming(0..<bytes.count)
        #expect(text(bytes[range]) == trimmed)
    }

    @Test(
        "Comparing with a literal folds ASCII letters only",
        arguments: [
            ("close", true), ("CLOSE", true), ("cLoSe", true), ("clos", false), ("closer", false),
            ("c\u{17f}ose", false),
            ("\u{23}lose", false), ("clo3e", false),
        ]
    )
    func folding(_ word: String, _ isSame: Bool) {
        let bytes = bytes("(" + word + ")")
        let result = bytes.span.equals("close", ignoringCaseIn: 1..<bytes.count - 1)
        #expect(result == isSame)
    }

    @Test("Only a letter's other case may stand for a byte of a literal, at every place of every length up to 20")
    func foldingEveryByte() {
        let literals: [StaticString] = [
            "", "a", "te", "x-y", "host", "http:", "x-real", "-1[`{@z", "keep-al9", "x-real-ip", "user-agent",
            "gateway-session", "content-length-0", "accept-control-req-x", "if-modified-since-00",
        ]
        var wrong: [String] = []
        for literal in literals {
            let text = bytes(literal.description)
            for place in text.indices {
                for byte in UInt8.min...UInt8.max {
                    var changed = text
                    changed[place] = byte
                    let padded = bytes("(") + changed + bytes(")")
                    let result = padded.span.equals(literal, ignoringCaseIn: 1..<padded.count - 1)
                    if result != (byte.lowercased == text[place]) { wrong.append("\(byte) at \(place) of \(literal)") }
                }
            }
            for whole in [text, text.map { $0.isLetter ? $0 - 0x20 : $0 }] {
                if !whole.span.equals(literal, ignoringCaseIn: 0..<whole.count) { wrong.append("\(literal)") }
            }
        }
        #expect(wrong == [])
    }
}

extension UInt8 {
    fileprivate var isLetter: Bool { (0x61...0x7a).contains(self) }
}
