/// Requests that would become others on their way from HTTP/2 to HTTP/1.1.
extension HTTP2Case {
    private static let section = "RFC 9113, 10.3"
    private static let next = "GET /public/smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n"

    private static func pseudo(_ name: String, _ pseudoField: String, _ value: String) -> HTTP2Case {
        fields(
            section,
            name,
            .refused,
            HPACK.pseudo().map { $0.name == pseudoField ? Field(pseudoField, value) : $0 }
        )
    }

    static let injections: [HTTP2Case] = [
        pseudo("a request in :path", ":path", "/public/m HTTP/1.1\r\nhost: localhost\r\n\r\n\(next)"),
        pseudo("a version and a field in :path", ":path", "/public/m HTTP/1.1\r\nx: 1"),
        pseudo("a version in :path", ":path", "/public/m HTTP/1.1"),
        pseudo("a blank in :path", ":path", "/public/m m"),
        pseudo("a blank in front of :path", ":path", " /public/m"),
        pseudo("a blank behind :path", ":path", "/public/m "),
        pseudo("a tab in :path", ":path", "/public/m\tm"),
        pseudo("a NUL in :path", ":path", "/public/m\0"),
        pseudo("a bare CR in :path", ":path", "/public/m\rx"),
        pseudo("a bare LF in :path", ":path", "/public/m\nx"),
        pseudo("a DEL in :path", ":path", "/public/m\u{7f}"),
        pseudo("UTF-8 in :path", ":path", "/public/é"),
        pseudo("dot segments in :path", ":path", "/public/../event/e1"),
        pseudo("encoded dot segments in :path", ":path", "/public/%2e%2e/event/e1"),
        pseudo("a backslash in :path", ":path", "/public\\m"),
        pseudo("a request in :method", ":method", "GET /public/smuggled HTTP/1.1\r\nhost: localhost\r\n\r\nGET"),
        pseudo("a target in :method", ":method", "GET /public/smuggled"),
        pseudo("a line end in :method", ":method", "GET\r\n"),
        pseudo("a blank in front of :method", ":method", " GET"),
        pseudo("a colon in :method", ":method", "GE:T"),
        pseudo("a NUL in :method", ":method", "GET\0"),
        pseudo("a request in :authority", ":authority", "localhost\r\n\r\n\(next)"),
        pseudo("a field in :authority", ":authority", "localhost\r\nx-gateway-role: host"),
        pseudo("a bare LF in :authority", ":authority", "localhost\nx: 1"),
        pseudo("a blank in :authority", ":authority", "local host"),
        pseudo("a path in :authority", ":authority", "localhost/public"),
        pseudo("a query in :authority", ":authority", "localhost?x"),
        pseudo("a list in :authority", ":authority", "localhost, other"),
        pseudo("a bad port in :authority", ":authority", "localhost:8a"),
        pseudo("a NUL in :authority", ":authority", "localhost\0"),
        pseudo("a URL in :scheme", ":scheme", "http://localhost/public/smuggled?x="),
        pseudo("a request in :scheme", ":scheme", "http\r\n\r\n\(next)"),
        pseudo("a blank in :scheme", ":scheme", "ht tp"),
        pseudo("a line end in :scheme", ":scheme", "http\n"),
        field(section, "a request in a value", "x", "1\r\n\r\n\(next)"),
        field(
            section,
            "a request in a value, with bare LF",
            "x",
            "1\n\nGET /public/smuggled HTTP/1.1\nhost: localhost\n\n"
        ),
        field(section, "a length in a value", "x", "1\r\ncontent-length: 100"),
        field(section, "a coding in a value", "x", "1\r\ntransfer-encoding: chunked"),
        field(section, "a field in a name", "x: 1\r\ny", "2"),
        field(section, "a request in a name", "x: 1\r\n\r\n\(next)y", "2"),
        field(section, "a coding in a name", "transfer-encoding: chunked\r\nx", "1"),
        field(section, "a coding with a blank in its name", "transfer-encoding ", "chunked"),
        field(section, "a coding with a colon in its name", "transfer-encoding:", "chunked"),
        field(section, "a coding in upper case", "Transfer-Encoding", "chunked"),
        field(section, "an identity field with a line end in its name", "x\r\nx-gateway-role", "host"),
        field(section, "an identity field in upper case", "X-Gateway-Role", "host"),
        field(section, "a cookie with a line end", "cookie", "a=1\r\nx: 1"),
        field(section, "a host with a line end", "host", "localhost\r\nx: 1"),
        post(
            section,
            "a coding and a body of chunks",
            .refused,
            [Field("transfer-encoding", "chunked")],
            "0\r\n\r\n\(next)"
        ),
        post(
            section,
            "a coding hidden by a tab and a body of chunks",
            .refused,
            [Field("transfer-encoding\t", "chunked")],
            "0\r\n\r\n\(next)"
        ),
        post(
            section,
            "a length of 0 and a request for a body",
            .refusedBehind(body: 0),
            [Field("content-length", "0")],
            next
        ),
        post(section, "a body of chunks stays a body", .served(body: 5 + next.utf8.count), [], "0\r\n\r\n\(next)"),
        post(
            section,
            "a request for a body stays a body",
            .served(body: next.utf8.count),
            [Field("content-length", "\(next.utf8.count)")],
            next
        ),
        frames(
            section,
            "GET with a body keeps it a body",
            .either(body: next.utf8.count),
            .headers(1, HPACK.request(), end: false),
            .data(1, next, end: true)
        ),
        frames(
            section,
            "HEAD with a body keeps it a body",
            .either(body: next.utf8.count),
            .headers(1, HPACK.request(method: "HEAD"), end: false),
            .data(1, next, end: true)
        ),
    ]
}
