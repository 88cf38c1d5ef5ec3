import CLinux
import TestSupport
import Testing

@testable import Transport

@Suite("A connection on an event loop")
struct ConnectionTests {
    @Test("Bytes are delivered in order as they arrive, and there is no callback without them")
    func receives() throws {
        let fixture = try Fixture()
        fixture.turn()
        #expect(fixture.connection.told.isEmpty)
        fixture.peer.send("one")
        fixture.turn()
        fixture.peer.send("two")
        fixture.turn()
        #expect(fixture.connection.told == [.received("one"), .received("two")])
    }

    @Test("Bytes that do not fit into one read are delivered in the next turn")
    func readsOncePerTurn() throws {
        let fixture = try Fixture()
        fixture.kernel.receives = [.atMost(3)]
        fixture.peer.send("abcdef")
        fixture.turn()
        #expect(fixture.connection.told == [.received("abc")])
        fixture.turn()
        #expect(fixture.connection.bytes == Array("abcdef".utf8))
    }

    @Test("A read that finds nothing, or is interrupted, reports nothing and is repeated", arguments: [EAGAIN, EINTR])
    func spuriousReadiness(number: Int32) throws {
        let fixture = try Fixture()
        fixture.kernel.receives = [.fails(number)]
        fixture.peer.send("x")
        fixture.turn()
        #expect(fixture.connection.told.isEmpty)
        fixture.turn()
        #expect(fixture.connection.told == [.received("x")])
    }

    @Test("The end of the input is reported once, after all bytes, and the connection can still send")
    func halfClose() throws {
        let fixture = try Fixture()
        fixture.peer.send("last")
        fixture.peer.finishSending()
        for _ in 0..<4 { fixture.turn() }
        #expect(fixture.connection.told == [.received("last"), .inputEnded])
        fixture.connection.send("answer")
        #expect(fixture.peer.read() == Array("answer".utf8))
        fixture.connection.close()
        fixture.turn()
        #expect(fixture.connection.told.last == .closed)
        #expect(fixture.peer.hasEnded)
    }

    @Test("The end of the output is sent after everything that waits")
    func finishesSendingBehindTheRest() throws {
        let fixture = try Fixture()
        fixture.kernel.sends = [.atMost(2), .fails(EAGAIN)]
        fixture.connection.send("abcdef")
        fixture.connection.finishSending()
        fixture.connection.send("too late")
        while fixture.connection.unsentBytes > 0 { fixture.turn() }
        #expect(fixture.peer.readAvailable() == Array("abcdef".utf8))
        #expect(fixture.peer.hasEnded)
    }

    @Test("Short writes, full buffers and interruptions lose, repeat and reorder nothing", arguments: 0..<40)
    func shortWrites(seed: UInt64) throws {
        let fixture = try Fixture()
        var random = SplitMix64(seed: seed)
        var sent: [UInt8] = []
        var read: [UInt8] = []
        for round in 0..<60 {
            fixture.kernel.sends = (0..<3).map { _ in
                switch random.next() % 4 {
                case 0: .fails(EAGAIN)
                case 1: .fails(EINTR)
                default: .atMost(Int(random.next() % 5000) + 1)
                }
            }
            let piece = (0..<Int(random.next() % 4000)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            if round % 3 == 0 {
                let cut = piece.isEmpty ? 0 : Int(random.next() % UInt64(piece.count))
                fixture.connection.send(Array(piece[..<cut]), Array(piece[cut...]))
            } else {
                fixture.connection.send(piece.span, more: round % 2 == 0)
            }
            sent += piece
            fixture.turn()
            if random.next() % 2 == 0 { read += fixture.peer.readAvailable() }
        }
        fixture.kernel.sends = []
        while fixture.connection.unsentBytes > 0 {
            read += fixture.peer.readAvailable()
            fixture.turn()
        }
        read += fixture.peer.readAvailable()
        #expect(read == sent)
    }

    @Test("Past the high-water mark a connection is not writable, and reports when little waits")
    func waterMarks() throws {
        let fixture = try Fixture()
        let block = [UInt8](repeating: 7, count: 16 << 10)
        fixture.kernel.sends = [.fails(EAGAIN)]
        for _ in 0..<4 { fixture.connection.send(block.span) }
        #expect(fixture.connection.isWritable && fixture.connection.unsentBytes == Socket.highWater)
        fixture.connection.send("x")
        #expect(!fixture.connection.isWritable)
        fixture.kernel.sends = [.atMost(Socket.highWater - Socket.lowWater)]
        fixture.turn()
        #expect(!fixture.connection.isWritable && fixture.connection.told.isEmpty)
        fixture.kernel.sends = [.atMost(1)]
        fixture.turn()
        #expect(fixture.connection.isWritable && fixture.connection.told == [.becameWritable])
    }

    @Test("While reading is paused nothing is delivered, and arriving bytes wait")
    func pausing() throws {
        let fixture = try Fixture()
        fixture.connection.pauseReading()
        fixture.peer.send("wait")
        for _ in 0..<3 { fixture.turn() }
        #expect(fixture.connection.told.isEmpty && fixture.connection.isReadPaused)
        fixture.connection.resumeReading()
        fixture.turn()
        #expect(fixture.connection.told == [.received("wait")])
    }

    @Test("A failing send is reported at the end of the turn and not during the call", arguments: [EPIPE, ECONNRESET])
    func sendFails(number: Int32) throws {
        let fixture = try Fixture()
        fixture.kernel.sends = [.fails(number)]
        fixture.connection.send("x")
        #expect(fixture.connection.told.isEmpty && !fixture.connection.isWritable)
        fixture.connection.send("y")
        #expect(fixture.kernel.sendCount == 1)
        fixture.turn()
        #expect(fixture.connection.told == [.failed(number), .closed])
    }

    @Test("Waiting bytes also fail when the kernel takes no more of them")
    func drainFails() throws {
        let fixture = try Fixture()
        fixture.kernel.sends = [.fails(EAGAIN), .fails(ECONNRESET)]
        fixture.connection.send("x")
        fixture.turn()
        #expect(fixture.connection.told == [.failed(ECONNRESET), .closed])
        #expect(fixture.connection.unsentBytes == 0)
    }

    @Test("A reset by the peer is a failure, and not an end")
    func peerResets() throws {
        let fixture = try Fixture()
        fixture.kernel.receives = [.fails(ECONNRESET)]
        fixture.peer.send("x")
        fixture.turn()
        #expect(fixture.connection.told == [.failed(ECONNRESET), .closed])
    }

    @Test("A connection may be closed from every callback; only `closed` follows")
    func closesInsideEveryCallback() throws {
        let causes: [(String, (Fixture) -> Void, RecordedConnection.Told)] = [
            ("received", { $0.peer.send("x") }, .received("x")),
            ("inputEnded", { $0.peer.finishSending() }, .inputEnded),
            (
                "becameWritable",
                {
                    $0.kernel.sends = [.fails(EAGAIN)]
                    $0.connection.send([UInt8](repeating: 1, count: 70 << 10).span)
                }, .becameWritable
            ),
            (
                "failed",
                {
                    $0.kernel.sends = [.fails(EPIPE)]; $0.connection.send("x")
                }, .failed(EPIPE)
            ),
            ("deadlinePassed", { $0.connection.setDeadline(in: 0) }, .deadlinePassed),
        ]
        for (name, cause, event) in causes {
            for resets in [false, true] {
                let fixture = try Fixture()
                fixture.kernel.clock = fixture.loop.now
                fixture.connection.onTold = { connection, told in
                    if told == event { if resets { connection.reset() } else { connection.close() } }
                }
                cause(fixture)
                if name != "received" { fixture.peer.send("unread") }
                for _ in 0..<8 where fixture.connection.told.last != .closed {
                    fixture.kernel.clock! += 200
                    fixture.turn()
                    _ = fixture.peer.readAvailable()
                }
                #expect(fixture.connection.told.suffix(2) == [event, .closed], "\(name)")
                #expect(fixture.connection.told.filter { $0 == .closed }.count == 1, "\(name)")
            }
        }
    }

    @Test("After a hand-over, the new owner gets callbacks and sends what waits; the former gets none")
    func handsOver() throws {
        let fixture = try Fixture()
        fixture.kernel.sends = [.fails(EAGAIN)]
        fixture.connection.send("waits")
        let other = RecordedConnection(loop: fixture.loop)
        fixture.connection.handOver(to: other)
        fixture.peer.send("more")
        fixture.turn()
        #expect(fixture.connection.told.isEmpty && !fixture.connection.isOpen)
        #expect(other.told == [.received("more")])
        #expect(fixture.peer.readAvailable() == Array("waits".utf8))
        other.close()
        fixture.turn()
        #expect(other.told.last == .closed && fixture.connection.told.isEmpty)
    }

    @Test("A handler without other references lives until the end of the turn in which it was closed")
    func livesUntilTheEndOfTheTurn() throws {
        let kernel = TestKernel()
        let loop = try EventLoop(kernel: kernel)
        defer { loop.end() }
        let (served, peer) = try Peer.pair()
        weak var connection: RecordedConnection?
        var wasAlive = false
        do {
            let made = RecordedConnection(loop: loop)
            try made.open(served)
            made.onTold = { told, _ in told.close() }
            connection = made
        }
        loop.schedule(in: 0) { wasAlive = connection != nil }
        peer.send("x")
        loop.turn(waitingAtMost: 1000)
        #expect(wasAlive)
        #expect(connection == nil)
    }
}
