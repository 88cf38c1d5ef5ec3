import Testing

@testable import DataPlane

@Suite("Response heads")
struct ResponseHeadTests {
    private func parse(
        _ text: String,
        toHead: Bool = false,
        limits: RequestHead.Limits = .init()
    ) throws(HeadFault) -> ResponseHead {
        let bytes = bytes(text)
        var head = ResponseHead()
        try head.parse(bytes.span, length: bytes.count, toHead: toHead, limits: limits)
        return head
    }

    private func response(_ lines: String, status: Int = 200, version: String = "1.1") -> String {
        "HTTP/\(version) \(status) OK\r\n\(lines)\r\n"
    }

    @Test(
        "Status lines",
        arguments: [
            ("HTTP/1.1 200 OK", 200, "OK"), ("HTTP/1.1 404 Not Found", 404, "Not Found"), ("HTTP/1.1 200 ", 200, ""),
            ("HTTP/1.1 200", 200, ""), ("HTTP/1.0 599 x", 599, "x"), ("HTTP/1.1 100 Continue", 100, "Continue"),
            ("HTTP/1.1 200  two spaces", 200, " two spaces"), ("HTTP/1.1 200 caf\u{e9}", 200, "caf\u{e9}"),
        ]
    )
    func statusLines(_ line: String, _ status: Int, _ reason: String) throws {
        let head = try parse(line + "\r\n\r\n")
        #expect(head.status == status)
        #expect(text(bytes(line + "\r\n\r\n")[head.reason]) == reason)
    }

    @Test(
        "Invalid status lines",
        arguments: [
            "", "HTTP/1.1", "HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 000 OK",
            "HTTP/1.1 600 OK",
            "HTTP/1.1 999 OK", "HTTP/1.1  200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200\tOK", "HTTP/1.1 200OK",
            "HTTP/1.2 200 OK",
            "HTTP/2.0 200 OK", "HTTP/0.9 200 OK", "http/1.1 200 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1 -20 OK",
            "HTTP/11 200 OK",
            "HTTP/1.1 200 O\0K", "HTTP/1.1 200 O\rK", "HTTP/1.1 200 O\u{7f}K", " HTTP/1.1 200 OK", "ICY 200 OK",
            "200 OK",
            "HTTP/1.1 200 OK\r",
        ]
    )
    func badStatusLines(_ line: String) {
        #expect(throws: HeadFault.malformed) { try parse(line + "\r\nContent-Length: 0\r\n\r\n") }
    }

    @Test(
        "Framing follows RFC 9112 section 6.3",
        arguments: [
            ("", 200, false, BodyFraming.untilClose), ("Content-Length: 5\r\n", 200, false, .length(5)),
            ("Content-Length: 0\r\n", 200, false, .length(0)), ("Transfer-Encoding: Chunked\r\n", 200, false, .chunked),
            ("Content-Length: 5\r\n", 200, true, .none), ("Transfer-Encoding: chunked\r\n", 200, true, .none),
            ("", 200, true, .none), ("Content-Length: 5\r\n", 304, false, .none), ("", 304, false, .none),
            ("", 204, false, .none), ("Content-Length: 5\r\n", 204, false, .none), ("", 100, false, .none),
            ("", 103, false, .none), ("", 101, false, .none), ("Content-Length: 5\r\n", 404, false, .length(5)),
            ("Content-Length: 5\r\n", 205, false, .length(5)),
        ]
    )
    func framing(_ lines: String, _ status: Int, _ toHead: Bool, _ framing: BodyFraming) throws {
        #expect(try parse(response(lines, status: status), toHead: toHead).framing == framing)
    }

    @Test(
        "Splitting: two lengths, or an unreadable coding, make a response unusable",
        arguments: [
            "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 5\r\n", "Content-Length: -1\r\n", "Content-Length: +1\r\n", "Content-Length:\r\n",
            "Content-Length: 0x5\r\n", "Content-Length: 9223372036854775808\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: gzip\r\n", "Transfer-Encoding: identity\r\n", "Transfer-Encoding:\r\n",
        ]
    )
    func badFraming(_ lines: String) {
        for (status, toHead) in [(200, false), (200, true), (204, false), (304, false)] {
            #expect(throws: HeadFault.malformed) { try parse(response(lines, status: status), toHead: toHead) }
        }
    }

    @Test(
        "The upstream's connection is reused only if both ends know where the response ends",
        arguments: [
            ("Content-Length: 1\r\n", "1.1", true), ("Transfer-Encoding: chunked\r\n", "1.1", true), ("", "1.1", false),
            ("Content-Length: 1\r\nConnection: close\r\n", "1.1", false), ("Content-Length: 1\r\n", "1.0", false),
            ("Content-Length: 1\r\nConnection: keep-alive\r\n", "1.0", true),
            ("Connection: keep-alive\r\n", "1.1", false),
            ("Connection: keep-alive\r\n", "1.0", false),
            ("Content-Length: 1\r\nConnection: keep-alive, close\r\n", "1.1", false),
        ]
    )
    func keepAlive(_ lines: String, _ version: String, _ keepsAlive: Bool) throws {
        #expect(try parse(response(lines, version: version)).keepsAlive == keepsAlive)
    }

    @Test("A chunked body from HTTP/1.0 has faulty framing: the connection is not reused")
    func oldChunked() {
        // RFC 9112 section 6.1.
        let head = try? parse(response("Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n", version: "1.0"))
        #expect(head?.keepsAlive != true)
    }

    @Test("A parser that has read one response reads the next as if it were its first")
    func reused() throws {
        var head = ResponseHead()
        let first = bytes(
            response(
                "Connection: close, upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n",
                status: 101,
                version: "1.0"
            )
        )
        try head.parse(first.span, length: first.count, toHead: false, limits: .init())
        #expect(head.isUpgrade)
        #expect(!head.keepsAlive)
        let second = bytes("HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n")
        try head.parse(second.span, length: second.count, toHead: false, limits: .init())
        #expect(!head.isUpgrade)
        #expect(head.keepsAlive)
        #expect(head.framing == .chunked)
        #expect(head.status == 200)
        #expect(head.block.fields.count == 1)
    }

    @Test("Fields listed in a response's Connection are removed, except its framing")
    func listed() throws {
        let text = response("X: 1\r\nContent-Length: 0\r\nConnection: x, content-length\r\n")
        let head = try parse(text)
        #expect(head.block.fields.map(\.isRemoved) == [true, false, false])
    }

    @Test("The length that a HEAD or 304 announces is still known")
    func announced() throws {
        let text = response("Content-Length: 42\r\n", status: 304)
        let bytes = bytes(text)
        let head = try parse(text)
        let announced = head.announcedLength(bytes.span)
        #expect(announced == 42)
        let none = try parse("HTTP/1.1 304 \r\n\r\n").announcedLength(bytes.span)
        #expect(none == nil)
    }

    @Test("Limits of size and count are exact to the byte and the field")
    func limits() throws {
        let text = response("A: 1\r\nB: 2\r\n")
        let size = bytes(text).count
        _ = try parse(text, limits: .init(size: size, count: 2))
        #expect(throws: HeadFault.tooLarge) { try parse(text, limits: .init(size: size - 1, count: 2)) }
        #expect(throws: HeadFault.tooLarge) { try parse(text, limits: .init(size: size, count: 1)) }
    }

    @Test("A head cut short at any byte is refused and read no further")
    func cutShort() {
        let good = bytes(response("Content-Length: 1\r\n"))
        for count in 0..<good.count {
            let cut = Array(good[..<count])
            #expect(throws: HeadFault.malformed, "\(count)") {
                var head = ResponseHead()
                try head.parse(cut.span, length: cut.count, toHead: false, limits: .init())
            }
        }
    }
}
