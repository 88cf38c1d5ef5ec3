/// Takes a request's body out of what comes after its head, by the framing that the head announced.
struct RequestBody {
    enum Step {
        /// Bytes of the body.
        case data(Range<Int>)
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

    /// Takes the next piece of `bytes` at `position`, which it moves past what is done with. Trailer fields are judged and
    /// dropped ([RFC 9110 section 6.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1)): merged into a head they
    /// could say what a head was not allowed to.
    mutating func read(_ bytes: Span<UInt8>, from position: inout Int) throws(HeadFault) -> Step {
        guard !isComplete else { return .incomplete }
        guard case .chunked = framing else {
            let count = min(remaining, bytes.count - position)
            guard count > 0 else { return .incomplete }
            remaining -= count
            isComplete = remaining == 0
            position += count
            return .data(position - count..<position)
        }
        switch try chunked.step(bytes, from: &position) {
        case .data(let range):
            return .data(range)
        case .incomplete(let consumed):
            position = consumed
            return .incomplete
        case .end(let trailers):
            let block = FieldBlock()
            try FieldLines.read(bytes, from: trailers.lowerBound, to: trailers.upperBound, maxCount: 64, into: block)
            position = trailers.upperBound
            isComplete = true
            return .end
        }
    }
}
