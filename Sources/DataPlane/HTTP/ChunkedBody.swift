import Basics

/// Reads a chunked body ([RFC 9112 section 7.1](https://www.rfc-editor.org/rfc/rfc9112#section-7.1)) piece by piece.
///
/// Strict where leniency allows request smuggling: sizes are hexadecimal digits only, every line ends in CR LF, and
/// extensions, which are dropped, contain no control bytes. Accepts blanks after a size from upstreams, since some
/// servers pad it, but never before or inside it, and never from clients.
package struct ChunkedBody: Sendable {
    /// What the bytes at hand are.
    package enum Step: Sendable, Equatable {
        /// Bytes of the body.
        case data(Range<Int>)
        /// The end of the body. The range holds the trailer fields and their empty line.
        case end(trailers: Range<Int>)
        /// More bytes are needed. All before this index are done with.
        case incomplete(consumed: Int)
    }

    private enum State: Sendable {
        case size, data, dataEnd, trailers, done
    }

    private var remaining = 0
    private var scanned = 0
    private var state: State = .size

    /// No honest peer sends a longer size line.
    static let maxLine = 256
    static let maxTrailers = 8 << 10

    private let allowsPadding: Bool

    /// - Parameter allowsPadding: whether blanks may follow a size.
    package init(allowsPadding: Bool = false) { self.allowsPadding = allowsPadding }

    package var isDone: Bool { state == .done }

    /// Takes the next step at `position` and moves it past what was read.
    package mutating func step(_ bytes: Span<UInt8>, from position: inout Int) throws(HeadFault) -> Step {
        while true {
            switch state {
            case .size:
                guard let next = try size(bytes, from: position) else { return .incomplete(consumed: position) }
                position = next
            case .data:
                let count = min(remaining, bytes.count - position)
                guard count > 0 else { return .incomplete(consumed: position) }
                remaining -= count
                if remaining == 0 { state = .dataEnd }
                position += count
                return .data(position - count..<position)
            case .dataEnd:
                guard position < bytes.count else { return .incomplete(consumed: position) }
                guard bytes[position] == .carriageReturn else { throw .breaks(.chunk) }
                guard position + 1 < bytes.count else { return .incomplete(consumed: position) }
                guard bytes[position + 1] == .lineFeed else { throw .breaks(.chunk) }
                position += 2
                state = .size
            case .trailers:
                return try trailers(bytes, from: &position)
            case .done:
                return .incomplete(consumed: position)
            }
        }
    }

    /// Reads `size [extensions] CR LF`. Returns where it ends, or `nil` if it is incomplete.
    private mutating func size(_ bytes: Span<UInt8>, from start: Int) throws(HeadFault) -> Int? {
        var position = start
        var value = 0
        while position < bytes.count, let digit = bytes[position].hexValue {
            guard position - start < 15 else { throw .breaks(.chunk) }
            value = value << 4 | Int(digit)
            position += 1
        }
        guard position < bytes.count else { return nil }
        guard position > start else { throw .breaks(.chunk) }
        if bytes[position] != .carriageReturn {
            // White space is allowed before an extension, and nowhere else.
            while position < bytes.count, bytes[position] == .space || bytes[position] == .tab { position += 1 }
            guard position < bytes.count else { return try unfinished(bytes, from: start) }
            let isPadding = allowsPadding && bytes[position] == .carriageReturn
            guard isPadding || bytes[position] == UInt8(ascii: ";") else { throw .breaks(.chunk) }
            while position < bytes.count,
                bytes[position] == .tab || (bytes[position] >= 0x20 && bytes[position] != 0x7f)
            {
                position += 1
            }
            guard position < bytes.count else { return try unfinished(bytes, from: start) }
            guard bytes[position] == .carriageReturn else { throw .breaks(.chunk) }
        }
        guard position - start <= Self.maxLine else { throw .breaks(.chunk) }
        guard position + 1 < bytes.count else { return nil }
        guard bytes[position + 1] == .lineFeed else { throw .breaks(.chunk) }
        remaining = value
        state = value == 0 ? .trailers : .data
        scanned = 0
        return position + 2
    }

    private func unfinished(_ bytes: Span<UInt8>, from start: Int) throws(HeadFault) -> Int? {
        guard bytes.count - start <= Self.maxLine else { throw .breaks(.chunk) }
        return nil
    }

    private mutating func trailers(_ bytes: Span<UInt8>, from position: inout Int) throws(HeadFault) -> Step {
        let start = position
        var end: Int?
        if start < bytes.count, bytes[start] == .carriageReturn {
            guard start + 1 < bytes.count else { return .incomplete(consumed: start) }
            guard bytes[start + 1] == .lineFeed else { throw .breaks(.trailers) }
            end = start + 2
        } else {
            // `scanned` is relative to the start of the trailers, which the caller may have moved.
            var absolute = start + scanned
            end = FieldLines.end(bytes, from: start, scanned: &absolute)
            scanned = absolute - start
        }
        guard let end else {
            guard bytes.count - start <= Self.maxTrailers else { throw .tooLarge }
            return .incomplete(consumed: start)
        }
        guard end - start <= Self.maxTrailers else { throw .tooLarge }
        state = .done
        position = end
        return .end(trailers: start..<end)
    }
}
