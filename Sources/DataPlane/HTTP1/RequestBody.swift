import NIOCore

/// Takes a request's body out of what comes after its head, by the framing that the head announced.
struct RequestBody {
    enum Step {
        case data(ByteBuffer)
        case end
        case incomplete
    }

    private var framing: BodyFraming
    private var remaining = 0
    private var chunked = ChunkedBody()
    private(set) var isComplete: Bool

    init(_ framing: BodyFraming = .none) {
        self.framing = framing
        switch framing {
        case .length(let length):
            remaining = length
            isComplete = length == 0
        case .chunked:
            isComplete = false
        case .none, .untilClose:
            isComplete = true
        }
    }

    /// Takes the next piece from `buffer`. Trailer fields are judged and dropped
    /// ([RFC 9110 section 6.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1)): merged into a head they could
    /// say what a head was not allowed to.
    mutating func read(_ buffer: inout ByteBuffer) throws(HeadFault) -> Step {
        guard !isComplete else { return .incomplete }
        guard case .chunked = framing else {
            let count = min(remaining, buffer.readableBytes)
            guard count > 0, let slice = buffer.readSlice(length: count) else { return .incomplete }
            remaining -= count
            isComplete = remaining == 0
            return .data(slice)
        }
        var position = 0
        switch try chunked.step(buffer.readableBytesUInt8Span, from: &position) {
        case .data(let range):
            buffer.moveReaderIndex(forwardBy: range.lowerBound)
            guard let slice = buffer.readSlice(length: range.count) else { return .incomplete }
            return .data(slice)
        case .incomplete(let consumed):
            buffer.moveReaderIndex(forwardBy: consumed)
            return .incomplete
        case .end(let trailers):
            let block = FieldBlock()
            try FieldLines.read(
                buffer.readableBytesUInt8Span,
                from: trailers.lowerBound,
                to: trailers.upperBound,
                maxCount: 64,
                into: block
            )
            buffer.moveReaderIndex(forwardBy: trailers.upperBound)
            isComplete = true
            return .end
        }
    }
}
