import Basics

/// Writes a message head or a log line into memory that was reserved once, so that each of its pieces costs one copy.
///
/// Leaves out what does not fit and remembers that. Then what was written must not be used.
@safe
struct ByteWriter: ~Copyable {
    private let memory: UnsafeMutableRawPointer
    private let capacity: Int
    private(set) var count = 0
    private(set) var isOverfull = false

    init(_ memory: UnsafeMutableRawBufferPointer) {
        // SAFETY: only an empty buffer has no address, and into that one nothing is written.
        unsafe self.memory = memory.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 1)!
        capacity = memory.count
    }

    @inline(__always)
    mutating func write(_ bytes: Span<UInt8>) {
        guard bytes.count <= capacity - count else {
            isOverfull = true
            return
        }
        // SAFETY: the memory is ours for the call of `ByteBuffer.write(atMost:)`; the count was just checked against it,
        // and the span keeps its own bytes alive.
        unsafe bytes.withUnsafeBytes { source in
            guard let from = source.baseAddress else { return }
            unsafe (memory + count).copyMemory(from: from, byteCount: source.count)
        }
        count += bytes.count
    }

    @inline(__always)
    mutating func write(_ bytes: [UInt8]) { write(bytes.span) }

    @inline(__always)
    mutating func write(_ literal: StaticString) {
        guard literal.utf8CodeUnitCount <= capacity - count else {
            isOverfull = true
            return
        }
        // SAFETY: as above. A literal's bytes live forever.
        unsafe (memory + count).copyMemory(
            from: literal.utf8Start,
            byteCount: literal.utf8CodeUnitCount
        )
        count += literal.utf8CodeUnitCount
    }

    @inline(__always)
    mutating func write(_ byte: UInt8) {
        guard count < capacity else {
            isOverfull = true
            return
        }
        // SAFETY: the index was just checked.
        unsafe memory.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    /// The number of bytes that ``write(partOf:from:_:)`` copies.
    static let partSize = 32

    /// Writes `length` bytes of a text from `start` on, most often few of many. Copies a fixed number of bytes where both
    /// sides have as many: that takes no call, and the next write replaces what was too much.
    @inline(__always)
    mutating func write(partOf text: Span<UInt8>, from start: Int, _ length: Int) {
        let size = Self.partSize
        guard 0...size ~= length, start >= 0, size <= text.count - start, size <= capacity - count else {
            write(text.extracting(start..<start + length))
            return
        }
        // SAFETY: as above. The size was just checked against both counts.
        unsafe text.withUnsafeBytes { source in
            unsafe (memory + count).copyMemory(from: source.baseAddress! + start, byteCount: size)
        }
        count += length
    }

    /// Writes `length` bytes once more that were written from `start` on.
    @inline(__always)
    mutating func writeAgain(from start: Int, _ length: Int) {
        guard start >= 0, length >= 0, length <= count - start, length <= capacity - count else {
            isOverfull = true
            return
        }
        // SAFETY: both ranges were just checked, and do not overlap.
        unsafe (memory + count).copyMemory(from: memory + start, byteCount: length)
        count += length
    }

    /// Takes back what was written since `count` was `mark`.
    @inline(__always)
    mutating func removeAll(after mark: Int) { count = min(mark, count) }

    /// The bytes that were written since `count` was `mark`.
    func copied(from mark: Int) -> [UInt8] {
        // SAFETY: the first `count` bytes were written, and `mark` is cut to their range.
        unsafe Array(UnsafeRawBufferPointer(start: memory, count: count)[min(max(mark, 0), count)...])
    }

    /// Writes a non-negative number in decimal digits.
    mutating func writeDecimal(_ value: Int) {
        // Times, statuses and lengths: most have three digits at most.
        if value < 10 {
            write(0x30 + UInt8(truncatingIfNeeded: value))
        } else if value < 1000 {
            write(lastDigits: value < 100 ? 2 : 3, of: value)
        } else {
            writeDecimal(value / 1000)
            write(lastDigits: 3, of: value % 1000)
        }
    }

    /// Writes the last two or three digits of a number below 1000.
    @inline(__always)
    private mutating func write(lastDigits length: Int, of value: Int) {
        let (rest, last) = value.quotientAndRemainder(dividingBy: 10)
        let (first, middle) = rest.quotientAndRemainder(dividingBy: 10)
        if length == 3 { write(0x30 + UInt8(truncatingIfNeeded: first)) }
        write(0x30 + UInt8(truncatingIfNeeded: middle))
        write(0x30 + UInt8(truncatingIfNeeded: last))
    }

    /// Writes sixteen hexadecimal digits.
    @inline(__always)
    mutating func writeHexadecimal(_ word: UInt64) {
        let word = word.bigEndian
        write(SIMD2(word & 0xffff_ffff, word >> 32).hexadecimalDigits)
    }

    /// Writes 32 hexadecimal digits.
    @inline(__always)
    mutating func writeHexadecimal(_ high: UInt64, _ low: UInt64) {
        let (high, low) = (high.bigEndian, low.bigEndian)
        write(SIMD4(high & 0xffff_ffff, high >> 32, low & 0xffff_ffff, low >> 32).hexadecimalDigits)
    }

    @inline(__always)
    private mutating func write<Digits: SIMD & BitwiseCopyable>(_ digits: Digits) {
        let size = MemoryLayout<Digits>.size
        guard size <= capacity - count else {
            isOverfull = true
            return
        }
        // SAFETY: as many bytes from `count` on were just checked.
        unsafe memory.storeBytes(of: digits, toByteOffset: count, as: Digits.self)
        count += size
    }
}

extension SIMD where Scalar == UInt64 {
    /// The eight digits of each element, which has 32 bits; both in the order of memory. Spreads nibbles to bytes, then
    /// turns all into letters at once.
    @inline(__always)
    fileprivate var hexadecimalDigits: Self {
        var nibbles = (self &<< 16 | self) & 0x0000_ffff_0000_ffff
        nibbles = (nibbles &<< 8 | nibbles) & 0x00ff_00ff_00ff_00ff
        nibbles = nibbles &>> 4 & 0x000f_000f_000f_000f | (nibbles & 0x000f_000f_000f_000f) &<< 8
        let areLetters = (nibbles &+ 0x0606_0606_0606_0606) &>> 4 & 0x0101_0101_0101_0101
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
