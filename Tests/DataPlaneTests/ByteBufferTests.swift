import Testing

@testable import DataPlane

@Suite("A buffer of bytes")
struct ByteBufferTests {
    @Test("Takes what it was given, in order, in pieces of any size")
    func order() {
        var buffer = ByteBuffer()
        var (given, taken) = (0, 0)
        for round in 1..<2000 {
            for _ in 0..<round % 97 * 50 {
                buffer.write(UInt8(truncatingIfNeeded: given % 251))
                given += 1
            }
            let count = min(buffer.count, round % 89 * 55)
            for index in 0..<count where buffer.span[index] != UInt8((taken + index) % 251) {
                Issue.record("byte \(taken + index)")
                return
            }
            buffer.removeFirst(count)
            taken += count
            #expect(buffer.count == given - taken)
        }
    }

    @Test("Memory: bytes that were taken do not pile up in a buffer that is never empty")
    func memory() {
        var buffer = ByteBuffer()
        let piece = [UInt8](repeating: 1, count: 20_000)
        buffer.write(piece)
        for _ in 0..<1000 {
            buffer.write(piece)
            buffer.removeFirst(piece.count)
        }
        #expect(buffer.count == piece.count && buffer.capacity < 128 << 10)
    }
}
