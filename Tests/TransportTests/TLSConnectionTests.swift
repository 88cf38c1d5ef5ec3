import CLinux
import COpenSSL
import JOSE
import TestSupport
import Testing

@testable import Transport

@Suite("A connection over TLS")
struct TLSConnectionTests {
    @Test("Bytes go both ways, whatever their number", arguments: [1, 16 << 10, (16 << 10) + 1, 200_000])
    func bothWays(count: Int) throws {
        let fixture = try TLSFixture()
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        fixture.peer.send(bytes)
        fixture.connection.send(bytes.span)
        fixture.connection.send(Array(bytes.prefix(7)), Array(bytes.dropFirst(7)))
        fixture.run(turns: 40)
        #expect(fixture.connection.bytes == bytes)
        #expect(fixture.peer.bytes == bytes + bytes)
    }

    @Test("TLS begins on a connection in plaintext, with what has already arrived", arguments: [0, 1, 100, 10_000])
    func startsLater(count: Int) throws {
        let fixture = try TLSFixture()
        let (served, socket) = try Peer.pair()
        let connection = RecordedConnection(loop: fixture.loop)
        let stream = try fixture.contexts.serverStream()
        try connection.open(served)
        connection.onTold = { connection, told in
            guard case .received(let bytes) = told, connection.tls == nil else { return }
            connection.startTLS(stream, with: bytes.span.extracting(2...))
        }
        // In one piece with the start of the handshake, or before it.
        socket.send("go")
        if count == 0 { fixture.loop.turn(waitingAtMost: 0) }
        let peer = TLSFarEnd(socket, try fixture.contexts.clientStream())
        for _ in 0..<4 {
            fixture.loop.turn(waitingAtMost: 0)
            peer.run()
        }
        #expect(peer.isOpen && connection.told.dropFirst() == [.secured])
        peer.send([UInt8](repeating: 7, count: max(count, 1)))
        connection.send("answer")
        for _ in 0..<4 {
            fixture.loop.turn(waitingAtMost: 0)
            peer.run()
        }
        #expect(connection.told.last == .received([UInt8](repeating: 7, count: max(count, 1))))
        #expect(peer.bytes == Array("answer".utf8))
    }

    @Test("close_notify ends the input, and the other side continues")
    func halfClose() throws {
        let fixture = try TLSFixture()
        fixture.peer.send("last")
        fixture.peer.end()
        fixture.run()
        #expect(fixture.connection.told == [.secured, .received("last"), .inputEnded])
        fixture.connection.send("answer")
        fixture.connection.finishSending()
        fixture.run()
        #expect(fixture.peer.bytes == Array("answer".utf8) && fixture.peer.isEnded && fixture.peer.socket.hasEnded)
    }

    @Test("An end without close_notify is a truncation")
    func truncation() throws {
        let fixture = try TLSFixture()
        fixture.peer.send("half")
        fixture.peer.socket.finishSending()
        fixture.run()
        #expect(fixture.connection.told == [.secured, .received("half"), .failedTLS(.truncated), .closed])
    }

    @Test("A close sends close_notify, an abrupt one does not", arguments: [true, false])
    func closes(abruptly: Bool) throws {
        let fixture = try TLSFixture()
        fixture.connection.send("all")
        if abruptly { fixture.connection.closeAbruptly() } else { fixture.connection.close() }
        fixture.run()
        #expect(fixture.peer.bytes == Array("all".utf8) && fixture.peer.isEnded == !abruptly)
        #expect(fixture.connection.told == [.secured, .closed])
    }

    @Test("A client with a wrong handshake gets an alert, even if the failure closes the connection")
    func alertIsNotLost() throws {
        let fixture = try TLSFixture()
        let connection = RecordedConnection(loop: fixture.loop)
        let (served, peer) = try Peer.pair()
        try connection.open(served, tls: fixture.contexts.serverStream())
        connection.onTold = { connection, told in
            guard case .failedTLS = told else { return }
            connection.close()
            connection.closeAbruptly()
        }
        peer.send([22, 3, 1, 0, 4, 255, 0, 0, 0])
        peer.finishSending()
        fixture.run()
        guard case .failedTLS = connection.told.first else {
            Issue.record("\(connection.told)")
            return
        }
        #expect(connection.told.dropFirst() == [.closed])
        // The type of a record with an alert.
        #expect(peer.readAvailable().first == 21)
    }

    @Test("A failed connection is told only about its end, while its alert is on its way")
    func failsOnce() throws {
        let fixture = try TLSFixture()
        let block = [UInt8](repeating: 7, count: 16 << 10)
        fixture.kernel.sends = [.fails(EAGAIN)]
        for _ in 0..<5 { fixture.connection.send(block.span) }
        #expect(!fixture.connection.isWritable)
        fixture.connection.onTold = { connection, _ in connection.setDeadline(in: 100) }
        fixture.connection.setDeadline(in: 100)
        fixture.kernel.sends = Array(repeating: .fails(EAGAIN), count: 2)
        fixture.peer.put([0x17, 3, 3, 0, 20] + [UInt8](repeating: 0, count: 20))
        fixture.loop.turn(waitingAtMost: 0)
        fixture.kernel.sends = []
        #expect(fixture.connection.told.count == 2)
        fixture.kernel.clock! += 500
        fixture.run()
        #expect(fixture.connection.told.count == 2 && fixture.connection.unsentBytes == 0)
        fixture.kernel.clock! += 600
        fixture.run()
        #expect(fixture.connection.told.count == 3 && fixture.connection.told.last == .closed)
    }

    @Test("A connection handed over while its alert is on its way is closed in time")
    func handsOverAfterFailure() throws {
        let fixture = try TLSFixture()
        fixture.peer.put([23, 3, 3, 0, 20] + [UInt8](repeating: 0, count: 20))
        fixture.loop.turn(waitingAtMost: 0)
        let other = RecordedConnection(loop: fixture.loop)
        fixture.connection.handOver(to: other)
        other.close()
        fixture.kernel.clock! += 1_100
        fixture.run()
        #expect(other.told == [.closed])
    }

    @Test("The remains of a failed encryption go to no other connection")
    func leavesNoRecords() throws {
        let fixture = try TLSFixture()
        let broken = RecordedConnection(loop: fixture.loop)
        let (served, peer) = try Peer.pair()
        let stream = try fixture.contexts.clientStream()
        try broken.open(served, tls: stream)
        _ = peer.readAvailable()
        // As if the handshake were over: OpenSSL writes a handshake message, and refuses the bytes to send.
        unsafe _ = SSL_clear(stream.ssl.pointer)
        unsafe SSL_set_connect_state(stream.ssl.pointer)
        stream.phase = .open
        broken.send("x")
        #expect(!peer.readAvailable().isEmpty)
        fixture.connection.send("whole")
        fixture.run()
        #expect(fixture.peer.bytes == Array("whole".utf8) && fixture.peer.fault == nil)
        #expect(broken.told.last == .closed)
    }

    @Test("A closed connection accepts nothing more")
    func sendsAfterReset() throws {
        let fixture = try TLSFixture()
        fixture.connection.reset()
        // OpenSSL accepts nothing either.
        unsafe SSL_set_shutdown(try #require(fixture.connection.tls).ssl.pointer, SSL_SENT_SHUTDOWN)
        fixture.connection.send("x")
        fixture.connection.finishSending()
        fixture.run()
        #expect(fixture.connection.told == [.secured, .closed])
    }

    @Test("Bytes that arrive with the end of the handshake go to the connection that took over")
    func handsOverInTheHandshake() throws {
        let fixture = try TLSFixture(isOpen: false)
        let other = RecordedConnection(loop: fixture.loop)
        fixture.connection.onTold = { connection, _ in
            connection.handOver(to: other)
            other.send("hello")
        }
        fixture.loop.turn(waitingAtMost: 0)
        // The client's Finished and its first bytes are read at once.
        fixture.peer.run()
        fixture.peer.send("early")
        fixture.run()
        #expect(fixture.connection.told == [.secured])
        #expect(other.told == [.received("early")])
        #expect(fixture.peer.bytes == Array("hello".utf8))
        fixture.peer.end()
        fixture.run()
        other.close()
        fixture.run()
        #expect(other.told == [.received("early"), .inputEnded, .closed])
        #expect(fixture.peer.isEnded && fixture.connection.told == [.secured])
    }

    @Test("… and in the middle of arriving bytes, with what waits to be sent")
    func handsOverInTheMiddle() throws {
        let fixture = try TLSFixture()
        let other = RecordedConnection(loop: fixture.loop)
        fixture.connection.onTold = { connection, told in
            guard case .received = told else { return }
            connection.handOver(to: other)
            connection.send("from nobody")
        }
        fixture.kernel.sends = [.fails(EAGAIN)]
        fixture.connection.send("waits")
        let bytes = (0..<150_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        fixture.peer.send(bytes)
        fixture.run(turns: 40)
        #expect(fixture.connection.bytes + other.bytes == bytes && !other.bytes.isEmpty)
        #expect(fixture.peer.bytes == Array("waits".utf8))
        #expect(!fixture.connection.isOpen && other.isOpen)
    }

    @Test("A connection that closes when the handshake is over is told nothing about what came with it")
    func closesWhenSecured() throws {
        let fixture = try TLSFixture(isOpen: false)
        fixture.connection.onTold = { connection, _ in connection.close() }
        fixture.loop.turn(waitingAtMost: 0)
        fixture.peer.run()
        fixture.peer.send("early")
        fixture.run()
        #expect(fixture.connection.told == [.secured, .closed])
        #expect(fixture.peer.isEnded)
    }

    @Test("Two connections of one loop do not mix, even if one sends from within the other")
    func sharesScratch() throws {
        let fixture = try TLSFixture()
        let second = RecordedConnection(loop: fixture.loop)
        let secondPeer = try second.openTLS(fixture.contexts)
        for _ in 0..<4 {
            fixture.run(turns: 1)
            secondPeer.run()
        }
        fixture.connection.onTold = { _, told in
            if case .received(let bytes) = told { second.send(bytes, bytes) }
        }
        second.onTold = { [connection = fixture.connection] _, told in
            if case .received(let bytes) = told { connection.send(bytes.span) }
        }
        let (a, b) = ([UInt8](repeating: 1, count: 100_000), [UInt8](repeating: 2, count: 30_000))
        fixture.peer.send(a)
        secondPeer.send(b)
        for _ in 0..<40 {
            fixture.run(turns: 1)
            secondPeer.run()
        }
        #expect(fixture.peer.bytes == b)
        #expect(secondPeer.bytes == a + a)
        fixture.connection.onTold = { _, _ in }
        second.onTold = { _, _ in }
    }
}
