import Testing

@testable import DataPlane

@Suite("Heads as they come, at once or in pieces")
struct ArrivingHeadTests {
    static let requests = [
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET /a?b=c HTTP/1.1\r\nHost: h:8080\r\nCookie: a=b; c=d\r\nx-empty:\r\nX_Real_IP: 1\r\n\r\n",
        "POST /a HTTP/1.1\r\nhost: h\r\nContent-Length: 3\r\nConnection: close, x\r\nx: \ty\t \r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET http://other/x HTTP/1.0\r\n\r\nrest\n\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\r\n\r\n\r\n",
        // Refused, for another reason each.
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: h\n\nrest", "GET / HTTP/1.1\r\nHost: h\r\n\nrest",
        "GET / HTTP/1.1\r\nHost: h\n\r\nrest", "GET / HTTP/1.1\r\nHost: h\r\na b: c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n folded: c\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\na: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\na: b\r\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\na: \u{0}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nnone\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "GET /\u{1} HTTP/2.0\r\nHost: h\r\n\r\n",
        "TRACE /# HTTP/1.1\r\nHost: h\r\n\r\n", "GET /#a HTTP/1.1\r\nHost: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\n", "\n\n", "no end\r\nyet\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n\r",
        "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "a: b\r\n", count: 9) + "\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nlong: " + String(repeating: "x", count: 220) + "\r\n\r\n",
    ]

    static let responses = [
        "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: x\r\n\r\nok",
        "HTTP/1.0 404 Not Found\r\nConnection: keep-alive, x\r\nx: y\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 304\r\nContent-Length: 7\r\n\r\n",
        // Refused.
        "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "HTTP/1.1 200 OK\r\na: \u{7f}\r\n\r\n",
        "HTTP/1.1 200 O\rK\r\n\r\n", "HTTP/1.1 200 OK\r\nlong: " + String(repeating: "x", count: 230) + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 11) + "\r\n", "HTTP/1.1 200 OK\r\na: b\r\n",
    ]

    private static let limits = RequestHead.Limits(size: 240, count: 10)

    @Test("A request says the same in whatever two pieces it comes, and nothing before its end", arguments: requests)
    func request(_ text: String) {
        let input = bytes(text)
        let expected = outcome(input) { bytes, length throws(HeadFault) in
            var head = RequestHead()
            try head.parse(bytes, length: length, limits: Self.limits)
            return Self.summary(head)
        }
        for split in 0...input.count {
            var (head, scanned) = (RequestHead(), 0)
            let seen = inPieces(input, split) { bytes throws(HeadFault) in
                try head.read(bytes, scanned: &scanned, limits: Self.limits) ? Self.summary(head) : nil
            }
            #expect(seen == expected, "\(split)")
        }
    }

    @Test("A response says the same in whatever two pieces it comes, and nothing before its end", arguments: responses)
    func response(_ text: String) {
        let input = bytes(text)
        let expected = outcome(input) { bytes, length throws(HeadFault) in
            var head = ResponseHead()
            try head.parse(bytes, length: length, toHead: false, limits: Self.limits)
            return Self.summary(head)
        }
        for split in 0...input.count {
            var (head, scanned) = (ResponseHead(), 0)
            let seen = inPieces(input, split) { bytes throws(HeadFault) in
                let isRead = try head.read(bytes, scanned: &scanned, toHead: false, limits: Self.limits)
                return isRead ? Self.summary(head) : nil
            }
            #expect(seen == expected, "\(split)")
        }
    }

    @Test("A request that comes byte by byte is read once its last byte is there", arguments: requests)
    func byteByByte(_ text: String) {
        let input = bytes(text)
        let end = Self.end(of: input)
        var (head, scanned) = (RequestHead(), 0)
        for count in 0...input.count {
            do throws(HeadFault) {
                let isRead = try head.read(input.span.extracting(0..<count), scanned: &scanned, limits: Self.limits)
                #expect(isRead == (count == end), "\(count)")
                if isRead { return }
            } catch {
                #expect(count == end)
                #expect(head.length == end)
                return
            }
        }
        #expect(end == nil)
    }

    // MARK: What is expected

    /// What reading says of a head whose end is looked for first; nil where it has none.
    private func outcome(
        _ input: [UInt8],
        _ read: (Span<UInt8>, Int) throws(HeadFault) -> String
    ) -> String? {
        guard let length = Self.end(of: input) else { return nil }
        do throws(HeadFault) {
            return try read(input.span, length)
        } catch {
            return "\(error)"
        }
    }

    private func inPieces(
        _ input: [UInt8],
        _ split: Int,
        _ read: (Span<UInt8>) throws(HeadFault) -> String?
    ) -> String? {
        do throws(HeadFault) {
            if let early = try read(input.span.extracting(0..<split)) { return early }
            return try read(input.span)
        } catch {
            return "\(error)"
        }
    }

    /// By looking at every prefix.
    private static func end(of input: [UInt8]) -> Int? {
        (0...input.count).first { count in
            let head = input[..<count]
            return head.suffix(2) == [0x0a, 0x0a] || head.suffix(3) == [0x0a, 0x0d, 0x0a]
        }
    }

    private static func summary(_ head: RequestHead) -> String {
        """
        \(head.length) \(head.method) \(head.methodRange) \(head.target) \(String(describing: head.authority)) \
        \(head.isHTTP10) \(head.framing) \(head.keepsAlive) \(head.block.fields)
        """
    }

    private static func summary(_ head: ResponseHead) -> String {
        "\(head.length) \(head.status) \(head.reason) \(head.framing) \(head.keepsAlive) \(head.block.fields)"
    }
}
