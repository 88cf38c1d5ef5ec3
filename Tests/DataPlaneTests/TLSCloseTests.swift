import TestSupport
import Testing

@testable import DataPlane
@testable import Transport

@Suite("TLS: how connections end")
struct TLSCloseTests {
    let wire: TLSWire

    init() throws {
        wire = try TLSWire(server: TLSFixture().context(), client: TLSClient())
        try wire.run()
    }

    private static let truncated = "failed: TLS: ended without close_notify"

    @Test("close_notify is the end of the input, told once and after all plaintext")
    func closeNotify() throws {
        wire.client.write(octets("last"))
        wire.client.finishSending()
        try wire.server.receive(wire.client.sent())
        #expect(text(wire.server.octets) == "last")
        #expect(wire.server.events == ["inputEnded"])
        wire.server.receiveEnd()
        #expect(wire.server.events == ["inputEnded"])
        #expect(wire.client.hasEnded && wire.client.isOpen)
    }

    @Test("After the peer's close_notify we can still write")
    func halfClosed() throws {
        wire.client.finishSending()
        try wire.run()
        wire.server.write(octets("answer"))
        try wire.run()
        #expect(text(wire.client.octets) == "answer")
        wire.server.finishSending()
        try wire.run()
        #expect(wire.client.events == ["inputEnded"])
    }

    @Test("What comes after close_notify is ignored")
    func afterCloseNotify() throws {
        wire.client.finishSending()
        try wire.run()
        try wire.server.receive([0x17, 3, 3, 0, 1, 0])
        #expect(wire.server.octets.isEmpty)
        #expect(wire.server.events == ["inputEnded"])
        #expect(wire.server.isOpen)
    }

    @Test("Truncation: the end of TCP without close_notify is a failure, and the connection is closed")
    func truncated() throws {
        wire.client.write(octets("half a "))
        try wire.run()
        wire.server.receiveEnd()
        #expect(text(wire.server.octets) == "half a ")
        #expect(wire.server.events == [Self.truncated, "closed"])
        #expect(wire.server.hasEnded)
    }

    @Test("A whole close says close_notify first, and what was written before")
    func closeAll() throws {
        wire.server.write(octets("bye"))
        wire.server.close()
        try wire.run()
        #expect(text(wire.client.octets) == "bye")
        #expect(wire.client.events == ["inputEnded"])
        #expect(wire.server.events == ["closed"])
    }

    @Test("An abrupt close says no close_notify: the peer cannot take what it has for the whole")
    func abort() throws {
        wire.server.write(octets("half"))
        try wire.run()
        wire.server.closeAbruptly()
        #expect(wire.server.sent() == [])
        wire.client.receiveEnd()
        #expect(wire.client.events == [Self.truncated, "closed"])
    }

    @Test("After the output is ended nothing more is sent")
    func writeAfterClose() throws {
        wire.server.finishSending()
        wire.server.write(octets("late"))
        try wire.run()
        #expect(wire.client.octets.isEmpty)
    }

    @Test("The end of TCP during the handshake ends the connection")
    func endInHandshake() throws {
        let wire = try TLSWire(server: TLSFixture().context(), client: TLSClient())
        try wire.server.open()
        wire.server.receiveEnd()
        #expect(wire.server.fault == .truncated)
        #expect(wire.server.events == ["closed"])
    }

    @Test("While an alert is on its way, the end of TCP closes the connection")
    func failing() throws {
        try wire.server.receive(octets("no record at all"))
        #expect(!wire.server.sent().isEmpty)
        #expect(wire.server.hasEnded && wire.server.isOpen)
        wire.server.receiveEnd()
        #expect(!wire.server.isOpen)
    }

    @Test("An alert is not lost because whoever hears of the failure closes")
    func closedOnError() throws {
        wire.server.closesOnFailure = true
        try wire.server.receive(octets("no record at all"))
        #expect(wire.server.events.count == 1)
        #expect(!wire.server.sent().isEmpty)
        #expect(wire.server.isOpen)
        wire.server.finishSending()
        wire.server.closeAbruptly()
        #expect(wire.server.isOpen)
        wire.advance(1_000)
        #expect(!wire.server.isOpen && wire.server.events.last == "closed")
    }

    @Test("While an alert is on its way, what still comes is dropped, up to a megabyte")
    func droppedBehindAlert() throws {
        try wire.server.receive(octets("no record at all"))
        let piece = [UInt8](repeating: 0x17, count: 64 << 10)
        for _ in 0..<16 { try wire.server.receive(piece) }
        #expect(wire.server.isOpen)
        try wire.server.receive([0])
        #expect(!wire.server.isOpen)
        #expect(wire.server.octets.isEmpty)
    }

    @Test("A server that gets an alert closes at once on the client's side")
    func clientFails() throws {
        try wire.client.receive(octets("no record at all"))
        #expect(!wire.client.isOpen)
        #expect(wire.client.events.count == 2 && wire.client.events.last == "closed")
    }
}
