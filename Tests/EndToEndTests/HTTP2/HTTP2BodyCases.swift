/// DATA, HEADERS, PRIORITY, RST_STREAM and CONTINUATION: lengths, padding, flags.
extension HTTP2Case {
    private static let data = "RFC 9113, 6.1"
    private static let headers = "RFC 9113, 6.2"
    private static let priority = "RFC 9113, 6.3"
    private static let reset = "RFC 9113, 6.4"
    private static let continuation = "RFC 9113, 6.10"
    private static let broken: Set<HTTP2ErrorCode> = [.protocolError, .frameSizeError]

    private static func upload(_ name: String, _ outcome: Outcome, _ frames: HTTP2Frame...) -> HTTP2Case {
        HTTP2Case(data, name, outcome) { client in
            client.send(.headers(1, HPACK.request(method: "POST"), end: false))
            for frame in frames { client.send(frame) }
        }
    }

    static let bodies: [HTTP2Case] = [
        frames(data, "DATA on stream 0 are an error", .connectionError([.protocolError]), .data(0, "x")),
        upload(
            "padding is no part of the body",
            .served(body: 5),
            .data(1, Array("hello".utf8), end: true, padding: 200)
        ),
        upload(
            "padding of no bytes is padding",
            .served(body: 5),
            .data(1, Array("hello".utf8), end: true, padding: 0)
        ),
        upload(
            "a frame of nothing but padding is an empty one",
            .served(body: 0),
            .data(1, [], end: true, padding: 255)
        ),
        upload(
            "padding as long as the frame is an error",
            .connectionError([.protocolError]),
            HTTP2Frame(kind: 0, flags: 0x9, stream: 1, payload: [6] + Array("hello".utf8))
        ),
        upload(
            "padding longer than the frame is an error",
            .connectionError([.protocolError]),
            HTTP2Frame(kind: 0, flags: 0x9, stream: 1, payload: [255] + Array("hello".utf8))
        ),
        upload(
            "a padded frame without the length of its padding is an error",
            .connectionError(broken),
            HTTP2Frame(kind: 0, flags: 0x9, stream: 1)
        ),
        upload(
            "padding that is not zero is an error or ignored",
            .either(body: 5),
            HTTP2Frame(kind: 0, flags: 0x9, stream: 1, payload: [3] + Array("helloxyz".utf8))
        ),
        upload("an empty last frame ends the body", .served(body: 1), .data(1, "x"), .data(1, "", end: true)),
        upload(
            "a body in frames of a byte stays whole",
            .served(body: 5),
            .data(1, "h"),
            .data(1, "e"),
            .data(1, "l"),
            .data(1, "l"),
            .data(1, "o", end: true)
        ),
        upload(
            "DATA behind the end are an error",
            .streamError([.streamClosed]),
            .data(1, "", end: false),
            .data(1, "x", end: true),
            .data(1, "y", end: true)
        ),

        frames(
            headers,
            "padding is no part of the header block",
            .served(body: 0),
            .headers(1, HPACK.request(), padding: 200)
        ),
        frames(
            headers,
            "padding and priority together are taken",
            .served(body: 0),
            .headers(1, HPACK.request(), padding: 5, priority: [0, 0, 0, 3, 255])
        ),
        frames(
            headers,
            "padding as long as the frame is an error",
            .connectionError([.protocolError]),
            HTTP2Frame(kind: 1, flags: 0xd, stream: 1, payload: [UInt8(HPACK.request().count + 1)] + HPACK.request())
        ),
        frames(
            headers,
            "padding that eats into the priority is an error",
            .connectionError(broken),
            HTTP2Frame(kind: 1, flags: 0x2d, stream: 1, payload: [3, 0, 0, 0, 0, 15])
        ),
        frames(
            headers,
            "a padded frame without the length of its padding is an error",
            .connectionError(broken),
            HTTP2Frame(kind: 1, flags: 0xd, stream: 1)
        ),
        frames(
            headers,
            "priority cut short is an error",
            .connectionError(broken),
            HTTP2Frame(kind: 1, flags: 0x25, stream: 1, payload: [0, 0, 0, 0])
        ),
        frames(headers, "an empty header block is no request", .refused, .headers(1, [])),
        frames(
            headers,
            "HEADERS without END_STREAM and without more are not answered before the end",
            .served(body: 0),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .data(1, "", end: true)
        ),

        frames(priority, "PRIORITY on stream 0 is an error", .connectionError([.protocolError]), .priority(0)),
        frames(
            priority,
            "PRIORITY of 4 bytes is an error",
            .streamError([.frameSizeError]),
            HTTP2Frame(kind: 2, stream: 1, payload: [0, 0, 0, 0])
        ),
        frames(
            priority,
            "PRIORITY of 6 bytes is an error",
            .streamError([.frameSizeError]),
            HTTP2Frame(kind: 2, stream: 1, payload: [0, 0, 0, 0, 0, 0])
        ),
        frames(
            priority,
            "PRIORITY may come at any time",
            .served(body: 1),
            .priority(1),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .priority(1, on: 3),
            .data(1, "x", end: true),
            .priority(1)
        ),

        frames(reset, "RST_STREAM on stream 0 is an error", .connectionError([.protocolError]), .reset(0)),
        frames(
            reset,
            "RST_STREAM of 3 bytes is an error",
            .connectionError([.frameSizeError]),
            .headers(1, HPACK.request(method: "POST"), end: false),
            HTTP2Frame(kind: 3, stream: 1, payload: [0, 0, 0])
        ),
        frames(
            reset,
            "RST_STREAM of 5 bytes is an error",
            .connectionError([.frameSizeError]),
            .headers(1, HPACK.request(method: "POST"), end: false),
            HTTP2Frame(kind: 3, stream: 1, payload: [0, 0, 0, 0, 8])
        ),
        frames(
            reset,
            "RST_STREAM with an unknown code is taken",
            .ignored,
            .headers(1, HPACK.request(method: "POST"), end: false),
            .reset(1, HTTP2ErrorCode(rawValue: 0xdead))
        ),

        frames(
            continuation,
            "a header block in two frames is one",
            .served(body: 0),
            .headers(1, Array(HPACK.request().prefix(20)), endHeaders: false),
            .continuation(1, Array(HPACK.request().dropFirst(20)))
        ),
        HTTP2Case(continuation, "a header block in frames of two bytes is one, or too many frames", .either(body: 0)) {
            client in
            let block = HPACK.request()
            client.send(.headers(1, Array(block.prefix(2)), endHeaders: false))
            for start in stride(from: 2, to: block.count, by: 2) {
                let end = min(start + 2, block.count)
                client.send(.continuation(1, Array(block[start..<end]), endHeaders: end == block.count))
            }
        },
        frames(
            continuation,
            "an empty CONTINUATION may end a block",
            .served(body: 0),
            .headers(1, HPACK.request(), endHeaders: false),
            .continuation(1, [])
        ),
        frames(
            continuation,
            "CONTINUATION on stream 0 is an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(), endHeaders: false),
            .continuation(0, [])
        ),
        frames(
            continuation,
            "CONTINUATION on another stream is an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(), endHeaders: false),
            .continuation(3, [])
        ),
        frames(
            continuation,
            "CONTINUATION behind END_HEADERS is an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .continuation(1, HPACK.block([Field("x", "1")]))
        ),
        frames(
            continuation,
            "CONTINUATION behind CONTINUATION with END_HEADERS is an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(method: "POST"), end: false, endHeaders: false),
            .continuation(1, []),
            .continuation(1, [])
        ),
        frames(
            continuation,
            "CONTINUATION behind DATA is an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .data(1, "x"),
            .continuation(1, [])
        ),
        frames(
            continuation,
            "CONTINUATION as the first frame is an error",
            .connectionError([.protocolError]),
            .continuation(1, HPACK.request())
        ),
    ]
}
