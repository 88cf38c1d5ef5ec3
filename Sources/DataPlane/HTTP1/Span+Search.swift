import Glibc

extension Span<UInt8> {
    /// The first index at or after `start`, and before `end`, that holds `byte`.
    @inline(__always)
    func firstIndex(of byte: UInt8, from start: Int, to end: Int) -> Int? {
        guard start >= 0, start < end, end <= count else { return nil }
        // SAFETY: the span keeps the memory alive for the call; start and end were just checked against its count.
        return unsafe withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress,
                let found = unsafe memchr(base + start, Int32(byte), end - start)
            else { return nil }
            return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base)
        }
    }

    /// Whether `range` holds an octet that no field value may hold: a control other than tab, or DEL
    /// ([RFC 9110 section 5.5](https://www.rfc-editor.org/rfc/rfc9110#section-5.5)).
    @inline(__always)
    func hasControl(in range: Range<Int>) -> Bool {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        // SAFETY: the span keeps the memory alive for the call; the range was just checked against its count, and the
        // eight-byte loads stay inside it.
        return unsafe withUnsafeBufferPointer { bytes in
            guard let base = unsafe UnsafeRawPointer(bytes.baseAddress) else { return false }
            var index = range.lowerBound
            while index + 8 <= range.upperBound {
                let word = unsafe base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                if word.mayHoldControl { break }
                index += 8
            }
            while index < range.upperBound {
                let byte = unsafe bytes[index]
                if (byte < 0x20 && byte != 0x09) || byte == 0x7f { return true }
                index += 1
            }
            return false
        }
    }

    /// Whether the bytes of `range` are `literal` but for the case of ASCII letters. `literal` is in lower case.
    @inline(__always)
    func equals(_ literal: StaticString, ignoringCaseIn range: Range<Int>) -> Bool {
        guard range.count == literal.utf8CodeUnitCount else { return false }
        // SAFETY: a literal's bytes live for ever, and its count was just compared.
        let text = unsafe UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        for offset in 0..<range.count where unsafe self[range.lowerBound + offset].lowercased != text[offset] {
            return false
        }
        return true
    }

    /// Whether the bytes of `range` are those of `literal`.
    @inline(__always)
    func equals(_ literal: StaticString, in range: Range<Int>) -> Bool {
        guard range.count == literal.utf8CodeUnitCount else { return false }
        // SAFETY: a literal's bytes live for ever, and its count was just compared.
        let text = unsafe UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        for offset in 0..<range.count where unsafe self[range.lowerBound + offset] != text[offset] { return false }
        return true
    }

    /// Whether the first `count` bytes are those that `literal` begins with. `count` is not more than either has.
    func starts(with literal: StaticString, upTo count: Int) -> Bool {
        guard count <= self.count, count <= literal.utf8CodeUnitCount else { return false }
        // SAFETY: a literal's bytes live for ever, and its count was just compared.
        let text = unsafe UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        for index in 0..<count where unsafe self[index] != text[index] { return false }
        return true
    }

    /// Whether the bytes of `range` are those of `other`.
    @inline(__always)
    func equals(_ other: Span<UInt8>, in range: Range<Int>) -> Bool {
        guard range.count == other.count else { return false }
        for offset in 0..<range.count where self[range.lowerBound + offset] != other[offset] { return false }
        return true
    }

    /// The part of `range` without spaces and tabs at either end.
    @inline(__always)
    func trimming(_ range: Range<Int>) -> Range<Int> {
        var lower = range.lowerBound
        var upper = range.upperBound
        while lower < upper, self[lower] == .space || self[lower] == .tab { lower += 1 }
        while lower < upper, self[upper - 1] == .space || self[upper - 1] == .tab { upper -= 1 }
        return lower..<upper
    }
}

extension UInt64 {
    /// Whether one of the eight bytes could be below 0x20 or DEL; tab and, rarely, a neighbour count too, so that a
    /// positive answer needs a closer look.
    @inline(__always)
    fileprivate var mayHoldControl: Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let tops: UInt64 = 0x8080_8080_8080_8080
        let below = (self &- ones &* 0x20) & ~self & tops
        let delete = self ^ (ones &* 0x7f)
        let isDelete = (delete &- ones) & ~delete & tops
        return (below | isDelete) != 0
    }
}

extension UInt8 {
    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let space: UInt8 = 0x20
    static let percent = UInt8(ascii: "%")

    /// The lower-case form of an ASCII letter; any other octet as it is.
    @inline(__always)
    var lowercased: UInt8 { (self &- 0x41) < 26 ? self | 0x20 : self }

    @inline(__always)
    var isDigit: Bool { (self &- 0x30) < 10 }

    /// The value of a hexadecimal digit.
    @inline(__always)
    var hexValue: UInt8? {
        if isDigit { return self &- 0x30 }
        let letter = (self | 0x20) &- 0x61
        return letter < 6 ? letter &+ 10 : nil
    }

    /// Whether the octet may stand in a field name or a method
    /// ([RFC 9110 section 5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2)).
    @inline(__always)
    var isToken: Bool {
        if self < 0x40 { return (0x03ff_6cfa_0000_0000 as UInt64) >> UInt64(self) & 1 == 1 }
        if self < 0x80 { return (0x57ff_ffff_c7ff_fffe as UInt64) >> UInt64(self & 0x3f) & 1 == 1 }
        return false
    }
}
