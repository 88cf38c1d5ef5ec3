/// The base64url encoding without padding ([RFC 7515, section 2](https://www.rfc-editor.org/rfc/rfc7515#section-2)),
/// in its one canonical form.
package enum Base64URL {
    package static func encode(_ bytes: Span<UInt8>) -> [UInt8] {
        [UInt8](capacity: (bytes.count * 4 + 2) / 3) { text in
            var bits: UInt32 = 0
            var count: UInt32 = 0
            for index in bytes.indices {
                bits = bits << 8 | UInt32(bytes[index])
                count += 8
                while count >= 6 {
                    count -= 6
                    text.append(digit(of: bits >> count))
                }
            }
            if count > 0 { text.append(digit(of: bits << (6 - count))) }
        }
    }

    /// Decodes `text`. Returns `nil` unless it is exactly the output of ``encode(_:)``: no padding, no white space, no
    /// other alphabet, and zeros in the unused bits of the last digit. Otherwise one signature would have several
    /// spellings.
    package static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        guard text.count % 4 != 1 else { return nil }
        let values = Base64URL.values
        var bits: UInt32 = 0
        var count: UInt32 = 0
        var isCanonical = true
        let bytes = [UInt8](capacity: text.count * 3 / 4) { bytes in
            for index in text.indices {
                let digit = Int(text[index])
                let value = digit < values.count ? values[digit] : 64
                guard value < 64 else {
                    isCanonical = false
                    return
                }
                bits = bits << 6 | UInt32(value)
                count += 6
                if count >= 8 {
                    count -= 8
                    bytes.append(UInt8(truncatingIfNeeded: bits >> count))
                }
            }
            isCanonical = bits & (1 << count - 1) == 0
        }
        return isCanonical ? bytes : nil
    }

    /// The digit for the low six bits of a number.
    private static func digit(of bits: UInt32) -> UInt8 {
        let sextet = UInt8(truncatingIfNeeded: bits & 0x3F)
        return switch sextet {
        case 0..<26: UInt8(ascii: "A") + sextet
        case 26..<52: UInt8(ascii: "a") + sextet - 26
        case 52..<62: UInt8(ascii: "0") + sextet - 52
        case 62: UInt8(ascii: "-")
        default: UInt8(ascii: "_")
        }
    }

    /// The value of each ASCII character; 64 if it is not a digit.
    private static let values: [UInt8] = [
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
        64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64,
        52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 64, 64, 64,
        64, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
        15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 63,
        64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
        41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64,
    ]
}
