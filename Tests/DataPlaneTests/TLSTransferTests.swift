import COpenSSL
import JOSE
import TestSupport
import Testing

@testable import DataPlane
@testable import Transport

@Suite("TLS: plaintext in both directions")
struct TLSTransferTests {
    let wire: TLSWire

    init() throws {
        wire = try TLSWire(server: TLSFixture().context(), client: TLSClient())
        try wire.run()
        _ = wire.server.sent()
    }

    private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) } }

    @Test("A megabyte arrives byte for byte, however it is cut", arguments: [1000, 16_384, 65_536, Int.max])
    func megabyte(_ piece: Int) throws {
        let sent = pattern(1 << 20)
        wire.server.write(sent)
        wire.client.write(sent)
        try wire.run(piece: piece)
        #expect(wire.client.input == sent)
        #expect(wire.server.input == sent)
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
                wire.server.write(piece)
                expected += piece
            }
            try wire.run()
        }
        #expect(wire.client.input == expected)
    }

    @Test("Two pieces sent together become one record if they fit, and one write to the socket")
    func coalesced() throws {
        let (head, body) = (bytes("HTTP/1.1 200 OK\r\n\r\n"), bytes("body"))
        wire.server.send(head.span, body.span)
        #expect(wire.server.sent().count == 23 + 22)
        wire.server.send(head.span, body.span)
        try wire.run()
        #expect(wire.kernel.sendCount > 0)
    }

    @Test("A head before a large body shares its first record")
    func headAndBody() throws {
        let (head, body) = (pattern(300), pattern(40_000))
        wire.server.send(head.span, body.span)
        // Three records: 16384, 16384 and the rest, each 22 bytes longer than its content.
        let expected: Int = 40_300 + 3 * 22
        #expect(wire.server.sent().count == expected)
    }

    @Test("Several records that arrive at once are delivered as one piece")
    func oneDelivery() throws {
        wire.client.write(pattern(20_000))
        try wire.server.receive(wire.client.sent())
        #expect(wire.server.reads == [20_000])
    }

    @Test("Forged records end the connection with an alert, and nothing of them is delivered")
    func forged() throws {
        wire.client.write(bytes("secret"))
        var record = wire.client.sent()
        record[record.count - 1] ^= 1
        try wire.server.receive(record)
        #expect(wire.server.input.isEmpty)
        #expect(wire.server.events == ["failed: TLS: decryption failed or bad record mac"])
        try wire.client.receive(wire.server.sent())
        #expect(wire.client.events.first?.contains("bad record mac") == true)
    }

    @Test("New keys are made when the peer asks for them")
    func keyUpdate() throws {
        for _ in 0..<10 {
            try wire.server.receive(try keyUpdate(wire.client))
            wire.server.write(bytes("y"))
            try wire.run()
        }
        #expect(text(wire.server.input) == "xxxxxxxxxx")
        #expect(text(wire.client.input) == "yyyyyyyyyy")
    }

    @Test("Key update flood: a peer that requests new keys and does not read is cut off")
    func keyUpdateFlood() throws {
        // The server's answers wait from now on.
        wire.kernel.sends = [.fails(EAGAIN)]
        wire.server.write(bytes("waits"))
        wire.kernel.sends = Array(repeating: .fails(EAGAIN), count: 1000)
        // OpenSSL answers with the next message that it reads.
        for _ in 0..<10 { try wire.server.receive(try keyUpdate(wire.client, wire.kernel)) }
        #expect(wire.server.events.isEmpty, "some keys are renewed in the middle of a download")
        for _ in 0..<10 { try wire.server.receive(try keyUpdate(wire.client, wire.kernel)) }
        #expect(wire.server.events == ["failed: TLS: does not read the answers that it asks for", "closed"])
    }

    private func keyUpdate(_ client: TLSEnd, _ kernel: TestKernel? = nil) throws -> [UInt8] {
        let held = kernel?.sends ?? []
        kernel?.sends = []
        defer { kernel?.sends = held }
        // SAFETY: the connection is alive.
        unsafe _ = SSL_key_update(client.stream.ssl.pointer, CInt(SSL_KEY_UPDATE_REQUESTED))
        client.write(bytes("x"))
        return client.sent()
    }

    @Test("An idle connection holds no buffers")
    func idle() throws {
        wire.client.write(pattern(100_000))
        wire.server.write(pattern(100_000))
        try wire.run()
        #expect(wire.server.unsentBytes == 0)
        #expect(wire.loop.tlsScratch.records.isEmpty)
    }
}
