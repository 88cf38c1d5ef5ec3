import Basics

// Writes the parts of an access log line without allocating memory for each.

/// How a value from outside is written, so that it cannot be taken for anything else.
enum LogStyle: UInt8, Sendable {
    /// Inside a JSON string.
    case json
    /// As one word: spaces, and bytes that are not visible ASCII, are percent-encoded.
    case word
    /// Between quotation marks, escaped as nginx does: `"`, `\` and bytes that are not ASCII text become `\x22`.
    case quoted
}

extension ByteWriter {
    @inline(__always)
    mutating func write(_ text: Span<UInt8>, _ style: LogStyle) {
        switch style {
        case .json: write(json: text)
        case .word: write(word: text)
        case .quoted: write(quoted: text)
        }
    }

    /// Writes text inside a JSON string. The result is ASCII: quotes, backslashes, controls and all that a terminal
    /// could act on are escaped, so that a line stays one line. What is not UTF-8 becomes U+FFFD.
    @inline(__always)
    mutating func write(json text: Span<UInt8>) {
        if text.isPlain { write(text) } else { write(escaping: text) }
    }

    private mutating func write(escaping text: Span<UInt8>) {
        var (start, index) = (0, 0)
        while index < text.count {
            guard text[index].isEscaped else {
                index += 1
                continue
            }
            write(text.extracting(start..<index))
            index += writeEscape(of: text, at: index)
            start = index
        }
        write(text.extracting(start..<text.count))
    }

    /// Writes the escape of the character at `index`, and returns its length.
    private mutating func writeEscape(of text: Span<UInt8>, at index: Int) -> Int {
        let byte = text[index]
        write(UInt8(ascii: "\\"))
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
            write(byte)
            return 1
        }
        guard byte >= 0x80 else {
            write(utf16: UInt32(byte))
            return 1
        }
        let (value, length) = text.character(at: index)
        if value > 0xffff {
            write(utf16: 0xd800 + (value - 0x10000) >> 10)
            write(UInt8(ascii: "\\"))
            write(utf16: 0xdc00 + (value - 0x10000) & 0x3ff)
        } else {
            write(utf16: value)
        }
        return length
    }

    private mutating func write(utf16 unit: UInt32) {
        write(UInt8(ascii: "u"))
        for shift: UInt32 in [12, 8, 4, 0] { write(UInt8(hexDigit: UInt8(unit >> shift & 15))) }
    }

    private mutating func write(word text: Span<UInt8>) {
        for index in text.indices {
            let byte = text[index]
            if byte > 0x20, byte < 0x7f {
                write(byte)
            } else {
                write(UInt8.percent)
                write(UInt8(upperHexDigit: byte >> 4))
                write(UInt8(upperHexDigit: byte & 15))
            }
        }
    }

    private mutating func write(quoted text: Span<UInt8>) {
        if text.isPlain {
            write(text)
            return
        }
        for index in text.indices {
            let byte = text[index]
            guard byte.isEscaped else {
                write(byte)
                continue
            }
            write("\\x")
            write(UInt8(hexDigit: byte >> 4))
            write(UInt8(hexDigit: byte & 15))
        }
    }
}

extension [UInt8] {
    /// Appends a number in decimal digits. It must not be negative.
    mutating func append(decimal number: Int) {
        let digits = Digits(decimal: number)
        append(digits.bytes.span.extracting(digits.start..<20))
    }
}

extension ByteBuffer {
    /// Appends text inside a JSON string, as `ByteWriter` writes it.
    mutating func write(json text: Span<UInt8>) {
        // The escape of a byte has six.
        _ = write(atMost: 6 * text.count) { $0.write(json: text) }
    }
}

extension UInt8 {
    /// Whether a log line between quotation marks cannot hold the byte as it is.
    @inline(__always)
    fileprivate var isEscaped: Bool {
        self < 0x20 || self >= 0x7f || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\")
    }
}

extension SIMD2<UInt64> {
    /// Whether one of sixteen bytes is escaped. All are tested at once: subtracting borrows into a byte's highest bit if
    /// it is smaller, and the highest bit of a byte that is not ASCII is set.
    @inline(__always)
    fileprivate var hasEscaped: Bool {
        let ones = Self(repeating: 0x0101_0101_0101_0101)
        let (quotes, backslashes) = ((self ^ (ones &* 0x22)) &- ones, (self ^ (ones &* 0x5c)) &- ones)
        let (controls, deletes) = (self &- (ones &* 0x20), self &+ ones)
        let marks = self | quotes | backslashes | controls | deletes
        return (marks.x | marks.y) & 0x8080_8080_8080_8080 != 0
    }
}

extension Span<UInt8> {
    /// Whether a log line between quotation marks can hold the text as it is.
    @inline(__always)
    var isPlain: Bool {
        guard count >= 8 else { return !indices.contains { self[$0].isEscaped } }
        var index = 0
        while index < count - 16 {
            if words(index, index + 8).hasEscaped { return false }
            index += 16
        }
        // The last sixteen, or all; some of them for the second time.
        return !words(Swift.max(count - 16, 0), count - 8).hasEscaped
    }

    /// The eight bytes from each of two indices on, which must be there.
    @inline(__always)
    private func words(_ first: Int, _ second: Int) -> SIMD2<UInt64> {
        precondition(first >= 0 && second >= 0 && first <= count - 8 && second <= count - 8)
        // SAFETY: the span keeps its bytes alive; both loads were just checked.
        return unsafe withUnsafeBytes { bytes in
            unsafe SIMD2(
                bytes.loadUnaligned(fromByteOffset: first, as: UInt64.self),
                bytes.loadUnaligned(fromByteOffset: second, as: UInt64.self)
            )
        }
    }

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
