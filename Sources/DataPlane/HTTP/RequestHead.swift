import Basics

/// A request's method, as far as the gateway treats methods differently.
package enum Method: UInt8, Sendable {
    case get, head, post, put, delete, options, other

    /// Whether repeating the request changes nothing more
    /// ([RFC 9110 section 9.2.2](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2)).
    var isIdempotent: Bool { self != .post && self != .other }
    /// Whether the request only reads ([RFC 9110 section 9.2.1](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1)).
    var isSafe: Bool { self == .get || self == .head || self == .options }
}

/// How long a message body is ([RFC 9112 section 6](https://www.rfc-editor.org/rfc/rfc9112#section-6)).
package enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked
    /// A response that ends with its connection.
    case untilClose
}

/// The head of one request as ranges into its bytes, judged by the rules of RFC 9112.
package struct RequestHead {
    package struct Limits: Sendable {
        package var size = 32 << 10
        package var count = 100
        package init() {}
        package init(size: Int, count: Int) {
            self.size = size
            self.count = count
        }
    }

    package private(set) var method: Method = .other
    package private(set) var methodRange = 0..<0
    /// Path and query, in origin form. For an absolute-form target, the part after the authority.
    package private(set) var target = 0..<0
    /// The authority that applies: the target's if it is in absolute form, otherwise that of `Host`.
    package private(set) var authority: Range<Int>?
    package private(set) var isHTTP10 = false
    package private(set) var framing: BodyFraming = .none
    /// Whether the connection may serve another request.
    package private(set) var keepsAlive = true
    package private(set) var expectsContinue = false
    package private(set) var isUpgrade = false
    /// The size of the head in bytes, including its empty line.
    package private(set) var length = 0
    package private(set) var block = FieldBlock()

    /// No real method has a longer name.
    private static let maxMethod = 32

    package init() {}

    /// The same head with a block of its own.
    func copied() -> RequestHead {
        var head = self
        head.block = block.copied()
        return head
    }

    /// Reads the head at the start of `bytes`. Returns false if its end has not arrived.
    ///
    /// - Parameter scanned: how far earlier calls have looked for the end of a head that arrives in pieces. 0 at first.
    mutating func read(_ bytes: Span<UInt8>, scanned: inout Int, limits: Limits) throws(HeadFault) -> Bool {
        // Most heads arrive in one piece, and reading one finds its end. Judge a broken head only once it is complete.
        if scanned == 0 {
            let start = bytes.extracting(0..<min(bytes.count, limits.size))
            if (try? parse(start, isAll: false, maxCount: limits.count)) != nil { return true }
        }
        guard let length = FieldLines.end(bytes, from: 0, scanned: &scanned) else { return false }
        try parse(bytes, length: length, limits: limits)
        return true
    }

    /// Reads the head that fills the first `length` bytes.
    package mutating func parse(_ bytes: Span<UInt8>, length: Int, limits: Limits) throws(HeadFault) {
        self.length = length
        guard length <= limits.size else {
            block.removeAll()
            throw .tooLarge
        }
        try parse(bytes.extracting(0..<length), isAll: true, maxCount: limits.count)
    }

    /// - Parameter isAll: whether the head fills all of `bytes`.
    private mutating func parse(_ bytes: Span<UInt8>, isAll: Bool, maxCount: Int) throws(HeadFault) {
        block.removeAll()
        let fields = try start(bytes)
        let end = try FieldLines.readToEmptyLine(bytes, from: fields, maxCount: maxCount, into: block)
        guard end == bytes.count || !isAll else { throw .breaks(.fieldLine) }
        length = end
        try judgeFields(bytes)
    }

    /// Judges a head that fills all of `bytes` and whose fields are already in ``block``.
    mutating func judge(_ bytes: Span<UInt8>, limits: Limits) throws(HeadFault) {
        length = bytes.count
        guard length <= limits.size, block.fields.count <= limits.count else { throw .tooLarge }
        _ = try start(bytes)
        try judgeFields(bytes)
    }

    /// Resets for another head and reads its request line. Returns where the fields begin.
    private mutating func start(_ bytes: Span<UInt8>) throws(HeadFault) -> Int {
        isHTTP10 = false
        framing = .none
        keepsAlive = true
        expectsContinue = false
        isUpgrade = false
        authority = nil
        return try requestLine(bytes)
    }

    private mutating func judgeFields(_ bytes: Span<UInt8>) throws(HeadFault) {
        try judgeHost(bytes)
        try judgeConnection(bytes)
        try judgeFraming(bytes)
        try judgeExpect(bytes)
    }

    /// Whether an incomplete head may still become valid. If not, refuse it without waiting for more.
    static func mayBegin(with bytes: Span<UInt8>) -> Bool {
        if bytes.count == 1, bytes[0] == .carriageReturn { return true }
        for index in 0..<min(bytes.count, 32) {
            if bytes[index] == .space { return index > 0 }
            if !bytes[index].isToken { return false }
        }
        return true
    }

    /// Reads `method SP target SP version CR LF`. Returns where the fields begin.
    private mutating func requestLine(_ bytes: Span<UInt8>) throws(HeadFault) -> Int {
        guard let lineFeed = bytes.firstIndex(of: .lineFeed, from: 0, to: bytes.count), lineFeed > 0,
            bytes[lineFeed - 1] == .carriageReturn
        else { throw .breaks(.requestLine) }
        let end = lineFeed - 1
        var position = 0
        while position < end, bytes[position].isToken { position += 1 }
        guard position > 0, position < end, bytes[position] == .space else { throw .breaks(.requestLine) }
        guard position <= Self.maxMethod else { throw .method }
        methodRange = 0..<position
        let start = position + 1
        var plainEnd = start
        while plainEnd < end, bytes[plainEnd].isPlainInTarget { plainEnd += 1 }
        guard let space = bytes.firstIndex(of: .space, from: plainEnd, to: end), space > start else {
            throw .breaks(.requestLine)
        }
        try judgeVersion(bytes, in: space + 1..<end)
        for index in plainEnd..<space where bytes[index] <= 0x20 || bytes[index] >= 0x7f { throw .breaks(.requestLine) }
        method = Self.method(bytes, in: methodRange)
        if method == .other {
            if bytes.equals("connect", ignoringCaseIn: methodRange) { throw .method }
            if bytes.equals("trace", ignoringCaseIn: methodRange) { throw .mirror }
        }
        // A fragment is for the client alone.
        guard plainEnd == space else { throw .breaks(.target) }
        try judgeTarget(bytes, in: start..<space)
        return lineFeed + 1
    }

    private mutating func judgeVersion(_ bytes: Span<UInt8>, in range: Range<Int>) throws(HeadFault) {
        // Only the exact name is HTTP. Refuse `HTTP/` in lower case and versions of more than one digit.
        guard range.count == 8, bytes[range.lowerBound] == UInt8(ascii: "H"),
            bytes[range.lowerBound + 1] == UInt8(ascii: "T"), bytes[range.lowerBound + 2] == UInt8(ascii: "T"),
            bytes[range.lowerBound + 3] == UInt8(ascii: "P"), bytes[range.lowerBound + 4] == UInt8(ascii: "/"),
            bytes[range.lowerBound + 5].isDigit, bytes[range.lowerBound + 6] == UInt8(ascii: "."),
            bytes[range.lowerBound + 7].isDigit
        else { throw .breaks(.requestLine) }
        guard bytes[range.lowerBound + 5] == UInt8(ascii: "1") else { throw .version }
        switch bytes[range.lowerBound + 7] {
        case UInt8(ascii: "1"): isHTTP10 = false
        case UInt8(ascii: "0"): isHTTP10 = true
        default: throw .version
        }
        keepsAlive = !isHTTP10
    }

    /// Accepts origin form and absolute form
    /// ([RFC 9112 section 3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2)). The others belong to methods that
    /// are not served.
    private mutating func judgeTarget(_ bytes: Span<UInt8>, in range: Range<Int>) throws(HeadFault) {
        if bytes[range.lowerBound] == UInt8(ascii: "/") {
            target = range
            return
        }
        let scheme =
            range.count > 7 && bytes.equals("http://", ignoringCaseIn: range.lowerBound..<range.lowerBound + 7)
            ? 7
            : range.count > 8 && bytes.equals("https://", ignoringCaseIn: range.lowerBound..<range.lowerBound + 8)
                ? 8 : 0
        guard scheme > 0 else { throw .breaks(.target) }
        let start = range.lowerBound + scheme
        var slash = start
        while slash < range.upperBound, bytes[slash] != UInt8(ascii: "/"), bytes[slash] != UInt8(ascii: "?") {
            slash += 1
        }
        guard slash < range.upperBound, bytes[slash] == UInt8(ascii: "/") else { throw .breaks(.target) }
        try judgeAuthority(bytes, in: start..<slash)
        authority = start..<slash
        target = slash..<range.upperBound
    }

    private mutating func judgeHost(_ bytes: Span<UInt8>) throws(HeadFault) {
        guard let host = block.first(.host) else {
            guard isHTTP10 else { throw .breaks(.host) }
            return
        }
        guard block.isSingle(.host) else { throw .breaks(.host) }
        try judgeAuthority(bytes, in: host)
        if authority == nil { authority = host }
    }

    /// Accepts `host [":" port]` made of bytes that a registered name, an IPv4 address or a bracketed IPv6 address may
    /// have.
    private func judgeAuthority(_ bytes: Span<UInt8>, in range: Range<Int>) throws(HeadFault) {
        guard !range.isEmpty, range.count <= 300 else { throw .breaks(.host) }
        var position = range.lowerBound
        if bytes[position] == UInt8(ascii: "[") {
            position += 1
            let start = position
            while position < range.upperBound,
                bytes[position].hexValue != nil || bytes[position] == UInt8(ascii: ":")
                    || bytes[position] == UInt8(ascii: ".")
            { position += 1 }
            guard position > start, position < range.upperBound, bytes[position] == UInt8(ascii: "]") else {
                throw .breaks(.host)
            }
            position += 1
        } else {
            let start = position
            while position < range.upperBound, Self.isHostByte(bytes[position]) { position += 1 }
            guard position > start else { throw .breaks(.host) }
        }
        guard position < range.upperBound else { return }
        guard bytes[position] == UInt8(ascii: ":") else { throw .breaks(.host) }
        let port = position + 1..<range.upperBound
        guard port.count <= 5 else { throw .breaks(.host) }
        for index in port where !bytes[index].isDigit { throw .breaks(.host) }
    }

    @inline(__always)
    private static func isHostByte(_ byte: UInt8) -> Bool {
        byte.isLetterOrDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_")
    }

    private mutating func judgeConnection(_ bytes: Span<UInt8>) throws(HeadFault) {
        var upgrade = false
        if block.contains(.connection) {
            let options = try ConnectionOptions(bytes, of: block)
            if options.close {
                keepsAlive = false
            } else if options.keepAlive {
                keepsAlive = true
            }
            upgrade = options.upgrade
        }
        guard upgrade, !isHTTP10, let protocolName = block.first(.upgrade) else { return }
        // Only WebSocket is tunnelled. `Upgrade: h2c` and others are ignored, as RFC 9110 section 7.8 allows.
        guard block.isSingle(.upgrade), bytes.equals("websocket", ignoringCaseIn: protocolName) else { return }
        guard method == .get, block.isSingle(.secWebSocketKey), block.isSingle(.secWebSocketVersion) else {
            throw .breaks(.handshake)
        }
        isUpgrade = true
    }

    private mutating func judgeFraming(_ bytes: Span<UInt8>) throws(HeadFault) {
        if block.contains(.transferEncoding) {
            guard !isHTTP10, !block.contains(.contentLength), block.isSingle(.transferEncoding),
                let value = block.first(.transferEncoding), bytes.equals("chunked", ignoringCaseIn: value)
            else { throw .breaks(.framing) }
            framing = .chunked
        } else if block.contains(.contentLength) {
            guard block.isSingle(.contentLength), let value = block.first(.contentLength),
                let length = ContentLength.parse(bytes, in: value)
            else { throw .breaks(.framing) }
            framing = .length(length)
        }
        // A WebSocket handshake has no body. One that has a body tries to hide a request in it.
        if isUpgrade, framing != .none, framing != .length(0) { throw .breaks(.framing) }
    }

    private mutating func judgeExpect(_ bytes: Span<UInt8>) throws(HeadFault) {
        guard block.contains(.expect), !isHTTP10 else { return }
        guard block.isSingle(.expect), let value = block.first(.expect),
            bytes.equals("100-continue", ignoringCaseIn: value)
        else { throw .breaks(.expect) }
        expectsContinue = framing != .none && framing != .length(0)
    }

    private static func method(_ bytes: Span<UInt8>, in range: Range<Int>) -> Method {
        // Methods are case-sensitive: `get` is not GET.
        switch range.count {
        case 3 where is_(bytes, range, "GET"): .get
        case 3 where is_(bytes, range, "PUT"): .put
        case 4 where is_(bytes, range, "POST"): .post
        case 4 where is_(bytes, range, "HEAD"): .head
        case 6 where is_(bytes, range, "DELETE"): .delete
        case 7 where is_(bytes, range, "OPTIONS"): .options
        default: .other
        }
    }

    @inline(__always)
    private static func is_(_ bytes: Span<UInt8>, _ range: Range<Int>, _ name: StaticString) -> Bool {
        // SAFETY: a literal's bytes live forever; the caller compared the counts.
        let text = unsafe UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        for offset in 0..<range.count where unsafe bytes[range.lowerBound + offset] != text[offset] { return false }
        return true
    }
}

/// The value of `Content-Length`: digits only, no sign, no list.
enum ContentLength {
    static func parse(_ bytes: Span<UInt8>, in range: Range<Int>) -> Int? {
        guard !range.isEmpty, range.count <= 18 else { return nil }
        var length = 0
        for index in range {
            guard bytes[index].isDigit else { return nil }
            length = length * 10 + Int(bytes[index] &- 0x30)
        }
        return length
    }
}

/// What the `Connection` fields of a head say. Marks the fields that they list as removed.
struct ConnectionOptions {
    private(set) var close = false
    private(set) var keepAlive = false
    private(set) var upgrade = false

    /// A longer list tries to make the gateway compare each option with every field.
    private static let maxCount = 32

    init(_ bytes: Span<UInt8>, of block: FieldBlock) throws(HeadFault) {
        var count = 0
        for index in block.fields.indices where block.fields[index].name == .connection {
            let value = block.fields[index].value
            var start = value.lowerBound
            while start < value.upperBound {
                count += 1
                guard count <= Self.maxCount else { throw .breaks(.connection) }
                let comma = bytes.firstIndex(of: UInt8(ascii: ","), from: start, to: value.upperBound)
                let option = bytes.trimming(start..<(comma ?? value.upperBound))
                read(bytes, option, block)
                start = (comma ?? value.upperBound) + 1
            }
        }
    }

    private mutating func read(_ bytes: Span<UInt8>, _ option: Range<Int>, _ block: FieldBlock) {
        if bytes.equals("close", ignoringCaseIn: option) {
            close = true
        } else if bytes.equals("keep-alive", ignoringCaseIn: option) {
            keepAlive = true
        } else if bytes.equals("upgrade", ignoringCaseIn: option) {
            upgrade = true
        } else {
            for index in block.fields.indices
            where block.fields[index].nameLength == option.count && block.fields[index].name.mayBeListedInConnection {
                let start = Int(block.fields[index].nameStart)
                var same = true
                for offset in 0..<option.count
                where bytes[start + offset].lowercased != bytes[option.lowerBound + offset].lowercased {
                    same = false
                    break
                }
                if same { block.fields[index].isRemoved = true }
            }
        }
    }
}

extension UInt8 {
    /// Whether a request target may contain the byte unescaped: visible ASCII except `#`, which begins a fragment.
    @inline(__always)
    fileprivate var isPlainInTarget: Bool { (self &- 0x21) < 0x5e && self != UInt8(ascii: "#") }
}
