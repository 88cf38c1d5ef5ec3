import CLinux
import Dispatch
import TestSupport
import Testing

@testable import Transport

@Suite("Addresses, descriptors and queues")
struct ValueTests {
    private static let zeros = [UInt8](repeating: 0, count: 16)

    @Test(
        "An address is read from text as the system reads it, and written in its shortest form",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("::ffff:10.0.0.1", "::ffff:10.0.0.1"), ("fe80::1", "fe80::1"),
            ("", nil), ("localhost", nil), ("1.2.3", nil), ("1.2.3.4.5", nil), ("01.2.3.4", nil), ("256.0.0.1", nil),
            ("[::1]", nil), ("::1%lo", nil), ("127.0.0.1:80", nil), (" 127.0.0.1", nil), ("127.0.0.1\0.example", nil),
            ("::1\0", nil),
        ] as [(String, String?)]
    )
    func addressText(text: String, written: String?) {
        let address = NetworkAddress(ip: text, port: 443)
        #expect(address?.hostText == written)
        #expect(address?.port == (written == nil ? nil : 443))
    }

    @Test(
        "An address survives the way through the system's form",
        arguments: [
            .v4([192, 0, 2, 1], port: 1), .v4([0, 0, 0, 0], port: 65535), .v6(zeros, port: 0, scope: 0),
            .v6([0xfe, 0x80] + zeros.dropFirst(3) + [9], port: 443, scope: 7), .unix(path: "/run/gateway.sock"),
            .unix(path: ""), .unix(path: String(repeating: "p", count: NetworkAddress.maxPath)),
        ] as [NetworkAddress]
    )
    func systemForm(address: NetworkAddress) {
        let back = unsafe address.withSystemAddress { system, length in
            var storage = sockaddr_storage()
            // SAFETY: no address is longer than the storage.
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: system, count: Int(length)))
            }
            return NetworkAddress(storage, length: Int(length))
        }
        #expect(back == address)
    }

    @Test("A path ends where the system says, and a family that is none of ours is no address")
    func lengths() {
        var storage = sockaddr_storage()
        storage.ss_family = sa_family_t(AF_UNIX)
        // SAFETY: the bytes lie within the storage.
        unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            for (offset, byte) in "/run/old".utf8.enumerated() { unsafe bytes[2 + offset] = byte }
        }
        let paths = [0: "", 2: "", 3: "/", 6: "/run", 200: "/run/old"]
        for (length, path) in paths { #expect(NetworkAddress(storage, length: length) == .unix(path: path)) }
        storage.ss_family = sa_family_t(AF_NETLINK)
        #expect(NetworkAddress(storage, length: 12) == nil)
    }

    @Test("A descriptor that nobody takes is closed; who takes it closes it")
    func descriptors() throws {
        let (left, firstPeer) = try Peer.pair()
        _ = Descriptor(left)
        #expect(firstPeer.hasEnded)
        let (taken, secondPeer) = try Peer.pair()
        _ = Descriptor(taken).take()
        #expect(!secondPeer.hasEnded)
        CLinux.close(taken)
        #expect(secondPeer.hasEnded)
        let listener = try Listener.open(.v4([127, 0, 0, 1], port: 0))
        #expect(listener.localPort ?? 0 > 0)
    }

    @Test("A value is given out on its loop's thread")
    func confined() throws {
        let thread = try EventLoopThread(name: "confined") { _ in }
        let confined = Confined(7, to: thread.mailbox)
        let isOnLoop = thread.mailbox.isOnLoop
        #expect(!isOnLoop)
        thread.mailbox.post { _ in #expect(confined.value == 7) }
        thread.stop()
        thread.join()
    }

    @Test("A value that another thread lets go of last is released on its loop's thread", .timeLimit(.minutes(1)))
    func confinedUntilTheEnd() throws {
        final class Noting {
            let mailbox: Mailbox
            let note: (Bool) -> Void
            init(_ mailbox: Mailbox, _ note: @escaping (Bool) -> Void) { (self.mailbox, self.note) = (mailbox, note) }
            deinit { note(mailbox.isOnLoop) }
        }
        let loop = try EventLoop()
        defer { loop.end() }
        var released: [Bool] = []
        let thread = try EventLoopThread(name: "holds") { _ in }
        let isLast = DispatchSemaphore(value: 0)
        do {
            let confined = Confined(Noting(loop.mailbox) { released.append($0) }, to: loop.mailbox)
            thread.mailbox.post { _ in
                isLast.wait()
                withExtendedLifetime(confined) {}
            }
        }
        isLast.signal()
        thread.stop()
        thread.join()
        while released.isEmpty { loop.turn(waitingAtMost: 10) }
        #expect(released == [true])
    }

    @Test("A value that is touched on another thread ends the process")
    func confinedElsewhere() async {
        await #expect(processExitsWith: .failure) {
            let thread = try EventLoopThread(name: "confined") { _ in }
            _ = Confined(7, to: thread.mailbox).value
        }
    }

    @Test("A queue gives its bytes in order and whole, and holds none behind them", arguments: 0..<20)
    func sendQueue(seed: UInt64) {
        var random = SplitMix64(seed)
        var queue = SendQueue()
        var expected: [UInt8] = []
        for _ in 0..<300 {
            if random.next() % 3 == 0 {
                let bytes = (0..<Int(random.next() % 9_000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
                queue.append(bytes.span)
                expected += bytes
            } else {
                let count = min(Int(random.next() % 5_000), expected.count)
                let isRefused = random.next() % 5 == 0
                var first: [UInt8] = []
                let result = unsafe queue.send { bytes in
                    first = unsafe Array(bytes.prefix(count))
                    return isRefused ? -Int(EAGAIN) : count
                }
                #expect(first == Array(expected.prefix(count)))
                #expect(result == (isRefused ? -Int(EAGAIN) : count))
                if !isRefused { expected.removeFirst(count) }
            }
            #expect(queue.count == expected.count && queue.isEmpty == expected.isEmpty)
        }
        queue.removeAll()
        #expect(queue.isEmpty && queue.count == 0)
    }

    // MARK: Listening

    @Test(
        "A socket's file is listened at while its listener is open, and no descriptor is left",
        .timeLimit(.minutes(1))
    )
    func listensAtAFile() throws {
        let path = "/tmp/transport-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"
        defer { unsafe _ = unlink(path) }
        #expect(!Listener.isListening(at: path))
        do {
            let listener = try Listener.open(.unix(path: path))
            #expect(Listener.isListening(at: path))
            #expect(throws: SystemFault("bind", EADDRINUSE)) { try Listener.open(.unix(path: path)) }
            withExtendedLifetime(listener) {}
        }
        // The file is still there, but nobody listens.
        #expect(!Listener.isListening(at: path))
    }

    @Test("A path that is too long is nobody's, and costs no descriptor")
    func longPath() throws {
        let path = String(repeating: "p", count: NetworkAddress.maxPath + 1)
        // More than a process may have open, if each call left one.
        for _ in 0..<3_000 { #expect(!Listener.isListening(at: path)) }
        let (served, peer) = try Peer.pair()
        #expect(max(served, peer.descriptor) < 2_000)
        CLinux.close(served)
    }

    @Test("A listener whose calls fail one after the other rests, and does not ask in every turn")
    func listenerRests() throws {
        let kernel = TestKernel()
        kernel.clock = 0
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let (descriptor, address) = try ListenerTests.listen()
        let listener = try Listener(descriptor, on: loop, targets: [loop.mailbox]) { _, _, loop in
            #expect(loop.now >= 100)
        }
        kernel.accepts = Array(repeating: .fails(EPERM), count: 64)
        let client = try ListenerTests.connect(address)
        loop.turn(waitingAtMost: 1000)
        #expect(kernel.accepts.isEmpty)
        let count = kernel.eventCount
        loop.turn(waitingAtMost: 0)
        #expect(kernel.eventCount == count)
        kernel.clock = 200
        loop.turn(waitingAtMost: 0)
        loop.turn(waitingAtMost: 1000)
        #expect(client.read() == nil)
        listener.close()
    }
}
