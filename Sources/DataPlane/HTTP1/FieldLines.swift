/// Reads the field lines of a head or of a trailer section
/// ([RFC 9112 section 5](https://www.rfc-editor.org/rfc/rfc9112#section-5)).
enum FieldLines {
    /// Reads lines from `start` to the empty line, which must end at `end`, into `block`.
    ///
    /// Refused: folded lines, white space around a name, empty and odd names, bare CR or LF, control octets.
    static func read(
        _ bytes: Span<UInt8>,
        from start: Int,
        to end: Int,
        maxCount: Int,
        into block: FieldBlock
    ) throws(HeadFault) {
        var position = start
        while position < end {
            if bytes[position] == .carriageReturn {
                guard position + 2 == end, bytes[position + 1] == .lineFeed else { throw .breaks(.fieldLine) }
                return
            }
            guard block.fields.count < maxCount else { throw .tooLarge }
            position = try line(bytes, at: position, to: end, into: block)
        }
        throw .breaks(.fieldLine)
    }

    /// Reads the line at `start` and returns where the next one begins.
    @inline(__always)
    private static func line(
        _ bytes: Span<UInt8>,
        at start: Int,
        to end: Int,
        into block: FieldBlock
    ) throws(HeadFault) -> Int {
        var hash = FieldName.Hash()
        var colon = start
        while colon < end {
            let byte = bytes[colon]
            guard byte.isToken else { break }
            hash.add(byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") ? UInt8(ascii: "-") : byte.lowercased)
            colon += 1
        }
        let length = colon - start
        guard colon < end, bytes[colon] == UInt8(ascii: ":"), length > 0, length <= UInt16.max else {
            throw .breaks(.fieldLine)
        }
        guard let lineFeed = bytes.firstIndex(of: .lineFeed, from: colon, to: end),
            bytes[lineFeed - 1] == .carriageReturn
        else { throw .breaks(.fieldLine) }
        let value = bytes.trimming(colon + 1..<lineFeed - 1)
        guard !bytes.hasControl(in: value) else { throw .breaks(.fieldLine) }
        var name = FieldName.bySlot[hash.slot]
        var isLookalike = false
        if name != .other, !bytes.equals(name.text, ignoringCaseIn: start..<colon) {
            // CGI-like upstreams read `X_Forwarded_For` as `X-Forwarded-For`; what is judged under one name must not
            // arrive under another.
            isLookalike = name.isSpelled(by: bytes.extracting(start..<colon))
            name = .other
        }
        block.append(
            FieldBlock.Field(
                nameStart: UInt32(start),
                valueStart: UInt32(value.lowerBound),
                valueEnd: UInt32(value.upperBound),
                lineEnd: UInt32(lineFeed + 1),
                nameLength: UInt16(length),
                name: name,
                isRemoved: isLookalike
            )
        )
        return lineFeed + 1
    }

    /// Where the head that begins at `start` ends: past its empty line.
    ///
    /// `scanned` is how far an earlier call got, so that a head that arrives byte by byte is read once.
    @inline(__always)
    static func end(_ bytes: Span<UInt8>, from start: Int, scanned: inout Int) -> Int? {
        var position = max(start, scanned)
        while let lineFeed = bytes.firstIndex(of: .lineFeed, from: position, to: bytes.count) {
            // An empty line is CR LF after LF. A bare LF after LF ends the head too, so that it is refused now.
            if lineFeed > start, bytes[lineFeed - 1] == .lineFeed { return lineFeed + 1 }
            if lineFeed > start + 1, bytes[lineFeed - 1] == .carriageReturn, bytes[lineFeed - 2] == .lineFeed {
                return lineFeed + 1
            }
            position = lineFeed + 1
        }
        scanned = bytes.count
        return nil
    }
}
