/// Which of a connection's streams are over, as far as a client could still send on them.
///
/// The library forgets a stream that is closed, and would ignore what comes on it or on one that was skipped.
struct ClosedStreams {
    enum Judgement {
        /// Higher than all before.
        case new
        /// Reset from here: what was on its way is ignored.
        case reset
        case closed
        /// Lower than others and not known: never opened, still open, or long gone.
        case skipped
    }

    private var highest: Int32 = 0
    private var lastAccepted = Int32.max
    /// The latest ones, in a ring; negative where they were reset from here.
    private var latest: ContiguousArray<Int32> = []
    private var next = 0
    private var newest: Int32 = 0

    private static let capacity = 256

    /// From now on new streams are refused: what comes on them is ignored
    /// ([RFC 9113 section 6.8](https://www.rfc-editor.org/rfc/rfc9113#section-6.8)).
    mutating func refuseNew() { lastAccepted = highest }

    /// Judges the stream of a frame, and remembers it as the highest if it is.
    mutating func judge(_ id: Int32) -> Judgement {
        guard id <= highest else {
            highest = id
            return .new
        }
        if id > lastAccepted || latest.contains(-id) { return .reset }
        return latest.contains(id) ? .closed : .skipped
    }

    /// Remembers a stream that is over. A stream that is closed because it was just reset stays a reset one.
    mutating func add(_ id: Int32, isReset: Bool) {
        let entry = isReset ? -id : id
        guard id > 0, entry != newest, -id != newest else { return }
        newest = entry
        if latest.count < Self.capacity {
            latest.append(entry)
        } else {
            latest[next] = entry
            next = (next + 1) % Self.capacity
        }
    }
}
