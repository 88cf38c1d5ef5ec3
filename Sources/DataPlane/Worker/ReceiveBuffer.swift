import NIOCore

/// The buffers that an event loop's connections read into: one is enough, since each is read and handled in turn, so that
/// an idle connection holds none.
final class ReceivePool {
    private var buffers: ContiguousArray<ByteBuffer> = []

    private static let maxBuffers = 4

    /// An empty buffer for at least `capacity` octets.
    func take(capacity: Int) -> ByteBuffer {
        guard var buffer = buffers.popLast() else { return ByteBufferAllocator().buffer(capacity: capacity) }
        // Where somebody still holds what was read before, this is new memory.
        buffer.clear(minimumCapacity: capacity)
        return buffer
    }

    /// Keeps a buffer whose octets have been handled.
    func recycle(_ buffer: ByteBuffer) {
        guard buffers.count < Self.maxBuffers, buffer.storageCapacity <= ReceiveBuffer.maximum else { return }
        buffers.append(buffer)
    }
}

/// How much a connection reads at once: enough for most heads, and more once reads come back full, as they do while a
/// large body is under way.
struct ReceiveBuffer: RecvByteBufferAllocator {
    private let pool: NIOLoopBound<ReceivePool>
    private var size = first

    /// NIO keeps the first buffer of a connection as long as the connection, so this one is small.
    private static let first = 64
    private static let standard = 16 << 10
    static let maximum = 64 << 10

    /// - Parameter pool: of the event loop that reads.
    init(pool: NIOLoopBound<ReceivePool>) { self.pool = pool }

    mutating func record(actualReadBytes: Int) -> Bool {
        if size == Self.first || actualReadBytes < Self.standard / 2 {
            size = Self.standard
        } else if actualReadBytes >= size {
            size = min(size * 2, Self.maximum)
        }
        // The buffer that NIO has kept is not to be used again.
        return true
    }

    /// Nothing, so that `buffer` is asked for each read.
    func nextBufferSize() -> Int? { nil }

    func buffer(allocator: ByteBufferAllocator) -> ByteBuffer {
        size == Self.first ? allocator.buffer(capacity: size) : pool.value.take(capacity: size)
    }
}

extension ByteBuffer {
    /// The readable octets, in memory of their own where they would hold up much more: a slow peer must not keep what
    /// its event loop reads into.
    func compacted() -> ByteBuffer {
        guard storageCapacity > 1024 + 2 * readableBytes else { return self }
        var copy = ByteBufferAllocator().buffer(capacity: readableBytes)
        copy.writeImmutableBuffer(self)
        return copy
    }
}
