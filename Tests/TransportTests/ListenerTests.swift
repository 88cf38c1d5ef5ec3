import Basics
import CLinux
import Synchronization
import TestSupport
import Testing

@testable import Transport

@Suite("Listeners and connectors")
struct ListenerTests {
    /// A listening socket on a free loopback port, and its address.
    static func listen() throws -> (Descriptor, NetworkAddress) {
        let descriptor = try Listener.open(.v4([127, 0, 0, 1], port: 0))
        let number = descriptor.take()
        return (Descriptor(number), try #require(NetworkAddress.local(of: number)))
    }

    static func connect(_ address: NetworkAddress) throws -> Peer {
        let peer = Peer(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
        peer.limitTime()
        try #require(unsafe address.withSystemAddress { unsafe gateway_connect(peer.descriptor, $0, $1) } == 0)
        return peer
    }

    @Test("Connections are served with the address of their peer, one loop after the other", .timeLimit(.minutes(5)))
    func handsOutInTurn() throws {
        let (descriptor, address) = try Self.listen()
        let loop = try EventLoop()
        defer { loop.end() }
        let others = try (0..<2).map { try EventLoopThread(name: "loop \($0)") { _ in } }
        let served = Locked<[ObjectIdentifier: Int]>([:])
        let peers = Locked<Set<NetworkAddress>>([])
        let listener = try Listener(descriptor, on: loop, targets: [loop.mailbox] + others.map(\.mailbox)) {
            connection,
            peer,
            loop in
            // It closes, since nobody takes it.
            withExtendedLifetime(connection) {}
            served.withLock { $0[ObjectIdentifier(loop.mailbox), default: 0] += 1 }
            _ = peers.withLock { $0.insert(peer) }
        }
        let clients = try (0..<30).map { _ in try Self.connect(address) }
        while served.withLock({ $0.values.reduce(0, +) }) < clients.count { loop.turn(waitingAtMost: 1) }
        #expect(served.withLock { Set($0.values) } == [10])
        #expect(peers.withLock { $0 } == Set(clients.compactMap { NetworkAddress.local(of: $0.descriptor) }))
        for client in clients { #expect(client.read() == nil) }
        listener.close()
        for other in others {
            other.stop()
            other.join()
        }
    }

    @Test("A listener that closes still serves those in its backlog")
    func backlog() throws {
        let (descriptor, address) = try Self.listen()
        let loop = try EventLoop()
        defer { loop.end() }
        let served = Atomic<Int>(0)
        let listener = try Listener(descriptor, on: loop, targets: [loop.mailbox]) { _, _, _ in
            served.wrappingAdd(1, ordering: .relaxed)
        }
        let clients = try (0..<100).map { _ in try Self.connect(address) }
        listener.close()
        #expect(served.load(ordering: .relaxed) == clients.count)
    }

    @Test(
        "Without descriptors or memory a listener pauses, and resumes by itself",
        arguments: [EMFILE, ENFILE, ENOMEM]
    )
    func rests(number: Int32) throws {
        let kernel = TestKernel()
        kernel.clock = 0
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let (descriptor, address) = try Self.listen()
        let served = Atomic<Int>(0)
        let listener = try Listener(descriptor, on: loop, targets: [loop.mailbox]) { _, _, _ in
            served.wrappingAdd(1, ordering: .relaxed)
        }
        kernel.accepts = [.fails(number)]
        let client = try Self.connect(address)
        loop.turn(waitingAtMost: 1000)
        // It is not reported again: that would be the second, successful call.
        loop.turn(waitingAtMost: 0)
        #expect(kernel.accepts.isEmpty && served.load(ordering: .relaxed) == 0)
        kernel.clock = 200
        loop.turn(waitingAtMost: 0)
        loop.turn(waitingAtMost: 1000)
        #expect(served.load(ordering: .relaxed) == 1)
        #expect(client.read() == nil)
        listener.close()
    }

    @Test(
        "A connection that failed before it was accepted does not affect others",
        arguments: [ECONNABORTED, EPROTO, EINTR]
    )
    func goesOnBehindAFailedOne(number: Int32) throws {
        let kernel = TestKernel()
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let (descriptor, address) = try Self.listen()
        let served = Atomic<Int>(0)
        let listener = try Listener(descriptor, on: loop, targets: [loop.mailbox]) { _, _, _ in
            served.wrappingAdd(1, ordering: .relaxed)
        }
        kernel.accepts = [.fails(number)]
        let client = try Self.connect(address)
        loop.turn(waitingAtMost: 1000)
        #expect(served.load(ordering: .relaxed) == 1)
        listener.close()
        withExtendedLifetime(client) {}
    }

    @Test("A listener of a shared socket leaves its backlog to the next process, and its loop rests")
    func sharedBacklog() throws {
        let (descriptor, address) = try Self.listen()
        let number = descriptor.take()
        // As systemd does, which gives it to the next process.
        let held = dup(number)
        defer { CLinux.close(held) }
        let loop = try EventLoop()
        defer { loop.end() }
        let served = Atomic<Int>(0)
        let listener = try Listener(Descriptor(number), on: loop, targets: [loop.mailbox]) { _, _, _ in
            served.add(1, ordering: .relaxed)
        }
        let waiting = try Self.connect(address)
        listener.close(servesBacklog: false)
        let late = try Self.connect(address)
        // A turn that finds nothing lasts as long as it may.
        let start = ContinuousClock.now
        for _ in 0..<5 { loop.turn(waitingAtMost: 20) }
        #expect(ContinuousClock.now - start >= .milliseconds(90))
        #expect(served.load(ordering: .relaxed) == 0)
        for _ in 0..<2 {
            let accepted = accept(held, nil, nil)
            #expect(accepted >= 0)
            CLinux.close(accepted)
        }
        withExtendedLifetime((waiting, late)) {}
    }

    @Test("A closed listener serves nobody who comes later")
    func closes() throws {
        let loop = try EventLoop()
        defer { loop.end() }
        let (descriptor, address) = try Self.listen()
        let listener = try Listener(descriptor, on: loop, targets: [loop.mailbox]) { _, _, _ in
            Issue.record("served")
        }
        listener.close()
        let late = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { CLinux.close(late) }
        #expect(unsafe address.withSystemAddress { unsafe gateway_connect(late, $0, $1) } == -Int(ECONNREFUSED))
        loop.turn(waitingAtMost: 0)
    }

    // MARK: Connecting

    private func connect(
        _ addresses: [NetworkAddress],
        within milliseconds: Int64 = 20_000,
        kernel: TestKernel = TestKernel()
    ) throws -> Connector.Outcome {
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        var outcome: Connector.Outcome?
        let connector = Connector(to: addresses, within: milliseconds, on: loop) { outcome = $0 }
        connector.start()
        #expect(outcome == nil)
        while outcome == nil { loop.turn() }
        return try #require(outcome)
    }

    @Test("An address that refuses is followed by the next one", .timeLimit(.minutes(5)))
    func triesTheNext() throws {
        let (descriptor, address) = try Self.listen()
        let refusing = try Self.refusingAddress()
        guard case .connected(_, let chosen) = try connect([refusing, address]) else {
            Issue.record("not connected")
            return
        }
        #expect(chosen == address)
        withExtendedLifetime(descriptor) {}
    }

    @Test("If every address refuses, the last one's reason is reported", .timeLimit(.minutes(5)))
    func allRefuse() throws {
        let refusing = try Self.refusingAddress()
        guard case .failed(let fault) = try connect([refusing, refusing]) else {
            Issue.record("connected")
            return
        }
        #expect(fault == SystemFault("connect", ECONNREFUSED))
    }

    @Test("Without a descriptor no further address is tried", .timeLimit(.minutes(5)))
    func shortage() throws {
        let kernel = TestKernel()
        kernel.sockets = [.fails(EMFILE)]
        let (descriptor, address) = try Self.listen()
        guard case .failed(let fault) = try connect([address, address], kernel: kernel) else {
            Issue.record("connected")
            return
        }
        #expect(fault.isShortage && kernel.sockets.isEmpty)
        withExtendedLifetime(descriptor) {}
    }

    @Test("A silent address leaves the next one its share of the time")
    func silentAddress() throws {
        let kernel = TestKernel()
        kernel.clock = 0
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let silent = try SilentAddress()
        let (descriptor, address) = try Self.listen()
        var outcome: Connector.Outcome?
        let connector = Connector(to: [silent.address, address], within: 2_000, on: loop) { outcome = $0 }
        connector.start()
        kernel.clock = 999
        loop.turn(waitingAtMost: 0)
        #expect(outcome == nil)
        kernel.clock = 1_000
        loop.turn(waitingAtMost: 0)
        loop.turn(waitingAtMost: 1_000)
        guard case .connected(_, address) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        withExtendedLifetime(descriptor) {}
    }

    @Test("If nothing answers in time, that is reported")
    func timesOut() throws {
        let kernel = TestKernel()
        kernel.clock = 0
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let silent = try SilentAddress()
        var outcome: Connector.Outcome?
        let connector = Connector(to: [silent.address], within: 500, on: loop) { outcome = $0 }
        connector.start()
        kernel.clock = 499
        loop.turn(waitingAtMost: 0)
        #expect(outcome == nil)
        kernel.clock = 500
        for _ in 0..<2 { loop.turn(waitingAtMost: 0) }
        guard case .failed(let fault) = outcome else {
            Issue.record("\(String(describing: outcome))")
            return
        }
        #expect(fault.number == ETIMEDOUT)
    }

    @Test("A full backlog of a Unix socket is waited for, within the time", .timeLimit(.minutes(5)))
    func unixBacklog() throws {
        let kernel = TestKernel()
        kernel.connects = [.fails(EAGAIN), .fails(EAGAIN)]
        let (descriptor, address) = try Self.listen()
        guard case .connected = try connect([address], kernel: kernel) else {
            Issue.record("not connected")
            return
        }
        kernel.connects = Array(repeating: .fails(EAGAIN), count: 100)
        guard case .failed(let fault) = try connect([address], within: 50, kernel: kernel) else {
            Issue.record("connected")
            return
        }
        #expect(fault.number == ETIMEDOUT || fault.number == EAGAIN)
        withExtendedLifetime(descriptor) {}
    }

    @Test("A cancelled connector reports nothing, and leaves no socket")
    func cancels() throws {
        let loop = try EventLoop()
        defer { loop.end() }
        let (descriptor, address) = try Self.listen()
        let connector = Connector(to: [address], within: 1_000, on: loop) { _ in Issue.record("told") }
        connector.start()
        connector.cancel()
        loop.turn(waitingAtMost: 0)
        var registered = 0
        loop.forEachHandler { _ in registered += 1 }
        #expect(registered == 0)
        withExtendedLifetime(descriptor) {}
    }

    /// A loopback port without a listener: it is held by a socket that is only bound.
    private static func refusingAddress() throws -> NetworkAddress {
        let held = HeldPort.shared
        return held.address
    }

    /// Kept for the life of the process, so that nobody else gets the port.
    private final class HeldPort: Sendable {
        static let shared = HeldPort()
        let address: NetworkAddress

        init() {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let wanted = NetworkAddress.v4([127, 0, 0, 1], port: 0)
            _ = unsafe wanted.withSystemAddress { unsafe gateway_bind(descriptor, $0, $1) }
            address = NetworkAddress.local(of: descriptor) ?? wanted
        }
    }

    /// A silent loopback address: a listener whose backlog is full, so that the system drops further connections.
    private final class SilentAddress {
        let address: NetworkAddress
        private let listener: Descriptor
        private let waiting: [Descriptor]

        init() throws {
            let number = try Listener.open(.v4([127, 0, 0, 1], port: 0), backlog: 0).take()
            listener = Descriptor(number)
            let address = try #require(NetworkAddress.local(of: number))
            self.address = address
            waiting = (0..<4).map { _ in
                let socket = Int32(gateway_socket(AF_INET))
                _ = unsafe address.withSystemAddress { unsafe gateway_connect(socket, $0, $1) }
                return Descriptor(socket)
            }
        }
    }
}
