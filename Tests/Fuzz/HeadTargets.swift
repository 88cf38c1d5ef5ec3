import Basics

@testable import DataPlane

/// Everything that a head says, for comparison.
private struct HeadReading: Equatable {
    var line: [UInt8] = []
    var target: [UInt8] = []
    var authority: [UInt8]?
    var framing: BodyFraming
    var status = 0
    var keepsAlive: Bool
    var expectsContinue = false
    var isUpgrade: Bool
    var isHTTP10 = false
    var fields: [Field]

    struct Field: Equatable {
        var name: [UInt8]
        var value: [UInt8]
        var known: FieldName
        var isRemoved: Bool
    }

    init(_ head: RequestHead, _ bytes: [UInt8]) {
        line = Array(bytes[head.methodRange])
        target = Array(bytes[head.target])
        authority = head.authority.map { Array(bytes[$0]) }
        framing = head.framing
        keepsAlive = head.keepsAlive
        expectsContinue = head.expectsContinue
        isUpgrade = head.isUpgrade
        isHTTP10 = head.isHTTP10
        fields = Self.fields(head.block, bytes)
    }

    init(_ head: ResponseHead, _ bytes: [UInt8]) {
        line = Array(bytes[head.reason])
        framing = head.framing
        status = head.status
        keepsAlive = head.keepsAlive
        isUpgrade = head.isUpgrade
        fields = Self.fields(head.block, bytes)
    }

    private static func fields(_ block: FieldBlock, _ bytes: [UInt8]) -> [Field] {
        block.fields.map { field in
            Field(
                name: Array(bytes[field.nameRange]),
                value: Array(bytes[field.value]),
                known: field.name,
                isRemoved: field.isRemoved
            )
        }
    }

    /// Fails if a part could end a line, or hide text from readers of C strings.
    func requireCleanParts() throws {
        for part in [line, target, authority ?? []] + fields.flatMap({ [$0.name, $0.value] }) {
            let isClean = part.allSatisfy { $0 != .carriageReturn && $0 != .lineFeed && $0 != 0 }
            try require(isClean, "a part of the head holds CR, LF or NUL: \(text(part))")
        }
    }
}

/// Where the head at the start of `bytes` ends. Fails if that depends on how they are cut.
private func headEnd(_ bytes: [UInt8]) throws -> Int? {
    var scanned = 0
    let end = FieldLines.end(bytes.span, from: 0, scanned: &scanned)
    for cut in cuts(of: bytes.count) {
        var scanned = 0
        var found = FieldLines.end(bytes.span.extracting(0..<cut), from: 0, scanned: &scanned)
        if found == nil { found = FieldLines.end(bytes.span, from: 0, scanned: &scanned) }
        try require(found == end, "cut at \(cut), the head ends at \(found ?? -1) instead of \(end ?? -1)")
    }
    return end
}

extension FuzzTarget {
    /// The head of an HTTP/1 request.
    static let requestHead = FuzzTarget("request-head") { bytes in
        let end = try headEnd(bytes) ?? bytes.count
        let reading = readRequest(bytes, length: end, after: nil)
        let earlier =
            "POST /old HTTP/1.0\r\nHost: old\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 7\r\n\r\n"
        try require(
            reading == readRequest(bytes, length: end, after: earlier),
            "a head is read differently by a parser that has read another one before"
        )
        guard let reading else { return }
        try reading.requireCleanParts()
        for count in 1...min(end, 64) {
            try require(
                RequestHead.mayBegin(with: bytes.span.extracting(0..<count)),
                "a good head is refused for its first \(count) bytes"
            )
        }
        try requireSameWhenWritten(reading)
        try requireSameInPieces(bytes, end: end) { bytes, scanned in
            var head = RequestHead()
            return try head.read(bytes, scanned: &scanned, limits: .init()) ? HeadReading(head, bytes.copied()) : nil
        }
    }

    /// Fails if a head that arrives in two pieces is read differently from one that arrives in one, wherever it is cut.
    private static func requireSameInPieces(
        _ bytes: [UInt8],
        end: Int,
        _ read: (Span<UInt8>, _ scanned: inout Int) throws -> HeadReading?
    ) throws {
        var scanned = 0
        let whole = try read(bytes.span, &scanned)
        for cut in cuts(of: end) {
            var scanned = 0
            let early = try read(bytes.span.extracting(0..<cut), &scanned)
            try require(early == nil, "a head is read from its first \(cut) bytes")
            let late = try read(bytes.span, &scanned)
            try require(late == whole, "cut at \(cut), a head is read differently")
        }
    }

    private static func readRequest(_ bytes: [UInt8], length: Int, after earlier: String?) -> HeadReading? {
        var head = RequestHead()
        if let earlier = earlier.map({ Array($0.utf8) }) {
            try? head.parse(earlier.span, length: earlier.count, limits: .init())
        }
        do throws(HeadFault) {
            try head.parse(bytes.span, length: length, limits: .init())
        } catch {
            return nil
        }
        return HeadReading(head, bytes)
    }

    /// Writes a head again in origin form and reads the result.
    private static func requireSameWhenWritten(_ reading: HeadReading) throws {
        var expected = reading
        var buffer = ByteBuffer()
        let isComplete = buffer.write(atMost: 64 << 10) { head in
            head.write(reading.line)
            head.write(.space)
            head.write(reading.target)
            head.write(reading.isHTTP10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n")
            for index in reading.fields.indices {
                // The authority of an absolute form takes precedence over the field.
                if reading.fields[index].known == .host, let authority = reading.authority {
                    expected.fields[index].value = authority
                }
                head.write(reading.fields[index].name)
                head.write(": ")
                head.write(expected.fields[index].value)
                head.write("\r\n")
            }
            head.write("\r\n")
        }
        if !reading.fields.contains(where: { $0.known == .host }) { expected.authority = nil }
        let written = buffer.span.copied()
        try require(isComplete, "a head of \(written.count) bytes does not fit")
        try require(
            readRequest(written, length: written.count, after: nil) == expected,
            "what was written does not read as what was read: \(text(written))"
        )
    }

    /// The head of an upstream's response.
    static let responseHead = FuzzTarget("response-head") { bytes in
        let end = try headEnd(bytes) ?? bytes.count
        for toHead in [false, true] {
            let reading = readResponse(bytes, length: end, toHead: toHead, after: nil)
            let earlier = "HTTP/1.0 101 Old\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 7\r\n\r\n"
            try require(
                reading == readResponse(bytes, length: end, toHead: toHead, after: earlier),
                "a head is read differently by a parser that has read another one before"
            )
            guard let reading else { continue }
            try requireSameInPieces(bytes, end: end) { bytes, scanned in
                var head = ResponseHead()
                let isRead = try head.read(bytes, scanned: &scanned, toHead: toHead, limits: .init())
                return isRead ? HeadReading(head, bytes.copied()) : nil
            }
            try reading.requireCleanParts()
            try require((100...599).contains(reading.status), "status \(reading.status)")
            if toHead || reading.status < 200 {
                try require(reading.framing == .none, "a body follows where none may")
            }
            if reading.framing == .untilClose {
                try require(!reading.keepsAlive, "a connection is kept though its end ends the body")
            }
        }
    }

    private static func readResponse(_ bytes: [UInt8], length: Int, toHead: Bool, after earlier: String?)
        -> HeadReading?
    {
        var head = ResponseHead()
        if let earlier = earlier.map({ Array($0.utf8) }) {
            try? head.parse(earlier.span, length: earlier.count, toHead: false, limits: .init())
        }
        do throws(HeadFault) {
            try head.parse(bytes.span, length: length, toHead: toHead, limits: .init())
        } catch {
            return nil
        }
        return HeadReading(head, bytes)
    }

    /// The fields of an HTTP/2 request, one per line as `name=value`.
    static let http2Fields = FuzzTarget("http2-fields") { bytes in
        var head = HTTP2RequestHead()
        var count = 0
        for line in bytes.split(separator: .lineFeed) {
            let parts = line.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            let (name, value) = (Array(parts[0]), Array(parts[1]))
            // The library refuses other names.
            let plain = name.first == UInt8(ascii: ":") ? Array(name.dropFirst()) : name
            guard !plain.isEmpty, plain.allSatisfy({ $0.isToken && $0 == $0.lowercased }) else { continue }
            count += 1
            guard head.add(name.span, value.span, limits: .init()) else { return }
        }
        for hasBody in [false, true] {
            var written: [UInt8] = []
            var judged = RequestHead()
            var isGood = true
            do throws(HeadFault) {
                try head.write(to: &written, judged.block, hasBody: hasBody, webSocketKey: Handshake.makeKey())
            } catch {
                continue
            }
            do throws(HeadFault) { try judged.judge(written.span, limits: .init()) } catch { isGood = false }
            try require(try headEnd(written) == written.count, "fields make up more than one head: \(text(written))")
            let reading = readRequest(written, length: written.count, after: nil)
            try require(
                reading == (isGood ? HeadReading(judged, written) : nil),
                "the fields written beside the head are not those that it is read to have: \(text(written))"
            )
            guard let reading else { continue }
            try require(reading.fields.count <= count + 4, "fields make up more fields: \(text(written))")
            try require(hasBody || reading.framing != .chunked, "a body is announced where none follows")
        }
    }
}
