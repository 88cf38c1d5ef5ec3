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

    @Test("It is just after the first empty line, even if that is a bare line feed", arguments: heads)
    func atOnce(_ head: String) {
        let bytes = bytes(head)
        var scanned = 0
        let end = FieldLines.end(bytes.span, from: 0, scanned: &scanned)
        #expect(end == Self.expected(bytes))
    }

    @Test("The same end is found if the head arrives in any two pieces", arguments: heads)
    func twoPieces(_ head: String) {
        let bytes = bytes(head)
        let expected = Self.expected(bytes)
        for split in 0...bytes.count {
            var scanned = 0
            var end = FieldLines.end(bytes.span.extracting(0..<split), from: 0, scanned: &scanned)
            #expect(end == expected.flatMap { $0 <= split ? $0 : nil }, "\(split)")
            if end == nil { end = FieldLines.end(bytes.span, from: 0, scanned: &scanned) }
            #expect(end == expected, "\(split)")
        }
    }

    @Test("The same end is found if the head arrives byte by byte", arguments: heads)
    func byteByByte(_ head: String) {
        let bytes = bytes(head)
        let expected = Self.expected(bytes)
        var scanned = 0
        for count in 0...bytes.count {
            let end = FieldLines.end(bytes.span.extracting(0..<count), from: 0, scanned: &scanned)
            #expect(end == expected.flatMap { $0 == count ? $0 : nil }, "\(count)")
            if end != nil { break }
            #expect(scanned == count)
        }
    }

    @Test("Bytes before the head's start are not part of it")
    func laterStart() {
        let bytes = bytes("xx\n\r\na: b\r\n\r\n")
        for start in 3...5 {
            var scanned = start
            let end = FieldLines.end(bytes.span, from: start, scanned: &scanned)
            #expect(end == bytes.count, "\(start)")
        }
    }

    /// The same result, by testing every prefix.
    private static func expected(_ bytes: [UInt8]) -> Int? {
        (0...bytes.count).first { count in
            let head = bytes[..<count]
            return head.suffix(2) == [0x0a, 0x0a] || head.suffix(3) == [0x0a, 0x0d, 0x0a]
        }
    }
}
