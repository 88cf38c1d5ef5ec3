import NIOCore

extension ByteBuffer {
    /// Writes the octets of a span.
    @inline(__always)
    mutating func write(_ bytes: Span<UInt8>) {
        // SAFETY: the raw view lives as long as the span, for this one copy.
        unsafe writeBytes(bytes.bytes)
    }

    /// Writes a number that is not negative, in decimal digits.
    mutating func writeDecimal(_ value: Int) {
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var position = 20
        var rest = value
        repeat {
            position -= 1
            digits[position] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        write(digits.span.extracting(position..<20))
    }

    /// Writes a number that is not negative, in hexadecimal digits.
    mutating func writeHexadecimal(_ value: Int) {
        var digits = InlineArray<16, UInt8>(repeating: 0)
        var position = 16
        var rest = value
        repeat {
            position -= 1
            let nibble = UInt8(truncatingIfNeeded: rest & 15)
            digits[position] = nibble < 10 ? nibble + 0x30 : nibble + 0x57
            rest >>= 4
        } while rest > 0
        write(digits.span.extracting(position..<16))
    }
}
