/// Requests as messages: framing, lengths, fields and pseudo fields.
extension HTTP2Case {
    private static let framing = "RFC 9113, 8.1"
    private static let lengths = "RFC 9113, 8.1.1"
    private static let names = "RFC 9113, 8.2.1"
    private static let connection = "RFC 9113, 8.2.2"
    private static let pseudoSection = "RFC 9113, 8.3"
    private static let requests = "RFC 9113, 8.3.1"

    private static func length(_ name: String, _ value: String, _ body: String, _ outcome: Outcome) -> HTTP2Case {
        post(lengths, name, outcome, [Field("content-length", value)], body)
    }

    static let messages: [HTTP2Case] = [
        frames(
            framing,
            "a second head without END_STREAM is an error",
            .refusedInBody,
            .headers(1, HPACK.request(method: "POST"), end: false),
            .headers(1, HPACK.block([Field("x-sum", "1")]), end: false),
            .data(1, "x", end: true)
        ),
        frames(
            framing,
            "pseudo fields in trailers are an error",
            .refusedInBody,
            .headers(1, HPACK.request(method: "POST"), end: false),
            .data(1, "x"),
            .headers(1, HPACK.block([Field(":path", "/public/other")]))
        ),
        frames(
            framing,
            "a whole second request in trailers is an error",
            .refusedInBody,
            .headers(1, HPACK.request(method: "POST"), end: false),
            .data(1, "x"),
            .headers(1, HPACK.request("/public/smuggled"))
        ),
        frames(
            framing,
            "upper-case names in trailers are an error",
            .refusedInBody,
            .headers(1, HPACK.request(method: "POST"), end: false),
            .data(1, "x"),
            .headers(1, HPACK.block([Field("X-Sum", "1")]))
        ),
        frames(
            framing,
            "connection fields in trailers are an error",
            .refusedInBody,
            .headers(1, HPACK.request(method: "POST"), end: false),
            .data(1, "x"),
            .headers(1, HPACK.block([Field("transfer-encoding", "chunked")]))
        ),
        frames(
            framing,
            "line ends in trailers are an error",
            .refusedInBody,
            .headers(1, HPACK.request(method: "POST"), end: false),
            .data(1, "x"),
            .headers(1, HPACK.block([Field("x-sum", "1\r\n\r\nGET /public/smuggled HTTP/1.1\r\nHost: localhost")]))
        ),
        frames(
            framing,
            "trailers are taken",
            .served(body: 1),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .data(1, "x"),
            .headers(1, HPACK.block([Field("x-sum", "1")]))
        ),
        frames(
            framing,
            "trailers without a body are taken",
            .served(body: 0),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .headers(1, HPACK.block([Field("x-sum", "1")]))
        ),
        frames(
            framing,
            "empty trailers are taken",
            .served(body: 1),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .data(1, "x"),
            .headers(1, [])
        ),
        frames(
            framing,
            "DATA behind trailers are an error",
            .streamError([.streamClosed, .protocolError]),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .headers(1, HPACK.block([Field("x-sum", "1")]), end: false),
            .data(1, "x", end: true)
        ),

        length("content-length that is right is taken", "5", "hello", .served(body: 5)),
        length("content-length past the body is an error", "6", "hello", .refusedInBody),
        length("content-length short of the body is an error", "4", "hello", .refusedInBody),
        length("content-length of 0 with a body is an error", "0", "hello", .refusedBehind(body: 0)),
        frames(
            lengths,
            "content-length without a body is an error",
            .refusedInBody,
            .headers(1, HPACK.request(method: "POST", [Field("content-length", "1")]))
        ),
        frames(
            lengths,
            "content-length of 0 without a body is taken",
            .served(body: 0),
            .headers(1, HPACK.request(method: "POST", [Field("content-length", "0")]))
        ),
        frames(
            lengths,
            "content-length short of several frames is an error",
            .refusedInBody,
            .headers(1, HPACK.request(method: "POST", [Field("content-length", "5")]), end: false),
            .data(1, "hel"),
            .data(1, "lo!", end: true)
        ),
        frames(
            lengths,
            "content-length past several frames is an error",
            .refusedInBody,
            .headers(1, HPACK.request(method: "POST", [Field("content-length", "9")]), end: false),
            .data(1, "hel"),
            .data(1, "lo!", end: true)
        ),
        frames(
            lengths,
            "content-length past the body before trailers is an error",
            .refusedInBody,
            .headers(1, HPACK.request(method: "POST", [Field("content-length", "9")]), end: false),
            .data(1, "hello"),
            .headers(1, HPACK.block([Field("x-sum", "1")]))
        ),
        frames(
            lengths,
            "padding does not count for content-length",
            .served(body: 5),
            .headers(1, HPACK.request(method: "POST", [Field("content-length", "5")]), end: false),
            .data(1, Array("hello".utf8), end: true, padding: 9)
        ),
        post(
            lengths,
            "two content-lengths that differ are an error",
            .refused,
            [Field("content-length", "5"), Field("content-length", "6")],
            "hello"
        ),
        post(
            lengths,
            "two content-lengths that agree are an error or one",
            .either(body: 5),
            [Field("content-length", "5"), Field("content-length", "5")],
            "hello"
        ),
        length("content-length list is an error or one", "5, 5", "hello", .either(body: 5)),
        length("content-length list that differs is an error", "5, 6", "hello", .refused),
        length("content-length with a plus is an error", "+5", "hello", .refused),
        length("content-length below zero is an error", "-5", "hello", .refused),
        length("content-length in hexadecimal is an error", "0x5", "hello", .refused),
        length("content-length that is empty is an error", "", "hello", .refused),
        length("content-length with a blank is an error", "5 ", "hello", .refused),
        length("content-length with letters is an error", "5a", "hello", .refused),
        length("content-length of a fraction is an error", "5.0", "hello", .refused),
        length("content-length past 64 bits is an error", "18446744073709551621", "hello", .refused),
        length("content-length with line ends is an error", "5\r\ntransfer-encoding: chunked", "hello", .refused),

        field(names, "an upper-case name is an error", "X-Upper", "1"),
        field(names, "a name with one upper-case letter is an error", "x-uppeR", "1"),
        field(names, "an empty name is an error", "", "1"),
        field(names, "a name with a blank is an error", "x y", "1"),
        field(names, "a name with a blank in front is an error", " x", "1"),
        field(names, "a name with a blank behind is an error", "x ", "1"),
        field(names, "a name with a colon is an error", "x:y", "1"),
        field(names, "a name with a colon behind is an error", "x:", "1"),
        field(names, "a name with a NUL is an error", "x\0y", "1"),
        field(names, "a name with a tab is an error", "x\ty", "1"),
        field(names, "a name with a DEL is an error", "x\u{7f}", "1"),
        field(names, "a name in UTF-8 is an error", "xé", "1"),
        field(names, "a name with a quote is an error", "x\"", "1"),
        field(names, "a name with brackets is an error", "x[0]", "1"),
        field(names, "a name with a slash is an error", "x/y", "1"),
        field(names, "a name with a comma is an error", "x,y", "1"),
        field(names, "a value with a NUL is an error", "x", "a\0b"),
        field(names, "a value with a bare CR is an error", "x", "a\rb"),
        field(names, "a value with a bare LF is an error", "x", "a\nb"),
        field(names, "a value with CR LF is an error", "x", "a\r\nb: c"),
        field(names, "a value with a blank in front is an error", "x", " a"),
        field(names, "a value with a blank behind is an error", "x", "a "),
        field(names, "a value with a tab in front is an error", "x", "\ta"),
        field(names, "a value with a bell is an error", "x", "a\u{07}b"),
        field(names, "a value with a DEL is an error", "x", "a\u{7f}b"),
        field(names, "a value that is empty is taken", .served(body: 0), "x", ""),
        field(names, "a value with blanks within is taken", .served(body: 0), "x", "a b\tc"),
        block(
            names,
            "a value with bytes past ASCII is taken or an error",
            .either(body: 0),
            HPACK.request() + HPACK.literal(Array("x".utf8), [0xff, 0xfe])
        ),

        field(connection, "connection is an error", "connection", "x"),
        field(connection, "connection: close is an error", "connection", "close"),
        field(connection, "keep-alive is an error", "keep-alive", "timeout=5"),
        field(connection, "proxy-connection is an error", "proxy-connection", "keep-alive"),
        field(connection, "transfer-encoding is an error", "transfer-encoding", "chunked"),
        field(connection, "transfer-encoding: identity is an error", "transfer-encoding", "identity"),
        field(connection, "upgrade is an error", "upgrade", "websocket"),
        field(connection, "upgrade: h2c is an error", "upgrade", "h2c"),
        field(connection, "te of anything but trailers is an error", "te", "gzip"),
        field(connection, "te of trailers and more is an error", "te", "trailers, deflate;q=0.5"),
        field(connection, "te: trailers is taken", .served(body: 0), "te", "trailers"),
    ]

    static let pseudoFields: [HTTP2Case] = [
        fields(pseudoSection, "no pseudo field at all is an error", [Field("x", "1")]),
        fields(pseudoSection, "an unknown pseudo field is an error", HPACK.pseudo() + [Field(":test", "1")]),
        fields(pseudoSection, "a pseudo field without a name is an error", HPACK.pseudo() + [Field(":", "1")]),
        fields(pseudoSection, "a pseudo field of responses is an error", HPACK.pseudo() + [Field(":status", "200")]),
        fields(
            pseudoSection,
            "a pseudo field behind others is an error",
            HPACK.pseudo().dropLast() + [Field("x", "1"), Field(":path", "/public/m")]
        ),
        fields(
            pseudoSection,
            ":authority behind others is an error",
            [
                Field(":method", "GET"), Field(":scheme", "http"), Field(":path", "/public/m"), Field("x", "1"),
                Field(":authority", "localhost"),
            ]
        ),
        fields(
            pseudoSection,
            "a pseudo field in upper case is an error",
            HPACK.pseudo().dropLast() + [Field(":Path", "/public/m")]
        ),
        fields(
            pseudoSection,
            ":protocol without CONNECT is an error",
            HPACK.pseudo() + [Field(":protocol", "websocket")]
        ),

        fields(requests, "no :method is an error", Array(HPACK.pseudo().dropFirst())),
        fields(requests, "no :scheme is an error", HPACK.pseudo().filter { $0.name != ":scheme" }),
        fields(requests, "no :path is an error", HPACK.pseudo().filter { $0.name != ":path" }),
        fields(requests, "neither :authority nor host is an error", HPACK.pseudo().filter { $0.name != ":authority" }),
        fields(
            requests,
            "host in place of :authority is taken",
            .served(body: 0),
            HPACK.pseudo().filter { $0.name != ":authority" } + [Field("host", "localhost")]
        ),
        fields(
            requests,
            "host that agrees with :authority is taken",
            .served(body: 0),
            HPACK.pseudo() + [Field("host", "localhost")]
        ),
        fields(
            requests,
            "host that differs from :authority is an error",
            HPACK.pseudo() + [Field("host", "other.example")]
        ),
        fields(
            requests,
            "host twice is an error",
            HPACK.pseudo() + [Field("host", "localhost"), Field("host", "localhost")]
        ),
        fields(
            requests,
            "host twice without :authority is an error",
            HPACK.pseudo().filter { $0.name != ":authority" } + [Field("host", "localhost"), Field("host", "other")]
        ),
        fields(
            requests,
            "an empty :authority is an error",
            [
                Field(":method", "GET"), Field(":scheme", "http"),
                Field(":authority", ""), Field(":path", "/public/m"),
            ]
        ),
        fields(requests, ":method twice is an error", [Field(":method", "GET")] + HPACK.pseudo()),
        fields(requests, ":scheme twice is an error", [Field(":scheme", "http")] + HPACK.pseudo()),
        fields(requests, ":path twice is an error", [Field(":path", "/public/m")] + HPACK.pseudo()),
        fields(requests, ":authority twice is an error", [Field(":authority", "localhost")] + HPACK.pseudo()),
        fields(requests, "an empty :method is an error", HPACK.pseudo(method: "")),
        fields(requests, "an empty :path is an error", HPACK.pseudo("")),
        fields(
            requests,
            "an empty :scheme is an error",
            [
                Field(":method", "GET"), Field(":scheme", ""),
                Field(":authority", "localhost"), Field(":path", "/public/m"),
            ]
        ),
        fields(requests, ":path without a slash is an error", HPACK.pseudo("public/m")),
        fields(requests, ":path of a star is an error for GET", HPACK.pseudo("*")),
        fields(requests, ":path in absolute form is an error", HPACK.pseudo("http://localhost/public/m")),
        fields(requests, ":path with a fragment is an error", HPACK.pseudo("/public/m#x")),
        fields(
            requests,
            ":authority with a user is an error",
            [
                Field(":method", "GET"), Field(":scheme", "http"),
                Field(":authority", "me@localhost"), Field(":path", "/public/m"),
            ]
        ),
        fields(requests, "TRACE is refused", HPACK.pseudo(method: "TRACE")),
        fields(
            "RFC 9113, 8.5",
            "CONNECT is refused",
            [Field(":method", "CONNECT"), Field(":authority", "example.com:443")]
        ),
        fields("RFC 9113, 8.5", "CONNECT with a path is refused", HPACK.pseudo(method: "CONNECT")),
        fields("RFC 9113, 8.5", "CONNECT without :authority is refused", [Field(":method", "CONNECT")]),
    ]
}
