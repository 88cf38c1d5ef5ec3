/// Lower-case hexadecimal digits.
package enum Hexadecimal {
    /// Two digits for each byte.
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        String(decoding: bytes.flatMap { [UInt8(hexDigit: $0 >> 4), UInt8(hexDigit: $0)] }, as: UTF8.self)
    }

    /// The sixteen digits of a word.
    package static func text(_ word: UInt64) -> String {
        // SAFETY: sixteen bytes are asked for and written.
        unsafe String(unsafeUninitializedCapacity: 16) { digits in
            for index in 0..<16 { unsafe digits[index] = digit(index, of: word) }
            return 16
        }
    }

    /// One of the sixteen digits of a word; the first, at 0, is the most significant.
    static func digit(_ index: Int, of word: UInt64) -> UInt8 {
        UInt8(hexDigit: UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * index)))
    }
}
