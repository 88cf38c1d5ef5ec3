import Basics
import CLinux
import Dispatch
import TestSupport
import Testing

@testable import Transport

@Suite("Descriptors and queues")
struct ValueTests {
    @Test("A descriptor that nobody takes is closed; its taker must close it")
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

    @Test("A value is available on its loop's thread")
    func confined() throws {
        let thread = try EventLoopThread(name: "confined") { _ in }
        let confined = Confined(7, to: thread.mailbox)
        let isOnLoop = thread.mailbox.isOnLoop
        #expect(!isOnLoop)
        thread.mailbox.post { _ in #expect(confined.value == 7) }
        thread.stop()
        thread.join()
    }

    @Test(
        "A value whose last reference is dropped by another thread is released on its loop's thread",
        .timeLimit(.minutes(5))
    )
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

    @Test("Accessing a value on another thread ends the process")
    func confinedElsewhere() async {
        await #expect(processExitsWith: .failure) {
            let thread = try EventLoopThread(name: "confined") { _ in }
            _ = Confined(7, to: thread.mailbox).value
        }
    }

    @Test("A queue returns its bytes complete and in order, and keeps no memory afterwards", arguments: 0..<20)
    func sendQueue(seed: UInt64) {
        var random = SplitMix64(seed: seed)
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
        "A socket's file has a listener while the listener is open, and no descriptor is left",
        .timeLimit(.minutes(5))
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
        // The file still exists, but nobody listens.
        #expect(!Listener.isListening(at: path))
    }

    @Test("A path that is too long has no listener, and costs no descriptor")
    func longPath() async {
        // A process of its own: other tests open descriptors at the same time.
        await #expect(processExitsWith: .success) {
            let path = String(repeating: "p", count: NetworkAddress.maxPath + 1)
            let next = try nextDescriptor()
            for _ in 0..<1000 { #expect(!Listener.isListening(at: path)) }
            // The test's own machinery opens a few at any time.
            #expect(try nextDescriptor() < next + 500)
        }
    }

    @Test("A listener whose calls keep failing pauses, and does not retry in every turn")
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

/// The number that the next descriptor of this process gets: the lowest that is free.
private func nextDescriptor() throws -> Int32 {
    let (served, peer) = try Peer.pair()
    CLinux.close(served)
    return min(served, peer.descriptor)
}
