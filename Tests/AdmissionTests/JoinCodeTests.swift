import Admission
import Testing

@Suite("Join codes: sixty bits that people can read, type and dictate")
struct JoinCodeTests {
    private func code(_ text: String) -> JoinCode? { JoinCode(bytes(text).span) }

    @Test(
        "The text of a code, computed by hand",
        arguments: [
            (0, "000000000000"), (1, "000000000001"), (31, "00000000000Z"), (32, "000000000010"),
            (0xFFF_FFFF_FFFF_FFFF, "ZZZZZZZZZZZZ"),
        ] as [(UInt64, String)]
    )
    func text(bits: UInt64, text: String) {
        #expect(JoinCode(bits: bits).text == text)
        #expect(code(text)?.bits == bits)
    }

    @Test("Every code is read back from its text, in either case and with hyphens and spaces")
    func roundTrips() {
        var numbers = Numbers(seed: 3)
        for _ in 0..<2000 {
            let made = JoinCode(bits: numbers.next())
            let text = made.text
            #expect(made.bits < 1 << 60)
            #expect(text.utf8.allSatisfy { "0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8.contains($0) })
            #expect(code(text) == made)
            #expect(code(text.lowercased()) == made)
            let groups = [text.prefix(4), text.dropFirst(4).prefix(4), text.suffix(4)]
            #expect(code(groups.joined(separator: "-")) == made)
            #expect(code(" " + groups.joined(separator: " ") + " ") == made)
            #expect(code(text.map { String($0) }.joined(separator: "-")) == made)
        }
    }

    @Test("Letters that look like digits are read as those digits")
    func lookAlikes() {
        #expect(code("OoIiLl000000") == code("001111000000"))
    }

    @Test(
        "Texts that are not codes",
        arguments: [
            "", "0", "00000000000", "0000000000000", "U00000000000", "u00000000000", "00000000000!", "00000_000000",
            "000000\u{0}00000", "０00000000000", "000000000000\n", "------------", "0000000000000000000000000",
            "0-0-0-0-0-0-0-0-0-0-0-0--", "00000000000é",
        ]
    )
    func none(text: String) {
        #expect(code(text) == nil)
    }

    @Test("Only bytes of the alphabet, its look-alikes and fillers are part of a code")
    func alphabet() {
        let good = Set("0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyzOoIiLl".utf8)
        for byte in UInt8.min...UInt8.max {
            let text = bytes("00000000000") + [byte]
            #expect((JoinCode(text.span) != nil) == good.contains(byte))
        }
    }
}
