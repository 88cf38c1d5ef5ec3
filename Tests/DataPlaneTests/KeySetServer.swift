import Basics
import GatewayConfiguration
import TestSupport
import Testing
import Transport

/// A server of key sets, for which the test answers, and the event loop that asks it, whose clock the test sets.
final class KeySetServer {
    let kernel = TestKernel()
    let loop: EventLoop
    private let listener: Descriptor
    private let number: Int32
    private let port: UInt16

    init() throws {
        let descriptor = try Listener.open(.v4([127, 0, 0, 1], port: 0))
        number = descriptor.take()
        listener = Descriptor(number)
        port = try #require(NetworkAddress.local(of: number)?.port)
        kernel.clock = 1_000_000_000
        loop = try EventLoop(kernel: kernel)
    }

    deinit { loop.end() }

    func url(_ path: String) throws -> KeySetURL { try KeySetURL(parsing: "http://127.0.0.1:\(port)/\(path)") }

    var now: Int64 { kernel.clock ?? 0 }

    func pass(_ milliseconds: Int64) {
        kernel.clock? += milliseconds
        // The loop looks at the clock.
        loop.turn(waitingAtMost: 0)
    }

    /// The next connection that waits; `nil` if none does.
    func accept() -> Peer? {
        var address: NetworkAddress?
        let result = Kernel().accept(number, from: &address)
        return result >= 0 ? Peer(Int32(result)) : nil
    }
}
