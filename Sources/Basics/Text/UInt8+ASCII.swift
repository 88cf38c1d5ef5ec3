// Inlinable, because parsers ask for each byte.

extension UInt8 {
    /// The lower-case form of an ASCII letter; any other byte as it is.
    @inlinable @inline(__always)
    package var lowercased: UInt8 { (self &- 0x41) < 26 ? self | 0x20 : self }

    @inlinable @inline(__always)
    package var isDigit: Bool { (self &- 0x30) < 10 }

    /// Whether it is an ASCII letter or digit.
    @inlinable @inline(__always)
    package var isLetterOrDigit: Bool { isDigit || ((self | 0x20) &- 0x61) < 26 }

    /// The value of a hexadecimal digit in either case; `nil` for any other byte.
    @inlinable @inline(__always)
    package var hexValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// The lower-case hexadecimal digit for the low four bits of `value`.
    @inlinable @inline(__always)
    package init(hexDigit value: UInt8) {
        let nibble = value & 15
        self = nibble < 10 ? nibble &+ 0x30 : nibble &+ 0x57
    }
}
