import Testing

@testable import DataPlane

@Suite("Request heads that are refused")
struct BadRequestHeadTests {
    @Test(
        "Invalid request lines",
        arguments: [
            "", " ", "GET", "GET ", "GET /", "GET / ", "GET /  HTTP/1.1", "GET  / HTTP/1.1", " GET / HTTP/1.1",
            "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET / HTTP/1.1 ", "GET / x HTTP/1.1", "GET / HTTP/1.1\r",
            "GET / http/1.1", "GET / HTTP/1", "GET / HTTP/11", "GET / HTTP/1.10", "GET / HTTP/01.1", "GET / HTTP/1,1",
            "GET / HTTP 1.1", "GET / HTCPCP/1.1", "GET / HTTP/a.1", "GET / HTTP/1.x", "G@T / HTTP/1.1",
            "GE\0T / HTTP/1.1",
            "G(T / HTTP/1.1", "GET\u{e9} / HTTP/1.1", "/ HTTP/1.1", "GET / HTTP/1.1, HTTP/1.1",
        ]
    )
    func requestLine(_ line: String) {
        #expect(judge(request(line: line)).fault == .malformed)
    }

    @Test(
        "Invalid targets",
        arguments: [
            "*", "example.com", "a/b", "?x", "//\u{e9}", "/\u{e9}", "/a\0", "/a\u{1}", "/a\u{7f}", "/a\u{b}b", "/a\rb",
            "/a#b",
            "#", "http:/a/", "http:a", "ftp://a/", "ws://a/", "javascript:alert(1)", "http://", "http:///x",
            "http://u@a/",
            "http://u:p@a/", "http://a b/", "http://a:b/", "http://a:123456/", "http://[::1/", "http://[]/",
            "http://[::1]x/",
            "http://a\\b/", "http://a%2fb/", "http://a,b/", "https://", "http://:80/", "http://a#/",
        ]
    )
    func targets(_ target: String) {
        #expect(judge(request(line: "GET \(target) HTTP/1.1")).fault == .malformed)
    }

    @Test(
        "HTTP versions that are not supported",
        arguments: ["HTTP/0.9", "HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9", "HTTP/0.0"]
    )
    func versions(_ version: String) {
        #expect(judge(request(line: "GET / \(version)")).fault == .version)
    }

    @Test(
        "CONNECT and TRACE are not served, in any case and with any target",
        arguments: [
            ("CONNECT gateway.example:443", .method), ("CONNECT /", .method), ("TRACE /", .mirror),
            ("trace /", .mirror), ("Connect a:1", .method), ("TRACE http://a/", .mirror), ("TRACE *", .mirror),
        ] as [(String, HeadFault)]
    )
    func methods(_ start: String, _ fault: HeadFault) {
        #expect(judge(request(line: "\(start) HTTP/1.1")).fault == fault)
    }

    @Test(
        "Smuggling: field lines that others might read differently",
        arguments: [
            "X : y\r\n", "X\t: y\r\n", " X: y\r\n", "X: y\r\n z\r\n", "X: y\r\n\tz\r\n", ": y\r\n", "X\r\n", "X y\r\n",
            "X;: y\r\n",
            "X\u{e9}: y\r\n", "X\0: y\r\n", "X(: y\r\n", "\"X\": y\r\n", "X/Y: y\r\n", "X: a\0b\r\n", "X: a\u{7f}\r\n",
            "X: a\u{1b}b\r\n",
            "X: a\rb\r\n", "X: a\r\r\n", "X: y\n", "X: y\nZ: z\r\n", "X: y\r\n\nZ: z\r\n", "X: y\r\rZ: z\r\n",
            "\rX: y\r\n",
            "X\r: y\r\n", "X\n: y\r\n", "X: \u{c}y\r\n", "X: y\u{b}\r\n",
        ]
    )
    func fieldLines(_ lines: String) {
        #expect(judge(request(lines)).fault == .malformed)
    }

    @Test(
        "Smuggling: two lengths, odd lengths, odd codings",
        arguments: [
            "Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5, 5\r\n", "Content-Length: +5\r\n", "Content-Length: -5\r\n", "Content-Length: 0x5\r\n",
            "Content-Length: 5 5\r\n", "Content-Length: 5;\r\n", "Content-Length: 5.0\r\n", "Content-Length:\r\n",
            "Content-Length: five\r\n", "Content-Length: \u{665}\r\n", "Content-Length: 9223372036854775808\r\n",
            "Content-Length: 18446744073709551621\r\n", "Content-Length: 1000000000000000000\r\n",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\ncontent-length: 5\r\n",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: identity\r\n", "Transfer-Encoding: gzip\r\n", "Transfer-Encoding:\r\n",
            "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: chunkedx\r\n", "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding: chunked;q=1\r\n", "Transfer-Encoding: chunked,\r\n",
            "Transfer-Encoding: \u{b}chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "Transfer-Encoding: c\u{212a}unked\r\n",
        ]
    )
    func framing(_ lines: String) {
        #expect(judge(request(lines, line: "POST / HTTP/1.1")).fault == .malformed)
    }

    @Test("Smuggling: a chunked body in HTTP/1.0, which has none")
    func oldChunked() {
        let head = request("Transfer-Encoding: chunked\r\n", line: "POST / HTTP/1.0")
        #expect(judge(head).fault == .malformed)
    }

    @Test(
        "A missing, repeated or invalid Host",
        arguments: [
            "", "Host:\r\n", "Host: a\r\nHost: a\r\n", "Host: a\r\nhost: b\r\n", "Host: a b\r\n", "Host: a/b\r\n",
            "Host: a@b\r\n",
            "Host: a,b\r\n", "Host: a:b\r\n", "Host: a:123456\r\n", "Host: :80\r\n", "Host: a:1:2\r\n",
            "Host: [::1\r\n",
            "Host: []\r\n", "Host: [::1]a\r\n", "Host: [g::1]\r\n", "Host: ::1\r\n", "Host: a\\b\r\n",
            "Host: a%2eb\r\n",
            "Host: \u{e9}\r\n", "Host: a?b\r\n", "Host: a\"b\r\n", "Host: <a>\r\n",
            "Host: \(String(repeating: "a", count: 301))\r\n",
        ]
    )
    func hosts(_ lines: String) {
        #expect(judge("GET / HTTP/1.1\r\n\(lines)\r\n").fault == .malformed)
        if !lines.isEmpty { #expect(judge("GET http://a/ HTTP/1.1\r\n\(lines)\r\n").fault == .malformed) }
    }

    @Test(
        "Expectations other than 100-continue",
        arguments: ["200-ok", "100-continue, x", "", "100-continue;x", "100-continue\r\nExpect: 100-continue"]
    )
    func expectations(_ value: String) {
        let head = request("Content-Length: 1\r\nExpect: \(value)\r\n", line: "POST / HTTP/1.1")
        #expect(judge(head).fault == .malformed)
    }

    @Test(
        "Almost valid handshakes",
        arguments: [
            ("POST", "Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n"), ("GET", "Sec-WebSocket-Key: k\r\n"),
            ("GET", "Sec-WebSocket-Version: 13\r\n"),
            ("GET", "Sec-WebSocket-Key: k\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n"),
            ("GET", "Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Version: 8\r\n"),
            ("GET", "Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\nContent-Length: 5\r\n"),
            ("GET", "Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\nTransfer-Encoding: chunked\r\n"),
        ]
    )
    func handshakes(_ method: String, _ lines: String) {
        let head = request("Connection: upgrade\r\nUpgrade: websocket\r\n" + lines, line: "\(method) / HTTP/1.1")
        #expect(judge(head).fault == .malformed)
    }

    @Test("Each fault has the status that tells the client what to change")
    func statuses() {
        let faults: [HeadFault] = [.malformed, .tooLarge, .version, .method]
        #expect(faults.map(\.status) == [400, 431, 505, 501])
    }

    @Test("Any byte put in any place of a head is refused or read: nothing traps, and no control gets through")
    func everyMutation() {
        let good = bytes("POST /a?b HTTP/1.1\r\nHost: h:1\r\nConnection: x\r\nX: y\r\nContent-Length: 5\r\n\r\n")
        var leaks: [String] = []
        for place in good.indices {
            for byte in UInt8.min...UInt8.max {
                var head = good
                head[place] = byte
                guard case .success(let judged) = judge(head) else { continue }
                let values = judged.head.block.fields.flatMap { Array(head[$0.value]) } + head[judged.head.target]
                if values.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7f }) {
                    leaks.append("\(byte) at \(place)")
                }
            }
        }
        #expect(leaks == [])
    }

    @Test("A head cut short at any byte, with a wrong length, is refused and read no further")
    func cutShort() {
        let good = bytes(request("X: y\r\n"))
        for count in 0..<good.count { #expect(judge(Array(good[..<count])).fault == .malformed, "\(count)") }
    }
}
