/// Bytes gathered for sending, or waiting for more to arrive: appended at the end and taken from the front.
struct ByteBuffer {
    private var bytes: ContiguousArray<UInt8>
    /// Bytes before this index were taken.
    private var start = 0

    init() { bytes = [] }

    init(capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    init(_ span: Span<UInt8>) {
        self.init(capacity: span.count)
        write(span)
    }

    var count: Int { bytes.count - start }
    var isEmpty: Bool { start == bytes.count }
    var capacity: Int { bytes.capacity }

    var span: Span<UInt8> {
        @_lifetime(borrow self)
        borrowing get { bytes.span.extracting(droppingFirst: start) }
    }

    func copied() -> [UInt8] { span.copied() }

    /// Appends the bytes of a span.
    @inline(__always)
    mutating func write(_ span: Span<UInt8>) {
        // SAFETY: the span keeps its bytes alive during the call.
        unsafe span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    mutating func write(_ array: [UInt8]) { bytes.append(contentsOf: array) }

    mutating func write(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func write(_ literal: StaticString) {
        // SAFETY: a literal's bytes live forever.
        unsafe bytes.append(
            contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
        )
    }

    mutating func write(_ byte: UInt8) { bytes.append(byte) }

    /// Appends bytes that a C library lends.
    @unsafe
    mutating func write(_ lent: UnsafeRawBufferPointer) { unsafe bytes.append(contentsOf: lent) }

    /// Writes a non-negative number in decimal digits.
    mutating func writeDecimal(_ value: Int) {
        let digits = Digits(decimal: value)
        write(digits.bytes.span.extracting(digits.start..<20))
    }

    /// Writes a non-negative number in hexadecimal digits.
    mutating func writeHexadecimal(_ value: Int) {
        let digits = Digits(hexadecimal: value)
        write(digits.bytes.span.extracting(digits.start..<20))
    }

    /// Appends what `body` writes, at most `limit` bytes.
    ///
    /// - Returns: false if that was not enough. Then nothing was appended.
    @inline(__always)
    mutating func write(atMost limit: Int, _ body: (inout ByteWriter) -> Void) -> Bool {
        var isComplete = true
        bytes.append(addingCapacity: limit) { output in
            // SAFETY: the pointer does not outlive the closure, and the writer keeps to its count.
            unsafe output.withUnsafeMutableBufferPointer { memory, count in
                var writer = unsafe ByteWriter(UnsafeMutableRawBufferPointer(memory))
                body(&writer)
                isComplete = !writer.isOverfull
                if isComplete { count = writer.count }
            }
        }
        return isComplete
    }

    /// Bytes that were taken stay in memory until they exceed both this and those that are left, which are then moved.
    private static let maxTaken = 16 << 10

    /// Removes the first `count` bytes.
    mutating func removeFirst(_ count: Int) {
        start += count
        if start == bytes.count {
            removeAll()
        } else if start > Self.maxTaken, start > bytes.count - start {
            bytes.removeFirst(start)
            start = 0
        }
    }

    mutating func removeAll() {
        if !bytes.isEmpty { bytes.removeAll(keepingCapacity: true) }
        start = 0
    }

    /// Calls `body` with the bytes, which it may modify.
    @unsafe
    mutating func withMutableBytes<Result>(_ body: (UnsafeMutableBufferPointer<UInt8>) -> Result) -> Result {
        let start = start
        // SAFETY: the array is alive during the call, and `start` lies within it.
        return unsafe bytes.withUnsafeMutableBufferPointer {
            unsafe body(UnsafeMutableBufferPointer(rebasing: $0[start...]))
        }
    }
}
