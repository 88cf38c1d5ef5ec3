import Basics

/// The deadlines of an event loop's descriptors: one number each in an array. Scanning thousands takes microseconds,
/// and moving one is a single store.
public struct DeadlineTable {
    /// By slot, in ticks; `never` if there is no deadline.
    private var deadlines: ContiguousArray<UInt32> = []
    /// Start of tick 0.
    private let origin: Int64
    /// No deadline is earlier than this tick. It may be too early after a deadline has moved; the next scan corrects
    /// it.
    private var first = never

    /// Milliseconds.
    public static let tick: Int64 = 100
    private static let never = UInt32.max

    public init(origin: Int64) { self.origin = origin }

    /// When to scan next, in monotonic milliseconds; `nil` if no deadline is set.
    public var earliest: Int64? { first == Self.never ? nil : origin + Int64(first) * Self.tick }

    /// Sets the deadline of a slot to a monotonic time in milliseconds.
    public mutating func set(_ slot: Int, at time: Int64) {
        while deadlines.count <= slot { deadlines.append(Self.never) }
        let ticks = (min(time, .max - Self.tick) - origin + Self.tick - 1) / Self.tick
        let deadline = min(UInt32(clamping: ticks), Self.never - 1)
        deadlines[slot] = deadline
        if deadline < first { first = deadline }
    }

    public mutating func clear(_ slot: Int) {
        if slot < deadlines.count { deadlines[slot] = Self.never }
    }

    /// Adds the slots whose deadline has passed to `due`. Call ``takeDue(_:at:)`` for each of them.
    public mutating func findDue(at time: Int64, into due: inout ContiguousArray<Int>) {
        let now = ticks(at: time)
        first = Self.never
        for slot in deadlines.indices {
            let deadline = deadlines[slot]
            if deadline <= now { due.append(slot) } else if deadline < first { first = deadline }
        }
    }

    /// Clears a slot's deadline if it has passed.
    ///
    /// - Returns: false if it has not, because it was cleared or moved since it was found.
    public mutating func takeDue(_ slot: Int, at time: Int64) -> Bool {
        guard deadlines[slot] <= ticks(at: time) else { return false }
        deadlines[slot] = Self.never
        return true
    }

    private func ticks(at time: Int64) -> UInt32 { min(UInt32(clamping: (time - origin) / Self.tick), Self.never - 1) }
}
