import NIOCore

/// How much is read at once: little for heads, and more once reads come back full, as they do while a large body is
/// under way. A reused buffer of fixed size costs less than one that follows every read.
struct ReceiveBuffer: RecvByteBufferAllocator {
    private var size: Int
    private let initial: Int
    private let maximum: Int

    init(initial: Int, maximum: Int) {
        size = initial
        self.initial = initial
        self.maximum = maximum
    }

    mutating func record(actualReadBytes: Int) -> Bool {
        if actualReadBytes >= size {
            size = min(size * 4, maximum)
        } else if actualReadBytes < initial {
            size = initial
        }
        // A buffer of this size is not kept: an idle connection must not hold what a body once needed.
        return size > initial
    }

    func nextBufferSize() -> Int? { size > initial ? nil : size }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer { allocator.buffer(capacity: size) }
}
