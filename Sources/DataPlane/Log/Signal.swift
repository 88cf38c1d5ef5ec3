import Glibc

/// Wakes one waiting thread: a semaphore made of a pipe, whose ends need no memory of ours.
final class Signal: Sendable {
    private let reader: Int32
    private let writer: Int32

    init() {
        var ends: [Int32] = [-1, -1]
        // SAFETY: pipe writes two descriptors to an array of two.
        let result = unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe($0.baseAddress!) }
        precondition(result == 0, "no descriptors left for a pipe")
        (reader, writer) = (ends[0], ends[1])
        _ = fcntl(writer, F_SETFL, O_NONBLOCK)
    }

    deinit {
        close(reader)
        close(writer)
    }

    /// Makes `wait` return once. Raising it again before that has hardly any effect.
    func raise() {
        var byte: UInt8 = 1
        // SAFETY: writes one byte of a local; a full pipe wakes the reader anyway.
        _ = unsafe write(writer, &byte, 1)
    }

    func wait() {
        var bytes: [UInt8] = .init(repeating: 0, count: 64)
        // SAFETY: reads into an array of the given count.
        _ = unsafe bytes.withUnsafeMutableBytes { unsafe read(reader, $0.baseAddress, $0.count) }
    }
}
