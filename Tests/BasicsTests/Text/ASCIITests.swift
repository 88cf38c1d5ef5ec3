import Basics
import Testing

@Suite("Bytes as ASCII characters")
struct ASCIITests {
    @Test("digits, letters, hexadecimal digits and letters' lower case are those of ASCII")
    func classes() {
        for byte in UInt8.min...UInt8.max {
            let character = Character(UnicodeScalar(byte))
            let isASCII = byte < 0x80
            #expect(byte.isDigit == (isASCII && character.isNumber), "\(byte)")
            #expect(byte.isLetterOrDigit == (isASCII && (character.isNumber || character.isLetter)), "\(byte)")
            #expect(byte.hexValue.map(Int.init) == (isASCII ? character.hexDigitValue : nil), "\(byte)")
            let isUpper = isASCII && character.isUppercase
            #expect(byte.lowercased == (isUpper ? byte + 32 : byte), "\(byte)")
        }
    }

    @Test("a word and bytes have the digits that the standard library writes, zeros in front included")
    func hexadecimal() {
        for value in UInt8.min...UInt8.max {
            let digits = (value < 16 ? "0" : "") + String(value, radix: 16)
            #expect(Hexadecimal.text([value]) == digits)
            #expect(String(decoding: [UInt8(hexDigit: value)], as: UTF8.self) == String(value & 15, radix: 16))
        }
        #expect(Hexadecimal.text([]) == "")
        #expect(Hexadecimal.text([0, 255, 16]) == "00ff10")
        #expect(Hexadecimal.text(0 as UInt64) == "0000000000000000")
        #expect(Hexadecimal.text(0x0123_4567_89ab_cdef as UInt64) == "0123456789abcdef")
        #expect(Hexadecimal.text(UInt64.max) == "ffffffffffffffff")
    }
}
