/// A response that lies, or that is not one.
struct HostileResponse: Sendable, CustomStringConvertible {
    /// What the client may get.
    enum Outcome: Sendable {
        /// Exactly this.
        case answer(Int, String)
        /// 502, a response that is visibly incomplete, or the end of the connection.
        case broken
        /// Either that, or exactly this.
        case either(Int, String)
    }

    let name: String
    let bytes: [UInt8]
    let outcome: Outcome
    /// Whether the upstream keeps its connection open afterwards.
    var staysOpen = true

    var description: String { name }

    init(_ name: String, _ text: String, _ outcome: Outcome = .broken, staysOpen: Bool = true) {
        self.name = name
        bytes = Array(text.utf8)
        self.outcome = outcome
        self.staysOpen = staysOpen
    }

    /// A 200 with these fields and this text after the head.
    private static func fields(
        _ name: String,
        _ fields: String,
        _ body: String = "hello",
        _ outcome: Outcome = .broken,
        staysOpen: Bool = true
    ) -> HostileResponse {
        HostileResponse(name, "HTTP/1.1 200 OK\r\n\(fields)\r\n\r\n\(body)", outcome, staysOpen: staysOpen)
    }

    /// A status line before a valid response.
    private static func start(_ name: String, _ line: String, _ outcome: Outcome = .broken) -> HostileResponse {
        HostileResponse(name, "\(line)\r\nContent-Length: 5\r\n\r\nhello", outcome)
    }

    /// Chunks, after which the upstream waits.
    private static func chunks(
        _ name: String,
        _ body: String,
        _ outcome: Outcome = .broken,
        staysOpen: Bool = true
    ) -> HostileResponse {
        fields(name, "Transfer-Encoding: chunked", body, outcome, staysOpen: staysOpen)
    }

    private static let stolen = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nSTOLEN"

    static let all = starts + heads + lengths + chunked + seconds + interims

    private static let starts: [HostileResponse] = [
        HostileResponse("nothing", "", staysOpen: false),
        HostileResponse("HTTP/0.9", "<html>hello</html>", staysOpen: false),
        HostileResponse("an empty line and the end", "\r\n\r\n", staysOpen: false),
        HostileResponse("half a status line", "HTTP/1.1 20", staysOpen: false),
        HostileResponse("half a head", "HTTP/1.1 200 OK\r\nContent-Le", staysOpen: false),
        HostileResponse("an SSH greeting", "SSH-2.0-OpenSSH_9.2\r\n", staysOpen: false),
        HostileResponse("a request", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        start("status of two digits", "HTTP/1.1 20 OK"),
        start("status of four digits", "HTTP/1.1 2000 OK"),
        start("status of letters", "HTTP/1.1 abc OK"),
        start("status with a sign", "HTTP/1.1 +20 OK"),
        start("status 000", "HTTP/1.1 000 OK"),
        start("status 099", "HTTP/1.1 099 OK"),
        start("status 999", "HTTP/1.1 999 Odd", .either(999, "hello")),
        start("status 600", "HTTP/1.1 600 Odd", .either(600, "hello")),
        start("no status", "HTTP/1.1"),
        start("no version", "200 OK"),
        start("HTTP/2.0", "HTTP/2.0 200 OK"),
        start("HTTP/1.10", "HTTP/1.10 200 OK"),
        start("http in small letters", "http/1.1 200 OK"),
        start("two blanks", "HTTP/1.1  200 OK"),
        start("a tab", "HTTP/1.1\t200 OK"),
        start("a reason with a NUL", "HTTP/1.1 200 O\0K", .either(200, "hello")),
        start("a reason with a bare CR", "HTTP/1.1 200 O\rK", .either(200, "hello")),
        start("a reason that hides a field", "HTTP/1.1 200 OK\nX-Evil: 1", .either(200, "hello")),
        start("no reason", "HTTP/1.1 200 ", .answer(200, "hello")),
        start("no reason and no blank", "HTTP/1.1 200", .either(200, "hello")),
        HostileResponse("a status line without end", "HTTP/1.1 200 " + String(repeating: "x", count: 200_000)),
        HostileResponse(
            "HTTP/1.0",
            "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            .answer(200, "hello"),
            staysOpen: false
        ),
        HostileResponse(
            "HTTP/1.0 without a length",
            "HTTP/1.0 200 OK\r\n\r\nhello",
            .answer(200, "hello"),
            staysOpen: false
        ),
        HostileResponse(
            "an empty line in front",
            "\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            .either(200, "hello")
        ),
    ]

    private static let heads: [HostileResponse] = [
        fields("a field folded", "X: 1\r\n 2\r\nContent-Length: 5", "hello", .either(200, "hello")),
        fields("the length folded", "Content-Length:\r\n 5", "hello", .either(200, "hello")),
        fields("a space before the colon", "X : 1\r\nContent-Length: 5", "hello", .either(200, "hello")),
        fields("a space before the length's colon", "Content-Length : 5", "hello", .either(200, "hello")),
        fields("a field without a colon", "X\r\nContent-Length: 5", "hello", .either(200, "hello")),
        fields("a field without a name", ": x\r\nContent-Length: 5", "hello", .either(200, "hello")),
        fields("a field name with a blank", "X Y: 1\r\nContent-Length: 5"),
        fields("a field with a NUL", "X: a\0b\r\nContent-Length: 5"),
        fields("a field with a bare CR", "X: a\rb\r\nContent-Length: 5"),
        fields(
            "a field with a bare LF",
            "X: a\nSet-Cookie: evil=1\r\nContent-Length: 5",
            "hello",
            .either(200, "hello")
        ),
        fields("a field with a bell", "X: a\u{07}\r\nContent-Length: 5"),
        HostileResponse("lines that end in LF", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", .either(200, "hello")),
        HostileResponse("a head without end", "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 400_000)),
        HostileResponse(
            "fields without end",
            "HTTP/1.1 200 OK\r\n" + (0..<30_000).map { "X-\($0): 1\r\n" }.joined() + "Content-Length: 5\r\n\r\nhello"
        ),
        fields("a forged session cookie", "Set-Cookie: a=1\r\nContent-Length: 5", "hello", .answer(200, "hello")),
        fields(
            "an upgrade that nobody asked for",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5",
            "hello",
            .answer(200, "hello")
        ),
        HostileResponse(
            "101 that nobody asked for",
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + stolen
        ),
    ]

    private static let lengths: [HostileResponse] = [
        fields(
            "both lengths",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "0\r\n\r\n" + stolen,
            .either(200, "")
        ),
        fields(
            "both lengths, other order",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
            "5\r\nhello\r\n0\r\n\r\n",
            .either(200, "hello")
        ),
        fields("lengths that differ", "Content-Length: 5\r\nContent-Length: 6", "hello!"),
        fields("a list of lengths that differ", "Content-Length: 5, 6", "hello!"),
        fields("the length twice", "Content-Length: 5\r\nContent-Length: 5", "hello", .either(200, "hello")),
        fields("a length with a sign", "Content-Length: +5"),
        fields("a length below zero", "Content-Length: -5"),
        fields("a length in hexadecimal", "Content-Length: 0x5"),
        fields("a length of letters", "Content-Length: abc"),
        fields("a length that is empty", "Content-Length:"),
        fields("a length past 64 bits", "Content-Length: 18446744073709551621"),
        fields("a body that is short", "Content-Length: 10", "hello", staysOpen: false),
        fields("no body at all", "Content-Length: 10", "", staysOpen: false),
        fields("a body that is long", "Content-Length: 5", "hello" + stolen, .answer(200, "hello")),
        fields("a body where there is none", "Content-Length: 0", "hello", .answer(200, "")),
        fields("no length", "X: 1", "hello", .answer(200, "hello"), staysOpen: false),
        fields("an unknown coding", "Transfer-Encoding: foo", "hello", staysOpen: false),
        fields("gzip, chunked", "Transfer-Encoding: gzip, chunked", "0\r\n\r\n"),
        fields("chunked, gzip", "Transfer-Encoding: chunked, gzip", "0\r\n\r\n", staysOpen: false),
        fields("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        fields("a coding with a vertical tab", "Transfer-Encoding: \u{0b}chunked", "0\r\n\r\n", staysOpen: false),
        fields(
            "a coding with a space before the colon",
            "Transfer-Encoding : chunked",
            "0\r\n\r\n",
            .either(200, ""),
            staysOpen: false
        ),
        HostileResponse(
            "chunked in HTTP/1.0",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            .either(200, "hello"),
            staysOpen: false
        ),
    ]

    private static let chunked: [HostileResponse] = [
        chunks("a chunk size of letters", "zz\r\nhello\r\n0\r\n\r\n"),
        chunks("a chunk size below zero", "-5\r\nhello\r\n0\r\n\r\n"),
        chunks("a chunk size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        chunks("a chunk size past 64 bits", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        chunks("a chunk size of 2 to the 63", "8000000000000000\r\nhello\r\n0\r\n\r\n", staysOpen: false),
        chunks("a chunk size with a blank in front", " 5\r\nhello\r\n0\r\n\r\n"),
        chunks("a chunk size that is missing", "\r\nhello\r\n0\r\n\r\n"),
        chunks("a chunk size that ends in LF", "5\nhello\r\n0\r\n\r\n"),
        chunks("a chunk that is too long", "5\r\nhello!\r\n0\r\n\r\n"),
        chunks("a chunk that ends in LF", "5\r\nhello\n0\r\n\r\n"),
        chunks("a chunk extension with a bare LF", "5;a\nb\r\nhello\r\n0\r\n\r\n"),
        chunks("chunks that stop", "5\r\nhello\r\n", staysOpen: false),
        chunks("a chunk that stops", "5\r\nhel", staysOpen: false),
        chunks("a last chunk without an end", "5\r\nhello\r\n0\r\n", staysOpen: false),
        chunks("a trailer with a space before the colon", "5\r\nhello\r\n0\r\nX : 1\r\n\r\n"),
        chunks("a trailer without an end", "5\r\nhello\r\n0\r\nX: " + String(repeating: "x", count: 400_000)),
        chunks("a second answer behind the last chunk", "5\r\nhello\r\n0\r\n\r\n" + stolen, .answer(200, "hello")),
        chunks("a chunk extension without an end", "5;" + String(repeating: "x", count: 400_000)),
    ]

    private static let seconds: [HostileResponse] = [
        HostileResponse(
            "two answers",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello" + stolen,
            .answer(200, "hello")
        ),
        HostileResponse("204 with a body", "HTTP/1.1 204 No Content\r\n\r\n" + stolen, .answer(204, "")),
        HostileResponse(
            "204 with a length",
            "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
            .either(204, "")
        ),
        HostileResponse(
            "204 with chunks",
            "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            .either(204, "")
        ),
        HostileResponse(
            "304 with a body",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 46\r\n\r\n" + stolen,
            .answer(304, "")
        ),
    ]

    private static let interims: [HostileResponse] = [
        HostileResponse("1xx without an answer", "HTTP/1.1 103 Early Hints\r\n\r\n", staysOpen: false),
        HostileResponse("a storm of 1xx", String(repeating: "HTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n", count: 20_000)),
        HostileResponse("a storm of 100", String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 20_000)),
        HostileResponse(
            "1xx with a length",
            "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + stolen
        ),
        HostileResponse(
            "100 that nobody asked for",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            .answer(200, "hello")
        ),
        HostileResponse(
            "status 199",
            "HTTP/1.1 199 Odd\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            .either(200, "hello")
        ),
    ]
}
