import Basics
import Testing

@testable import DataPlane

/// The bytes of version 2 headers.
enum BinaryHeader {
    static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
    static let ipv4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 1, 0xdc, 0x04, 0x01, 0xbb]
    static let ipv6: [UInt8] =
        [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1, 0x20, 1, 0xd, 0xb8]
        + [UInt8](repeating: 0, count: 11) + [2, 0xdc, 0x04, 0x01, 0xbb]

    /// - Parameter length: what the header says of its content's length; by default the truth.
    static func bytes(
        _ family: UInt8,
        _ content: [UInt8],
        command: UInt8 = 0x21,
        length: Int? = nil
    ) -> [UInt8] {
        let length = length ?? content.count
        return signature + [command, family, UInt8(length >> 8 & 0xff), UInt8(length & 0xff)] + content
    }

    static func vector(_ type: UInt8, _ value: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? value.count
        return [type, UInt8(length >> 8), UInt8(length & 0xff)] + value
    }

    /// A header with a checksum between other vectors.
    static func withChecksum(_ family: UInt8, _ addresses: [UInt8]) -> [UInt8] {
        let before = vector(0x01, Array("h2".utf8))
        var header = bytes(family, addresses + before + vector(0x03, [0, 0, 0, 0]) + vector(0xea, [1, 2, 3]))
        var sum = CRC32C()
        for byte in header { sum.add(byte) }
        let start = 16 + addresses.count + before.count + 3
        for index in 0..<4 { header[start + index] = UInt8(truncatingIfNeeded: sum.value >> (24 - 8 * index)) }
        return header
    }
}

@Suite("The header of the PROXY protocol")
struct ProxyHeaderTests {
    private static func read(_ bytes: [UInt8]) -> Result<ProxyHeader?, ProxyHeaderFault> {
        Result { () throws(ProxyHeaderFault) in try ProxyHeader.read(bytes.span) }
    }

    /// A valid header, and the client that it names.
    struct Row: CustomTestStringConvertible, Sendable {
        let name: String
        let bytes: [UInt8]
        let client: String?
        let port: UInt16?
        var testDescription: String { name }

        init(_ name: String, _ bytes: [UInt8], _ client: String?, _ port: UInt16? = nil) {
            (self.name, self.bytes, self.client, self.port) = (name, bytes, client, port)
        }

        init(_ line: String, _ client: String?, _ port: UInt16? = nil) {
            self.init(line, Array("\(line)\r\n".utf8), client, port)
        }
    }

    private static let longest = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    private static let mapped: [UInt8] = [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 192, 0, 2, 7]

    /// As sent by HAProxy 2.6 with `send-proxy-v2 proxy-v2-options crc32c,unique-id`.
    private static let haproxy: [[UInt8]] = [
        [
            0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11, 0x00, 0x1f,
            0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01, 0xc1, 0xb8, 0xa8, 0x6f, 0x03, 0x00, 0x04, 0x6c,
            0xc3, 0xd3, 0xf4, 0x05, 0x00, 0x09, 0x31, 0x32, 0x37, 0x2e, 0x30, 0x2e, 0x30, 0x2e, 0x31,
        ],
        [
            0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x21, 0x00, 0x31,
            0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
            0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
            0xd9, 0x34, 0xa8, 0x6f, 0x03, 0x00, 0x04, 0xe8, 0xa9, 0x8e, 0xfc, 0x05, 0x00, 0x03, 0x3a, 0x3a,
            0x31,
        ],
    ]

    static let good = [
        Row("HAProxy's, for IPv4", haproxy[0], "127.0.0.1", 49592),
        Row("HAProxy's, for IPv6", haproxy[1], "::1", 55604),
        Row("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443", "192.0.2.1", 56324),
        Row("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", "255.255.255.255", 65535),
        Row("PROXY TCP4 0.0.0.0 0.0.0.0 0 0", "0.0.0.0", 0),
        Row("PROXY TCP6 2001:db8::1 2001:db8::2 1 80", "2001:db8::1", 1),
        Row("PROXY TCP6 2001:DB8:0:0:0:0:0:A ::1 1 80", "2001:db8::a", 1),
        Row("PROXY TCP6 \(longest) \(longest) 65535 65535", longest, 65535),
        // A proxy that listens on an IPv6 socket names its IPv4 clients so.
        Row("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 1 80", "192.0.2.7", 1),
        Row("PROXY UNKNOWN", nil),
        Row("PROXY UNKNOWN ", nil),
        Row("PROXY UNKNOWN \(longest) \(longest) 65535 65535", nil),
        Row("PROXY UNKNOWN 192.0.2.1 or \0 anything", nil),
        Row("IPv4", BinaryHeader.bytes(0x11, BinaryHeader.ipv4), "192.0.2.1", 0xdc04),
        Row("IPv4 over UDP", BinaryHeader.bytes(0x12, BinaryHeader.ipv4), "192.0.2.1", 0xdc04),
        Row("IPv6", BinaryHeader.bytes(0x21, BinaryHeader.ipv6), "2001:db8::1", 0xdc04),
        Row("IPv6 over UDP", BinaryHeader.bytes(0x22, BinaryHeader.ipv6), "2001:db8::1", 0xdc04),
        Row("mapped IPv4", BinaryHeader.bytes(0x21, mapped + mapped + [0, 1, 0, 2]), "192.0.2.7", 1),
        Row("Unix", BinaryHeader.bytes(0x31, [UInt8](repeating: 0x61, count: 216)), nil),
        Row("Unix datagrams", BinaryHeader.bytes(0x32, [UInt8](repeating: 0x61, count: 216)), nil),
        Row("unspecified", BinaryHeader.bytes(0x00, []), nil),
        Row("unspecified, with a block", BinaryHeader.bytes(0x00, [9, 0xff, 0xff]), nil),
        Row("unspecified family", BinaryHeader.bytes(0x01, []), nil),
        Row("unspecified transport", BinaryHeader.bytes(0x10, BinaryHeader.ipv4), nil),
        Row("local", BinaryHeader.bytes(0x00, [], command: 0x20), nil),
        Row("local, with addresses", BinaryHeader.bytes(0x11, BinaryHeader.ipv4, command: 0x20), nil),
        Row("local, with an unknown family and block", BinaryHeader.bytes(0xff, [3, 0, 9], command: 0x20), nil),
        Row(
            "vectors",
            BinaryHeader.bytes(
                0x11,
                BinaryHeader.ipv4 + BinaryHeader.vector(0x04, []) + BinaryHeader.vector(0x02, Array("a.example".utf8))
            ),
            "192.0.2.1"
        ),
        Row("a checksum", BinaryHeader.withChecksum(0x11, BinaryHeader.ipv4), "192.0.2.1"),
        Row("a checksum over IPv6", BinaryHeader.withChecksum(0x21, BinaryHeader.ipv6), "2001:db8::1"),
    ]

    @Test("A valid header names its client and ends where it says, whatever follows", arguments: good)
    func valid(row: Row) throws {
        for following in ["", "GET / HTTP/1.1\r\n\r\n", "PROXY TCP4 6.6.6.6 6.6.6.6 6 6\r\n"] {
            let header = try #require(try Self.read(row.bytes + Array(following.utf8)).get())
            #expect(header.length == row.bytes.count)
            #expect(header.client.map { text(ClientAddress($0).text) } == row.client)
            if let port = row.port { #expect(header.client?.port == port) }
        }
    }

    @Test("Every beginning of a valid header needs more", arguments: good)
    func incomplete(row: Row) throws {
        for count in 0..<row.bytes.count {
            #expect(try Self.read(Array(row.bytes[..<count])).get() == nil, "\(count) bytes")
        }
    }

    @Test(
        "A valid header with one wrong byte is refused, or names somebody else, and ends at the same place",
        arguments: good
    )
    func corrupted(row: Row) {
        let isBinary = row.bytes.starts(with: BinaryHeader.signature)
        for index in row.bytes.indices where !(isBinary && (14...15).contains(index)) {
            for mask in 1...UInt8.max {
                var bytes = row.bytes
                bytes[index] ^= mask
                guard case .success(let header?) = Self.read(bytes) else { continue }
                #expect(header.length == row.bytes.count, "\(index) \(mask)")
            }
        }
    }

    @Test("A wrong address is noticed if the header has a checksum")
    func checksum() {
        for (family, addresses) in [(0x11, BinaryHeader.ipv4), (0x21, BinaryHeader.ipv6)] as [(UInt8, [UInt8])] {
            let original = BinaryHeader.withChecksum(family, addresses)
            for index in 16..<16 + addresses.count {
                for mask in 1...UInt8.max {
                    var bytes = original
                    bytes[index] ^= mask
                    #expect(Self.read(bytes).fault == .malformed, "\(index) \(mask)")
                }
            }
        }
    }

    @Test("The checksum is the published one (RFC 3720 appendix B.4)")
    func checksumVectors() {
        func sum(_ bytes: [UInt8]) -> UInt32 {
            var sum = CRC32C()
            for byte in bytes { sum.add(byte) }
            return sum.value
        }
        #expect(sum(Array("123456789".utf8)) == 0xe306_9283)
        #expect(sum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
        #expect(sum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
        #expect(sum(Array(0..<32)) == 0x46dd_794e)
    }

    @Test("A header of 4 KiB is read, a longer one is refused at once")
    func size() throws {
        let rest = BinaryHeader.vector(0xe0, [UInt8](repeating: 7, count: 4096 - 16 - 12 - 3))
        let largest = BinaryHeader.bytes(0x11, BinaryHeader.ipv4 + rest)
        #expect(largest.count == 4096)
        #expect(try Self.read(largest).get()?.length == 4096)
        for (command, length) in [(0x21, 4081), (0x20, 4081), (0x21, 65535)] as [(UInt8, Int)] {
            let start = BinaryHeader.bytes(0x11, [], command: command, length: length)
            #expect(Self.read(start).fault == .malformed, "\(length)")
        }
    }

    static let malformedLines = [
        "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n", "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\r\n",
        "PROXY UNKNOWN\n", "PROXY UNKNOWN a\rb\r\n", "PROXY UNKNOWNX\r\n", "PROXY unknown\r\n", "PROXY \r\n",
        "PROXY  TCP4 192.0.2.1 198.51.100.1 1 2\r\n", "PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1  1 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1\r\n", "PROXY TCP4\r\n", "PROXY TCP4\t192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n", "PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY TCP 192.0.2.1 198.51.100.1 1 2\r\n", "PROXY TCP5 192.0.2.1 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2.1.1 198.51.100.1 1 2\r\n",
        "PROXY TCP4 0xc0.0.2.1 198.51.100.1 1 2\r\n", "PROXY TCP4 3221225985 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.1\0 198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1\0 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP4 192.0.2.1 ::1 1 2\r\n", "PROXY TCP6 ::1 198.51.100.1 1 2\r\n",
        "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
        "PROXY TCP6 [::1] [::1] 1 2\r\n", "PROXY TCP6 1::2::3 ::1 1 2\r\n", "PROXY TCP6 12345::1 ::1 1 2\r\n",
        "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n", "PROXY TCP4 localhost 198.51.100.1 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1 02\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1 99999\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 123456 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 +1 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 x 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\r\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\rx\n",
    ]

    @Test("A line that breaks a rule of version 1 is refused", arguments: malformedLines)
    func malformedLine(line: String) {
        #expect(Self.read(bytes(line)).fault == .malformed)
    }

    @Test("A line of more than 107 bytes is refused once that many have arrived")
    func longLine() throws {
        let line = "PROXY UNKNOWN " + String(repeating: "x", count: 91)
        #expect(try Self.read(bytes(line + "\r\n")).get()?.length == 107)
        #expect(try Self.read(bytes(line + "\r")).get() == nil)
        #expect(Self.read(bytes(line + "x\r")).fault == .malformed)
        #expect(Self.read(bytes(line + "x\r\n")).fault == .malformed)
    }

    static let malformedHeaders: [(String, [UInt8])] = [
        ("version 1", BinaryHeader.bytes(0x11, BinaryHeader.ipv4, command: 0x11)),
        ("version 3", BinaryHeader.bytes(0x11, BinaryHeader.ipv4, command: 0x31)),
        ("command 2", BinaryHeader.bytes(0x11, BinaryHeader.ipv4, command: 0x22)),
        ("command 15", BinaryHeader.bytes(0x11, BinaryHeader.ipv4, command: 0x2f)),
        ("family 4", BinaryHeader.bytes(0x41, BinaryHeader.ipv4)),
        ("family 15", BinaryHeader.bytes(0xf0, BinaryHeader.ipv4)),
        ("transport 3", BinaryHeader.bytes(0x13, BinaryHeader.ipv4)),
        ("transport 15", BinaryHeader.bytes(0x0f, [])),
        ("no address", BinaryHeader.bytes(0x11, [])),
        ("half an IPv4 address", BinaryHeader.bytes(0x11, BinaryHeader.ipv4.dropLast())),
        ("half an IPv6 address", BinaryHeader.bytes(0x21, BinaryHeader.ipv6.dropLast())),
        ("an IPv4 address as IPv6", BinaryHeader.bytes(0x21, BinaryHeader.ipv4)),
        ("half a path", BinaryHeader.bytes(0x31, [UInt8](repeating: 0, count: 215))),
        ("half a vector's head", BinaryHeader.bytes(0x11, BinaryHeader.ipv4 + [4, 0])),
        ("a vector past the end", BinaryHeader.bytes(0x11, BinaryHeader.ipv4 + BinaryHeader.vector(4, [1], length: 2))),
        ("a huge vector", BinaryHeader.bytes(0x11, BinaryHeader.ipv4 + BinaryHeader.vector(4, [1], length: 0xffff))),
        ("a wrong checksum", BinaryHeader.bytes(0x11, BinaryHeader.ipv4 + BinaryHeader.vector(3, [1, 2, 3, 4]))),
        ("a short checksum", BinaryHeader.bytes(0x11, BinaryHeader.ipv4 + BinaryHeader.vector(3, [1, 2, 3]))),
        (
            "two checksums",
            BinaryHeader.bytes(
                0x11,
                BinaryHeader.ipv4 + BinaryHeader.vector(3, [0, 0, 0, 0]) + BinaryHeader.vector(3, [0, 0, 0, 0])
            )
        ),
    ]

    @Test("A header that breaks a rule of version 2 is refused", arguments: malformedHeaders)
    func malformedHeader(name: String, bytes: [UInt8]) {
        #expect(Self.read(bytes).fault == .malformed)
    }

    @Test(
        "What starts with something else is no header, from the first byte that differs",
        arguments: [
            "GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}", "proxy TCP4 1.1.1.1 ",
            "PROXYTCP4", "PROXY\r\n", "PROPFIND / HTTP/1.1\r\n", " PROXY TCP4", "\r\nPROXY TCP4", "\r\n\r\n\0\r\nQUIX",
            "\r\n\r\nGET", "\n", "\0",
        ]
    )
    func absent(text: String) {
        #expect(Self.read(bytes(text)).fault == .absent)
    }
}
