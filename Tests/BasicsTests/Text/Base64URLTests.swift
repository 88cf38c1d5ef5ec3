import Basics
import Testing

struct Base64URLTests {
    @Test(
        "The examples of RFC 4648, section 10, without padding",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ]
    )
    func examples(_ text: String, _ code: String) {
        #expect(encoded(bytes(text)) == code)
        #expect(decoded(code) == bytes(text))
    }

    @Test("All bytes survive encoding and decoding, at every length")
    func roundTrip() {
        let all = (0...255).map { UInt8($0) }
        for length in 0...256 {
            let part = Array(all.suffix(length))
            #expect(decoded(encoded(part)) == part)
        }
        #expect(encoded([0xFB, 0xFF, 0xBF]) == "-_-_")
    }

    @Test(
        "Anything but the canonical form is refused",
        arguments: [
            "A", "AAAAA", "Zg=", "Zg==", "Zm8=", "Zm9v=", "Zh", "Zm9", "Z m8", "Zg\n", " Zg", "Zg ", "+_-_", "-/-_",
            "Zg\0", "Z\u{E9}8", "Zm.v", "====",
        ]
    )
    func refused(_ text: String) {
        #expect(decoded(text) == nil)
    }

    @Test("Exactly 64 bytes are digits, and exactly one last digit in sixteen is canonical")
    func alphabet() {
        let digits = (0...255).filter { byte in
            let text = [UInt8](repeating: UInt8(byte), count: 4)
            return Base64URL.decode(text.span) != nil
        }
        #expect(digits.count == 64)
        let last = digits.filter { byte in
            let text = [UInt8(ascii: "A"), UInt8(byte)]
            return Base64URL.decode(text.span) != nil
        }
        #expect(last.map { UInt8($0) }.sorted() == bytes("AQgw"))
    }
}
