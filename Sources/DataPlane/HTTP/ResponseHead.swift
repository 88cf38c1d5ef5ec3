import Basics

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

    /// Reads the head at the start of `bytes`. Returns false if its end has not arrived.
    ///
    /// - Parameters:
    ///   - scanned: how far earlier calls have looked for the end of a head that arrives in pieces. 0 at first.
    ///   - toHead: whether the request was HEAD.
    mutating func read(
        _ bytes: Span<UInt8>,
        scanned: inout Int,
        toHead: Bool,
        limits: RequestHead.Limits
    ) throws(HeadFault) -> Bool {
        // Most heads arrive in one piece, and reading one finds its end. Judge a broken head only once it is complete.
        if scanned == 0 {
            let start = bytes.extracting(0..<min(bytes.count, limits.size))
            if (try? parse(start, isAll: false, toHead: toHead, maxCount: limits.count)) != nil { return true }
        }
        guard let length = FieldLines.end(bytes, from: 0, scanned: &scanned) else { return false }
        try parse(bytes, length: length, toHead: toHead, limits: limits)
        return true
    }

    /// Checks an incomplete head early, to refuse what is not HTTP without waiting for more.
    static func judgeBeginning(_ bytes: Span<UInt8>) throws(HeadFault) {
        let start: InlineArray<5, UInt8> = [0x48, 0x54, 0x54, 0x50, 0x2f]
        for index in 0..<min(5, bytes.count) where bytes[index] != start[index] { throw .breaks(.statusLine) }
    }

    /// Reads the head that fills the first `length` bytes.
    package mutating func parse(
        _ bytes: Span<UInt8>,
        length: Int,
        toHead: Bool,
        limits: RequestHead.Limits
    ) throws(HeadFault) {
        self.length = length
        guard length <= limits.size else {
            block.removeAll()
            throw .tooLarge
        }
        try parse(bytes.extracting(0..<length), isAll: true, toHead: toHead, maxCount: limits.count)
    }

    /// - Parameter isAll: whether the head fills all of `bytes`.
    private mutating func parse(
        _ bytes: Span<UInt8>,
        isAll: Bool,
        toHead: Bool,
        maxCount: Int
    ) throws(HeadFault) {
        block.removeAll()
        framing = .untilClose
        isUpgrade = false
        let fields = try statusLine(bytes)
        let end = try FieldLines.readToEmptyLine(bytes, from: fields, maxCount: maxCount, into: block)
        guard end == bytes.count || !isAll else { throw .breaks(.fieldLine) }
        length = end
        if block.contains(.connection) {
            let options = try ConnectionOptions(bytes, of: block)
            if options.close { keepsAlive = false } else if options.keepAlive { keepsAlive = true }
            if options.upgrade, let name = block.first(.upgrade), block.isSingle(.upgrade) {
                isUpgrade = bytes.equals("websocket", ignoringCaseIn: name)
            }
        }
        try judgeFraming(bytes, toHead: toHead)
        // RFC 9112 section 6.1: HTTP/1.0 has no chunked coding, so whatever follows cannot be trusted.
        if framing == .untilClose || (isHTTP10 && framing == .chunked) { keepsAlive = false }
    }

    private mutating func statusLine(_ bytes: Span<UInt8>) throws(HeadFault) -> Int {
        guard let lineFeed = bytes.firstIndex(of: .lineFeed, from: 0, to: bytes.count), lineFeed >= 13,
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
        // RFC 9112 section 4: the space is required even if the reason is empty. Some servers omit both.
        if lineFeed - 1 == 12 {
            reason = 12..<12
        } else {
            guard bytes[12] == .space else { throw .breaks(.statusLine) }
            reason = 13..<lineFeed - 1
            guard !bytes.hasControl(in: reason) else { throw .breaks(.statusLine) }
        }
        return lineFeed + 1
    }

    /// Applies [RFC 9112 section 6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3) without its leniencies: two
    /// lengths, or an unknown coding, make the response unusable.
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

    /// The announced length, even if no body follows (HEAD, 304).
    package func announcedLength(_ bytes: Span<UInt8>) -> Int? {
        block.first(.contentLength).flatMap { ContentLength.parse(bytes, in: $0) }
    }
}
