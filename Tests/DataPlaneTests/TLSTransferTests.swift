import COpenSSL
import JOSE
import NIOCore
import NIOEmbedded
import Testing

@testable import DataPlane

@Suite("TLS: plaintext in both directions")
struct TLSTransferTests {
    let wire: TLSWire

    init() throws {
        wire = try TLSWire(server: TLSFixture().context(), client: TLSClient())
        try wire.run()
        _ = try wire.server.sent()
    }

    private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) } }

    @Test("A megabyte arrives octet for octet, however it is cut", arguments: [1000, 16_384, 65_536, Int.max])
    func megabyte(_ piece: Int) throws {
        let sent = pattern(1 << 20)
        wire.server.write(sent)
        wire.client.write(sent)
        try wire.run(piece: piece)
        #expect(wire.client.recorder.octets == sent)
        #expect(wire.server.recorder.octets == sent)
    }

    @Test("Writes of every size arrive in order")
    func sizes() throws {
        var expected: [UInt8] = []
        var random = SplitMix64(seed: 3)
        for _ in 0..<60 {
            let pieces = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                pattern([0, 1, 100, 16_383, 16_384, 16_385, 50_000].randomElement(using: &random)!)
            }
            for piece in pieces {
                wire.server.channel.pipeline.write(ByteBuffer(bytes: piece), promise: nil)
                expected += piece
            }
            wire.server.channel.pipeline.flush()
            try wire.run()
        }
        #expect(wire.client.recorder.octets == expected)
    }

    @Test("Small writes before one flush become one record, and one write of the socket")
    func coalesced() throws {
        let before = wire.server.socket.sizes.count
        wire.server.write(octets("HTTP/1.1 200 OK\r\n"), octets("\r\n"), octets("body"))
        #expect(wire.server.socket.sizes.count == before + 1)
        #expect(wire.server.socket.sizes.last! == 23 + 22)
        try wire.run()
        #expect(text(wire.client.recorder.octets) == "HTTP/1.1 200 OK\r\n\r\nbody")
    }

    @Test("A head before a large body shares its first record")
    func headAndBody() throws {
        wire.server.write(pattern(300), pattern(40_000))
        // Three records: 16384, 16384 and what is left, each 22 octets longer than what it holds.
        let expected: Int = 40_300 + 3 * 22
        #expect(wire.server.socket.sizes.last == expected)
    }

    @Test("Several records that come at once are delivered as one piece")
    func oneDelivery() throws {
        wire.client.write(pattern(20_000))
        var all = ByteBuffer()
        while var buffer = try wire.client.sent() { all.writeBuffer(&buffer) }
        try wire.server.receive(all)
        #expect(wire.server.recorder.reads == [20_000])
    }

    @Test("A promise is kept when what it stands for was given to the socket")
    func promises() throws {
        let promises = (0..<3).map { _ in wire.loop.makePromise(of: Void.self) }
        for promise in promises { wire.server.channel.pipeline.write(ByteBuffer(string: "x"), promise: promise) }
        wire.server.channel.pipeline.flush()
        for promise in promises { try promise.futureResult.wait() }
    }

    @Test("A promise is broken when the connection ends first")
    func brokenPromise() throws {
        let promise = wire.loop.makePromise(of: Void.self)
        wire.server.channel.pipeline.write(ByteBuffer(string: "x"), promise: promise)
        wire.server.channel.close(promise: nil)
        wire.loop.run()
        // Closing sends what was written.
        try promise.futureResult.wait()
        let late = wire.loop.makePromise(of: Void.self)
        wire.server.channel.pipeline.write(ByteBuffer(string: "x"), promise: late)
        #expect(throws: ChannelError.self) { try late.futureResult.wait() }
    }

    @Test("Forged records end the connection with an alert, and nothing of them is delivered")
    func forged() throws {
        wire.client.write(octets("secret"))
        var record = Array(try #require(try wire.client.sent()).readableBytesView)
        record[record.count - 1] ^= 1
        try wire.server.receive(ByteBuffer(bytes: record))
        #expect(wire.server.recorder.octets.isEmpty)
        #expect(wire.server.recorder.events == ["error: decryption failed or bad record mac"])
        try wire.client.receive(try #require(try wire.server.sent()))
        #expect(wire.client.recorder.events.first?.contains("bad record mac") == true)
    }

    @Test("New keys are made when the peer asks for them")
    func keyUpdate() throws {
        for _ in 0..<10 {
            try wire.server.receive(try keyUpdate(wire.client))
            wire.server.write(octets("y"))
            try wire.run()
        }
        #expect(text(wire.server.recorder.octets) == "xxxxxxxxxx")
        #expect(text(wire.client.recorder.octets) == "yyyyyyyyyy")
    }

    @Test("Key update flood: whoever asks for new keys and does not read is cut off")
    func keyUpdateFlood() throws {
        wire.server.channel.isWritable = false
        // OpenSSL answers with the next message that it reads.
        for _ in 0..<10 { try wire.server.receive(try keyUpdate(wire.client)) }
        #expect(wire.server.recorder.events.isEmpty, "some keys are renewed in the middle of a download")
        for _ in 0..<10 { try wire.server.receive(try keyUpdate(wire.client)) }
        #expect(wire.server.recorder.events == ["error: does not read what it has us answer"])
        #expect(wire.server.socket.closes.map { "\($0)" } == ["output"])
    }

    private func keyUpdate(_ client: TLSEnd) throws -> ByteBuffer {
        // SAFETY: the connection is alive.
        unsafe _ = SSL_key_update(client.stream.ssl.pointer, CInt(SSL_KEY_UPDATE_REQUESTED))
        client.write(octets("x"))
        return try #require(try client.sent())
    }

    @Test("An idle connection holds no buffers")
    func idle() throws {
        wire.client.write(pattern(100_000))
        wire.server.write(pattern(100_000))
        try wire.run()
        #expect(wire.server.stream.incomingCount == 0)
        #expect(wire.server.stream.scratch.outgoingCount == 0)
    }
}
