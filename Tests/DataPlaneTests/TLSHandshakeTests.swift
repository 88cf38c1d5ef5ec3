import COpenSSL
import JOSE
import NIOCore
import NIOEmbedded
import Testing

@testable import DataPlane

@Suite("TLS: the handshake")
struct TLSHandshakeTests {
    let fixture: TLSFixture

    init() throws { fixture = try TLSFixture() }

    @Test("Both versions work, and plaintext passes both ways", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func versions(_ version: CInt) throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient(version: version))
        try wire.run()
        #expect(wire.client.stream.version == version)
        wire.client.write(octets("ping"))
        try wire.run()
        wire.server.write(octets("pong"))
        try wire.run()
        #expect(text(wire.server.recorder.octets) == "ping")
        #expect(text(wire.client.recorder.octets) == "pong")
    }

    @Test("However the octets are cut, the handshake is done", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func everyPiece(_ version: CInt) throws {
        let context = try fixture.context()
        for piece in [1, 2, 3, 4, 5, 6, 7, 13, 100, 1000] {
            let wire = try TLSWire(server: context, client: TLSClient(version: version))
            try wire.run(piece: piece)
            wire.client.write(octets("ping"))
            try wire.run(piece: piece)
            #expect(text(wire.server.recorder.octets) == "ping", "\(piece)")
        }
    }

    @Test("The ClientHello may be cut anywhere")
    func everySplit() throws {
        let context = try fixture.context()
        let length = try clientHello(TLSClient()).readableBytes
        for split in stride(from: 0, through: length, by: 7) {
            let wire = try TLSWire(server: context, client: TLSClient())
            try wire.client.open()
            try wire.server.open()
            var hello = try #require(try wire.client.sent())
            let slice = hello.readSlice(length: split)
            let first = try #require(slice)
            try wire.server.receive(first)
            try wire.server.receive(hello)
            try wire.run()
            #expect(wire.server.chosen == .http1, "\(split)")
        }
    }

    private func clientHello(_ client: TLSClient) throws -> ByteBuffer {
        let end = try TLSEnd(EmbeddedEventLoop(), client.stream())
        try end.open()
        return try #require(try end.sent())
    }

    @Test(
        "ALPN chooses what we like best, and HTTP/1.1 without ALPN",
        arguments: [
            (["h2", "http/1.1"], TLSProtocol.http2), (["http/1.1", "h2"], .http2), (["http/1.1"], .http1),
            (["spdy/3", "http/1.1"], .http1), ([], .http1),
        ]
    )
    func alpn(_ offered: [String], _ chosen: TLSProtocol) throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient(protocols: offered))
        try wire.run()
        #expect(wire.server.chosen == chosen)
        #expect(wire.client.chosen == chosen)
    }

    @Test("No common protocol is no connection: the client gets the alert no_application_protocol")
    func alpnMismatch() throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient(protocols: ["spdy/3", "h3"]))
        try wire.run()
        #expect(wire.client.fault == .failed("tlsv1 alert no application protocol"))
        #expect(wire.server.fault != nil)
        #expect(wire.server.chosen == nil)
        #expect(wire.server.socket.closes.map { "\($0)" } == ["output"])
        wire.loop.advanceTime(by: .seconds(1))
        #expect(wire.server.socket.closes.map { "\($0)" } == ["output", "all"])
    }

    @Test("TLS 1.1 is refused with an alert")
    func oldVersion() throws {
        let client = try TLSClient(version: TLS1_1_VERSION, suites: "ALL@SECLEVEL=0")
        let wire = try TLSWire(server: fixture.context(), client: client)
        try wire.run()
        #expect(wire.client.fault == .failed("tlsv1 alert protocol version"))
        #expect(wire.server.fault == .failed("unsupported protocol"))
    }

    @Test(
        "Suites without ephemeral keys or authenticated encryption are refused",
        arguments: ["AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256", "AES128-SHA"]
    )
    func oldSuites(_ suite: String) throws {
        let client = try TLSClient(version: TLS1_2_VERSION, suites: suite)
        let wire = try TLSWire(server: fixture.context(), client: client)
        try wire.run()
        #expect(wire.server.fault == .failed("no shared cipher"))
    }

    @Test(
        "What is no TLS at all is refused",
        arguments: ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\u{16}\u{3}\u{1}\0\u{5}hello"]
    )
    func clearText(_ hello: String) throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient())
        try wire.server.open()
        try wire.server.receive(ByteBuffer(string: hello))
        #expect(wire.server.fault != nil)
    }

    @Test("Random octets never get past the handshake")
    func noise() throws {
        let context = try fixture.context()
        var random = SplitMix64(seed: 7)
        let hello = Array(try clientHello(TLSClient()).readableBytesView)
        for _ in 0..<300 {
            var bent = hello
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bent[Int.random(in: bent.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let wire = try TLSWire(server: context, client: TLSClient())
            try wire.server.open()
            try wire.server.receive(ByteBuffer(bytes: bent))
            #expect(wire.server.chosen == nil)
        }
    }

    @Test("Slow handshake: the time for it is counted from the open connection")
    func timeout() throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient())
        try wire.server.open()
        wire.loop.advanceTime(by: .seconds(9))
        try wire.server.receive(ByteBuffer(bytes: [0x16, 3, 1]))
        wire.loop.advanceTime(by: .milliseconds(999))
        #expect(wire.server.fault == nil)
        wire.loop.advanceTime(by: .milliseconds(1))
        #expect(wire.server.fault == .timeout)
        #expect(!wire.server.channel.isActive)
    }

    @Test("After the handshake its time is over")
    func noTimeout() throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient())
        try wire.run()
        wire.loop.advanceTime(by: .hours(1))
        #expect(wire.server.channel.isActive)
    }

    @Test("Renegotiation is refused, and the connection goes on")
    func renegotiation() throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient(version: TLS1_2_VERSION))
        try wire.run()
        try wire.server.receive(try renegotiation(wire.client))
        #expect(try wire.server.sent() != nil)
        #expect(wire.server.channel.isActive)
        #expect(wire.server.recorder.octets.isEmpty)
    }

    @Test("Renegotiation is refused in the middle of a download too; a flood of answers ends as with key updates")
    func renegotiationInDownload() throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient(version: TLS1_2_VERSION))
        try wire.run()
        wire.server.channel.isWritable = false
        try wire.server.receive(try renegotiation(wire.client))
        #expect(try wire.server.sent() != nil)
        #expect(wire.server.channel.isActive)
        #expect(wire.server.recorder.events.isEmpty)
    }

    private func renegotiation(_ client: TLSEnd) throws -> ByteBuffer {
        // SAFETY: the connection is alive.
        unsafe _ = SSL_renegotiate(client.stream.ssl.pointer)
        unsafe _ = SSL_do_handshake(client.stream.ssl.pointer)
        return try #require(client.stream.scratch.takeOutgoing())
    }

    @Test("Plaintext that comes with the end of the handshake is delivered")
    func earlyPlaintext() throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient())
        try wire.client.open()
        try wire.server.open()
        try wire.server.receive(try #require(try wire.client.sent()))
        while let buffer = try wire.server.sent() { try wire.client.receive(buffer) }
        wire.client.write(octets("with Finished"))
        var all = ByteBuffer()
        while var buffer = try wire.client.sent() { all.writeBuffer(&buffer) }
        try wire.server.receive(all)
        #expect(text(wire.server.recorder.octets) == "with Finished")
    }
}
