/// Reads a request's body from the bytes after its head, by the framing that the head announced.
struct RequestBody {
    enum Step {
        /// Bytes of the body.
        case data(Range<Int>)
        case end
        case incomplete
    }

    private enum Rest {
        case none
        /// This many bytes.
        case bytes(Int)
        case chunks(ChunkedBody)
    }

    private var rest: Rest

    init(_ framing: BodyFraming = .none) {
        rest =
            switch framing {
            case .none, .untilClose, .length(0): .none
            case .length(let length): .bytes(length)
            case .chunked: .chunks(ChunkedBody())
            }
    }

    var isComplete: Bool { if case .none = rest { true } else { false } }

    /// Takes the next piece of `bytes` at `position` and moves it past what is done with. Judges trailer fields and
    /// drops them ([RFC 9110 section 6.5.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.5.1)): merged into a head,
    /// they could say what the head was not allowed to.
    mutating func read(_ bytes: Span<UInt8>, from position: inout Int) throws(HeadFault) -> Step {
        switch rest {
        case .none:
            return .incomplete
        case .bytes(let left):
            let count = min(left, bytes.count - position)
            guard count > 0 else { return .incomplete }
            rest = count < left ? .bytes(left - count) : .none
            position += count
            return .data(position - count..<position)
        case .chunks(var chunks):
            let step = try chunks.step(bytes, from: &position)
            rest = .chunks(chunks)
            switch step {
            case .data(let range):
                return .data(range)
            case .incomplete(let consumed):
                position = consumed
                return .incomplete
            case .end(let trailers):
                let block = FieldBlock()
                try FieldLines.read(
                    bytes,
                    from: trailers.lowerBound,
                    to: trailers.upperBound,
                    maxCount: 64,
                    into: block
                )
                position = trailers.upperBound
                rest = .none
                return .end
            }
        }
    }
}
