import Testing

@testable import Admission

@Suite("E-mails have one canonical form")
struct EmailAddressTests {
    @Test(
        "Several spellings of one address are equal",
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
        "An address that no mail can be sent to has no canonical form",
        arguments: [
            "", "a", "@", "a@", "@b.c", "a@b", "a@@b.c", "a@b@c.d", "x@a..example", "x@.a.example", "x@a.example.",
            "x@-a.example", "x@a-.example", "a b@c.example", "a\u{3000}b@c.example", "a\u{0}@c.example",
            "a@b c.example",
            "a@b_c.example", "a@\u{202E}é.example", "a@é..example", "a@é/x.example", "a@é:80.example", "a@[192.0.2.1]",
            "x@127.0.0.1", "x@a.123", "x@[127.0.0.1]", ".x@a.example", "x.@a.example", "x..y@a.example",
            "mailto:ada@a.example", "a,b@c.example", "a;b@c.example", "\"x\"@c.example", "<a@b.example>",
            "a(b)@c.example",
            "a\\b@c.example", "Ada <ada@a.example>", "[a]@b.example",
            String(repeating: "l", count: 65) + "@b.example", String(repeating: "é", count: 33) + "@b.example",
            "a@" + String(repeating: "l", count: 64) + ".example",
            "a@" + String(repeating: "abcdefghi.", count: 25) + "abcd",
        ]
    )
    func refused(_ text: String) {
        #expect(EmailAddress.canonical(text) == nil)
    }

    @Test(
        "Attack: invisible characters make an e-mail pass for another person's",
        arguments: [
            "\u{200B}", "\u{2060}", "\u{FEFF}", "\u{202A}", "\u{202E}", "\u{AD}", "\u{200D}", "\u{2066}", "\u{61C}",
            "\u{180E}",
            "\u{E0061}", "\u{FE0F}", "\u{34F}", "\u{3164}", "\u{115F}", "\u{85}", "\u{1}",
        ]
    )
    func invisible(_ mark: String) {
        for text in ["a\(mark)@b.example", "a\(mark)b@c.example", "a@b\(mark)c.example", "a@b.example\(mark)c"] {
            #expect(EmailAddress.canonical(text) == nil, "\(text.unicodeScalars.map { String($0.value, radix: 16) })")
        }
        // A byte order mark at the start was left by an editor.
        guard mark != "\u{FEFF}", mark != "\u{85}" else { return }
        #expect(EmailAddress.canonical("\(mark)a@b.example") == nil)
    }

    @Test("A byte order mark before an e-mail is ignored; atoms may have all characters of atoms")
    func good() {
        #expect(EmailAddress.canonical(" \u{FEFF} Ada@b.example") == "ada@b.example")
        #expect(EmailAddress.entered("\u{FEFF}Ada@b.example\n") == "Ada@b.example")
        for text in ["a.b@c.example", "!#$%&'*+-/=?^_`{|}~@c.example", "first+last@c.example", "a@1b.c2"] {
            #expect(EmailAddress.canonical(text) == text)
        }
    }

    @Test("The longest parts are accepted")
    func longest() {
        #expect(EmailAddress.canonical(String(repeating: "l", count: 64) + "@b.example") != nil)
        #expect(EmailAddress.canonical("a@" + String(repeating: "l", count: 63) + ".example") != nil)
        #expect(EmailAddress.canonical("a@" + String(repeating: "abcdefghi.", count: 25) + "abc") != nil)
    }

    @Test(
        "Attack: no character outside ASCII passes for an ASCII one, and folded text stays unchanged when folded again"
    )
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

    @Test("Stacked combining marks do not make form C and case folding costly")
    func stackedMarks() {
        let text = "a" + (0..<512).map { $0 % 2 == 0 ? "\u{301}" : "\u{316}" }.joined()
        _ = foldedIdentity(text)
        // The least of many, since other tests use the processors at the same time.
        let cost = (0..<50).map { _ in ContinuousClock().measure { _ = foldedIdentity(text) } }.min() ?? .zero
        #expect(cost < .milliseconds(50))
    }
}
