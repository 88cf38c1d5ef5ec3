/// Bytes that the kernel did not take yet, in order. Holds no memory while empty.
struct SendQueue {
    private var bytes: ContiguousArray<UInt8> = []
    /// Bytes before this index were sent.
    private var start = 0

    /// Sent bytes stay in memory until they exceed both this and the unsent ones.
    private static let maxSent = 64 << 10

    var count: Int { bytes.count - start }
    var isEmpty: Bool { start == bytes.count }

    mutating func append(_ span: Span<UInt8>) {
        // SAFETY: the span is alive during the call.
        unsafe span.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    /// Calls `body` with the unsent bytes. `body` returns how many of the first bytes it has sent, or a negative
    /// number; this method returns the same.
    mutating func send(_ body: (UnsafeRawBufferPointer) -> Int) -> Int {
        // SAFETY: the array is alive during the call, and `start` lies within it.
        let sent = unsafe bytes.withUnsafeBytes { unsafe body(UnsafeRawBufferPointer(rebasing: $0[start...])) }
        guard sent > 0 else { return sent }
        start += sent
        if start == bytes.count {
            removeAll()
        } else if start > Self.maxSent, start > bytes.count - start {
            bytes.removeFirst(start)
            start = 0
        }
        return sent
    }

    mutating func removeAll() { (bytes, start) = ([], 0) }
}
