import Synchronization

/// The exchanges that a server has in progress, for its limit: those of all event loops, including ones that began
/// before a reload.
final class ServerPlaces: Sendable {
    private let taken = Atomic<Int>(0)
    private let limit = Atomic<Int>(0)

    /// Whether any place is taken.
    var isUsed: Bool { taken.load(ordering: .relaxed) > 0 }

    var isFull: Bool {
        let limit = limit.load(ordering: .relaxed)
        return limit > 0 && taken.load(ordering: .sequentiallyConsistent) >= limit
    }

    /// - Parameter limit: 0: any number.
    func allow(_ limit: Int) { self.limit.store(limit, ordering: .relaxed) }

    /// Takes a place. Returns false if there is none.
    func take() -> Bool {
        let limit = limit.load(ordering: .relaxed)
        // Added only if it fits: who fails must not keep the last place from another, however briefly.
        var count = taken.load(ordering: .sequentiallyConsistent)
        while limit == 0 || count < limit {
            let exchange = taken.weakCompareExchange(
                expected: count,
                desired: count + 1,
                ordering: .sequentiallyConsistent
            )
            if exchange.exchanged { return true }
            count = exchange.original
        }
        return false
    }

    /// Undoes `take`.
    ///
    /// Who waits first says so and then looks for a place; who leaves one first gives it back and then looks for
    /// somebody who waits. In one order for all threads, one of the two finds the other.
    func giveBack() { taken.wrappingSubtract(1, ordering: .sequentiallyConsistent) }

    /// Counts exchanges that began without a limit. Each gives its place back in the end.
    func add(_ count: Int) { taken.wrappingAdd(count, ordering: .sequentiallyConsistent) }
}
