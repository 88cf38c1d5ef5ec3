import Basics

/// A request target's path and query, judged in every way that an upstream could read them.
///
/// Refuses what an upstream might read differently: dot segments in every spelling, backslashes, encoded slashes,
/// controls, double encoding, and bytes that are not UTF-8. Merges doubled slashes, and forwards them merged.
package struct RequestTarget: Sendable {
    package private(set) var path = 0..<0
    /// Without the question mark. `nil` if there is none.
    package private(set) var query: Range<Int>?
    /// The path's segments, undecoded. A trailing slash adds none.
    package private(set) var segments: ContiguousArray<Range<Int>> = []
    /// Whether the path had doubled slashes. If so, use ``write(_:to:)`` for the path.
    package private(set) var isMerged = false
    /// Whether the path contains something that upstreams read differently: upper case, `;` parameters, an encoded `?`
    /// or `#`, blanks, a dot at a segment's end, or bytes beyond ASCII.
    package private(set) var hasReadings = false
    /// What the most lenient reader sees of `segments`. Valid only if `hasReadings`.
    private var readings: ContiguousArray<Range<Int>> = []

    package init() { segments.reserveCapacity(16) }

    /// The segments as the most lenient reader sees them: without parameters, without leading blanks, without trailing
    /// blanks and dots, and without segments that are then empty.
    var lenientSegments: ContiguousArray<Range<Int>> { hasReadings ? readings : segments }

    package mutating func judge(_ bytes: Span<UInt8>, in target: Range<Int>) throws(HeadFault) {
        segments.removeAll(keepingCapacity: true)
        hasReadings = false
        isMerged = false
        let question = bytes.firstIndex(of: UInt8(ascii: "?"), from: target.lowerBound, to: target.upperBound)
        path = target.lowerBound..<(question ?? target.upperBound)
        query = question.map { $0 + 1..<target.upperBound }
        var position = path.lowerBound
        guard position < path.upperBound, bytes[position] == UInt8(ascii: "/") else { throw .breaks(.path) }
        while position < path.upperBound {
            position += 1
            let start = position
            position = try segment(bytes, from: start)
            if position > start {
                segments.append(start..<position)
            } else if position < path.upperBound {
                isMerged = true
            }
        }
        if hasReadings { readLeniently(bytes) }
    }

    /// Writes the path as it was judged.
    func write(_ bytes: Span<UInt8>, to head: inout ByteWriter) {
        guard isMerged else {
            head.write(bytes.extracting(path))
            return
        }
        for segment in segments {
            head.write(UInt8(ascii: "/"))
            head.write(bytes.extracting(segment))
        }
        if segments.isEmpty || bytes[path.upperBound - 1] == UInt8(ascii: "/") { head.write(UInt8(ascii: "/")) }
    }

    private mutating func readLeniently(_ bytes: Span<UInt8>) {
        readings.removeAll(keepingCapacity: true)
        for (index, segment) in segments.enumerated() {
            let reading = Self.trim(bytes, segment)
            if !reading.isEmpty {
                readings.append(reading)
            } else if index == segments.count - 1 {
                // Keep the end of the path, but not what stands between two segments that would become adjacent.
                readings.append(segment)
            }
        }
    }

    private static func trim(_ bytes: Span<UInt8>, _ segment: Range<Int>) -> Range<Int> {
        var start: Int?
        var end = segment.lowerBound
        var position = segment.lowerBound
        reading: while position < segment.upperBound {
            let (scalar, count) = bytes.scalar(at: position, before: segment.upperBound)
            switch scalar {
            // `;`, `?`, `#`
            case 0x3b, 0x3f, 0x23: break reading
            case 0x2e: start = start ?? position
            case _ where scalar.isBlank: break
            default:
                start = start ?? position
                end = position + count
            }
            position += count
        }
        return (start ?? end)..<max(start ?? end, end)
    }

    /// Judges the segment at `start`. Returns where it ends.
    private mutating func segment(_ bytes: Span<UInt8>, from start: Int) throws(HeadFault) -> Int {
        var position = start
        /// Decoded bytes, and how many of them are dots, up to the first `;`.
        var count = 0
        var dots = 0
        var last: UInt8 = 0
        var inParameters = false
        var text = UTF8Check()
        while position < path.upperBound {
            let start = position
            while position < path.upperBound, bytes[position].isSameToAllReaders { position += 1 }
            if position > start {
                guard text.isComplete else { throw .breaks(.path) }
                if !inParameters { count += position - start }
                last = bytes[position - 1]
                continue
            }
            var byte = bytes[position]
            if byte == UInt8(ascii: "/") { break }
            if byte == .percent {
                byte = try decode(bytes, at: position)
                position += 2
                if byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") { hasReadings = true }
            } else if byte == UInt8(ascii: "\\") {
                throw .breaks(.path)
            }
            position += 1
            if byte == UInt8(ascii: ";") {
                inParameters = true
                hasReadings = true
            } else if (byte &- 0x41) < 26 || (byte &- 0x21) >= 0x5f {
                hasReadings = true
            }
            last = byte
            guard text.accepts(byte) else { throw .breaks(.path) }
            if !inParameters {
                count += 1
                if byte == UInt8(ascii: ".") { dots += 1 }
            }
        }
        guard text.isComplete else { throw .breaks(.path) }
        if last == UInt8(ascii: ".") { hasReadings = true }
        if count == dots, count > 0, count <= 2 { throw .breaks(.path) }
        if count == 0, inParameters { throw .breaks(.path) }
        return position
    }

    /// Whether two hexadecimal digits are at `position`, encoded or not.
    private func hasHexDigits(_ bytes: Span<UInt8>, at position: Int) -> Bool {
        guard position < path.upperBound else { return false }
        let first = bytes.decoded(at: position, before: path.upperBound)
        guard first.byte.hexValue != nil, position + first.count < path.upperBound else { return false }
        return bytes.decoded(at: position + first.count, before: path.upperBound).byte.hexValue != nil
    }

    private func decode(_ bytes: Span<UInt8>, at position: Int) throws(HeadFault) -> UInt8 {
        guard position + 2 < path.upperBound, let high = bytes[position + 1].hexValue,
            let low = bytes[position + 2].hexValue
        else { throw .breaks(.path) }
        let byte = high << 4 | low
        switch byte {
        case 0x00..<0x20, 0x7f, UInt8(ascii: "/"), UInt8(ascii: "\\"):
            throw .breaks(.path)
        case .percent:
            // `%252e`, in any spelling: an upstream that decodes twice would read a dot.
            if hasHexDigits(bytes, at: position + 3) { throw .breaks(.path) }
        default: break
        }
        return byte
    }
}

/// Checks byte by byte that text is UTF-8, without overlong forms of a slash or a dot and without surrogates
/// ([RFC 3629 section 4](https://www.rfc-editor.org/rfc/rfc3629#section-4)).
struct UTF8Check {
    private var missing = 0
    /// What the next continuation byte may be.
    private var next: ClosedRange<UInt8> = 0x80...0xbf

    init() {}

    var isComplete: Bool { missing == 0 }

    @inline(__always)
    mutating func accepts(_ byte: UInt8) -> Bool {
        if missing == 0, byte < 0x80 { return true }
        return acceptsLonger(byte)
    }

    private mutating func acceptsLonger(_ byte: UInt8) -> Bool {
        if missing > 0 {
            guard next.contains(byte) else { return false }
            missing -= 1
            next = 0x80...0xbf
            return true
        }
        switch byte {
        case 0xc2...0xdf: missing = 1
        case 0xe0: (missing, next) = (2, 0xa0...0xbf)
        case 0xed: (missing, next) = (2, 0x80...0x9f)
        case 0xe1...0xef: missing = 2
        case 0xf0: (missing, next) = (3, 0x90...0xbf)
        case 0xf1...0xf3: missing = 3
        case 0xf4: (missing, next) = (3, 0x80...0x8f)
        default: return false
        }
        return true
    }
}

extension Span<UInt8> {
    /// The percent-decoded byte at `position`, and how many bytes encode it.
    @inline(__always)
    func decoded(at position: Int, before end: Int) -> (byte: UInt8, count: Int) {
        let byte = self[position]
        guard byte == .percent, position + 2 < end, let high = self[position + 1].hexValue,
            let low = self[position + 2].hexValue
        else { return (byte, 1) }
        return (high << 4 | low, 3)
    }

    /// Whether the bytes of `range`, percent-decoded, are those of `text`.
    func decodes(_ range: Range<Int>, to text: [UInt8]) -> Bool {
        var position = range.lowerBound
        var index = 0
        while position < range.upperBound {
            guard index < text.count else { return false }
            let (byte, count) = decoded(at: position, before: range.upperBound)
            guard byte == text[index] else { return false }
            position += count
            index += 1
        }
        return index == text.count
    }

    /// The percent-decoded scalar at `position`, and how many bytes encode it. The text must be valid UTF-8.
    func scalar(at position: Int, before end: Int) -> (value: UInt32, count: Int) {
        let (first, length) = decoded(at: position, before: end)
        var count = length
        guard first >= 0x80 else { return (UInt32(first), count) }
        let more: UInt32 = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1
        var value = UInt32(first) & (0x3f >> more)
        for _ in 0..<more where position + count < end {
            let next = decoded(at: position + count, before: end)
            value = value << 6 | UInt32(next.byte & 0x3f)
            count += next.count
        }
        return (value, count)
    }

    /// The bytes of `range`, percent-decoded.
    func percentDecoded(_ range: Range<Int>) -> [UInt8] {
        var decodedBytes: [UInt8] = []
        decodedBytes.reserveCapacity(range.count)
        var position = range.lowerBound
        while position < range.upperBound {
            let (byte, count) = decoded(at: position, before: range.upperBound)
            decodedBytes.append(byte)
            position += count
        }
        return decodedBytes
    }
}

extension UInt32 {
    /// Whether the scalar is blank or invisible, which readers trim.
    fileprivate var isBlank: Bool {
        switch self {
        case 0x20, 0x85, 0xa0, 0xad, 0x1680, 0x180e, 0x2000...0x200f, 0x2028...0x202f, 0x205f...0x206f, 0x3000, 0xfeff:
            true
        default: false
        }
    }
}

extension UInt8 {
    /// Whether every reader of a path takes the byte as it is, which holds for nearly all bytes of paths: lower-case
    /// letters, digits, `-` and `_`.
    @inline(__always)
    fileprivate var isSameToAllReaders: Bool {
        (self &- 0x61) < 26 || isDigit || self == UInt8(ascii: "-") || self == UInt8(ascii: "_")
    }
}
