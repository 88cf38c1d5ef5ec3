import Testing

@testable import DataPlane

@Suite("Looking through octets")
struct SpanSearchTests {
    private static func isControl(_ octet: UInt8) -> Bool { (octet < 0x20 && octet != 0x09) || octet == 0x7f }

    @Test("Every octet that no field value may hold is found, at every place of every length up to 40")
    func everyControl() {
        var wrong: [String] = []
        for filler: UInt8 in [0x20, 0x61, 0x7e, 0x80, 0xff, 0x09, 0x21, 0xa0] {
            for length in 1...40 {
                var octets = [UInt8](repeating: filler, count: length)
                for place in 0..<length {
                    for octet: UInt8 in [0x00, 0x08, 0x09, 0x0a, 0x0b, 0x0d, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0x9f, 0xff] {
                        octets[place] = octet
                        if octets.span.hasControl(in: 0..<length) != Self.isControl(octet) {
                            wrong.append("\(octet) at \(place) of \(length) in \(filler)")
                        }
                    }
                    octets[place] = filler
                }
            }
        }
        #expect(wrong == [])
    }

    @Test("Each of the 256 octets is judged alike wherever it stands in a word")
    func everyOctet() {
        var wrong: [String] = []
        for octet in UInt8.min...UInt8.max {
            for place in 0..<17 {
                var octets = [UInt8](repeating: 0x61, count: 17)
                octets[place] = octet
                if octets.span.hasControl(in: 0..<17) != Self.isControl(octet) { wrong.append("\(octet) at \(place)") }
            }
        }
        #expect(wrong == [])
    }

    @Test("Only the range asked for is looked at, whatever stands around it")
    func onlyTheRange() {
        var random = SplitMix64(seed: 3)
        var wrong: [String] = []
        for _ in 0..<20_000 {
            let octets = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                Bool.random(using: &random) ? UInt8.random(in: 0...255, using: &random) : 0x61
            }
            let lower = Int.random(in: 0...octets.count, using: &random)
            let upper = Int.random(in: lower...octets.count, using: &random)
            let expected = octets[lower..<upper].contains(where: Self.isControl)
            if octets.span.hasControl(in: lower..<upper) != expected { wrong.append("\(octets) \(lower)..<\(upper)") }
        }
        #expect(wrong == [])
    }

    @Test("An octet is found at its first place within the bounds, and nowhere outside them")
    func firstIndex() {
        let octets = octets("a,b,,c")
        let span = octets.span
        for start in -1...7 {
            for end in -1...7 {
                let isInside = start >= 0 && start < end && end <= octets.count
                let expected = isInside ? octets[start..<end].firstIndex(of: UInt8(ascii: ",")) : nil
                let found = span.firstIndex(of: UInt8(ascii: ","), from: start, to: end)
                #expect(found == expected, "\(start)..<\(end)")
            }
        }
    }

    @Test("What may stand in a name or a method is exactly RFC 9110's tchar")
    func tokens() {
        let allowed = Set(
            octets("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        )
        #expect((UInt8.min...UInt8.max).filter(\.isToken) == allowed.sorted())
    }

    @Test("Digits, hexadecimal digits and letters' lower case are those of ASCII")
    func classes() {
        let digits = octets("0123456789")
        #expect((UInt8.min...UInt8.max).filter(\.isDigit) == digits)
        for octet in UInt8.min...UInt8.max {
            let character = Character(UnicodeScalar(octet))
            #expect(octet.hexValue.map(Int.init) == (octet < 0x80 ? character.hexDigitValue : nil), "\(octet)")
            let isUpper = octets("ABCDEFGHIJKLMNOPQRSTUVWXYZ").contains(octet)
            #expect(octet.lowercased == (isUpper ? octet + 32 : octet), "\(octet)")
        }
    }

    @Test(
        "Spaces and tabs at the ends are cut, and nothing else is",
        arguments: [
            ("", ""), (" ", ""), ("\t \t", ""), ("a", "a"), (" a", "a"), ("a\t", "a"), ("\t a b \t", "a b"),
            ("\u{b}a\u{c}", "\u{b}a\u{c}"), (" \u{a0}a ", "\u{a0}a"),
        ]
    )
    func trimming(_ padded: String, _ trimmed: String) {
        let octets = octets(padded)
        let range = octets.span.trimming(0..<octets.count)
        #expect(text(octets[range]) == trimmed)
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
        let octets = octets("(" + word + ")")
        let result = octets.span.equals("close", ignoringCaseIn: 1..<octets.count - 1)
        #expect(result == isSame)
    }
}
