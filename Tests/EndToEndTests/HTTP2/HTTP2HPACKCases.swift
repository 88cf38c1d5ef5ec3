/// Header compression.
extension HTTP2Case {
    private static let integers = "RFC 7541, 5.1"
    private static let strings = "RFC 7541, 5.2"
    private static let sizes = "RFC 7541, 4.2"
    private static let updates = "RFC 7541, 6.3"
    private static let wrong: Outcome = .connectionError([.compressionError])

    private static func huffman(_ coded: [UInt8]) -> [UInt8] {
        HPACK.request() + [0, 1, 120] + HPACK.integer(coded.count, prefix: 7, pattern: 0x80) + coded
    }

    static let compression: [HTTP2Case] = [
        block("RFC 7541, 2.3.3", "an index behind the tables is an error", wrong, HPACK.request() + HPACK.indexed(70)),
        block(
            "RFC 7541, 2.3.3",
            "an index far behind the tables is an error",
            wrong,
            HPACK.request() + HPACK.indexed(5000)
        ),
        block(
            "RFC 7541, 2.3.3",
            "a name behind the tables is an error",
            wrong,
            HPACK.request() + HPACK.literal(name: 62, "1")
        ),
        block("RFC 7541, 6.1", "index 0 is an error", wrong, HPACK.request() + [0x80]),
        block(
            "RFC 7541, 6.1",
            "fields of the static table are taken",
            .served(body: 0),
            HPACK.indexed(2) + HPACK.indexed(6) + HPACK.literal(name: 1, "localhost")
                + HPACK.literal(name: 4, "/public/m")
        ),
        HTTP2Case("RFC 7541, 6.2.1", "fields of the dynamic table are taken", .served(body: 0), stream: 3) { client in
            client.send(.headers(1, HPACK.block(HPACK.pseudo(), .incremental)))
            client.wait { client.streams[1]?.isEnded ?? false }
            client.send(.headers(3, (62...65).reversed().flatMap { HPACK.indexed($0) }))
        },
        HTTP2Case("RFC 7541, 4.3", "what a smaller table has dropped is an error", wrong, stream: 3) { client in
            client.send(.headers(1, HPACK.block(HPACK.pseudo(), .incremental)))
            client.wait { client.streams[1]?.isEnded ?? false }
            client.send(.headers(3, HPACK.sizeUpdate(0) + (62...65).reversed().flatMap { HPACK.indexed($0) }))
        },
        HTTP2Case("RFC 7541, 4.4", "a field larger than the table empties it", wrong, stream: 3) { client in
            let large = HPACK.literal("x", String(repeating: "x", count: 5000), .incremental)
            client.send(.headers(1, HPACK.block(HPACK.pseudo(), .incremental) + large))
            client.wait { client.streams[1]?.isEnded ?? false }
            client.send(.headers(3, (62...65).reversed().flatMap { HPACK.indexed($0) }))
        },
        block(
            "RFC 7541, 6.2.3",
            "literals that are never indexed are taken",
            .served(body: 0),
            HPACK.block(HPACK.pseudo(), .never)
        ),
        HTTP2Case("RFC 7541, 6.2.2", "literals without indexing leave no trace", wrong, stream: 3) { client in
            client.send(.headers(1, HPACK.request()))
            client.wait { client.streams[1]?.isEnded ?? false }
            client.send(.headers(3, HPACK.request() + HPACK.indexed(62)))
        },
        HTTP2Case("RFC 9113, 4.3", "a request that is refused still counts for the table", .served(body: 0), stream: 3)
        { client in
            client.send(.headers(1, HPACK.block(HPACK.pseudo() + [Field("connection", "close")], .incremental)))
            client.wait { client.streams[1]?.isOver ?? false }
            client.send(.headers(3, (63...66).reversed().flatMap { HPACK.indexed($0) }))
        },
        HTTP2Case(
            "RFC 9113, 4.3",
            "trailers of a stream that the gateway has reset still count for the table",
            .served(body: 0),
            stream: 3
        ) { client in
            client.send(
                .headers(1, HPACK.request("/public/first", method: "POST", [Field("content-length", "1")]), end: false)
            )
            client.send(.data(1, "xx"))
            client.wait { client.streams[1]?.isOver ?? false }
            client.send(.headers(1, HPACK.block([Field("x-sum", "1")], .incremental)))
            client.send(.headers(3, HPACK.request() + HPACK.indexed(62)))
        },
        HTTP2Case(
            "RFC 9113, 5.1",
            "DATA and WINDOW_UPDATE on a stream that the gateway has reset are ignored",
            .served(body: 0),
            stream: 3
        ) { client in
            client.send(
                .headers(1, HPACK.request("/public/first", method: "POST", [Field("content-length", "1")]), end: false)
            )
            client.send(.data(1, "xx"))
            client.wait { client.streams[1]?.isOver ?? false }
            client.send(.data(1, "yy"), .windowUpdate(1, 100), .data(1, "zz", end: true), .reset(1))
            client.send(.headers(3, HPACK.request()))
        },
        block(
            integers,
            "an index of the longest form that fits is taken",
            .served(body: 0),
            HPACK.request() + [0x0f, 0x01] + HPACK.string(Array("1".utf8))
        ),
        block(
            integers,
            "an integer without an end is an error",
            wrong,
            HPACK.request() + [0xff] + [UInt8](repeating: 0xff, count: 10)
        ),
        block(
            integers,
            "an integer past 64 bits is an error",
            wrong,
            HPACK.request() + [0xff] + [UInt8](repeating: 0xff, count: 12) + [0x7f]
        ),
        block(
            integers,
            "an integer of zeros without an end is an error or its value",
            .ignoredOrError([.compressionError]),
            HPACK.request() + [0x7f] + [UInt8](repeating: 0x80, count: 40)
        ),
        block(
            strings,
            "a string past the block is an error",
            wrong,
            HPACK.request() + [0, 1, 120, 0x7f, 0xff, 0xff, 0x03, 97]
        ),
        block(
            strings,
            "a string of 2^31 bytes is an error",
            wrong,
            HPACK.request() + [0, 0x7f, 0x81, 0xff, 0xff, 0xff, 0x07, 97]
        ),
        block(strings, "Huffman strings are taken", .served(body: 0), HPACK.request(huffman: true)),
        block(
            strings,
            "every byte in Huffman's code is taken or an error of the request",
            .either(body: 0),
            HPACK.request() + HPACK.literal(Array("x".utf8), Array(33...126) + Array(128...255), huffman: true)
        ),
        block(
            strings,
            "Huffman padding longer than 7 bits is an error",
            wrong,
            huffman(HTTP2Huffman.encode(Array("abc".utf8)) + [0xff])
        ),
        block(
            strings,
            "Huffman padding of zeros is an error",
            wrong,
            huffman(HTTP2Huffman.encode(Array("a".utf8), padding: 0))
        ),
        block(
            strings,
            "EOS in a Huffman string is an error",
            wrong,
            huffman(HTTP2Huffman.encode(symbols: [97, 256, 98]))
        ),
        block(strings, "a Huffman string of nothing but EOS is an error", wrong, huffman([0xff, 0xff, 0xff, 0xff])),
        block(strings, "an empty Huffman string is an empty one", .served(body: 0), huffman([])),
        block(sizes, "a table larger than SETTINGS allow is an error", wrong, HPACK.sizeUpdate(4097) + HPACK.request()),
        block(sizes, "a table of 2^30 bytes is an error", wrong, HPACK.sizeUpdate(1 << 30) + HPACK.request()),
        block(
            sizes,
            "a table as large as SETTINGS allow is taken",
            .served(body: 0),
            HPACK.sizeUpdate(4096) + HPACK.request()
        ),
        block(updates, "a table size behind a field is an error", wrong, HPACK.request() + HPACK.sizeUpdate(100)),
        block(
            updates,
            "a table size between fields is an error",
            wrong,
            HPACK.indexed(2) + HPACK.sizeUpdate(100) + HPACK.block(Array(HPACK.pseudo().dropFirst()))
        ),
        block(
            updates,
            "two table sizes in front are taken",
            .served(body: 0),
            HPACK.sizeUpdate(0) + HPACK.sizeUpdate(4096) + HPACK.request()
        ),
        HTTP2Case("RFC 7541, 6.3", "a table size in the CONTINUATION of a block is an error", wrong) { client in
            client.send(
                .headers(1, HPACK.request(), endHeaders: false),
                .continuation(1, HPACK.sizeUpdate(100))
            )
        },
        frames(
            "RFC 9113, 4.3.1",
            "a table size alone is a block without fields",
            .refused,
            .headers(1, HPACK.sizeUpdate(0))
        ),
    ]
}
