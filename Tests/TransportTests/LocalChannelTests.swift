import Basics
import CLinux
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Transport

@Suite("Channels between processes")
struct LocalChannelTests {
    private static let time: Int64 = 20_000

    private static func pair() throws -> (LocalChannel, LocalChannel) {
        let (here, there) = try LocalChannel.open()
        return (here, LocalChannel(there))
    }

    @Test("Messages arrive whole and in order, whatever their size")
    func messages() throws {
        let (here, there) = try Self.pair()
        let sizes = [0, 1, 65_536, 3_000_000, 5]
        // A thread of its own: those of tasks may all be waiting for something.
        Thread.detachNewThread {
            for (kind, size) in sizes.enumerated() {
                try? here.send(UInt8(kind), [UInt8](repeating: UInt8(kind), count: size), within: Self.time)
            }
        }
        for (kind, size) in sizes.enumerated() {
            let message = try there.receive(atMost: 4_000_000, within: Self.time)
            #expect(message.kind == UInt8(kind))
            #expect(message.bytes == [UInt8](repeating: UInt8(kind), count: size))
        }
    }

    @Test("A listening socket that was passed on stays open when the first process closes its own")
    func descriptors() throws {
        let (here, there) = try Self.pair()
        let address: NetworkAddress
        do {
            let (socket, bound) = try ListenerTests.listen()
            address = bound
            try here.send(7, [1], descriptors: [socket], within: Self.time)
        }
        let message = try there.receive(atMost: 1, within: Self.time)
        #expect(message.descriptors.map(\.localAddress) == [address])
        let client = try ListenerTests.connect(address)
        withExtendedLifetime((client, message)) {}
    }

    @Test("The most descriptors pass with one message")
    func manyDescriptors() throws {
        let (here, there) = try Self.pair()
        let (socket, address) = try ListenerTests.listen()
        let all = [Descriptor](repeating: socket, count: LocalChannel.maxDescriptors)
        try here.send(1, descriptors: all, within: Self.time)
        let message = try there.receive(atMost: 0, within: Self.time)
        #expect(message.descriptors.map(\.localAddress) == all.map { _ in address })
    }

    @Test("What is larger than the receiver accepts, too late, or cut off is an error")
    func faults() throws {
        let (here, there) = try Self.pair()
        #expect(throws: LocalChannel.Fault.timedOut) { try there.receive(atMost: 10, within: 10) }
        try here.send(1, [UInt8](repeating: 0, count: 11), within: Self.time)
        #expect(throws: LocalChannel.Fault.tooLarge) { try there.receive(atMost: 10, within: Self.time) }
        let (mute, deaf) = try Self.pair()
        #expect(throws: LocalChannel.Fault.timedOut) {
            try mute.send(1, [UInt8](repeating: 0, count: 8 << 20), within: 10)
        }
        withExtendedLifetime(deaf) {}
        var (left, right): (LocalChannel?, LocalChannel) = try Self.pair()
        withExtendedLifetime(left) {}
        left = nil
        #expect(throws: LocalChannel.Fault.closed) { try right.receive(atMost: 10, within: Self.time) }
        #expect(throws: LocalChannel.Fault.closed) { try right.send(1, within: Self.time) }
    }

    @Test("The peer is known by its process and user")
    func peer() throws {
        let (here, _) = try Self.pair()
        #expect(here.peer?.process == getpid())
        #expect(here.isOfSameUser)
    }

    @Test("A listener closes although another process holds its socket, and is told of no more connections")
    func sharedListener() throws {
        let (socket, address) = try ListenerTests.listen()
        let loop = try EventLoop()
        defer { loop.end() }
        let served = Locked(0)
        let listener = try Listener(socket, on: loop, targets: [loop.mailbox]) { _, _, _ in served.withLock { $0 += 1 }
        }
        let other = try listener.duplicate()
        listener.close(servesBacklog: false)
        let client = try ListenerTests.connect(address)
        for _ in 0..<5 { loop.turn(waitingAtMost: 1) }
        #expect(served.withLock { $0 } == 0)
        withExtendedLifetime((other, client)) {}
    }
}
