import Basics
import COpenSSL
import JOSE
import TestSupport
import Testing

@testable import DataPlane
@testable import Transport

@Suite("TLS: the handshake")
struct TLSHandshakeTests {
    let fixture: TLSFixture

    init() throws { fixture = try TLSFixture() }

    @Test("Both versions work, and plaintext passes both ways", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func versions(_ version: CInt) throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient(version: version))
        try wire.run()
        #expect(wire.client.stream.version == version)
        wire.client.write(bytes("ping"))
        try wire.run()
        wire.server.write(bytes("pong"))
        try wire.run()
        #expect(text(wire.server.input) == "ping")
        #expect(text(wire.client.input) == "pong")
    }

    @Test("The handshake completes, however the bytes are cut", arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func everyPiece(_ version: CInt) throws {
        let context = try fixture.context()
        for piece in [1, 2, 3, 4, 5, 6, 7, 13, 100, 1000] {
            let wire = try TLSWire(server: context, client: TLSClient(version: version))
            try wire.run(piece: piece)
            wire.client.write(bytes("ping"))
            try wire.run(piece: piece)
            #expect(text(wire.server.input) == "ping", "\(piece)")
        }
    }

    @Test("The ClientHello may be cut anywhere")
    func everySplit() throws {
        let context = try fixture.context()
        let length = try clientHello(TLSClient()).count
        for split in stride(from: 0, through: length, by: 7) {
            let wire = try TLSWire(server: context, client: TLSClient())
            try wire.client.open()
            try wire.server.open()
            let hello = wire.client.sent()
            try wire.server.receive(Array(hello[..<split]))
            try wire.server.receive(Array(hello[split...]))
            try wire.run()
            #expect(wire.server.chosen == .http1, "\(split)")
        }
    }

    private func clientHello(_ client: TLSClient) throws -> [UInt8] {
        let wire = try TLSWire(server: fixture.context(), client: client)
        try wire.client.open()
        return wire.client.sent()
    }

    @Test(
        "ALPN chooses the gateway's first preference, and HTTP/1.1 without ALPN",
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

    @Test("Without a common protocol, the client gets the alert no_application_protocol")
    func alpnMismatch() throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient(protocols: ["spdy/3", "h3"]))
        try wire.run()
        #expect(wire.client.fault == .failed("tlsv1 alert no application protocol"))
        #expect(wire.server.fault != nil)
        #expect(wire.server.chosen == nil)
        #expect(wire.server.hasEnded && wire.server.isOpen)
        wire.advance(1_000)
        #expect(!wire.server.isOpen)
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
        "Bytes that are not TLS at all are refused",
        arguments: ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\u{16}\u{3}\u{1}\0\u{5}hello"]
    )
    func clearText(_ hello: String) throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient())
        try wire.server.open()
        try wire.server.receive(bytes(hello))
        #expect(wire.server.fault != nil)
    }

    @Test("Random bytes never get past the handshake")
    func noise() throws {
        let context = try fixture.context()
        var random = SplitMix64(seed: 7)
        let hello = try clientHello(TLSClient())
        for _ in 0..<300 {
            var bent = hello
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bent[Int.random(in: bent.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let wire = try TLSWire(server: context, client: TLSClient())
            try wire.server.open()
            try wire.server.receive(bent)
            #expect(wire.server.chosen == nil)
        }
    }

    @Test("Slow handshake: it ends with the deadline that its listener sets")
    func timeout() throws {
        let fixture = try WorkerFixture()
        let start = fixture.loop.now
        fixture.kernel.clock = start
        fixture.run()
        var faults: [TLSFault] = []
        let handshake = ServerHandshake(
            worker: fixture.worker,
            listener: .viewers(0),
            address: ClientAddress(bytes: [192, 0, 2, 1], text: "192.0.2.1"),
            share: nil,
            place: ConnectionPlace(role: .viewers(0), isCounted: false)
        ) { faults.append($0) }
        let (served, peer) = try Peer.pair()
        try handshake.open(served, tls: self.fixture.context().stream())
        handshake.setDeadline(in: 10_000)
        fixture.kernel.clock = start + 9_800
        peer.send([0x16, 3, 1])
        fixture.run()
        #expect(faults.isEmpty && handshake.isOpen)
        fixture.kernel.clock = start + 10_200
        fixture.run()
        #expect(faults == [.timeout] && !handshake.isOpen)
    }

    @Test("Renegotiation is refused, and the connection continues")
    func renegotiation() throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient(version: TLS1_2_VERSION))
        try wire.run()
        try wire.server.receive(try renegotiation(wire.client))
        #expect(!wire.server.sent().isEmpty)
        #expect(wire.server.isOpen)
        #expect(wire.server.input.isEmpty)
    }

    @Test("Renegotiation is refused during a download too; a flood of answers ends as with key updates")
    func renegotiationInDownload() throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient(version: TLS1_2_VERSION))
        try wire.run()
        _ = wire.server.sent()
        let asked = try renegotiation(wire.client)
        wire.kernel.sends = [.fails(EAGAIN)]
        try wire.server.receive(asked)
        wire.advance(0)
        #expect(!wire.server.sent().isEmpty)
        #expect(wire.server.isOpen)
        #expect(wire.server.events.isEmpty)
    }

    private func renegotiation(_ client: TLSEnd) throws -> [UInt8] {
        // SAFETY: the connection is alive.
        unsafe _ = SSL_renegotiate(client.stream.ssl.pointer)
        client.stream.use(client.loop.tlsScratch)
        unsafe _ = SSL_do_handshake(client.stream.ssl.pointer)
        client.sendRecords(client.stream)
        return client.sent()
    }

    @Test("Plaintext that arrives with the end of the handshake is delivered")
    func earlyPlaintext() throws {
        let wire = try TLSWire(server: fixture.context(), client: TLSClient())
        try wire.client.open()
        try wire.server.open()
        try wire.server.receive(wire.client.sent())
        try wire.client.receive(wire.server.sent())
        wire.client.write(bytes("with Finished"))
        try wire.server.receive(wire.client.sent())
        #expect(text(wire.server.input) == "with Finished")
    }
}
