import TestSupport
import Testing

@testable import DataPlane
@testable import Transport

@Suite("Bytes that clients have taken are counted as sockets count them")
struct TakenBytesTests {
    @Test("Over TLS: bytes of records, not of their content")
    func records() throws {
        let wire = try TLSWire(server: TLSFixture().context(), client: TLSClient())
        try wire.run()
        let before = wire.server.takenBytes
        for _ in 0..<10 { wire.server.write(bytes("0123456789")) }
        #expect(wire.server.takenBytes - before == 10 * (10 + 22))
        #expect(wire.server.sent().count == 10 * (10 + 22))
    }

    @Test("Waiting bytes were not taken")
    func waiting() throws {
        let wire = try TLSWire(server: TLSFixture().context(), client: TLSClient())
        try wire.run()
        let before = wire.server.takenBytes
        wire.kernel.sends = [.atMost(7)]
        wire.server.write(bytes("0123456789"))
        #expect(wire.server.takenBytes - before == 7)
        #expect(wire.server.unsentBytes == 10 + 22 - 7)
    }
}
