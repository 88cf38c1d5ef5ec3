import Basics
import Testing

@Suite("Client addresses")
struct ClientAddressTests {
    private func address(_ text: String) throws -> ClientAddress {
        ClientAddress(try #require(NetworkAddress(ip: text, port: 1234)))
    }

    private func ranges(_ texts: [String]) throws -> [AddressRange] {
        try texts.map { text in
            let parts = text.split(separator: "/")
            let bytes = try #require(IPAddress(parts[0])).bytes
            let length = parts.count == 2 ? try #require(Int(parts[1])) : bytes.count * 8
            return AddressRange(text: text, bytes: bytes, prefixLength: length)
        }
    }

    @Test(
        "Text and bytes of a peer",
        arguments: [
            ("192.0.2.1", "192.0.2.1", [192, 0, 2, 1]), ("::1", "::1", [UInt8](repeating: 0, count: 15) + [1]),
            ("::ffff:192.0.2.1", "192.0.2.1", [192, 0, 2, 1]), ("::ffff:c000:201", "192.0.2.1", [192, 0, 2, 1]),
            ("2001:db8::5", "2001:db8::5", [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [5]),
        ]
    )
    func peers(_ peer: String, _ name: String, _ bytes: [UInt8]) throws {
        let address = try address(peer)
        #expect(address.bytes == bytes)
        #expect(String(decoding: address.text, as: UTF8.self) == name)
    }

    @Test("A peer without an address is a Unix socket and is in no range")
    func unix() throws {
        let address = ClientAddress(.unix(path: ""))
        #expect(address.bytes == [])
        #expect(String(decoding: address.text, as: UTF8.self) == "unix")
        #expect(try !address.isIn(ranges(["0.0.0.0/0", "::/0"])))
    }

    @Test("A proxy that names no client is the same address, but is not trusted to report one")
    func hidden() throws {
        let proxy = try address("10.0.0.1")
        let trusted = try ranges(["10.0.0.0/8"])
        #expect(proxy.isTrustedProxy(in: trusted) && !proxy.hidesClient)
        let hidden = proxy.hidingClient
        #expect(hidden.hidesClient && hidden.isIn(trusted) && !hidden.isTrustedProxy(in: trusted))
        #expect(hidden.text == proxy.text && hidden.hash == proxy.hash && hidden.bytes == proxy.bytes)
        #expect(try !address("192.0.2.1").isTrustedProxy(in: trusted))
    }

    @Test("An IPv4 client has one hash, mapped into IPv6 or not; an IPv6 client has one for its /64")
    func hashes() throws {
        #expect(try address("192.0.2.1").hash == address("::ffff:192.0.2.1").hash)
        #expect(try address("192.0.2.1").hash != address("192.0.2.2").hash)
        #expect(try address("2001:db8:0:1::1").hash == address("2001:db8:0:1:ffff:ffff:ffff:ffff").hash)
        #expect(try address("2001:db8:0:1::1").hash != address("2001:db8:0:2::1").hash)
    }

    @Test(
        "Ranges are exact to the bit",
        arguments: [
            ("10.0.0.0/8", "10.255.255.255", true), ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "9.255.255.255", false),
            ("192.168.4.0/22", "192.168.7.255", true), ("192.168.4.0/22", "192.168.8.0", false),
            ("192.168.4.0/22", "192.168.3.255", false), ("192.0.2.128/25", "192.0.2.128", true),
            ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1/32", "192.0.2.0", false), ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true), ("::/0", "192.0.2.1", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::", false), ("fe80::/10", "febf::1", true), ("fe80::/10", "fec0::1", false),
            ("::1", "::1", true), ("::1", "::2", false), ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("128.0.0.0/1", "128.0.0.1", true),
            ("128.0.0.0/1", "127.255.255.255", false),
        ]
    )
    func inRange(_ range: String, _ peer: String, _ isIn: Bool) throws {
        #expect(try address(peer).isIn(ranges([range])) == isIn)
        #expect(try address(peer).isIn(ranges(["203.0.113.200", range, "2001:db8:1::/48"])) == isIn)
    }

    @Test("An empty list of ranges contains nothing")
    func noRanges() throws {
        #expect(try !address("192.0.2.1").isIn([]))
    }

    @Test(
        "X-Forwarded-For is read from the right, past every trusted proxy",
        arguments: [
            ("203.0.113.9", "203.0.113.9"), ("203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("203.0.113.9,10.0.0.3,10.0.0.2", "203.0.113.9"),
            ("1.1.1.1, 203.0.113.9", "203.0.113.9"), ("1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("10.0.0.9, 203.0.113.9, 10.0.0.2", "203.0.113.9"), ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("10.0.0.2", "10.0.0.2"),
            ("2001:db8::9, fd00::1", "2001:db8::9"), (" 203.0.113.9 ,  10.0.0.2 ", "203.0.113.9"),
            ("::ffff:203.0.113.9, ::ffff:10.0.0.2", "203.0.113.9"),
        ]
    )
    func forwarded(_ list: String, _ client: String) throws {
        let found = ClientAddress.forwarded(list, trusted: try ranges(["10.0.0.0/8", "fd00::/8"]))
        #expect(found.map { String(decoding: $0.text, as: UTF8.self) } == client)
    }

    @Test(
        "Attack: entries that are no address never produce one",
        arguments: [
            "", ",", " ", "unknown", "_hidden", "203.0.113.9.1", "203.0.113", "0x7f.1", "localhost",
            "203.0.113.9, unknown",
        ]
    )
    func notAddresses(_ list: String) throws {
        let found = ClientAddress.forwarded(list, trusted: try ranges(["10.0.0.0/8"]))
        #expect(found.map { String(decoding: $0.text, as: UTF8.self) } == nil)
    }

    @Test("Attack: what a client wrote to the left of a broken entry is not trusted")
    func leftOfBroken() throws {
        let found = ClientAddress.forwarded("1.1.1.1, garbage, 10.0.0.2", trusted: try ranges(["10.0.0.0/8"]))
        #expect(found.map { String(decoding: $0.text, as: UTF8.self) } != "1.1.1.1")
    }
}
