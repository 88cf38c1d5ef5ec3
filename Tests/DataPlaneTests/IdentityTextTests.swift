import Admission
import Basics
import Testing

@testable import DataPlane

@Suite("Identity as text")
struct IdentityTextTests {
    @Test("Encoded text is visible ASCII, and decodes to the original")
    func roundTrip() {
        for value in UInt32(0)...0x2ff {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let name = "a\(scalar)b"
            let encoded = bytes(percentEncoded(name))
            #expect(encoded.allSatisfy { $0 > 0x20 && $0 < 0x7f })
            #expect(encoded.span.percentDecoded(0..<encoded.count) == bytes(name))
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
