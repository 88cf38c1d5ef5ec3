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

    @Test("close_notify ends the input, reported once and after all plaintext")
    func closeNotify() throws {
        wire.client.write(bytes("last"))
        wire.client.finishSending()
        try wire.server.receive(wire.client.sent())
        #expect(text(wire.server.input) == "last")
        #expect(wire.server.events == ["inputEnded"])
        wire.server.receiveEnd()
        #expect(wire.server.events == ["inputEnded"])
        #expect(wire.client.hasEnded && wire.client.isOpen)
    }

    @Test("After the peer's close_notify the gateway can still write")
    func halfClosed() throws {
        wire.client.finishSending()
        try wire.run()
        wire.server.write(bytes("answer"))
        try wire.run()
        #expect(text(wire.client.input) == "answer")
        wire.server.finishSending()
        try wire.run()
        #expect(wire.client.events == ["inputEnded"])
    }

    @Test("Bytes after close_notify are ignored")
    func afterCloseNotify() throws {
        wire.client.finishSending()
        try wire.run()
        try wire.server.receive([0x17, 3, 3, 0, 1, 0])
        #expect(wire.server.input.isEmpty)
        #expect(wire.server.events == ["inputEnded"])
        #expect(wire.server.isOpen)
    }

    @Test("Truncation: the end of TCP without close_notify is a failure, and the connection is closed")
    func truncated() throws {
        wire.client.write(bytes("half a "))
        try wire.run()
        wire.server.receiveEnd()
        #expect(text(wire.server.input) == "half a ")
        #expect(wire.server.events == [Self.truncated, "closed"])
        #expect(wire.server.hasEnded)
    }

    @Test("A complete close sends everything written before, then close_notify")
    func closeAll() throws {
        wire.server.write(bytes("bye"))
        wire.server.close()
        try wire.run()
        #expect(text(wire.client.input) == "bye")
        #expect(wire.client.events == ["inputEnded"])
        #expect(wire.server.events == ["closed"])
    }

    @Test("An abrupt close sends no close_notify, so the peer cannot take its data for complete")
    func abort() throws {
        wire.server.write(bytes("half"))
        try wire.run()
        wire.server.closeAbruptly()
        #expect(wire.server.sent() == [])
        wire.client.receiveEnd()
        #expect(wire.client.events == [Self.truncated, "closed"])
    }

    @Test("After the output has ended nothing more is sent")
    func writeAfterClose() throws {
        wire.server.finishSending()
        wire.server.write(bytes("late"))
        try wire.run()
        #expect(wire.client.input.isEmpty)
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
        try wire.server.receive(bytes("no record at all"))
        #expect(!wire.server.sent().isEmpty)
        #expect(wire.server.hasEnded && wire.server.isOpen)
        wire.server.receiveEnd()
        #expect(!wire.server.isOpen)
    }

    @Test("An alert is not lost if the handler of the failure closes the connection")
    func closedOnError() throws {
        wire.server.closesOnFailure = true
        try wire.server.receive(bytes("no record at all"))
        #expect(wire.server.events.count == 1)
        #expect(!wire.server.sent().isEmpty)
        #expect(wire.server.isOpen)
        wire.server.finishSending()
        wire.server.closeAbruptly()
        #expect(wire.server.isOpen)
        wire.advance(1_000)
        #expect(!wire.server.isOpen && wire.server.events.last == "closed")
    }

    @Test("While an alert is on its way, further bytes are dropped, up to a megabyte")
    func droppedBehindAlert() throws {
        try wire.server.receive(bytes("no record at all"))
        let piece = [UInt8](repeating: 0x17, count: 64 << 10)
        for _ in 0..<16 { try wire.server.receive(piece) }
        #expect(wire.server.isOpen)
        try wire.server.receive([0])
        #expect(!wire.server.isOpen)
        #expect(wire.server.input.isEmpty)
    }

    @Test("On the client's side, an alert from the server closes at once")
    func clientFails() throws {
        try wire.client.receive(bytes("no record at all"))
        #expect(!wire.client.isOpen)
        #expect(wire.client.events.count == 2 && wire.client.events.last == "closed")
    }
}
