/// Deadlines of an event loop's connections, one number each in a row, so that thousands are looked through in
/// microseconds and moving one is a store.
package struct DeadlineTable {
    /// In ticks; `never` where nothing is due.
    private var deadlines: ContiguousArray<UInt32> = []
    private var free: ContiguousArray<Int> = []
    /// Start of tick 0.
    private let origin: Int64

    package static let tick: Int64 = 100
    private static let never = UInt32.max

    package init(origin: Int64) { self.origin = origin }

    /// Slots in use are below this.
    package var capacity: Int { deadlines.count }

    package mutating func add() -> Int {
        if let slot = free.popLast() { return slot }
        deadlines.append(Self.never)
        return deadlines.count - 1
    }

    package mutating func remove(_ slot: Int) {
        deadlines[slot] = Self.never
        free.append(slot)
    }

    /// Sets the deadline of a slot to a monotonic time in milliseconds.
    package mutating func set(_ slot: Int, at time: Int64) {
        deadlines[slot] = UInt32(clamping: (time - origin + Self.tick - 1) / Self.tick)
    }

    package mutating func clear(_ slot: Int) { deadlines[slot] = Self.never }

    /// Takes the slots whose deadline has passed out of the row.
    package mutating func takeDue(at time: Int64, into due: inout ContiguousArray<Int>) {
        let now = UInt32(clamping: (time - origin) / Self.tick)
        for slot in deadlines.indices where deadlines[slot] <= now {
            deadlines[slot] = Self.never
            due.append(slot)
        }
    }
}
