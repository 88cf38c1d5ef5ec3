import Basics
import Testing

@Suite("A set of address ranges")
struct AddressSetTests {
    private func range(_ text: String, _ length: Int? = nil) throws -> AddressRange {
        let address = try #require(IPAddress(text))
        return AddressRange(text: text, bytes: address.bytes, prefixLength: length ?? address.bytes.count * 8)
    }

    private func client(_ text: String) throws -> ClientAddress {
        ClientAddress(try #require(NetworkAddress(ip: text, port: 0)))
    }

    @Test("Contains each range from its first address to its last, and nothing beside it")
    func edges() throws {
        let set = AddressSet([
            try range("10.0.0.0", 8), try range("192.0.2.7"), try range("192.0.2.9"), try range("203.0.113.0", 24),
            try range("203.0.113.128", 25), try range("2001:db8::", 32), try range("::1"),
        ])
        for (address, isIn) in [
            ("9.255.255.255", false), ("10.0.0.0", true), ("10.255.255.255", true), ("11.0.0.0", false),
            ("192.0.2.6", false), ("192.0.2.7", true), ("192.0.2.8", false), ("192.0.2.9", true), ("192.0.2.10", false),
            ("203.0.112.255", false), ("203.0.113.0", true), ("203.0.113.127", true), ("203.0.113.255", true),
            ("203.0.114.0", false), ("::1", true), ("::2", false), ("::", false), ("2001:db8::", true),
            ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true), ("2001:db9::", false), ("2001:db7:ffff::", false),
            // An IPv4 address on an IPv6 socket.
            ("::ffff:10.1.2.3", true), ("::ffff:9.1.2.3", false), ("0.0.0.1", false),
        ] { #expect(try set.contains(client(address)) == isIn, "\(address)") }
        #expect(!set.contains(ClientAddress(.unix(path: ""))))
    }

    @Test("All addresses of one family, and none")
    func all() throws {
        let v4 = AddressSet([try range("0.0.0.0", 0)])
        let v6 = AddressSet([try range("::", 0)])
        for address in ["0.0.0.0", "255.255.255.255"] {
            #expect(try v4.contains(client(address)) && !v6.contains(client(address)))
        }
        for address in ["::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            #expect(try v6.contains(client(address)) && !v4.contains(client(address)))
        }
        #expect(AddressSet().isEmpty && !v4.isEmpty && !v6.isEmpty)
        #expect(try !AddressSet().contains(client("::1")))
    }

    @Test("Agrees with a search of the list, in any order")
    func model() throws {
        var word: UInt64 = 42
        func next(_ limit: Int) -> Int {
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(word >> 33) % limit
        }
        for _ in 0..<50 {
            let ranges = (0..<next(20)).map { _ in
                let length = 20 + next(13)
                let host = UInt32(32 - length)
                let first = (UInt32(next(1 << 14)) >> host) << host
                let bytes = [10, 0, UInt8(first >> 8), UInt8(first & 255)]
                return AddressRange(text: "", bytes: bytes, prefixLength: length)
            }
            let set = AddressSet(ranges)
            for number in stride(from: 0, to: 1 << 14, by: 7) {
                let address = ClientAddress(bytes: [10, 0, UInt8(number >> 8), UInt8(number & 255)], text: "")
                #expect(set.contains(address) == address.isIn(ranges))
            }
        }
    }
}
