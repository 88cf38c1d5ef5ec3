/// States and numbers of streams.
extension HTTP2Case {
    private static let states = "RFC 9113, 5.1"
    private static let numbers = "RFC 9113, 5.1.1"
    private static let late: Set<HTTP2ErrorCode> = [.streamClosed, .protocolError]

    static let streams: [HTTP2Case] = [
        frames(states, "idle: DATA are an error", .connectionError([.protocolError]), .data(1, "x", end: true)),
        frames(states, "idle: RST_STREAM is an error", .connectionError([.protocolError]), .reset(1)),
        frames(states, "idle: WINDOW_UPDATE is an error", .connectionError([.protocolError]), .windowUpdate(1, 100)),
        frames(
            states,
            "idle: CONTINUATION is an error",
            .connectionError([.protocolError]),
            .continuation(1, HPACK.request())
        ),
        frames(states, "idle: PRIORITY is allowed", .served(body: 0), .priority(1), .headers(1, HPACK.request())),
        frames(states, "idle: a stream of the server's is idle too", .connectionError([.protocolError]), .data(2, "x")),
        halfClosed(states, "half-closed: DATA are an error", .streamError([.streamClosed]), .data(1, "x", end: true)),
        halfClosed(
            states,
            "half-closed: empty DATA are an error",
            .streamError([.streamClosed]),
            .data(1, "", end: true)
        ),
        halfClosed(
            states,
            "half-closed: HEADERS are an error",
            .streamError([.streamClosed]),
            .headers(1, HPACK.request())
        ),
        halfClosed(
            states,
            "half-closed: trailers are an error",
            .streamError([.streamClosed]),
            .headers(1, HPACK.block([Field("x-sum", "1")]))
        ),
        halfClosed(
            states,
            "half-closed: CONTINUATION is an error",
            .streamError([.streamClosed, .protocolError]),
            .continuation(1, HPACK.request())
        ),
        halfClosed(
            states,
            "half-closed: WINDOW_UPDATE lets the response through",
            .served(body: 0),
            .windowUpdate(1, 1000)
        ),
        halfClosed(states, "half-closed: PRIORITY is allowed", .served(body: 0), .priority(1), .windowUpdate(1, 1000)),
        halfClosed(states, "half-closed: RST_STREAM gives the response up", .ignored, .reset(1)),
        halfClosed(
            states,
            "half-closed: an unknown frame is ignored",
            .served(body: 0),
            HTTP2Frame(kind: 0xfb, stream: 1),
            .windowUpdate(1, 1000)
        ),
        reset(states, "closed by RST_STREAM: DATA are no body", .ignoredOrError(late), .data(1, "x", end: true)),
        reset(
            states,
            "closed by RST_STREAM: HEADERS are no request",
            .ignoredOrError(late),
            .headers(1, HPACK.request())
        ),
        reset(
            states,
            "closed by RST_STREAM: CONTINUATION is an error",
            .connectionError([.protocolError, .streamClosed]),
            .continuation(1, HPACK.request())
        ),
        reset(states, "closed by RST_STREAM: PRIORITY is allowed", .ignored, .priority(1)),
        reset(
            states,
            "closed by RST_STREAM: RST_STREAM again is no error that matters",
            .ignoredOrError(late),
            .reset(1)
        ),
        closed(states, "closed: DATA are an error", .streamError([.streamClosed]), .data(1, "x", end: true)),
        closed(states, "closed: HEADERS are an error", .connectionError(late), .headers(1, HPACK.request())),
        closed(
            states,
            "closed: CONTINUATION is an error",
            .connectionError([.protocolError, .streamClosed]),
            .continuation(1, HPACK.request())
        ),
        closed(states, "closed: PRIORITY is allowed", .ignored, .priority(1)),
        closed(states, "closed: WINDOW_UPDATE is allowed", .ignored, .windowUpdate(1, 1000)),
        closed(states, "closed: RST_STREAM is allowed", .ignored, .reset(1)),
        closed(states, "closed: an unknown frame is ignored", .ignored, HTTP2Frame(kind: 0xfb, stream: 1)),
        frames(
            numbers,
            "a request on an even stream is an error",
            .connectionError([.protocolError]),
            stream: 2,
            .headers(2, HPACK.request())
        ),
        HTTP2Case(
            numbers,
            "a request on a lower stream than the last is an error",
            .connectionError([.protocolError]),
            stream: 3
        ) {
            client in
            client.send(.headers(5, HPACK.request("/public/first")))
            client.wait { client.streams[5]?.isEnded ?? false }
            client.send(.headers(3, HPACK.request()))
        },
        HTTP2Case(
            numbers,
            "DATA on a stream that was passed over are an error or ignored",
            .ignoredOrError(late),
            stream: 3
        ) { client in
            client.send(.headers(5, HPACK.request("/public/first")))
            client.wait { client.streams[5]?.isEnded ?? false }
            client.send(.data(3, "x"))
        },
        frames(
            numbers,
            "HEADERS on stream 0 are an error",
            .connectionError([.protocolError]),
            stream: 0,
            .headers(0, HPACK.request())
        ),
        frames(
            numbers,
            "stream numbers may have gaps",
            .served(body: 0),
            stream: 1001,
            .headers(1001, HPACK.request())
        ),
        frames(
            numbers,
            "the largest stream number is served",
            .served(body: 0),
            stream: 0x7fff_ffff,
            .headers(0x7fff_ffff, HPACK.request())
        ),
        frames(
            "RFC 7540, 5.3.1",
            "HEADERS of a stream that depends on itself are an error or served",
            .either(body: 0),
            .headers(1, HPACK.request(), priority: [0, 0, 0, 1, 15])
        ),
        frames(
            "RFC 7540, 5.3.1",
            "PRIORITY of a stream that depends on itself is an error or ignored",
            .ignoredOrError([.protocolError]),
            .priority(1, on: 1)
        ),
        frames(
            "RFC 7540, 5.3.1",
            "priorities that form a ring are ignored",
            .served(body: 0),
            .priority(3, on: 5),
            .priority(5, on: 7),
            .priority(7, on: 3),
            .priority(1, on: 7),
            .headers(1, HPACK.request(), priority: [0x80, 0, 0, 3, 255])
        ),
    ]
}
