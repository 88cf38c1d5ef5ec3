import CLinux
import TestSupport
import Testing

@testable import Transport

@Suite("How a connection ends")
struct ConnectionEndTests {
    /// A fixture over TCP, whose two sides can end one after the other.
    private static func overTCP() throws -> (TestKernel, EventLoop, RecordedConnection, Peer) {
        let kernel = TestKernel()
        let loop = try EventLoop(kernel: kernel)
        let (served, peer) = try Peer.connectedPair()
        let connection = RecordedConnection(loop: loop)
        try connection.open(served)
        return (kernel, loop, connection, peer)
    }

    /// Runs turns until nothing is reported any more.
    ///
    /// - Returns: false if something is reported again and again.
    private static func settles(_ loop: EventLoop, _ kernel: TestKernel) -> Bool {
        for _ in 0..<20 {
            let before = kernel.eventCount
            loop.turn(waitingAtMost: 0)
            if kernel.eventCount == before { return true }
        }
        return false
    }

    @Test("Bytes sent before a peer closed are delivered after a pause, and the pause is not a busy loop")
    func closedWhilePaused() throws {
        let fixture = try Fixture()
        fixture.connection.pauseReading()
        fixture.peer.send("all of it")
        fixture.peer.close()
        #expect(Self.settles(fixture.loop, fixture.kernel))
        #expect(fixture.connection.told.isEmpty)
        fixture.connection.resumeReading()
        for _ in 0..<4 { fixture.turn() }
        #expect(fixture.connection.told.prefix(2) == [.received("all of it"), .inputEnded])
        #expect(fixture.connection.told.last == .closed)
    }

    @Test("… also if this side had ended before the pause")
    func endedWhilePaused() throws {
        let (kernel, loop, connection, peer) = try Self.overTCP()
        defer { loop.end() }
        connection.finishSending()
        connection.pauseReading()
        #expect(peer.read() == nil)
        peer.send("all of it")
        peer.close()
        #expect(Self.settles(loop, kernel))
        #expect(connection.told.isEmpty)
        connection.resumeReading()
        while connection.told.count < 2 { loop.turn(waitingAtMost: 1000) }
        #expect(connection.told == [.received("all of it"), .inputEnded])
    }

    @Test("The end of both sides is neither a failure nor a busy loop; the connection's owner closes it")
    func bothEnded() throws {
        let (kernel, loop, connection, peer) = try Self.overTCP()
        defer { loop.end() }
        peer.finishSending()
        while connection.told.isEmpty { loop.turn(waitingAtMost: 1000) }
        connection.send("answer")
        connection.finishSending()
        #expect(Self.settles(loop, kernel))
        #expect(connection.told == [.inputEnded] && connection.isOpen)
        #expect(peer.readToEnd() == Array("answer".utf8))
        connection.close()
        loop.turn(waitingAtMost: 0)
        #expect(connection.told == [.inputEnded, .closed])
    }

    @Test("A reset is reported while reading is paused")
    func resetWhilePaused() throws {
        let (_, loop, connection, peer) = try Self.overTCP()
        defer { loop.end() }
        connection.pauseReading()
        peer.reset()
        while connection.told.isEmpty { loop.turn(waitingAtMost: 1000) }
        #expect(connection.told == [.failed(ECONNRESET), .closed])
    }

    @Test(
        "An answer that arrived before a send failed is delivered before the failure",
        arguments: [EPIPE, ECONNRESET]
    )
    func answerBeforeFailure(number: Int32) throws {
        let fixture = try Fixture()
        fixture.kernel.receives = [.atMost(3)]
        fixture.peer.send("answer")
        fixture.peer.finishSending()
        fixture.kernel.sends = [.fails(number)]
        fixture.connection.onTold = { connection, told in
            if told == .received("ans") { connection.setDeadline(in: 0) }
        }
        fixture.connection.send("more of the request")
        fixture.turn()
        #expect(fixture.connection.bytes == Array("answer".utf8))
        #expect(fixture.connection.told.suffix(3) == [.inputEnded, .failed(number), .closed])
    }

    @Test(
        "Bytes that arrived before a reset are kept while reading is paused, if they are worth waiting for",
        arguments: [true, false]
    )
    func resetWhilePaused(keeps: Bool) throws {
        for sendsMore in [false, true] {
            let fixture = try Fixture()
            fixture.connection.keeps = keeps
            fixture.connection.send("a request that nobody reads")
            fixture.connection.pauseReading()
            fixture.peer.send("an answer")
            // Unread bytes make it a reset.
            fixture.peer.close()
            if sendsMore { fixture.connection.send("the rest of the request") }
            for _ in 0..<3 { fixture.turn() }
            guard keeps else {
                #expect(fixture.connection.told.count == 2 && fixture.connection.told.last == .closed)
                continue
            }
            #expect(fixture.connection.told.isEmpty && fixture.connection.isOpen)
            let events = fixture.kernel.eventCount
            for _ in 0..<5 { fixture.turn() }
            #expect(fixture.kernel.eventCount <= events + 1)
            fixture.connection.resumeReading()
            for _ in 0..<3 { fixture.turn() }
            #expect(fixture.connection.told.first == .received("an answer"))
            #expect(fixture.connection.told.count == 3 && fixture.connection.told.last == .closed)
        }
    }

    @Test("A deadline that another handler moved or closed in the same turn is not reported", arguments: [true, false])
    func deadlineOfAnother(closes: Bool) throws {
        let kernel = TestKernel()
        kernel.clock = 1_000
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let connections = (0..<2).map { _ in RecordedConnection(loop: loop) }
        let newcomer = RecordedConnection(loop: loop)
        var peers: [Peer] = []
        for (index, connection) in connections.enumerated() {
            let (served, peer) = try Peer.pair()
            peers.append(peer)
            try connection.open(served)
            connection.setDeadline(in: 500)
            connection.onTold = { _, told in
                guard told == .deadlinePassed else { return }
                let other = connections[1 - index]
                guard closes else {
                    other.setDeadline(in: 5_000)
                    return
                }
                other.close()
                // The lowest free number is assigned again; it is the other's unless another test was faster.
                guard let (served, peer) = try? Peer.pair() else { return }
                try? newcomer.open(served)
                newcomer.setDeadline(in: 5_000)
                peers.append(peer)
            }
        }
        kernel.clock = 1_700
        loop.turn(waitingAtMost: 0)
        #expect(newcomer.told.isEmpty)
        #expect(connections.flatMap(\.told).filter { $0 == .deadlinePassed }.count == 1)
        for connection in connections { connection.onTold = { _, _ in } }
        withExtendedLifetime(peers) {}
    }

    @Test("A timer that immediately makes another does not delay events")
    func endlessTimer() throws {
        let fixture = try Fixture()
        fixture.kernel.clock = fixture.loop.now
        var rounds = 0
        func again() {
            rounds += 1
            // The bound ends the test if the promise is broken.
            if rounds < 1_000 { fixture.loop.schedule(in: 0) { again() } }
        }
        fixture.loop.schedule(in: 0) { again() }
        fixture.peer.send("x")
        fixture.turn()
        #expect(fixture.connection.told == [.received("x")] && rounds == 1)
        // The last timer makes no other, so that none keeps the loop in memory.
        rounds = 1_000
        fixture.turn()
    }

    @Test("Times too far away to be counted never come")
    func farTimes() throws {
        let fixture = try Fixture()
        fixture.connection.setDeadline(in: .max)
        fixture.loop.schedule(in: .max) { Issue.record("ran") }
        fixture.turn()
        #expect(fixture.connection.told.isEmpty)
    }

    @Test("An end that was reported before a hand-over is not reported again")
    func endBeforeHandOver() throws {
        let fixture = try TLSFixture()
        fixture.peer.end()
        fixture.run()
        #expect(fixture.connection.told == [.secured, .inputEnded])
        let other = RecordedConnection(loop: fixture.loop)
        fixture.connection.handOver(to: other)
        fixture.peer.socket.finishSending()
        fixture.run()
        #expect(other.told.isEmpty && other.isOpen)
        other.send("answer")
        fixture.run()
        #expect(fixture.peer.bytes == Array("answer".utf8))
    }
}
