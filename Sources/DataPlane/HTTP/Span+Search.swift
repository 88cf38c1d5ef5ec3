import Basics
import Glibc

extension Span<UInt8> {
    /// A copy of the bytes.
    func copied() -> [UInt8] { [UInt8](copying: self) }

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

    /// The first index in `range` of a byte that no field value may hold: a control other than tab, or DEL
    /// ([RFC 9110 section 5.5](https://www.rfc-editor.org/rfc/rfc9110#section-5.5)).
    @inline(__always)
    func firstControl(in range: Range<Int>) -> Int? {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        // SAFETY: the span keeps the memory alive for the call; the range was just checked against its count, and the
        // eight-byte loads stay inside it.
        return unsafe withUnsafeBufferPointer { bytes in
            guard let base = unsafe UnsafeRawPointer(bytes.baseAddress) else { return nil }
            func controls(at index: Int) -> UInt64 {
                unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self)).possibleControls
            }
            var index = range.lowerBound
            while index &+ 16 <= range.upperBound {
                let (low, high) = (controls(at: index), controls(at: index &+ 8))
                guard low | high != 0 else {
                    index &+= 16
                    continue
                }
                index &+= (low != 0 ? low.trailingZeroBitCount : high.trailingZeroBitCount &+ 64) >> 3
                if unsafe bytes[index].isControl { return index }
                index &+= 1
            }
            if index &+ 8 <= range.upperBound, controls(at: index) == 0 { index &+= 8 }
            while index < range.upperBound {
                if unsafe bytes[index].isControl { return index }
                index += 1
            }
            return nil
        }
    }

    /// Whether `range` holds a byte that no field value may hold.
    @inline(__always)
    func hasControl(in range: Range<Int>) -> Bool { firstControl(in: range) != nil }

    /// Whether the bytes of `range` are `literal`, ignoring the case of ASCII letters. `literal` is in lower case.
    @inline(__always)
    func equals(_ literal: StaticString, ignoringCaseIn range: Range<Int>) -> Bool {
        let length = literal.utf8CodeUnitCount
        guard range.count == length else { return false }
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        // SAFETY: a literal's bytes live forever, and the span keeps its own alive for the call. Both have `length`
        // bytes from here on, and the eight-byte loads stay inside them.
        return unsafe withUnsafeBufferPointer { bytes in
            guard let base = unsafe bytes.baseAddress.map({ unsafe UnsafeRawPointer($0 + range.lowerBound) }) else {
                return length == 0
            }
            let text = unsafe UnsafeRawPointer(literal.utf8Start)
            func hasSameWord(at offset: Int) -> Bool {
                unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt64.self).lowercased
                    == text.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            }
            var offset = 0
            while offset &+ 8 <= length {
                guard hasSameWord(at: offset) else { return false }
                offset &+= 8
            }
            // The last word may overlap the one before it.
            guard length < 8 else { return hasSameWord(at: length &- 8) }
            while offset < length {
                guard
                    unsafe base.load(fromByteOffset: offset, as: UInt8.self).lowercased
                        == text.load(fromByteOffset: offset, as: UInt8.self)
                else { return false }
                offset += 1
            }
            return true
        }
    }

    /// Whether the bytes of `range` equal `literal`.
    @inline(__always)
    func equals(_ literal: StaticString, in range: Range<Int>) -> Bool {
        guard range.count == literal.utf8CodeUnitCount else { return false }
        // SAFETY: a literal's bytes live forever, and its count was just compared.
        let text = unsafe UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        for offset in 0..<range.count where unsafe self[range.lowerBound + offset] != text[offset] { return false }
        return true
    }

    /// Whether the first `count` bytes equal those of `literal`. Neither may be shorter than `count`.
    func starts(with literal: StaticString, upTo count: Int) -> Bool {
        guard count <= self.count, count <= literal.utf8CodeUnitCount else { return false }
        // SAFETY: a literal's bytes live forever, and its count was just compared.
        let text = unsafe UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        for index in 0..<count where unsafe self[index] != text[index] { return false }
        return true
    }

    /// Whether the bytes of `range` equal `other`.
    @inline(__always)
    func equals(_ other: Span<UInt8>, in range: Range<Int>) -> Bool {
        guard range.count == other.count else { return false }
        for offset in 0..<range.count where self[range.lowerBound + offset] != other[offset] { return false }
        return true
    }

    /// Calls `body` with each part of `range` between separators, trimmed of blanks. Parts may be empty.
    @inline(__always)
    func forEachPart(of range: Range<Int>, separatedBy separator: UInt8, _ body: (Range<Int>) -> Void) {
        var start = range.lowerBound
        while start <= range.upperBound {
            let end = firstIndex(of: separator, from: start, to: range.upperBound) ?? range.upperBound
            body(trimming(start..<end))
            start = end + 1
        }
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
    /// Sets the highest bit of each byte that may be below 0x20 or DEL. The lowest byte marked as below 0x20 is one;
    /// others need a closer look.
    @inline(__always)
    fileprivate var possibleControls: UInt64 {
        let below = self &- 0x2020_2020_2020_2020
        let delete = self &+ 0x0101_0101_0101_0101
        return (below | delete) & ~self & 0x8080_8080_8080_8080
    }

    /// Converts the ASCII letters in eight bytes to lower case.
    @inline(__always)
    fileprivate var lowercased: UInt64 {
        let low = self & 0x7f7f_7f7f_7f7f_7f7f
        // The highest bit of each byte that is at least `A`, and of each that is beyond `Z`.
        let fromA = low &+ 0x3f3f_3f3f_3f3f_3f3f
        let beyondZ = low &+ 0x2525_2525_2525_2525
        return self | ((fromA ^ beyondZ) & ~self & 0x8080_8080_8080_8080) >> 2
    }
}

extension [UInt8] {
    mutating func append(literal: StaticString) {
        // SAFETY: a literal's bytes live for ever and its count bounds them.
        unsafe append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    mutating func append(_ bytes: Span<UInt8>) {
        // SAFETY: the span keeps its bytes alive for the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}

extension UInt8 {
    /// Whether it is a base64url digit.
    var isBase64URL: Bool {
        isLetterOrDigit || self == UInt8(ascii: "-") || self == UInt8(ascii: "_")
    }

    /// Whether a token in compact form may contain it: base64url digits and dots.
    var isTokenText: Bool { isBase64URL || self == UInt8(ascii: ".") }

    static let tab: UInt8 = 0x09
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let space: UInt8 = 0x20
    static let percent = UInt8(ascii: "%")

    /// Whether it is a control other than tab, or DEL.
    @inline(__always)
    fileprivate var isControl: Bool { (self < 0x20 && self != .tab) || self == 0x7f }

    /// Whether a field name or a method may contain the byte
    /// ([RFC 9110 section 5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2)).
    @inline(__always)
    var isToken: Bool {
        if self < 0x40 { return (0x03ff_6cfa_0000_0000 as UInt64) >> UInt64(self) & 1 == 1 }
        if self < 0x80 { return (0x57ff_ffff_c7ff_fffe as UInt64) >> UInt64(self & 0x3f) & 1 == 1 }
        return false
    }
}
