import Testing

@testable import Admission

@Suite("E-mails have one canonical form")
struct EmailAddressTests {
    @Test(
        "One address in several spellings is one",
        arguments: [
            (" Kim@Acme.Example\t", "kim@acme.example"), ("jose\u{301}@acme.example", "jos\u{E9}@acme.example"),
            ("JOSE\u{301}@ACME.example", "jos\u{E9}@acme.example"),
            ("\u{3A3}\u{391}\u{3A3}@x.example", "\u{3C3}\u{3B1}\u{3C3}@x.example"),
            ("\u{3C3}\u{3B1}\u{3C2}@x.example", "\u{3C3}\u{3B1}\u{3C3}@x.example"),
            ("a@münchen.example", "a@xn--mnchen-3ya.example"), ("a@mu\u{308}nchen.example", "a@xn--mnchen-3ya.example"),
            ("a@XN--mnchen-3ya.EXAMPLE", "a@xn--mnchen-3ya.example"), ("a@ｅxample。com", "a@example.com"),
            ("a@\u{212A}.example", "a@k.example"), ("\u{2003}a@b.c\u{A0}", "a@b.c"), ("h\u{331}@b.c", "\u{1E96}@b.c"),
        ]
    )
    func canonical(_ text: String, _ canonical: String) {
        #expect(EmailAddress.canonical(text).map { Array($0.utf8) } == Array(canonical.utf8))
        #expect(foldedIdentity(foldedIdentity(text)).utf8.elementsEqual(canonical.utf8))
    }

    @Test(
        "What no mail can be sent to is none",
        arguments: [
            "", "a", "@", "a@", "@b.c", "a@b", "a@@b.c", "a@b@c.d", "x@a..example", "x@.a.example", "x@a.example.",
            "x@-a.example", "x@a-.example", "a b@c.example", "a\u{3000}b@c.example", "a\u{0}@c.example",
            "a@b c.example",
            "a@b_c.example", "a@\u{202E}é.example", "a@é..example", "a@é/x.example", "a@é:80.example", "a@[192.0.2.1]",
            String(repeating: "l", count: 65) + "@b.example", String(repeating: "é", count: 33) + "@b.example",
            "a@" + String(repeating: "l", count: 64) + ".example",
            "a@" + String(repeating: "abcdefghi.", count: 25) + "abcd",
        ]
    )
    func refused(_ text: String) {
        #expect(EmailAddress.canonical(text) == nil)
    }

    @Test("The longest parts are good")
    func longest() {
        #expect(EmailAddress.canonical(String(repeating: "l", count: 64) + "@b.example") != nil)
        #expect(EmailAddress.canonical("a@" + String(repeating: "l", count: 63) + ".example") != nil)
        #expect(EmailAddress.canonical("a@" + String(repeating: "abcdefghi.", count: 25) + "abc") != nil)
    }

    @Test("attack: no character outside ASCII passes for one of ASCII, and what is folded stays as it is")
    func everyScalar() {
        var becomeASCII: [UInt32] = []
        var unstable: [UInt32] = []
        for value in UInt32(0x80)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value), !scalar.properties.isWhitespace else { continue }
            let folded = foldedIdentity("x\(Character(scalar))y")
            if folded.utf8.allSatisfy({ $0 < 0x80 }) { becomeASCII.append(value) }
            if value < 0x30000, !foldedIdentity(folded).utf8.elementsEqual(folded.utf8) { unstable.append(value) }
        }
        #expect(becomeASCII == [])
        #expect(unstable == [])
    }

    @Test("Form C and case make no mark that is stacked high costly")
    func stackedMarks() {
        let text = "a" + (0..<512).map { $0 % 2 == 0 ? "\u{301}" : "\u{316}" }.joined()
        _ = foldedIdentity(text)
        let cost = ContinuousClock().measure { for _ in 0..<10 { _ = foldedIdentity(text) } }
        #expect(cost < .milliseconds(500))
    }
}
