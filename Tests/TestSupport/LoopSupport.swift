package import Basics
package import CLinux
import Glibc
import Testing
package import Transport

/// A kernel that fails, is slow, or has its own clock, as the test demands.
package final class TestKernel: Kernel {
    package override init() { super.init() }

    /// The results that the next calls return instead of being made, in this order.
    package var sends: [Result] = []
    package var receives: [Result] = []
    package var accepts: [Result] = []
    package var connects: [Result] = []
    package var sockets: [Result] = []
    /// Monotonic milliseconds; `nil` for the system's clock.
    package var clock: Int64?
    package private(set) var sendCount = 0
    /// The number of events reported so far.
    package private(set) var eventCount = 0
    /// The last time that the loop was willing to wait, in milliseconds.
    package private(set) var lastWait: Int32 = 0

    package enum Result {
        /// The call is made with at most this many bytes.
        case atMost(Int)
        case fails(Int32)
    }

    private func next(_ results: inout [Result]) -> Result? { results.isEmpty ? nil : results.removeFirst() }

    package override func send(_ socket: Int32, _ bytes: UnsafeRawBufferPointer, more: Bool) -> Int {
        sendCount += 1
        switch next(&sends) {
        case .fails(let number): return -Int(number)
        case .atMost(let count):
            return unsafe super.send(socket, UnsafeRawBufferPointer(rebasing: bytes.prefix(count)), more: more)
        case nil: return unsafe super.send(socket, bytes, more: more)
        }
    }

    package override func send(_ socket: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer)
        -> Int
    {
        sendCount += 1
        switch next(&sends) {
        case .fails(let number): return -Int(number)
        case .atMost(let count):
            let rest = max(count - first.count, 0)
            return unsafe super.send(
                socket,
                UnsafeRawBufferPointer(rebasing: first.prefix(count)),
                UnsafeRawBufferPointer(rebasing: second.prefix(rest))
            )
        case nil: return unsafe super.send(socket, first, second)
        }
    }

    package override func receive(_ socket: Int32, into memory: UnsafeMutableRawBufferPointer) -> Int {
        switch next(&receives) {
        case .fails(let number): return -Int(number)
        case .atMost(let count):
            return unsafe super.receive(socket, into: UnsafeMutableRawBufferPointer(rebasing: memory.prefix(count)))
        case nil: return unsafe super.receive(socket, into: memory)
        }
    }

    package override func accept(_ listener: Int32, from address: inout NetworkAddress?) -> Int {
        if case .fails(let number) = next(&accepts) { return -Int(number) }
        return super.accept(listener, from: &address)
    }

    package override func connect(_ socket: Int32, to address: NetworkAddress) -> Int {
        if case .fails(let number) = next(&connects) { return -Int(number) }
        return super.connect(socket, to: address)
    }

    package override func socket(_ family: Int32) -> Int {
        if case .fails(let number) = next(&sockets) { return -Int(number) }
        return super.socket(family)
    }

    package override func wait(
        _ epoll: Int32,
        _ events: UnsafeMutableBufferPointer<epoll_event>,
        milliseconds: Int32
    ) -> Int {
        lastWait = milliseconds
        let count = unsafe super.wait(epoll, events, milliseconds: milliseconds)
        eventCount += max(count, 0)
        return count
    }

    package override func monotonic() -> Int64 { clock ?? super.monotonic() }
}

/// The far end of a connection under test: a blocking socket with a time limit.
package final class Peer {
    package private(set) var descriptor: Int32

    package init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// A connected pair: the descriptor for the loop, and its far end.
    package static func pair() throws -> (served: Int32, peer: Peer) {
        var ends: [Int32] = [-1, -1]
        try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let peer = Peer(ends[1])
        peer.limitTime()
        return (ends[0], peer)
    }

    /// The same over TCP.
    package static func connectedPair() throws -> (served: Int32, peer: Peer) {
        let listener = try Listener.open(.v4([127, 0, 0, 1], port: 0))
        let number = listener.take()
        defer { CLinux.close(number) }
        let address = try #require(NetworkAddress.local(of: number))
        let peer = Peer(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        peer.limitTime()
        try #require(unsafe address.withSystemAddress { unsafe gateway_connect(peer.descriptor, $0, $1) } == 0)
        var client: NetworkAddress?
        // The backlog has the connection once `connect` has returned.
        let served = Kernel().accept(number, from: &client)
        try #require(served >= 0)
        return (Int32(served), peer)
    }

    package func limitTime() {
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        unsafe _ = setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    package func send(_ text: String) { send(Array(text.utf8)) }

    /// Sends what the kernel takes without waiting. Returns the number of bytes.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Int {
        unsafe max(bytes.withUnsafeBytes { unsafe gateway_send(descriptor, $0.baseAddress, $0.count, 0) }, 0)
    }

    /// Reads once. Returns `nil` at the end.
    package func read(atMost count: Int = 1 << 16) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, count, 0) }
        #expect(result >= 0 || errno == ECONNRESET, "nothing came")
        return result > 0 ? Array(bytes.prefix(result)) : nil
    }

    /// Reads until the end.
    package func readToEnd() -> [UInt8] {
        var all: [UInt8] = []
        while let bytes = read() { all += bytes }
        return all
    }

    /// Everything that can be read without waiting.
    package func readAvailable(atMost limit: Int = .max) -> [UInt8] {
        var all: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: min(limit, 1 << 16))
        while true {
            let result = unsafe bytes.withUnsafeMutableBytes {
                unsafe gateway_receive(descriptor, $0.baseAddress, $0.count)
            }
            guard result > 0 else { return all }
            all += bytes.prefix(result)
            guard all.count < limit else { return all }
        }
    }

    /// Whether the other side has ended, according to a read that does not wait.
    package var hasEnded: Bool {
        var byte: UInt8 = 0
        return unsafe gateway_receive(descriptor, &byte, 1) == 0
    }

    /// Whether the other side has ended or reset the connection. Reads and drops what it sent before.
    ///
    /// Waits for it: the kernel may tell the end later, also because a process that is just being started still holds the
    /// other side.
    package var isOver: Bool {
        while true {
            _ = readAvailable()
            var byte: UInt8 = 0
            let result = unsafe gateway_receive(descriptor, &byte, 1)
            if result > 0 { continue }
            if result != -Int(EAGAIN) { return true }
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&ready, 1, 20_000) == 1 else { return false }
        }
    }

    package func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    package func close() {
        guard descriptor >= 0 else { return }
        CLinux.close(descriptor)
        descriptor = -1
    }

    package func reset() {
        gateway_reset_on_close(descriptor)
        close()
    }

    deinit { close() }
}
