/// SETTINGS, PUSH_PROMISE, PING, GOAWAY and WINDOW_UPDATE.
extension HTTP2Case {
    private static let settings = "RFC 9113, 6.5"
    private static let parameters = "RFC 9113, 6.5.2"
    private static let ping = "RFC 9113, 6.7"
    private static let goAway = "RFC 9113, 6.8"
    private static let window = "RFC 9113, 6.9"
    private static let change = "RFC 9113, 6.9.2"

    private static func parameter(
        _ name: String,
        _ setting: HTTP2Setting,
        _ value: UInt32,
        _ outcome: Outcome
    ) -> HTTP2Case {
        frames(parameters, name, outcome, .settings([(setting, value)]), .headers(1, HPACK.request()))
    }

    static let controls: [HTTP2Case] = [
        frames(
            settings,
            "SETTINGS on a stream are an error",
            .connectionError([.protocolError]),
            HTTP2Frame(kind: 4, stream: 1)
        ),
        frames(
            settings,
            "an acknowledgement with a payload is an error",
            .connectionError([.frameSizeError]),
            HTTP2Frame(kind: 4, flags: 1, stream: 0, payload: [0, 3, 0, 0, 0, 100])
        ),
        frames(
            settings,
            "SETTINGS of 5 bytes are an error",
            .connectionError([.frameSizeError]),
            HTTP2Frame(kind: 4, stream: 0, payload: [0, 3, 0, 0, 0])
        ),
        frames(
            settings,
            "SETTINGS of 7 bytes are an error",
            .connectionError([.frameSizeError]),
            HTTP2Frame(kind: 4, stream: 0, payload: [0, 3, 0, 0, 0, 100, 0])
        ),
        HTTP2Case("RFC 9113, 6.5.3", "SETTINGS are acknowledged, empty ones too", .ignored) { client in
            client.send(.settings([(.maxConcurrentStreams, 10)]), .settings())
            guard client.wait(until: { client.acknowledgements == 3 }) else {
                throw GatewayFailure(text: "\(client.acknowledgements) acknowledgements")
            }
        },
        frames(
            "RFC 9113, 6.5.3",
            "of a parameter given twice the last counts",
            .served(body: 0),
            .settings([(.initialWindowSize, 0), (.initialWindowSize, 1000)]),
            .headers(1, HPACK.request())
        ),
        parameter("ENABLE_PUSH of 0 is taken", .enablePush, 0, .served(body: 0)),
        parameter("ENABLE_PUSH of 1 is taken", .enablePush, 1, .served(body: 0)),
        parameter("ENABLE_PUSH of 2 is an error", .enablePush, 2, .connectionError([.protocolError])),
        parameter("INITIAL_WINDOW_SIZE of 2^31-1 is taken", .initialWindowSize, 0x7fff_ffff, .served(body: 0)),
        parameter(
            "INITIAL_WINDOW_SIZE of 2^31 is an error",
            .initialWindowSize,
            0x8000_0000,
            .connectionError([.flowControlError])
        ),
        parameter(
            "INITIAL_WINDOW_SIZE of 2^32-1 is an error",
            .initialWindowSize,
            0xffff_ffff,
            .connectionError([.flowControlError])
        ),
        parameter("MAX_FRAME_SIZE of 16,384 is taken", .maxFrameSize, 16_384, .served(body: 0)),
        parameter("MAX_FRAME_SIZE of 16,383 is an error", .maxFrameSize, 16_383, .connectionError([.protocolError])),
        parameter("MAX_FRAME_SIZE of 2^24-1 is taken", .maxFrameSize, 0xff_ffff, .served(body: 0)),
        parameter("MAX_FRAME_SIZE of 2^24 is an error", .maxFrameSize, 0x100_0000, .connectionError([.protocolError])),
        parameter("HEADER_TABLE_SIZE of 0 is taken", .headerTableSize, 0, .served(body: 0)),
        parameter("HEADER_TABLE_SIZE of 2^32-1 is taken", .headerTableSize, 0xffff_ffff, .served(body: 0)),
        parameter("MAX_CONCURRENT_STREAMS of 0 is taken", .maxConcurrentStreams, 0, .served(body: 0)),
        parameter("MAX_HEADER_LIST_SIZE of 2^32-1 is taken", .maxHeaderListSize, 0xffff_ffff, .served(body: 0)),
        parameter("ENABLE_CONNECT_PROTOCOL from a client is ignored", .enableConnectProtocol, 1, .served(body: 0)),
        parameter("an unknown parameter is ignored", HTTP2Setting(rawValue: 0xff), 0xffff_ffff, .served(body: 0)),
        parameter("parameter 0 is ignored", HTTP2Setting(rawValue: 0), 1, .served(body: 0)),

        frames(
            "RFC 9113, 6.6",
            "PUSH_PROMISE from a client is an error",
            .connectionError([.protocolError]),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .pushPromise(1, promised: 2, HPACK.request())
        ),
        frames(
            "RFC 9113, 6.6",
            "PUSH_PROMISE on stream 0 is an error",
            .connectionError([.protocolError]),
            .pushPromise(0, promised: 2, HPACK.request())
        ),

        HTTP2Case(ping, "PING is answered with its payload", .ignored) { client in
            client.send(.ping(Array("01234567".utf8)))
            guard client.wait(until: { client.pongs == [Array("01234567".utf8)] }) else {
                throw GatewayFailure(text: "\(client.pongs)")
            }
        },
        HTTP2Case(ping, "a PING answer is not answered", .ignored) { client in
            client.send(.ping(Array("01234567".utf8), ack: true), .ping(Array("abcdefgh".utf8)))
            client.wait { !client.pongs.isEmpty }
            guard client.pongs == [Array("abcdefgh".utf8)] else { throw GatewayFailure(text: "\(client.pongs)") }
        },
        frames(
            ping,
            "PING on a stream is an error",
            .connectionError([.protocolError]),
            HTTP2Frame(kind: 6, stream: 1, payload: Array("01234567".utf8))
        ),
        frames(ping, "PING of 6 bytes is an error", .connectionError([.frameSizeError]), .ping(Array("012345".utf8))),
        frames(
            ping,
            "PING of 9 bytes is an error",
            .connectionError([.frameSizeError]),
            .ping(Array("012345678".utf8))
        ),
        frames(ping, "PING of nothing is an error", .connectionError([.frameSizeError]), .ping([])),
        frames(
            ping,
            "a PING answer of 7 bytes is an error",
            .connectionError([.frameSizeError]),
            .ping(Array("0123456".utf8), ack: true)
        ),

        frames(
            goAway,
            "GOAWAY on a stream is an error",
            .connectionError([.protocolError]),
            HTTP2Frame(kind: 7, stream: 1, payload: [0, 0, 0, 0, 0, 0, 0, 0])
        ),
        frames(
            goAway,
            "GOAWAY of 7 bytes is an error",
            .connectionError([.frameSizeError]),
            HTTP2Frame(kind: 7, stream: 0, payload: [0, 0, 0, 0, 0, 0, 0])
        ),
        HTTP2Case(goAway, "a request under way at GOAWAY is served", .served(body: 1)) { client in
            client.send(.headers(1, HPACK.request(method: "POST"), end: false), .goAway(), .data(1, "x", end: true))
        },

        frames(
            window,
            "WINDOW_UPDATE of 0 on the connection is an error",
            .connectionError([.protocolError]),
            .windowUpdate(0, 0)
        ),
        frames(
            window,
            "WINDOW_UPDATE of 0 on a stream is an error",
            .streamError([.protocolError]),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .windowUpdate(1, 0)
        ),
        frames(
            window,
            "WINDOW_UPDATE of 3 bytes is an error",
            .connectionError([.frameSizeError]),
            HTTP2Frame(kind: 8, stream: 0, payload: [0, 0, 1])
        ),
        frames(
            window,
            "WINDOW_UPDATE of 5 bytes is an error",
            .connectionError([.frameSizeError]),
            HTTP2Frame(kind: 8, stream: 0, payload: [0, 0, 0, 1, 0])
        ),
        frames(
            window,
            "the reserved bit of an increment is ignored",
            .served(body: 0),
            .windowUpdate(0, 0x8000_0001),
            .headers(1, HPACK.request())
        ),
        frames(
            window,
            "the reserved bit does not make an increment of 0 another",
            .connectionError([.protocolError]),
            .windowUpdate(0, 0x8000_0000)
        ),
        frames(
            "RFC 9113, 6.9.1",
            "a window of the connection past 2^31-1 is an error",
            .connectionError([.flowControlError]),
            .windowUpdate(0, 0x7fff_ffff)
        ),
        frames(
            "RFC 9113, 6.9.1",
            "a window of a stream past 2^31-1 is an error",
            .streamError([.flowControlError]),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .windowUpdate(1, 0x7fff_ffff)
        ),
        frames(
            "RFC 9113, 6.9.1",
            "a window of exactly 2^31-1 is none",
            .served(body: 0),
            .windowUpdate(0, 0x7fff_ffff - 65_535),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .windowUpdate(1, 0x7fff_ffff - 65_535),
            .data(1, "", end: true)
        ),
        // nghttp2 gives up only the stream, which can have no further effect.
        frames(
            change,
            "SETTINGS that push a window past 2^31-1 are an error",
            .streamError([.flowControlError]),
            .headers(1, HPACK.request(method: "POST"), end: false),
            .windowUpdate(1, 0x7fff_ffff - 65_535),
            .settings([(.initialWindowSize, 65_536)])
        ),
    ]
}
