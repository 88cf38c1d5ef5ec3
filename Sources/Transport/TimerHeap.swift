/// Actions in the order of their times, in a binary heap. Actions for the same time run in the order of adding.
public struct TimerHeap {
    /// Identifies an action until it is taken or cancelled.
    public struct ID: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct Entry {
        let time: Int64
        let number: UInt64

        func isBefore(_ other: Entry) -> Bool { time != other.time ? time < other.time : number < other.number }
    }

    private var heap: ContiguousArray<Entry> = []
    /// The actions of the entries that were not cancelled.
    private var actions: [UInt64: () -> Void] = [:]
    private var last: UInt64 = 0

    /// Cancelled entries stay in the heap until their time comes, or until they outnumber the others by this many.
    private static let maxCancelled = 64

    public init() {}

    /// When the first entry is due; `nil` if there is none.
    public var earliest: Int64? { heap.first?.time }

    public var isEmpty: Bool { actions.isEmpty }

    /// The number of entries that take memory, including cancelled ones.
    var entryCount: Int { heap.count }

    public mutating func add(at time: Int64, _ action: @escaping () -> Void) -> ID {
        last += 1
        actions[last] = action
        heap.append(Entry(time: time, number: last))
        siftUp(heap.count - 1)
        return ID(number: last)
    }

    public mutating func cancel(_ id: ID) {
        guard actions.removeValue(forKey: id.number) != nil else { return }
        guard heap.count > 2 * actions.count + Self.maxCancelled else { return }
        let left = heap.filter { actions[$0.number] != nil }
        heap = []
        for entry in left {
            heap.append(entry)
            siftUp(heap.count - 1)
        }
    }

    /// The action that was added last.
    public var newest: ID { ID(number: last) }

    /// Takes the first action that is due.
    ///
    /// - Parameter newest: leaves actions that were added after this one.
    public mutating func takeDue(at time: Int64, upTo newest: ID) -> (() -> Void)? {
        while let first = heap.first, first.time <= time, first.number <= newest.number {
            removeFirst()
            if let action = actions.removeValue(forKey: first.number) { return action }
        }
        return nil
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        siftDown()
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].isBefore(heap[least]) { least = child }
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
