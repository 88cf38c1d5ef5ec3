import CLinux
import Synchronization
import TestSupport
import Testing

@testable import Transport

@Suite("An event loop")
struct EventLoopTests {
    /// Records its callbacks, and closes others when the test demands.
    private final class Noting: EventHandler {
        var told = 0
        var onReady: () -> Void = {}
        override func ready(_ readiness: Readiness) {
            told += 1
            onReady()
        }
    }

    @Test(
        "A task that waits for an answer of a loop that ends before it gives one gets none, rather than waiting forever"
    )
    func unansweredTask() async throws {
        let loop = try EventLoop()
        let answer = await Reply<Int>.wait { reply in
            loop.mailbox.post { _ in reply.give(1) }
            loop.end()
        }
        #expect(answer == nil)
    }

    @Test("An event that was fetched before its descriptor was closed is dropped")
    func closedInTheSameTurn() throws {
        let loop = try EventLoop()
        defer { loop.end() }
        let ends = try (0..<2).map { _ in try Peer.pair() }
        let handlers = [Noting(), Noting()]
        for (index, end) in ends.enumerated() {
            try loop.register(end.served, handlers[index], for: .readable)
            // The first one called closes the other.
            handlers[index].onReady = { [unowned loop] in loop.close(ends[1 - index].served) }
            end.peer.send("x")
        }
        loop.turn(waitingAtMost: 1000)
        #expect(handlers[0].told + handlers[1].told == 1)
        loop.turn(waitingAtMost: 0)
        #expect(handlers[0].told + handlers[1].told == 2)
    }

    @Test("… and not delivered to the next user of the same number")
    func reusedInTheSameTurn() throws {
        let loop = try EventLoop()
        defer { loop.end() }
        let ends = try (0..<2).map { _ in try Peer.pair() }
        let handlers = [Noting(), Noting()]
        let newcomer = Noting()
        var fresh: Peer?
        for (index, end) in ends.enumerated() {
            try loop.register(end.served, handlers[index], for: .readable)
            handlers[index].onReady = { [unowned loop] in
                guard fresh == nil else { return }
                let number = ends[1 - index].served
                loop.deregister(number)
                // Puts another socket in its place, which closes the first, so that nobody else can get the number in
                // between.
                let pair = try! Peer.pair()
                #expect(dup2(pair.served, number) == number)
                CLinux.close(pair.served)
                try! loop.register(number, newcomer, for: .readable)
                fresh = pair.peer
            }
            end.peer.send("x")
        }
        loop.turn(waitingAtMost: 1000)
        #expect(newcomer.told == 0)
        fresh?.send("y")
        loop.turn(waitingAtMost: 1000)
        #expect(newcomer.told == 1)
    }

    @Test("A handler that is told first hears of its event before those that came earlier")
    func toldFirst() throws {
        let loop = try EventLoop()
        defer { loop.end() }
        let ends = try (0..<3).map { _ in try Peer.pair() }
        var order: [Int] = []
        for (index, end) in ends.enumerated() {
            let handler = Noting()
            handler.isToldFirst = index == 2
            handler.onReady = { [unowned loop] in
                order.append(index)
                loop.close(end.served)
            }
            try loop.register(end.served, handler, for: .readable)
        }
        for end in ends { end.peer.send("x") }
        loop.turn(waitingAtMost: 1000)
        #expect(order.count == 3 && order.first == 2)
    }

    @Test("A handler that wants nothing is told nothing; events of that time are reported once it does")
    func wants() throws {
        let loop = try EventLoop()
        defer { loop.end() }
        let (served, peer) = try Peer.pair()
        let handler = Noting()
        try loop.register(served, handler, for: [])
        peer.send("x")
        loop.turn(waitingAtMost: 0)
        #expect(handler.told == 0)
        loop.want(.readable, of: served)
        loop.turn(waitingAtMost: 1000)
        #expect(handler.told == 1)
        loop.close(served)
    }

    @Test("A descriptor given up without closing may be registered again")
    func registersAgain() throws {
        let loop = try EventLoop()
        defer { loop.end() }
        let (served, peer) = try Peer.pair()
        let (first, second) = (Noting(), Noting())
        try loop.register(served, first, for: .readable)
        loop.deregister(served)
        try loop.register(served, second, for: .readable)
        peer.send("x")
        loop.turn(waitingAtMost: 1000)
        #expect((first.told, second.told) == (0, 1))
        loop.close(served)
    }

    @Test("Deadlines are reported once passed, later ones replace earlier ones, and closing removes them")
    func deadlines() throws {
        let kernel = TestKernel()
        kernel.clock = 1_000
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let connections = (0..<3).map { _ in RecordedConnection(loop: loop) }
        var peers: [Peer] = []
        for connection in connections {
            let (served, peer) = try Peer.pair()
            peers.append(peer)
            try connection.open(served)
            connection.setDeadline(in: 500)
        }
        connections[1].setDeadline(in: 900)
        connections[2].close()
        kernel.clock = 1_400
        loop.turn(waitingAtMost: 0)
        #expect(connections.map(\.told) == [[], [], [.closed]])
        kernel.clock = 1_600
        loop.turn(waitingAtMost: 0)
        #expect(connections.map(\.told) == [[.deadlinePassed], [], [.closed]])
        kernel.clock = 2_000
        loop.turn(waitingAtMost: 0)
        loop.turn(waitingAtMost: 0)
        #expect(connections.map(\.told) == [[.deadlinePassed], [.deadlinePassed], [.closed]])
    }

    @Test("Timers run in the order of their times, and simultaneous ones in the order of creation")
    func timers() throws {
        let kernel = TestKernel()
        kernel.clock = 0
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        var ran: [Int] = []
        for (number, time) in [(1, 30), (2, 10), (3, 20), (4, 10)] as [(Int, Int64)] {
            loop.schedule(in: time) { ran.append(number) }
        }
        let cancelled = loop.schedule(in: 15) { ran.append(5) }
        loop.cancel(cancelled)
        kernel.clock = 20
        loop.turn(waitingAtMost: 0)
        #expect(ran == [2, 4, 3])
        kernel.clock = 30
        loop.turn(waitingAtMost: 0)
        loop.turn(waitingAtMost: 0)
        #expect(ran == [2, 4, 3, 1])
    }

    @Test("A turn waits no longer than until the next timer or deadline", .timeLimit(.minutes(5)))
    func waitsForTimers() throws {
        let loop = try EventLoop()
        defer { loop.end() }
        var ran = false
        loop.schedule(in: 30) { ran = true }
        while !ran { loop.turn() }
        let connection = RecordedConnection(loop: loop)
        let (served, _) = try Peer.pair()
        try connection.open(served)
        connection.pauseReading()
        connection.setDeadline(in: 30)
        while connection.told.isEmpty { loop.turn() }
    }

    @Test("Work that defers itself again and again does not delay events")
    func endlessWork() throws {
        final class Endless: EventHandler {
            unowned let loop: EventLoop
            init(_ loop: EventLoop) { self.loop = loop }
            override func turnEnded() { loop.atEndOfTurn(self) }
        }
        let fixture = try Fixture()
        let endless = Endless(fixture.loop)
        fixture.loop.atEndOfTurn(endless)
        fixture.turn()
        fixture.peer.send("x")
        fixture.loop.turn()
        #expect(fixture.connection.told == [.received("x")])
    }

    @Test("Messages from other threads run on the loop, each thread's in order", .timeLimit(.minutes(5)))
    func messages() throws {
        let got = Mutex<[[Int]]>([[], [], [], []])
        let thread = try EventLoopThread(name: "test loop") { _ in }
        let mailbox = thread.mailbox
        let senders = try (0..<4).map { sender in
            try EventLoopThread(name: "sender \(sender)") { loop in
                for number in 0..<1000 {
                    mailbox.post { loop in
                        #expect(loop.mailbox.isOnLoop)
                        got.withLock { $0[sender].append(number) }
                    }
                }
                loop.stop()
            }
        }
        for sender in senders { sender.join() }
        thread.stop()
        thread.join()
        #expect(got.withLock { $0 } == Array(repeating: Array(0..<1000), count: 4))
        #expect(!mailbox.post { _ in })
    }

    @Test(
        "A caller that waits for a message gets its result, or `nil` from a loop that has ended",
        .timeLimit(.minutes(5))
    )
    func waitsForMessages() async throws {
        let thread = try EventLoopThread(name: "waited for") { _ in }
        #expect(await thread.mailbox.run { $0.mailbox.isOnLoop } == true)
        thread.stop()
        thread.join()
        #expect(await thread.mailbox.run { _ in true } == nil)
    }

    @Test("A loop that ends closes what it still serves", .timeLimit(.minutes(5)))
    func closesAtItsEnd() throws {
        let (served, peer) = try Peer.pair()
        let thread = try EventLoopThread(name: "ends") { loop in
            do { try RecordedConnection(loop: loop).open(served) } catch { Issue.record(error) }
        }
        thread.stop()
        thread.join()
        #expect(peer.read() == nil)
    }
}
