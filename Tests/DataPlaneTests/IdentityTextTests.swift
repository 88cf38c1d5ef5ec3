import Admission
import Testing

@testable import DataPlane

@Suite("Identity as text")
struct IdentityTextTests {
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
    }

    @Test("What is encoded is visible ASCII, and decodes to what it was")
    func roundTrip() {
        for value in UInt32(0)...0x2ff {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let name = "a\(scalar)b"
            let encoded = octets(percentEncoded(name))
            #expect(encoded.allSatisfy { $0 > 0x20 && $0 < 0x7f })
            #expect(encoded.span.percentDecoded(0..<encoded.count) == octets(name))
        }
    }

    @Test("A session's name is sixteen digits, and too little of its id to pass for it")
    func sessionNames() {
        let session = SessionID(joinedAt: 1_700_000_000_000, random0: 0xabc, random1: 0xfeed_beef_feed_beef)
        #expect(session.name == "0000000000000abc")
        let other = SessionID(joinedAt: 1_700_000_000_000, random0: .max, random1: 0)
        #expect(other.name == "ffffffffffffffff")
    }
}
