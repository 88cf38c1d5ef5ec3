/// Assigns numbers to names whose counters are rows of an array.
///
/// A name keeps its number across reloads. The number of a name that is gone is given to another one by a later reload
/// at the earliest, so that a request that began with the former settings does not count for the wrong name.
struct CounterSlots<Name: Hashable & Sendable>: Sendable {
    /// The name of each slot. `nil` for a free one.
    let names: [Name?]
    private let slots: [Name: Int]

    init(_ wanted: [Name], previous: CounterSlots?) {
        let former = previous?.names ?? []
        var names = [Name?](repeating: nil, count: former.count)
        var slots: [Name: Int] = [:]
        for name in wanted {
            guard let slot = previous?.slots[name] else { continue }
            (names[slot], slots[name]) = (name, slot)
        }
        var next = 0
        for name in wanted where slots[name] == nil {
            while next < names.count, names[next] != nil || (next < former.count && former[next] != nil) { next += 1 }
            if next == names.count { names.append(name) } else { names[next] = name }
            slots[name] = next
        }
        self.names = names
        self.slots = slots
    }

    /// The number of a name, which must be one of those that were wanted.
    subscript(name: Name) -> Int {
        guard let slot = slots[name] else { preconditionFailure("a name without counters") }
        return slot
    }

    /// The used numbers, in order.
    var used: [(slot: Int, name: Name)] {
        names.enumerated().compactMap { slot, name in name.map { (slot: slot, name: $0) } }
    }
}
