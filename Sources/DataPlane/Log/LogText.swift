import Basics

// Appends the parts of an access log line without allocating memory for each.

/// How a value from outside is written, so that it cannot be taken for anything else.
enum LogStyle: UInt8, Sendable {
    /// Inside a JSON string.
    case json
    /// As one word: spaces, and bytes that are not visible ASCII, are percent-encoded.
    case word
    /// Between quotation marks, escaped as nginx does: `"`, `\` and bytes that are not ASCII text become `\x22`.
    case quoted
}

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

    mutating func append(_ text: Span<UInt8>, _ style: LogStyle) {
        switch style {
        case .json: append(json: text)
        case .word: append(word: text)
        case .quoted: append(quoted: text)
        }
    }

    /// Appends text inside a JSON string. The result is ASCII: quotes, backslashes, controls and all that a terminal
    /// could act on are escaped, so that a line stays one line. What is not UTF-8 becomes U+FFFD.
    mutating func append(json text: Span<UInt8>) {
        var (start, index) = (0, 0)
        while index < text.count {
            guard text[index].isEscapedInJSON else {
                index += 1
                continue
            }
            append(text.extracting(start..<index))
            index += append(escapedIn: text, at: index)
            start = index
        }
        append(text.extracting(start..<text.count))
    }

    /// Appends the escape of the character at `index`, and returns its length.
    private mutating func append(escapedIn text: Span<UInt8>, at index: Int) -> Int {
        let byte = text[index]
        append(UInt8(ascii: "\\"))
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            append(byte)
            return 1
        }
        guard byte >= 0x80 else {
            append(utf16: UInt32(byte))
            return 1
        }
        let (value, length) = text.character(at: index)
        if value > 0xffff {
            append(utf16: 0xd800 + (value - 0x10000) >> 10)
            append(UInt8(ascii: "\\"))
            append(utf16: 0xdc00 + (value - 0x10000) & 0x3ff)
        } else {
            append(utf16: value)
        }
        return length
    }

    private mutating func append(utf16 unit: UInt32) {
        append(UInt8(ascii: "u"))
        for shift: UInt32 in [12, 8, 4, 0] { append(UInt8(hexDigit: UInt8(unit >> shift & 15))) }
    }

    private mutating func append(word text: Span<UInt8>) {
        for index in text.indices {
            let byte = text[index]
            if byte <= 0x20 || byte >= 0x7f { append(percentEncoded: byte) } else { append(byte) }
        }
    }

    private mutating func append(quoted text: Span<UInt8>) {
        for index in text.indices {
            let byte = text[index]
            guard byte.isEscapedInJSON else {
                append(byte)
                continue
            }
            append(literal: "\\x")
            append(UInt8(hexDigit: byte >> 4))
            append(UInt8(hexDigit: byte & 15))
        }
    }
}

extension UInt8 {
    @inline(__always)
    fileprivate var isEscapedInJSON: Bool {
        self < 0x20 || self >= 0x7f || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\")
    }
}

extension Span<UInt8> {
    /// The character whose UTF-8 begins at `index`, and the number of its bytes; for a byte that begins none, U+FFFD
    /// and one.
    fileprivate func character(at index: Int) -> (value: UInt32, length: Int) {
        let (length, least): (Int, UInt32)
        switch self[index] {
        case 0xc2..<0xe0: (length, least) = (2, 0x80)
        case 0xe0..<0xf0: (length, least) = (3, 0x800)
        case 0xf0..<0xf5: (length, least) = (4, 0x10000)
        default: return (0xfffd, 1)
        }
        guard index + length <= count else { return (0xfffd, 1) }
        var value = UInt32(self[index]) & 0x7f >> UInt32(length)
        for offset in 1..<length {
            let next = self[index + offset]
            guard next & 0xc0 == 0x80 else { return (0xfffd, 1) }
            value = value << 6 | UInt32(next & 0x3f)
        }
        guard value >= least, value < 0xd800 || (0xe000...0x10ffff).contains(value) else { return (0xfffd, 1) }
        return (value, length)
    }
}
