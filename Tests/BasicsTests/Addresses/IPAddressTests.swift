import Basics
import Testing

@Suite("IP addresses as text")
struct IPAddressTests {
    @Test(
        "IP addresses",
        arguments: [
            ("0.0.0.0", [0, 0, 0, 0]), ("255.1.20.3", [255, 1, 20, 3]),
            ("::", [UInt8](repeating: 0, count: 16)),
            ("::1", [UInt8](repeating: 0, count: 15) + [1]),
            ("1::", [0, 1] + [UInt8](repeating: 0, count: 14)),
            ("2001:DB8::a:0", [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 8) + [0, 10, 0, 0]),
            ("1:2:3:4:5:6:7:8", [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
            ("1::3:4:5:6:7:8", [0, 1, 0, 0, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]),
            ("::ffff:1.2.3.4", [UInt8](repeating: 0, count: 10) + [255, 255, 1, 2, 3, 4]),
        ] as [(String, [UInt8])]
    )
    func addresses(_ text: String, _ bytes: [UInt8]) {
        #expect(IPAddress(text)?.bytes == bytes)
    }

    @Test(
        "Texts that are not IP addresses",
        arguments: [
            "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.", ".1.2.3", "1.2.3.4 ", "1.2.3.x",
            ":", ":::", "1:", ":1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::g", "::1%eth0",
            "1:2:3:4:5:6:7::8", "::1.2.3", "1.2.3.4::", "::ffff:1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", ":1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:", "::1:", ":::1", "1:::2",
        ]
    )
    func noAddresses(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(
        "Only 127.0.0.0/8 and ::1 are loopback",
        arguments: [
            ("127.0.0.1", true), ("127.255.255.255", true), ("126.255.255.255", false), ("128.0.0.0", false),
            ("::1", true), ("::", false), ("::2", false), ("1::1", false), ("::ffff:127.0.0.1", false),
        ]
    )
    func loopback(_ text: String, _ isLoopback: Bool) {
        #expect(IPAddress(text)?.isLoopback == isLoopback)
    }
}
