/// Prefaces, frames as such, and errors of the whole connection.
extension HTTP2Case {
    private static let preface = "RFC 9113, 3.4"
    private static let format = "RFC 9113, 4.1"
    private static let size = "RFC 9113, 4.2"
    private static let blocks = "RFC 9113, 4.3"
    private static let extensions = "RFC 9113, 5.5"

    private static let unknown = HTTP2Frame(kind: 0xfb, flags: 0xff, stream: 0, payload: Array("whatever".utf8))

    static let connections: [HTTP2Case] = [
        HTTP2Case(preface, "a preface that ends otherwise closes the connection", .closed, settings: nil) { client in
            client.send(Array("PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n".utf8) + HTTP2Frame.settings().bytes)
        },
        HTTP2Case(preface, "a preface that breaks off closes the connection", .closed, settings: nil) { client in
            client.send(Array("PRI * HTTP/2.0\r\n\r\n".utf8))
            client.transport.finishSending()
        },
        HTTP2Case(
            preface,
            "HEADERS in place of SETTINGS are an error",
            .connectionError([.protocolError]),
            settings: nil
        ) { client in
            client.send(HTTP2Client.preface + HTTP2Frame.headers(1, HPACK.request()).bytes)
        },
        HTTP2Case(preface, "PING in place of SETTINGS is an error", .connectionError([.protocolError]), settings: nil) {
            client in
            client.send(HTTP2Client.preface + HTTP2Frame.ping().bytes)
        },
        HTTP2Case(
            preface,
            "an acknowledgement in place of SETTINGS is an error",
            .connectionError([.protocolError]),
            settings: nil
        ) { client in
            client.send(HTTP2Client.preface + HTTP2Frame.settingsAck.bytes)
        },
        HTTP2Case(preface, "preface, SETTINGS and request in one piece are served", .served(body: 0), settings: nil) {
            client in
            client.open(1)
            client.send(
                HTTP2Client.preface + HTTP2Frame.settings().bytes + HTTP2Frame.headers(1, HPACK.request()).bytes
            )
        },
        HTTP2Case(preface, "preface, SETTINGS and request byte by byte are served", .served(body: 0), settings: nil) {
            client in
            client.open(1)
            let bytes =
                HTTP2Client.preface + HTTP2Frame.settings().bytes + HTTP2Frame.headers(1, HPACK.request()).bytes
            for byte in bytes { client.send([byte]) }
        },
        frames(format, "a frame of an unknown type is ignored", .ignored, unknown),
        frames(
            format,
            "flags that mean nothing are ignored",
            .ignored,
            HTTP2Frame(
                kind: HTTP2Frame.Kind.ping,
                flags: 0xfe,
                stream: 0,
                payload: Array("flagging".utf8)
            )
        ),
        frames(
            format,
            "the reserved bit of a stream is ignored",
            .served(body: 0),
            HTTP2Frame(
                kind: HTTP2Frame.Kind.headers,
                flags: 0x5,
                stream: 0x8000_0001,
                payload: HPACK.request()
            )
        ),
        HTTP2Case(size, "a frame of 16,384 bytes is taken", .served(body: 16_384)) { client in
            client.send(
                .headers(1, HPACK.request(method: "POST"), end: false),
                .data(1, [UInt8](repeating: 120, count: 16_384), end: true)
            )
        },
        HTTP2Case(size, "DATA of 16,385 bytes are an error", .streamError([.frameSizeError])) { client in
            client.send(
                .headers(1, HPACK.request(method: "POST"), end: false),
                .data(1, [UInt8](repeating: 120, count: 16_385), end: true)
            )
        },
        frames(
            size,
            "HEADERS of more than 16,384 bytes are an error",
            .connectionError([.frameSizeError]),
            .headers(1, HPACK.request() + HPACK.literal("x", String(repeating: "x", count: 16_384)))
        ),
        frames(
            size,
            "a frame of an unknown type with 16,385 bytes is an error",
            .connectionError([.frameSizeError]),
            HTTP2Frame(kind: 0xfb, stream: 0, payload: [UInt8](repeating: 0, count: 16_385))
        ),
        HTTP2Case(
            size,
            "a frame that says 2^24-1 bytes is an error before they come",
            .connectionError([.frameSizeError])
        ) {
            client in
            client.send([0xff, 0xff, 0xff, 1, 5, 0, 0, 0, 1])
        },
        block(
            blocks,
            "a header block that is none is an error",
            .connectionError([.compressionError]),
            [0xff, 0xff, 0xff, 0xff]
        ),
        frames(
            blocks,
            "a header block that breaks off is an error",
            .connectionError([.compressionError]),
            .headers(1, HPACK.request() + [0x40, 0x0a, 0x78])
        ),
        frames(
            blocks,
            "PRIORITY within a header block is an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(), endHeaders: false),
            .priority(3),
            .continuation(1, [])
        ),
        frames(
            blocks,
            "PING within a header block is an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(), endHeaders: false),
            .ping(),
            .continuation(1, [])
        ),
        frames(
            blocks,
            "HEADERS of another stream within a header block are an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(), endHeaders: false),
            .headers(3, HPACK.request()),
            .continuation(1, [])
        ),
        frames(
            blocks,
            "DATA within a header block are an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(), end: false, endHeaders: false),
            .data(1, "x"),
            .continuation(1, [])
        ),
        frames(
            blocks,
            "WINDOW_UPDATE within a header block is an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(), endHeaders: false),
            .windowUpdate(0, 1),
            .continuation(1, [])
        ),
        frames(
            blocks,
            "SETTINGS within a header block are an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(), endHeaders: false),
            .settings(),
            .continuation(1, [])
        ),
        frames(
            "RFC 9113, 5.4.1",
            "after an error nothing more is served",
            .connectionError([.protocolError]),
            stream: 3,
            .data(0, "x"),
            .headers(3, HPACK.request())
        ),
        frames(
            extensions,
            "a frame of an unknown type on a stream is ignored",
            .served(body: 0),
            HTTP2Frame(kind: 0xfb, stream: 1),
            .headers(1, HPACK.request())
        ),
        frames(
            extensions,
            "a frame of an unknown type between HEADERS and DATA is ignored",
            .served(body: 1),
            .headers(1, HPACK.request(method: "POST"), end: false),
            HTTP2Frame(kind: 0x7f, stream: 1, payload: [1]),
            .data(1, "x", end: true)
        ),
        frames(
            extensions,
            "a frame of an unknown type within a header block is an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(), endHeaders: false),
            HTTP2Frame(kind: 0xfb, stream: 1),
            .continuation(1, [])
        ),
        frames(
            extensions,
            "an unknown setting is ignored",
            .served(body: 0),
            .settings([(.unknown, 1)]),
            .headers(1, HPACK.request())
        ),
        frames(
            "RFC 9218, 7.1",
            "PRIORITY_UPDATE is taken or ignored",
            .served(body: 0),
            .headers(1, HPACK.request()),
            HTTP2Frame(kind: 0x10, stream: 0, payload: [0, 0, 0, 1] + Array("u=1".utf8))
        ),
        frames(
            "RFC 7838, 4",
            "ALTSVC from a client is ignored",
            .ignored,
            HTTP2Frame(kind: 0xa, stream: 0, payload: [0, 3] + Array("foo".utf8))
        ),
    ]
}
