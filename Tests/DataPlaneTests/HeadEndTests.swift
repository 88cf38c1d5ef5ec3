import Testing

@testable import DataPlane

@Suite("Where a head ends")
struct HeadEndTests {
    static let heads = [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\nHost: h\n\nrest",
        "GET / HTTP/1.1\r\nHost: h\r\n\nrest",
        "GET / HTTP/1.1\r\nHost: h\n\r\nrest",
        "a\r\r\n\rb\r\n\r\r\n\r\n",
        "\r\n\r\n",
        "\n\n",
        "\n\r\nx",
        "no end\r\nyet\r\n",
        "no end\r\nyet\r\n\r",
        "",
    ]

    @Test("It is just past the first empty line, also where a bare line feed makes it", arguments: heads)
    func atOnce(_ head: String) {
        let octets = octets(head)
        var scanned = 0
        let end = FieldLines.end(octets.span, from: 0, scanned: &scanned)
        #expect(end == Self.expected(octets))
    }

    @Test("It is found where it is found at once, whatever two pieces the head comes in", arguments: heads)
    func twoPieces(_ head: String) {
        let octets = octets(head)
        let expected = Self.expected(octets)
        for split in 0...octets.count {
            var scanned = 0
            var end = FieldLines.end(octets.span.extracting(0..<split), from: 0, scanned: &scanned)
            #expect(end == expected.flatMap { $0 <= split ? $0 : nil }, "\(split)")
            if end == nil { end = FieldLines.end(octets.span, from: 0, scanned: &scanned) }
            #expect(end == expected, "\(split)")
        }
    }

    @Test("It is found where it is found at once when the head comes octet by octet", arguments: heads)
    func octetByOctet(_ head: String) {
        let octets = octets(head)
        let expected = Self.expected(octets)
        var scanned = 0
        for count in 0...octets.count {
            let end = FieldLines.end(octets.span.extracting(0..<count), from: 0, scanned: &scanned)
            #expect(end == expected.flatMap { $0 == count ? $0 : nil }, "\(count)")
            if end != nil { break }
            #expect(scanned == count)
        }
    }

    @Test("What stands before the head's start is not part of it")
    func laterStart() {
        let octets = octets("xx\n\r\na: b\r\n\r\n")
        for start in 3...5 {
            var scanned = start
            let end = FieldLines.end(octets.span, from: start, scanned: &scanned)
            #expect(end == octets.count, "\(start)")
        }
    }

    /// The same by looking at every prefix.
    private static func expected(_ octets: [UInt8]) -> Int? {
        (0...octets.count).first { count in
            let head = octets[..<count]
            return head.suffix(2) == [0x0a, 0x0a] || head.suffix(3) == [0x0a, 0x0d, 0x0a]
        }
    }
}
