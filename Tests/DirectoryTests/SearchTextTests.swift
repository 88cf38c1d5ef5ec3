import Admission
import Testing

@testable import Directory

@Suite("Searching names for a text")
struct SearchTextTests {
    @Test(
        "Case and Unicode's ways to write a letter do not matter; everything else does",
        arguments: [
            ("Ann Lee", "ann", true), ("JoANN", "ANN", true), ("Ann", "anna", false), ("", "a", false),
            ("Ann", "", true),
            ("Zoe\u{308}", "ZO\u{CB}", true), ("Zo\u{EB}", "zoe", false), ("[Ann]", "{ann}", false),
            ("An@n", "an`n", false),
            ("aab", "ab", true), ("\u{212A}im", "kim", false), ("Kim \u{212A}", "kim", true), ("  Ann  ", "ann", true),
            ("Ann@M\u{FC}nchen.example", "ann@xn--mnchen-3ya", true),
        ]
    )
    func contains(text: String, sought: String, isFound: Bool) {
        #expect(SearchText.contains(text, foldedIdentity(sought)) == isFound)
    }

    @Test("What is ASCII is compared as its folded form is")
    func ascii() {
        for byte in UInt8(0)..<128 {
            let text = "x" + String(UnicodeScalar(byte)) + "y"
            for sought in UInt8(0)..<128 {
                let folded = foldedIdentity("x" + String(UnicodeScalar(sought)) + "y")
                #expect(SearchText.contains(text, folded) == foldedIdentity(text).utf8.elementsEqual(folded.utf8))
            }
        }
    }
}
