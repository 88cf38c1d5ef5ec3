import NIOCore
import NIOEmbedded
import Testing

@testable import DataPlane

@Suite("What clients have taken is counted as sockets count")
struct SentOctetsTests {
    private let fixture: WorkerFixture
    private let address = ClientAddress(bytes: [192, 0, 2, 1], text: "192.0.2.1")

    init() throws { fixture = try WorkerFixture() }

    private func wire(_ handler: any ChannelHandler, _ chosen: TLSProtocol) throws -> TLSWire {
        let client = try TLSClient(protocols: [chosen.rawValue]).stream()
        let wire = try TLSWire(server: TLSFixture().context(), client: client, loop: fixture.loop, handler: handler)
        try wire.run()
        try #require(wire.server.chosen == chosen)
        return wire
    }

    @Test("HTTP/1.1 over TLS: records, not what they hold")
    func http1() throws {
        let connection = ClientConnection(
            worker: fixture.worker,
            listener: .viewers,
            address: address,
            isSecure: true
        )
        let wire = try wire(connection, .http1)
        for _ in 0..<10 {
            wire.client.write(octets("GET /.gateway/healthz HTTP/1.1\r\nHost: h\r\n\r\n"))
            try wire.run()
        }
        let plaintext = wire.client.recorder.octets.count
        #expect(plaintext > 500)
        #expect(connection.takenBytes > plaintext + 10 * 16)
        #expect(connection.takenBytes == wire.server.socket.sizes.reduce(0, +))
    }

    @Test("HTTP/2 over TLS: records, not what they hold")
    func http2() throws {
        let connection = HTTP2Connection(
            worker: fixture.worker,
            listener: .viewers,
            address: address,
            isSecure: true
        )
        let wire = try wire(connection, .http2)
        wire.client.write(octets("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0"))
        try wire.run()
        fixture.loop.run()
        try wire.run()
        #expect(wire.client.recorder.octets.count > 9)
        #expect(connection.sent.count == wire.server.socket.sizes.reduce(0, +))
    }

    @Test("In clear text: what was written")
    func clear() throws {
        var sent = SentOctets()
        sent.add(5)
        sent.add(7)
        #expect(sent.count == 12)
    }
}
