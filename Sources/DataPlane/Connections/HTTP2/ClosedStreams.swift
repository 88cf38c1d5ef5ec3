/// Tracks which of a connection's streams are over, as far as a client could still send on them.
///
/// The library forgets closed streams, and would ignore frames on them or on ids that were skipped.
struct ClosedStreams {
    enum Judgement {
        /// Higher than all before.
        case new
        /// Reset by the gateway: frames on the way are ignored.
        case reset
        case closed
        /// Lower than others and unknown: never opened, still open, or closed long ago.
        case skipped
    }

    private var highest: Int32 = 0
    private var lastAccepted = Int32.max
    /// The latest streams in a ring; negative if the gateway reset them.
    private var latest: ContiguousArray<Int32> = []
    private var next = 0
    private var newest: Int32 = 0

    private static let capacity = 256

    /// Refuses new streams from now on: frames on them are ignored
    /// ([RFC 9113 section 6.8](https://www.rfc-editor.org/rfc/rfc9113#section-6.8)).
    mutating func refuseNew() { lastAccepted = highest }

    /// Judges the stream of a frame. Remembers it if it is the highest so far.
    mutating func judge(_ id: Int32) -> Judgement {
        guard id <= highest else {
            highest = id
            return .new
        }
        if id > lastAccepted || latest.contains(-id) { return .reset }
        return latest.contains(id) ? .closed : .skipped
    }

    /// Remembers a stream that is over. A stream that was just reset stays marked as reset.
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
