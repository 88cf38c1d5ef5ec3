/// Representations of header fields, valid or not
/// ([RFC 7541, section 6](https://www.rfc-editor.org/rfc/rfc7541#section-6)).
enum HPACK {
    /// What a literal does to the dynamic table.
    enum Indexing {
        case incremental, without, never
    }

    /// An integer after the bits of `pattern`
    /// ([RFC 7541, section 5.1](https://www.rfc-editor.org/rfc/rfc7541#section-5.1)).
    static func integer(_ value: Int, prefix: Int, pattern: UInt8 = 0) -> [UInt8] {
        let limit = 1 << prefix - 1
        guard value >= limit else { return [pattern | UInt8(value)] }
        var bytes = [pattern | UInt8(limit)]
        var rest = value - limit
        while rest >= 128 {
            bytes.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static func string(_ bytes: [UInt8], huffman: Bool = false) -> [UInt8] {
        guard huffman else { return integer(bytes.count, prefix: 7) + bytes }
        let coded = HTTP2Huffman.encode(bytes)
        return integer(coded.count, prefix: 7, pattern: 0x80) + coded
    }

    static func indexed(_ index: Int) -> [UInt8] { integer(index, prefix: 7, pattern: 0x80) }

    static func sizeUpdate(_ size: Int) -> [UInt8] { integer(size, prefix: 5, pattern: 0x20) }

    static func literal(
        _ name: [UInt8],
        _ value: [UInt8],
        _ indexing: Indexing = .without,
        huffman: Bool = false
    ) -> [UInt8] {
        start(0, indexing) + string(name, huffman: huffman) + string(value, huffman: huffman)
    }

    static func literal(
        _ name: String,
        _ value: String,
        _ indexing: Indexing = .without,
        huffman: Bool = false
    ) -> [UInt8] {
        literal(Array(name.utf8), Array(value.utf8), indexing, huffman: huffman)
    }

    /// A literal whose name is in a table.
    static func literal(name index: Int, _ value: String, _ indexing: Indexing = .without) -> [UInt8] {
        start(index, indexing) + string(Array(value.utf8))
    }

    private static func start(_ index: Int, _ indexing: Indexing) -> [UInt8] {
        switch indexing {
        case .incremental: integer(index, prefix: 6, pattern: 0x40)
        case .without: integer(index, prefix: 4)
        case .never: integer(index, prefix: 4, pattern: 0x10)
        }
    }

    /// Fields unchanged, as literals.
    static func block(_ fields: [Field], _ indexing: Indexing = .without, huffman: Bool = false) -> [UInt8] {
        fields.flatMap { literal($0.name, $0.value, indexing, huffman: huffman) }
    }

    /// The head of a request: pseudo-header fields first, then `fields`.
    static func request(
        _ path: String = "/public/m",
        method: String = "GET",
        _ fields: [Field] = [],
        huffman: Bool = false
    ) -> [UInt8] {
        block(pseudo(path, method: method) + fields, huffman: huffman)
    }

    static func pseudo(_ path: String = "/public/m", method: String = "GET") -> [Field] {
        [
            Field(name: ":method", value: method), Field(name: ":scheme", value: "http"),
            Field(name: ":authority", value: "localhost"), Field(name: ":path", value: path),
        ]
    }
}

/// Why bytes are not a header block.
enum HPACKFault: Error {
    case truncated, badIndex, badHuffman, badSize, overflow
}

/// Reads header blocks, one after the other.
struct HPACKDecoder {
    private var table: [Field] = []
    private var size = 0
    /// The most that SETTINGS permit the other side.
    var limit = 4096
    private var capacity = 4096

    private struct Input {
        var bytes: ArraySlice<UInt8>

        mutating func next() throws(HPACKFault) -> UInt8 {
            guard let byte = bytes.popFirst() else { throw .truncated }
            return byte
        }

        mutating func integer(_ first: UInt8, prefix: Int) throws(HPACKFault) -> Int {
            let limit = 1 << prefix - 1
            var value = Int(first) & limit
            guard value == limit else { return value }
            var shift = 0
            while true {
                let byte = try next()
                guard shift <= 28 else { throw .overflow }
                value += Int(byte & 127) << shift
                shift += 7
                if byte & 128 == 0 { return value }
            }
        }

        mutating func string() throws(HPACKFault) -> String {
            let first = try next()
            let count = try integer(first, prefix: 7)
            guard bytes.count >= count else { throw .truncated }
            let part = bytes.prefix(count)
            bytes = bytes.dropFirst(count)
            guard first & 0x80 != 0 else { return String(decoding: part, as: UTF8.self) }
            guard let text = HTTP2Huffman.decode(part) else { throw .badHuffman }
            return String(decoding: text, as: UTF8.self)
        }
    }

    mutating func decode(_ block: [UInt8]) throws(HPACKFault) -> [Field] {
        var input = Input(bytes: block[...])
        var fields: [Field] = []
        while !input.bytes.isEmpty {
            let first = try input.next()
            if first & 0x80 != 0 {
                fields.append(try field(input.integer(first, prefix: 7)))
            } else if first & 0xe0 == 0x20 {
                capacity = try input.integer(first, prefix: 5)
                guard capacity <= limit, fields.isEmpty else { throw .badSize }
                evict()
            } else {
                let isIndexed = first & 0x40 != 0
                let index = try input.integer(first, prefix: isIndexed ? 6 : 4)
                let name = index == 0 ? try input.string() : try field(index).name
                let new = Field(name: name, value: try input.string())
                fields.append(new)
                if isIndexed { insert(new) }
            }
        }
        return fields
    }

    private func field(_ index: Int) throws(HPACKFault) -> Field {
        guard index > 0 else { throw .badIndex }
        if index <= Self.fixed.count { return Self.fixed[index - 1] }
        guard index - Self.fixed.count <= table.count else { throw .badIndex }
        return table[index - Self.fixed.count - 1]
    }

    private mutating func insert(_ field: Field) {
        table.insert(field, at: 0)
        size += Self.size(field)
        evict()
    }

    private mutating func evict() {
        while size > capacity, let last = table.popLast() { size -= Self.size(last) }
    }

    private static func size(_ field: Field) -> Int { field.name.utf8.count + field.value.utf8.count + 32 }

    /// [RFC 7541, appendix A](https://www.rfc-editor.org/rfc/rfc7541#appendix-A).
    private static let fixed: [Field] =
        [
            (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
            (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
            (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
            ("accept-encoding", "gzip, deflate"),
        ].map { Field(name: $0.0, value: $0.1) }
            + """
            accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control \
            content-disposition content-encoding content-language content-length content-location content-range \
            content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range \
            if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range \
            referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via \
            www-authenticate
            """.split(separator: " ").map { Field(name: String($0), value: "") }
}
