import Basics

/// Writes a message head or a log line into memory that was reserved once, so that each of its pieces costs one copy.
///
/// Leaves out what does not fit and remembers that. Then what was written must not be used.
@safe
struct ByteWriter: ~Copyable {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0
    private(set) var isOverfull = false

    init(_ memory: UnsafeMutableRawBufferPointer) { unsafe self.memory = memory }

    @inline(__always)
    mutating func write(_ bytes: Span<UInt8>) {
        guard bytes.count <= (unsafe memory.count) - count else {
            isOverfull = true
            return
        }
        // SAFETY: the memory is ours for the call of `ByteBuffer.write(atMost:)`; the count was just checked against it,
        // and the span keeps its own bytes alive.
        unsafe bytes.withUnsafeBytes { source in
            guard let from = source.baseAddress, let to = unsafe memory.baseAddress else { return }
            unsafe (to + count).copyMemory(from: from, byteCount: source.count)
        }
        count += bytes.count
    }

    @inline(__always)
    mutating func write(_ bytes: [UInt8]) { write(bytes.span) }

    @inline(__always)
    mutating func write(_ literal: StaticString) {
        guard literal.utf8CodeUnitCount <= (unsafe memory.count) - count else {
            isOverfull = true
            return
        }
        // SAFETY: as above. A literal's bytes live forever.
        unsafe (memory.baseAddress! + count).copyMemory(
            from: literal.utf8Start,
            byteCount: literal.utf8CodeUnitCount
        )
        count += literal.utf8CodeUnitCount
    }

    @inline(__always)
    mutating func write(_ byte: UInt8) {
        guard count < (unsafe memory.count) else {
            isOverfull = true
            return
        }
        // SAFETY: the index was just checked.
        unsafe memory[count] = byte
        count += 1
    }

    /// Writes `length` bytes once more that were written from `start` on.
    @inline(__always)
    mutating func writeAgain(from start: Int, _ length: Int) {
        guard start >= 0, length >= 0, length <= count - start, length <= (unsafe memory.count) - count else {
            isOverfull = true
            return
        }
        // SAFETY: both ranges were just checked, and do not overlap.
        unsafe (memory.baseAddress! + count).copyMemory(from: memory.baseAddress! + start, byteCount: length)
        count += length
    }

    /// Takes back what was written since `count` was `mark`.
    @inline(__always)
    mutating func removeAll(after mark: Int) { count = min(mark, count) }

    /// The bytes that were written since `count` was `mark`.
    func copied(from mark: Int) -> [UInt8] {
        // SAFETY: the first `count` bytes were written, and `mark` is cut to their range.
        unsafe Array(memory[min(max(mark, 0), count)..<count])
    }

    /// Writes a non-negative number in decimal digits.
    mutating func writeDecimal(_ value: Int) {
        // Times, statuses and lengths: most have three digits at most.
        if value < 10 {
            write(0x30 + UInt8(truncatingIfNeeded: value))
            return
        }
        if value < 1000 {
            let (rest, last) = value.quotientAndRemainder(dividingBy: 10)
            let (first, middle) = rest.quotientAndRemainder(dividingBy: 10)
            if first > 0 { write(0x30 + UInt8(truncatingIfNeeded: first)) }
            write(0x30 + UInt8(truncatingIfNeeded: middle))
            write(0x30 + UInt8(truncatingIfNeeded: last))
            return
        }
        let digits = Digits(decimal: value)
        write(digits.bytes.span.extracting(digits.start..<20))
    }

    /// Writes sixteen hexadecimal digits.
    @inline(__always)
    mutating func writeHexadecimal(_ word: UInt64) {
        guard 16 <= (unsafe memory.count) - count else {
            isOverfull = true
            return
        }
        let digits = word.hexadecimalDigits
        // SAFETY: sixteen bytes from `count` on were just checked.
        unsafe memory.storeBytes(of: digits.high.bigEndian, toByteOffset: count, as: UInt64.self)
        unsafe memory.storeBytes(of: digits.low.bigEndian, toByteOffset: count + 8, as: UInt64.self)
        count += 16
    }
}

extension UInt64 {
    /// The sixteen digits, with the first in the highest byte of `high`.
    @inline(__always)
    var hexadecimalDigits: (high: UInt64, low: UInt64) { (Self.digits(self >> 32), Self.digits(self & 0xffff_ffff)) }

    /// The eight digits of 32 bits: spreads nibbles to bytes, then turns all into letters at once.
    @inline(__always)
    private static func digits(_ bits: UInt64) -> UInt64 {
        var nibbles = (bits << 16 | bits) & 0x0000_ffff_0000_ffff
        nibbles = (nibbles << 8 | nibbles) & 0x00ff_00ff_00ff_00ff
        nibbles = (nibbles << 4 | nibbles) & 0x0f0f_0f0f_0f0f_0f0f
        let areLetters = (nibbles &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return nibbles &+ 0x3030_3030_3030_3030 &+ areLetters &* 0x27
    }
}

/// The digits of a number, at the end of their array.
struct Digits {
    private(set) var bytes = InlineArray<20, UInt8>(repeating: 0x30)
    private(set) var start = 20

    init(decimal value: Int) {
        var rest = value
        repeat {
            start -= 1
            bytes[start] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
    }

    init(hexadecimal value: Int) {
        var rest = value
        repeat {
            start -= 1
            bytes[start] = UInt8(hexDigit: UInt8(truncatingIfNeeded: rest))
            rest >>= 4
        } while rest > 0
    }
}
