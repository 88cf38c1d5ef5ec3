import Basics
import CLinux
import Testing

@Suite("Addresses of sockets")
struct NetworkAddressTests {
    private static let zeros = [UInt8](repeating: 0, count: 16)

    @Test(
        "An address is parsed like the system does, and written in its shortest form",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("255.255.255.255", "255.255.255.255"), ("::", "::"), ("::1", "::1"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("::ffff:10.0.0.1", "::ffff:10.0.0.1"), ("fe80::1", "fe80::1"),
            ("", nil), ("localhost", nil), ("1.2.3", nil), ("1.2.3.4.5", nil), ("01.2.3.4", nil), ("256.0.0.1", nil),
            ("[::1]", nil), ("::1%lo", nil), ("127.0.0.1:80", nil), (" 127.0.0.1", nil), ("127.0.0.1\0.example", nil),
            ("::1\0", nil),
        ] as [(String, String?)]
    )
    func addressText(text: String, written: String?) {
        let address = NetworkAddress(ip: text, port: 443)
        #expect(address?.hostText == written)
        #expect(address?.port == (written == nil ? nil : 443))
    }

    @Test(
        "An address survives conversion to the system's form and back",
        arguments: [
            .v4([192, 0, 2, 1], port: 1), .v4([0, 0, 0, 0], port: 65535), .v6(zeros, port: 0, scope: 0),
            .v6([0xfe, 0x80] + zeros.dropFirst(3) + [9], port: 443, scope: 7), .unix(path: "/run/gateway.sock"),
            .unix(path: ""), .unix(path: String(repeating: "p", count: NetworkAddress.maxPath)),
        ] as [NetworkAddress]
    )
    func systemForm(address: NetworkAddress) {
        let back = unsafe address.withSystemAddress { system, length in
            var storage = sockaddr_storage()
            // SAFETY: no address is longer than the storage.
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: system, count: Int(length)))
            }
            return NetworkAddress(storage, length: Int(length))
        }
        #expect(back == address)
    }

    @Test("A path ends where the system says, and an unknown family is not an address")
    func lengths() {
        var storage = sockaddr_storage()
        storage.ss_family = sa_family_t(AF_UNIX)
        // SAFETY: the bytes lie within the storage.
        unsafe withUnsafeMutableBytes(of: &storage) { bytes in
            for (offset, byte) in "/run/old".utf8.enumerated() { unsafe bytes[2 + offset] = byte }
        }
        let paths = [0: "", 2: "", 3: "/", 6: "/run", 200: "/run/old"]
        for (length, path) in paths { #expect(NetworkAddress(storage, length: length) == .unix(path: path)) }
        storage.ss_family = sa_family_t(AF_NETLINK)
        #expect(NetworkAddress(storage, length: 12) == nil)
    }
}
