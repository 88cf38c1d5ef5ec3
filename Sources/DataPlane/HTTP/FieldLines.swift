import Basics

/// Reads the field lines of a head or of a trailer section
/// ([RFC 9112 section 5](https://www.rfc-editor.org/rfc/rfc9112#section-5)).
enum FieldLines {
    /// Reads lines from `start` to the empty line, which must end at `end`, into `block`.
    ///
    /// Refuses folded lines, white space around a name, empty and invalid names, bare CR or LF, and control bytes.
    static func read(
        _ bytes: Span<UInt8>,
        from start: Int,
        to end: Int,
        maxCount: Int,
        into block: FieldBlock
    ) throws(HeadFault) {
        let found = try readToEmptyLine(bytes.extracting(0..<end), from: start, maxCount: maxCount, into: block)
        guard found == end else { throw .breaks(.fieldLine) }
    }

    /// Reads lines from `start` to the first empty line, wherever it ends in `bytes`. Returns where it ends.
    static func readToEmptyLine(
        _ bytes: Span<UInt8>,
        from start: Int,
        maxCount: Int,
        into block: FieldBlock
    ) throws(HeadFault) -> Int {
        let known = FieldName.bySlot
        var position = start
        while position < bytes.count {
            if bytes[position] == .carriageReturn {
                guard position + 1 < bytes.count, bytes[position + 1] == .lineFeed else { throw .breaks(.fieldLine) }
                return position + 2
            }
            guard block.fields.count < maxCount else { throw .tooLarge }
            position = try line(bytes, at: position, known, into: block)
        }
        throw .breaks(.fieldLine)
    }

    /// Reads the line at `start` and returns where the next one begins.
    @inline(__always)
    private static func line(
        _ bytes: Span<UInt8>,
        at start: Int,
        _ known: [FieldName],
        into block: FieldBlock
    ) throws(HeadFault) -> Int {
        var hash = FieldName.Hash()
        var colon = start
        while colon < bytes.count {
            let folded = bytes[colon].foldedToken
            guard folded != 0 else { break }
            hash.add(folded)
            colon += 1
        }
        let length = colon - start
        guard colon < bytes.count, bytes[colon] == UInt8(ascii: ":"), length > 0, length <= UInt16.max,
            // The first control byte after the name must be the end of the line.
            let lineEnd = bytes.firstControl(in: colon + 1..<bytes.count), bytes[lineEnd] == .carriageReturn,
            lineEnd + 1 < bytes.count, bytes[lineEnd + 1] == .lineFeed
        else { throw .breaks(.fieldLine) }
        let value = bytes.trimming(colon + 1..<lineEnd)
        let (name, isLookalike) = FieldName.find(bytes, in: start..<colon, hash, among: known)
        block.append(
            FieldBlock.Field(
                nameStart: UInt32(start),
                valueStart: UInt32(value.lowerBound),
                valueEnd: UInt32(value.upperBound),
                lineEnd: UInt32(lineEnd + 2),
                nameLength: UInt16(length),
                name: name,
                isRemoved: isLookalike
            )
        )
        return lineEnd + 2
    }

    /// Finds the end of the head that begins at `start`: past its empty line.
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
