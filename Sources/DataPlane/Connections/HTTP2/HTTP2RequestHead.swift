import Basics

/// Gathers the fields of one HTTP/2 request and writes them as an HTTP/1 head with its block of fields. The result is
/// judged by the same rules as any other head, and forwarded in the same way.
///
/// nghttp2 has checked names, pseudo-header fields and connection-specific fields
/// ([RFC 9113 section 8.2](https://www.rfc-editor.org/rfc/rfc9113#section-8.2)). Anything that could change its meaning
/// in the HTTP/1 form is refused here again.
struct HTTP2RequestHead {
    fileprivate var method: [UInt8] = []
    fileprivate var path: [UInt8] = []
    private var authority: [UInt8] = []
    private var scheme: [UInt8] = []
    private var protocolName: [UInt8] = []
    private var host: [UInt8]?
    private var cookie: [UInt8] = []
    /// Field lines, and the fields with ranges into these.
    fileprivate var lines = ByteBuffer()
    private var fields: ContiguousArray<FieldBlock.Field> = []
    private var hasLength = false
    private var size = 0
    private var count = 0
    /// How many fields ``keepRemains(_:_:_:)`` has kept.
    private var remains = 0
    private(set) var fault: HeadFault?

    /// How far beyond the limits a client may go before its connection ends instead of its request.
    static let abusiveFactor = 8
    /// In bytes.
    private static let maxRemains = 512
    private static let mostRemains = 8

    mutating func clear() {
        method.removeAll(keepingCapacity: true)
        path.removeAll(keepingCapacity: true)
        authority.removeAll(keepingCapacity: true)
        scheme.removeAll(keepingCapacity: true)
        protocolName.removeAll(keepingCapacity: true)
        host = nil
        cookie.removeAll(keepingCapacity: true)
        lines.removeAll()
        fields.removeAll(keepingCapacity: true)
        hasLength = false
        size = 0
        (count, remains) = (0, 0)
        fault = nil
    }

    /// Adds a field. Returns false if the client sends so many that its connection should end.
    mutating func add(_ name: Span<UInt8>, _ value: Span<UInt8>, limits: RequestHead.Limits) -> Bool {
        let isPseudo = !name.isEmpty && name[0] == UInt8(ascii: ":")
        let known = isPseudo ? nil : FieldName.read(name)
        size += name.count + value.count + 4
        // A browser sends each cookie as a separate field.
        if known?.name != .cookie || cookie.isEmpty { count += 1 }
        guard size <= limits.size, count <= limits.count + 5 else {
            fault = .tooLarge
            keepRemains(name, value, known)
            return size <= limits.size * Self.abusiveFactor && count <= limits.count * Self.abusiveFactor
        }
        guard !value.hasControl(in: 0..<value.count) else {
            fault = .breaks(.fieldLine)
            return true
        }
        if isPseudo {
            addPseudo(name, value)
        } else if let known, name.count <= UInt16.max, !value.isPadded {
            add(known, name, value)
        } else {
            fault = .breaks(.fieldLine)
        }
        return true
    }

    /// Keeps what is small and tells who sent a head that is too large, so that a person gets a page: see ``Navigation``.
    private mutating func keepRemains(_ name: Span<UInt8>, _ value: Span<UInt8>, _ known: FieldName.Known?) {
        guard value.count <= Self.maxRemains, !value.hasControl(in: 0..<value.count), !value.isPadded else { return }
        switch known?.name {
        case nil: if name.isName(":method"), method.isEmpty { method.append(value) }
        case .accept, .acceptLanguage, .secFetchMode:
            if let known, remains < Self.mostRemains {
                remains += 1
                addLine(known, name, value)
            }
        default: break
        }
    }

    private mutating func add(_ known: FieldName.Known, _ name: Span<UInt8>, _ value: Span<UInt8>) {
        switch known.name {
        case .cookie:
            // RFC 9113 section 8.2.3: join the cookies into one field again.
            if !cookie.isEmpty {
                cookie.append(UInt8(ascii: ";"))
                cookie.append(.space)
            }
            cookie.append(value)
        case .host:
            if host != nil { fault = .breaks(.host) }
            host = value.copied()
        case .te:
            break
        default:
            if known.name == .contentLength { hasLength = true }
            addLine(known, name, value)
        }
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

    private mutating func addLine(_ known: FieldName.Known, _ name: Span<UInt8>, _ value: Span<UInt8>) {
        let (start, length) = (lines.count, name.count + value.count + 4)
        _ = lines.write(atMost: length) { line in
            line.write(name)
            line.write(": ")
            line.write(value)
            line.write("\r\n")
        }
        fields.append(
            FieldBlock.Field(
                name: known.name,
                isRemoved: known.isLookalike,
                start: start,
                nameLength: name.count,
                valueLength: value.count
            )
        )
    }

    /// Writes the whole head to `head`, and its fields to `block`, in place of what these hold.
    ///
    /// - Parameters:
    ///   - hasBody: whether more frames of the request follow.
    ///   - webSocketKey: the key for a bridged WebSocket handshake
    ///     ([RFC 8441 section 5](https://www.rfc-editor.org/rfc/rfc8441#section-5)).
    func write(
        to head: inout [UInt8],
        _ block: FieldBlock,
        hasBody: Bool,
        webSocketKey: @autoclosure () -> [UInt8]
    ) throws(HeadFault) {
        if let fault { throw fault }
        let isConnect = method.span.isName("CONNECT")
        let isWebSocket = isConnect && protocolName.span.isName("websocket")
        guard !isConnect || isWebSocket else { throw .method }
        guard isConnect || protocolName.isEmpty, path.first == UInt8(ascii: "/"),
            scheme.span.isName("https") || scheme.span.isName("http")
        else { throw .breaks(.pseudoField) }
        if let host, !authority.isEmpty {
            // The requested host must not depend on which of the two is read.
            guard host.elementsEqual(authority, by: { $0.lowercased == $1.lowercased }) else { throw .breaks(.host) }
        }
        guard !isWebSocket || !hasLength else { throw .breaks(.handshake) }
        let asked = authority.isEmpty ? host ?? [] : authority
        let key = isWebSocket ? webSocketKey() : []
        block.removeAll()
        let capacity = method.count + path.count + asked.count + lines.count + cookie.count + key.count + 256
        var isComplete = true
        head.removeAll(keepingCapacity: true)
        head.append(addingCapacity: capacity) { output in
            // SAFETY: the pointer does not outlive the closure, and the writer keeps to its count.
            unsafe output.withUnsafeMutableBufferPointer { memory, count in
                var writer = unsafe ByteWriter(UnsafeMutableRawBufferPointer(memory))
                if isWebSocket { writer.write("GET") } else { writer.write(method) }
                writer.write(UInt8.space)
                writer.write(path)
                writer.write(" HTTP/1.1\r\n")
                writer.write(.host, "Host", asked.span, to: block)
                for field in fields { block.append(field.moved(by: writer.count)) }
                writer.write(lines.span)
                if !cookie.isEmpty { writer.write(.cookie, "cookie", cookie.span, to: block) }
                if isWebSocket {
                    writer.write(.connection, "connection", Self.upgrade.span, to: block)
                    writer.write(.upgrade, "upgrade", Self.webSocket.span, to: block)
                    writer.write(.secWebSocketKey, "sec-websocket-key", key.span, to: block)
                } else if hasBody, !hasLength {
                    writer.write(.transferEncoding, "transfer-encoding", Self.chunked.span, to: block)
                }
                writer.write("\r\n")
                count = writer.count
                isComplete = !writer.isOverfull
            }
        }
        guard isComplete else { throw .tooLarge }
    }

    private static let upgrade = Array("upgrade".utf8)
    private static let webSocket = Array("websocket".utf8)
    private static let chunked = Array("chunked".utf8)
}

extension HTTP2RequestHead {
    /// Writes what exists of a refused head to `head` instead, for the log and for identifying the sender.
    func writeRemains(to head: inout [UInt8]) {
        head.removeAll(keepingCapacity: true)
        head.append(contentsOf: method)
        head.append(.space)
        head.append(contentsOf: path)
        head.append(contentsOf: " HTTP/2\r\n".utf8)
        head.append(lines.span)
    }
}

extension Span<UInt8> {
    /// Whether the bytes are this lower-case name.
    fileprivate func isName(_ name: StaticString) -> Bool { equals(name, in: 0..<count) }

    /// Whether there is white space at either end.
    fileprivate var isPadded: Bool {
        guard count > 0 else { return false }
        return self[0] == .space || self[0] == .tab || self[count - 1] == .space || self[count - 1] == .tab
    }
}

extension FieldBlock.Field {
    /// A field whose line is `name: value` and CR LF.
    fileprivate init(name: FieldName, isRemoved: Bool = false, start: Int, nameLength: Int, valueLength: Int) {
        let valueStart = start + nameLength + 2
        self.init(
            nameStart: UInt32(start),
            valueStart: UInt32(valueStart),
            valueEnd: UInt32(valueStart + valueLength),
            lineEnd: UInt32(valueStart + valueLength + 2),
            nameLength: UInt16(nameLength),
            name: name,
            isRemoved: isRemoved
        )
    }
}

extension ByteWriter {
    /// Writes a field line, and its field to `block`.
    fileprivate mutating func write(
        _ name: FieldName,
        _ spelling: StaticString,
        _ value: Span<UInt8>,
        to block: FieldBlock
    ) {
        let length = spelling.utf8CodeUnitCount
        block.append(FieldBlock.Field(name: name, start: count, nameLength: length, valueLength: value.count))
        write(spelling)
        write(": ")
        write(value)
        write("\r\n")
    }
}
