import TestSupport
import Testing

@testable import DataPlane
@testable import Transport

@Suite("What clients have taken is counted as sockets count")
struct TakenBytesTests {
    @Test("Over TLS: bytes of records, not of what they hold")
    func records() throws {
        let wire = try TLSWire(server: TLSFixture().context(), client: TLSClient())
        try wire.run()
        let before = wire.server.takenBytes
        for _ in 0..<10 { wire.server.write(octets("0123456789")) }
        #expect(wire.server.takenBytes - before == 10 * (10 + 22))
        #expect(wire.server.sent().count == 10 * (10 + 22))
    }

    @Test("What waits was not taken")
    func waiting() throws {
        let wire = try TLSWire(server: TLSFixture().context(), client: TLSClient())
        try wire.run()
        let before = wire.server.takenBytes
        wire.kernel.sends = [.atMost(7)]
        wire.server.write(octets("0123456789"))
        #expect(wire.server.takenBytes - before == 7)
        #expect(wire.server.unsentBytes == 10 + 22 - 7)
    }
}
