/// The head of one response as ranges into its bytes.
package struct ResponseHead {
    package private(set) var status = 0
    package private(set) var reason = 0..<0
    package private(set) var framing: BodyFraming = .untilClose
    /// Whether the upstream's connection may carry another exchange.
    package private(set) var keepsAlive = true
    package private(set) var isUpgrade = false
    private var isHTTP10 = false
    package private(set) var length = 0
    package let block = FieldBlock()

    package init() {}

    /// Reads the head that takes up the first `length` bytes, as the answer to a request that was HEAD or not.
    package mutating func parse(
        _ bytes: Span<UInt8>,
        length: Int,
        toHead: Bool,
        limits: RequestHead.Limits
    ) throws(HeadFault) {
        block.removeAll()
        framing = .untilClose
        isUpgrade = false
        self.length = length
        guard length <= limits.size else { throw .tooLarge }
        let fields = try statusLine(bytes)
        try FieldLines.read(bytes, from: fields, to: length, maxCount: limits.count, into: block)
        if block.contains(.connection) {
            let options = try ConnectionOptions(bytes, of: block)
            if options.close { keepsAlive = false } else if options.keepAlive { keepsAlive = true }
            if options.upgrade, let name = block.first(.upgrade), block.isSingle(.upgrade) {
                isUpgrade = bytes.equals("websocket", ignoringCaseIn: name)
            }
        }
        try judgeFraming(bytes, toHead: toHead)
        // RFC 9112 section 6.1: HTTP/1.0 has no chunked coding, so what follows it cannot be trusted.
        if framing == .untilClose || (isHTTP10 && framing == .chunked) { keepsAlive = false }
    }

    private mutating func statusLine(_ bytes: Span<UInt8>) throws(HeadFault) -> Int {
        guard let lineFeed = bytes.firstIndex(of: .lineFeed, from: 0, to: length), lineFeed >= 13,
            bytes[lineFeed - 1] == .carriageReturn
        else { throw .breaks(.statusLine) }
        guard bytes[0] == UInt8(ascii: "H"), bytes[1] == UInt8(ascii: "T"), bytes[2] == UInt8(ascii: "T"),
            bytes[3] == UInt8(ascii: "P"), bytes[4] == UInt8(ascii: "/"), bytes[5] == UInt8(ascii: "1"),
            bytes[6] == UInt8(ascii: "."), bytes[7] == UInt8(ascii: "1") || bytes[7] == UInt8(ascii: "0"),
            bytes[8] == .space, bytes[9].isDigit, bytes[10].isDigit, bytes[11].isDigit
        else { throw .breaks(.statusLine) }
        isHTTP10 = bytes[7] == UInt8(ascii: "0")
        keepsAlive = !isHTTP10
        status = Int(bytes[9] &- 0x30) * 100 + Int(bytes[10] &- 0x30) * 10 + Int(bytes[11] &- 0x30)
        guard (100...599).contains(status) else { throw .breaks(.statusLine) }
        // RFC 9112 section 4: the space stands even where the reason is empty; some servers leave both out.
        if lineFeed - 1 == 12 {
            reason = 12..<12
        } else {
            guard bytes[12] == .space else { throw .breaks(.statusLine) }
            reason = 13..<lineFeed - 1
            guard !bytes.hasControl(in: reason) else { throw .breaks(.statusLine) }
        }
        return lineFeed + 1
    }

    /// [RFC 9112 section 6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3), without its leniencies: two lengths,
    /// or a coding that we cannot read, make the response unusable.
    private mutating func judgeFraming(_ bytes: Span<UInt8>, toHead: Bool) throws(HeadFault) {
        let hasLength = block.contains(.contentLength)
        if block.contains(.transferEncoding) {
            guard !hasLength, block.isSingle(.transferEncoding), let value = block.first(.transferEncoding),
                bytes.equals("chunked", ignoringCaseIn: value)
            else { throw .breaks(.framing) }
            framing = .chunked
        } else if hasLength {
            guard block.isSingle(.contentLength), let value = block.first(.contentLength),
                let length = ContentLength.parse(bytes, in: value)
            else { throw .breaks(.framing) }
            framing = .length(length)
        }
        if status < 200 || status == 204 || status == 304 || toHead { framing = .none }
    }

    /// The length that the head announces, also where no body follows (HEAD, 304).
    package func announcedLength(_ bytes: Span<UInt8>) -> Int? {
        block.first(.contentLength).flatMap { ContentLength.parse(bytes, in: $0) }
    }
}
