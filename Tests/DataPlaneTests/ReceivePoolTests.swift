import NIOCore
import NIOEmbedded
import Testing

@testable import DataPlane

@Suite("What connections read into")
struct ReceivePoolTests {
    private let pool = ReceivePool()

    @Test("A buffer that was handled is used again, empty and at least as large as asked for")
    func reuse() {
        var buffer = pool.take(capacity: 1000)
        buffer.writeString("what came before")
        let capacity = buffer.storageCapacity
        pool.recycle(buffer)
        buffer = ByteBuffer()
        let again = pool.take(capacity: 500)
        #expect(again.readableBytes == 0)
        #expect(again.storageCapacity == capacity)
        pool.recycle(again)
        #expect(pool.take(capacity: 5000).storageCapacity >= 5000)
    }

    @Test("Who still holds a part of what was read keeps it, whatever is read next")
    func held() {
        var buffer = pool.take(capacity: 100)
        buffer.writeString("mine, yours")
        let part = buffer.getSlice(at: 0, length: 4)
        pool.recycle(buffer)
        var next = pool.take(capacity: 100)
        next.writeString("xxxxxxxxxxxxxx")
        #expect(part.map { String(buffer: $0) } == "mine")
    }

    @Test("The first read is small, the next ones are not, and grow while they come back full")
    func sizes() {
        var receive = ReceiveBuffer(pool: NIOLoopBound(pool, eventLoop: EmbeddedEventLoop()))
        let allocator = ByteBufferAllocator()
        #expect(receive.buffer(allocator: allocator).capacity <= 128)
        var capacities: [Int] = []
        for read in [64, 16 << 10, 32 << 10, 64 << 10, 40 << 10, 100] {
            _ = receive.record(actualReadBytes: read)
            capacities.append(receive.buffer(allocator: allocator).capacity)
        }
        #expect(capacities == [16, 32, 64, 64, 64, 16].map { $0 << 10 })
    }

    @Test("A small piece of a large buffer gets memory of its own; what fills its memory is not copied")
    func compacted() {
        var large = ByteBufferAllocator().buffer(capacity: 16 << 10)
        large.writeString("abc")
        #expect(large.compacted().storageCapacity <= 64)
        #expect(large.compacted() == large)
        large.writeRepeatingByte(0, count: 12 << 10)
        #expect(large.compacted().storageCapacity == large.storageCapacity)
    }
}
