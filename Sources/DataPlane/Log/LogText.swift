import Basics

// Appends the parts of an access log line without allocating memory for each.

extension [UInt8] {
    /// Appends a number in decimal digits. It must not be negative.
    mutating func append(decimal number: Int) {
        let digits = Digits(decimal: number)
        append(digits.bytes.span.extracting(digits.start..<20))
    }

    /// Appends sixteen hexadecimal digits.
    mutating func append(hexadecimal word: UInt64) {
        let digits = word.hexadecimalDigits
        for half in [digits.high, digits.low] {
            // SAFETY: the eight bytes of a local, copied while it lives.
            unsafe Swift.withUnsafeBytes(of: half.bigEndian) { unsafe append(contentsOf: $0) }
        }
    }

    /// Appends text inside a JSON string. Escapes quotes, backslashes and controls, so that a line stays one line.
    mutating func append(json text: Span<UInt8>) {
        var start = 0
        for index in text.indices where text[index].isEscapedInJSON {
            append(text.extracting(start..<index))
            append(escaped: text[index])
            start = index + 1
        }
        append(text.extracting(start..<text.count))
    }

    private mutating func append(escaped byte: UInt8) {
        append(UInt8(ascii: "\\"))
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            append(byte)
        } else {
            append(literal: "u00")
            append(UInt8(hexDigit: byte >> 4))
            append(UInt8(hexDigit: byte))
        }
    }
}

extension UInt8 {
    @inline(__always)
    fileprivate var isEscapedInJSON: Bool {
        self < 0x20 || self == 0x7f || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\")
    }
}
