import NIOCore

/// How much is read at once: little for heads, and more once reads come back full, as they do while a large body is
/// under way. A reused buffer of fixed size costs less than one that follows every read.
struct ReceiveBuffer: RecvByteBufferAllocator {
    private var size: Int
    private let maximum: Int

    init(initial: Int, maximum: Int) {
        size = initial
        self.maximum = maximum
    }

    mutating func record(actualReadBytes: Int) -> Bool {
        guard actualReadBytes >= size, size < maximum else { return false }
        size = min(size * 4, maximum)
        return true
    }

    func nextBufferSize() -> Int? { size }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: size) }
}
