import Basics
import Testing

@Suite("Percent-encoding")
struct PercentEncodingTests {
    @Test(
        "Names are percent-encoded UTF-8: only unreserved characters stay",
        arguments: [
            ("", ""), ("Ada", "Ada"), ("Ada Lovelace", "Ada%20Lovelace"), ("-._~", "-._~"), ("Zo\u{eb}", "Zo%C3%AB"),
            ("\u{1f389}", "%F0%9F%8E%89"), ("a\r\nX-Gateway-Role: host", "a%0D%0AX-Gateway-Role%3A%20host"),
            ("%41", "%2541"),
            ("\0\u{7f}", "%00%7F"), ("a/b?c#d&e=f+g", "a%2Fb%3Fc%23d%26e%3Df%2Bg"), ("[@`{", "%5B%40%60%7B"),
        ]
    )
    func names(_ name: String, _ encoded: String) {
        #expect(percentEncoded(name) == encoded)
        for plusIsSpace in [false, true] {
            #expect(percentDecoded(Array(encoded.utf8).span, plusIsSpace: plusIsSpace) == name)
        }
    }

    @Test(
        "A text that is not percent-encoded UTF-8 is none",
        arguments: ["%", "%4", "a%zz", "%c3%28", "%ff", "%e2%82", "%C3"]
    )
    func malformed(_ text: String) {
        #expect(percentDecoded(Array(text.utf8).span, plusIsSpace: true) == nil)
    }

    @Test("A plus is a space in forms only, and what was decoded is not decoded again")
    func plus() {
        let bytes = Array("a+b%2Bc%252B".utf8)
        #expect(percentDecoded(bytes.span, plusIsSpace: true) == "a b+c%2B")
        #expect(percentDecoded(bytes.span, plusIsSpace: false) == "a+b+c%2B")
    }

    @Test("A field value keeps what is visible and no percent sign")
    func fields() {
        for byte in UInt8(0)...0x7f {
            let text = String(UnicodeScalar(byte))
            let isKept = (0x21...0x7e).contains(byte) && text != "%"
            let digits = String(byte, radix: 16, uppercase: true)
            #expect(fieldEncoded(text) == (isKept ? text : "%" + (byte < 16 ? "0" : "") + digits))
        }
        #expect(fieldEncoded("Zo\u{eb}@x.example") == "Zo%C3%AB@x.example")
    }
}
