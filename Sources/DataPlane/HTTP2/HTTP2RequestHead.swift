/// Gathers the fields of one HTTP/2 request and writes them as a head in the form of HTTP/1, which is judged by the same
/// rules as any other and forwarded from the same flat block.
///
/// nghttp2 has checked names, pseudo fields and connection-specific fields
/// ([RFC 9113 section 8.2](https://www.rfc-editor.org/rfc/rfc9113#section-8.2)); whatever could change its meaning in
/// the form of HTTP/1 is refused here once more.
struct HTTP2RequestHead {
    fileprivate var method: [UInt8] = []
    fileprivate var path: [UInt8] = []
    private var authority: [UInt8] = []
    private var scheme: [UInt8] = []
    private var protocolName: [UInt8] = []
    private var host: [UInt8]?
    private var cookie: [UInt8] = []
    fileprivate var lines: [UInt8] = []
    private var hasLength = false
    private var size = 0
    private var count = 0
    private(set) var fault: HeadFault?

    /// What a client may send beyond the limits before its connection ends instead of its request.
    static let abusiveFactor = 8

    mutating func clear() {
        method.removeAll(keepingCapacity: true)
        path.removeAll(keepingCapacity: true)
        authority.removeAll(keepingCapacity: true)
        scheme.removeAll(keepingCapacity: true)
        protocolName.removeAll(keepingCapacity: true)
        host = nil
        cookie.removeAll(keepingCapacity: true)
        lines.removeAll(keepingCapacity: true)
        hasLength = false
        size = 0
        count = 0
        fault = nil
    }

    /// Takes a field; false when the client sends so many that its connection should end.
    mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>, limits: RequestHead.Limits) -> Bool {
        size += name.count + value.count + 4
        // A browser sends each cookie as a field.
        if !name.isName("cookie") || cookie.isEmpty { count += 1 }
        guard size <= limits.size, count <= limits.count + 5 else {
            fault = .tooLarge
            return size <= limits.size * Self.abusiveFactor && count <= limits.count * Self.abusiveFactor
        }
        guard !name.isEmpty, !value.hasControl(in: 0..<value.count) else {
            fault = .breaks(.fieldLine)
            return true
        }
        if name[0] == UInt8(ascii: ":") {
            addPseudo(name, value)
        } else if value.isPadded {
            fault = .breaks(.fieldLine)
        } else if name.isName("cookie") {
            // RFC 9113 section 8.2.3: crumbs are one field again.
            if !cookie.isEmpty {
                cookie.append(UInt8(ascii: ";"))
                cookie.append(.space)
            }
            cookie.append(value)
        } else if name.isName("host") {
            if host != nil { fault = .breaks(.host) }
            host = value.copied()
        } else if !name.isName("te") {
            if name.isName("content-length") { hasLength = true }
            addLine(name, value)
        }
        return true
    }

    private mutating func addPseudo(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        for index in value.indices where value[index] <= 0x20 || value[index] >= 0x7f { fault = .breaks(.pseudoField) }
        if name.isName(":method") {
            method.append(value)
        } else if name.isName(":path") {
            path.append(value)
        } else if name.isName(":authority") {
            authority.append(value)
        } else if name.isName(":scheme") {
            scheme.append(value)
        } else if name.isName(":protocol") {
            protocolName.append(value)
        } else {
            fault = .breaks(.pseudoField)
        }
    }

    private mutating func addLine(_ name: Span<UInt8>, _ value: Span<UInt8>) {
        lines.append(name)
        lines.append(UInt8(ascii: ":"))
        lines.append(.space)
        lines.append(value)
        lines.append(.carriageReturn)
        lines.append(.lineFeed)
    }

    /// Writes the whole head to `head`.
    ///
    /// - Parameters:
    ///   - hasBody: whether more frames of the request follow.
    ///   - webSocketKey: what a bridged WebSocket handshake is sent with
    ///     ([RFC 8441 section 5](https://www.rfc-editor.org/rfc/rfc8441#section-5)).
    func write(to head: inout [UInt8], hasBody: Bool, webSocketKey: @autoclosure () -> [UInt8]) throws(HeadFault) {
        if let fault { throw fault }
        let isConnect = method.elementsEqual("CONNECT".utf8)
        let isWebSocket = isConnect && protocolName.elementsEqual("websocket".utf8)
        guard !isConnect || isWebSocket else { throw .method }
        guard isConnect || protocolName.isEmpty, path.first == UInt8(ascii: "/"),
            scheme.elementsEqual("https".utf8) || scheme.elementsEqual("http".utf8)
        else { throw .breaks(.pseudoField) }
        if let host, !authority.isEmpty {
            // Who is asked must not depend on which of the two is read.
            guard host.elementsEqual(authority, by: { $0.lowercased == $1.lowercased }) else { throw .breaks(.host) }
        }
        if isWebSocket { head.append(contentsOf: "GET".utf8) } else { head.append(contentsOf: method) }
        head.append(.space)
        head.append(contentsOf: path)
        head.append(contentsOf: " HTTP/1.1\r\nHost: ".utf8)
        head.append(contentsOf: authority.isEmpty ? host ?? [] : authority)
        head.append(contentsOf: "\r\n".utf8)
        head.append(contentsOf: lines)
        if !cookie.isEmpty {
            head.append(contentsOf: "cookie: ".utf8)
            head.append(contentsOf: cookie)
            head.append(contentsOf: "\r\n".utf8)
        }
        if isWebSocket {
            guard !hasLength else { throw .breaks(.handshake) }
            head.append(contentsOf: "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: ".utf8)
            head.append(contentsOf: webSocketKey())
            head.append(contentsOf: "\r\n".utf8)
        } else if hasBody, !hasLength {
            head.append(contentsOf: "transfer-encoding: chunked\r\n".utf8)
        }
        head.append(contentsOf: "\r\n".utf8)
    }
}

extension HTTP2RequestHead {
    /// Writes what there is of a head that is refused in place of `head`, for the log and for telling who sent it.
    func writeRemains(to head: inout [UInt8]) {
        head.removeAll(keepingCapacity: true)
        head.append(contentsOf: method)
        head.append(.space)
        head.append(contentsOf: path)
        head.append(contentsOf: " HTTP/2\r\n".utf8)
        head.append(contentsOf: lines)
    }
}

extension Span<UInt8> {
    /// Whether the bytes are those of a name in lower case.
    fileprivate func isName(_ name: StaticString) -> Bool { equals(name, in: 0..<count) }

    /// Whether white space stands at either end.
    fileprivate var isPadded: Bool {
        guard count > 0 else { return false }
        return self[0] == .space || self[0] == .tab || self[count - 1] == .space || self[count - 1] == .tab
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ bytes: Span<UInt8>) {
        // SAFETY: the span keeps its bytes alive for the call.
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }
}
