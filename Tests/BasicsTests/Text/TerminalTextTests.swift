import Basics
import Testing

@Suite struct TerminalTextTests {
    @Test("What a terminal would act on is escaped so that JSON reads the same text; all else stays")
    func escaped() throws {
        for (text, shown) in [
            ("plain \u{e9} \u{1F600}", "plain \u{e9} \u{1F600}"), ("a\nb", "a\\u000ab"), ("\u{1b}[2J", "\\u001b[2J"),
            ("\u{85}\u{2028}\u{202e}", "\\u0085\\u2028\\u202e"), ("\u{e0041}", "\\udb40\\udc41"),
            ("\r\n", "\\u000d\\u000a"),
        ] {
            #expect(TerminalText.escaped(text).unicodeScalars.elementsEqual(shown.unicodeScalars))
            let json = Array("\"\(shown)\"".utf8)
            #expect(try JSONValue(parsing: json.span, limits: JSONLimits(size: 1024)) == .string(text))
        }
    }
}
