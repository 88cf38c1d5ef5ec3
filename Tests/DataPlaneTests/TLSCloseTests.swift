import NIOCore
import NIOEmbedded
import Testing

@testable import DataPlane

@Suite("TLS: how connections end")
struct TLSCloseTests {
    let wire: TLSWire

    init() throws {
        wire = try TLSWire(server: TLSFixture().context(), client: TLSClient())
        try wire.run()
    }

    private func closes(_ end: TLSEnd) -> [String] { end.socket.closes.map { "\($0)" } }

    @Test("close_notify is the end of the input, told once and after all plaintext")
    func closeNotify() throws {
        wire.client.write(octets("last"))
        wire.client.channel.close(mode: .output, promise: nil)
        var all = ByteBuffer()
        while var buffer = try wire.client.sent() { all.writeBuffer(&buffer) }
        try wire.server.receive(all)
        #expect(text(wire.server.recorder.octets) == "last")
        #expect(wire.server.recorder.events == ["inputClosed"])
        wire.server.receiveEnd()
        #expect(wire.server.recorder.events == ["inputClosed"])
        #expect(closes(wire.client) == ["output"])
    }

    @Test("After the peer's close_notify we can still write")
    func halfClosed() throws {
        wire.client.channel.close(mode: .output, promise: nil)
        try wire.run()
        wire.server.write(octets("answer"))
        try wire.run()
        #expect(text(wire.client.recorder.octets) == "answer")
        wire.server.channel.close(mode: .output, promise: nil)
        try wire.run()
        #expect(wire.client.recorder.events == ["inputClosed"])
    }

    @Test("What comes after close_notify is ignored")
    func afterCloseNotify() throws {
        wire.client.channel.close(mode: .output, promise: nil)
        try wire.run()
        try wire.server.receive(ByteBuffer(bytes: [0x17, 3, 3, 0, 1, 0]))
        #expect(wire.server.recorder.octets.isEmpty)
        #expect(wire.server.recorder.events == ["inputClosed"])
        #expect(wire.server.channel.isActive)
    }

    @Test("Truncation: the end of TCP without close_notify is an error, and the connection is closed")
    func truncated() throws {
        wire.client.write(octets("half a "))
        try wire.run()
        wire.server.receiveEnd()
        #expect(text(wire.server.recorder.octets) == "half a ")
        #expect(wire.server.recorder.events.first == "error: ended without close_notify")
        #expect(closes(wire.server) == ["all"])
    }

    @Test("Truncation: a connection that breaks is an error before it is inactive")
    func broken() throws {
        wire.server.socket.wasOpened = true
        wire.server.channel.pipeline.fireChannelInactive()
        #expect(wire.server.recorder.events == ["error: ended without close_notify", "inactive"])
    }

    @Test("A whole close says close_notify first, and what was written before")
    func closeAll() throws {
        wire.server.write(octets("bye"))
        wire.server.channel.close(promise: nil)
        try wire.run()
        #expect(text(wire.client.recorder.octets) == "bye")
        #expect(wire.client.recorder.events == ["inputClosed"])
        #expect(closes(wire.server) == ["all"])
    }

    @Test("An abort says no close_notify: the peer cannot take what it has for the whole")
    func abort() throws {
        wire.server.write(octets("half"))
        try wire.run()
        wire.server.channel.triggerUserOutboundEvent(TLSHandler.Abort(), promise: nil)
        wire.server.channel.close(promise: nil)
        #expect(try wire.server.sent() == nil)
        wire.client.receiveEnd()
        #expect(wire.client.recorder.events.first == "error: ended without close_notify")
    }

    @Test("After the output is closed nothing more is written")
    func writeAfterClose() throws {
        wire.server.channel.close(mode: .output, promise: nil)
        let promise = wire.loop.makePromise(of: Void.self)
        wire.server.channel.pipeline.writeAndFlush(ByteBuffer(string: "late"), promise: promise)
        #expect(throws: ChannelError.self) { try promise.futureResult.wait() }
        try wire.run()
        #expect(wire.client.recorder.octets.isEmpty)
    }

    @Test("The end of TCP during the handshake ends the connection without an error behind it")
    func endInHandshake() throws {
        let wire = try TLSWire(server: TLSFixture().context(), client: TLSClient())
        try wire.server.open()
        wire.server.receiveEnd()
        #expect(wire.server.fault == .truncated)
        #expect(!wire.server.channel.isActive)
    }

    @Test("While an alert is on its way, the end of TCP closes the connection")
    func failing() throws {
        try wire.server.receive(ByteBuffer(string: "no record at all"))
        #expect(closes(wire.server) == ["output"])
        #expect(try wire.server.sent() != nil)
        wire.server.receiveEnd()
        #expect(closes(wire.server) == ["output", "all"])
    }

    @Test("An alert is not lost because the handler behind TLS ends what has failed")
    func closedOnError() throws {
        wire.server.recorder.closesOnError = true
        try wire.server.receive(ByteBuffer(string: "no record at all"))
        #expect(wire.server.recorder.events.count == 1)
        #expect(try wire.server.sent() != nil)
        #expect(closes(wire.server) == ["output"])
        wire.server.channel.close(mode: .output, promise: nil)
        #expect(closes(wire.server) == ["output"])
        wire.loop.advanceTime(by: .seconds(1))
        #expect(closes(wire.server) == ["output", "all"])
    }

    @Test("While an alert is on its way, what still comes is dropped, up to a megabyte")
    func droppedBehindAlert() throws {
        try wire.server.receive(ByteBuffer(string: "no record at all"))
        let piece = ByteBuffer(repeating: 0x17, count: 64 << 10)
        for _ in 0..<16 { try wire.server.receive(piece) }
        #expect(closes(wire.server) == ["output"])
        try wire.server.receive(ByteBuffer(bytes: [0]))
        #expect(closes(wire.server) == ["output", "all"])
        #expect(wire.server.recorder.octets.isEmpty)
    }
}
