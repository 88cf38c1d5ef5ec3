import Glibc
import Testing

@testable import DataPlane

@Suite("A peer that has disappeared silently is noticed")
struct SocketOptionTests {
    private func value(of option: Int32, at level: Int32, on socket: Int32) -> Int32 {
        var value: Int32 = -1
        var size = socklen_t(MemoryLayout<Int32>.size)
        // SAFETY: the call fills a local of that size.
        _ = unsafe getsockopt(socket, level, option, &value, &size)
        return value
    }

    @Test("A server that is silent for 30 s is probed, and given up half a minute later")
    func upstream() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        SocketOptions.upstream.set(on: descriptor)
        #expect(value(of: SO_KEEPALIVE, at: SOL_SOCKET, on: descriptor) == 1)
        let tcp = Int32(IPPROTO_TCP)
        let times = [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT].map { value(of: $0, at: tcp, on: descriptor) }
        #expect(times == [30, 10, 3])
        // A server that takes no bytes for a while, but lives, stays connected.
        #expect(value(of: TCP_USER_TIMEOUT, at: tcp, on: descriptor) == 0)
    }
}
