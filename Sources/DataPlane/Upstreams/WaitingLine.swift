import Transport

/// Exchanges of one event loop that wait until one of an upstream's servers has fewer than `max_connections`.
///
/// Those of sessions that exist come before the others, so that viewers who are in stay in. Within both groups, who came
/// first is first.
struct WaitingLine {
    struct Place {
        let exchange: any UpstreamUser
        /// As in ``UpstreamPool/acquire(for:tried:allowsReuse:)``.
        let tried: UInt64
        let allowsReuse: Bool
        let comesFirst: Bool
        /// When it has waited for too long, in monotonic milliseconds.
        let until: Int64
    }

    private var places: ContiguousArray<Place> = []
    /// How many at the front come first.
    private var firstCount = 0

    var isEmpty: Bool { places.isEmpty }
    var count: Int { places.count }

    mutating func append(_ place: Place) {
        places.insert(place, at: place.comesFirst ? firstCount : places.count)
        if place.comesFirst { firstCount += 1 }
    }

    /// Puts back what ``takeFirst()`` has taken.
    mutating func putBack(_ place: Place) {
        places.insert(place, at: place.comesFirst ? 0 : firstCount)
        if place.comesFirst { firstCount += 1 }
    }

    mutating func takeFirst() -> Place? { places.isEmpty ? nil : remove(at: 0) }

    /// Takes one that has waited for too long. Returns `nil` if there is none.
    mutating func takeLate(at now: Int64) -> Place? {
        // Within each group, all have the same time to wait.
        for index in [0, firstCount] where index < places.count && places[index].until <= now {
            return remove(at: index)
        }
        return nil
    }

    /// Takes out an exchange that no longer waits. Returns false if it is not there.
    mutating func remove(_ exchange: any UpstreamUser) -> Bool {
        guard let index = places.firstIndex(where: { $0.exchange === exchange }) else { return false }
        _ = remove(at: index)
        return true
    }

    private mutating func remove(at index: Int) -> Place {
        if index < firstCount { firstCount -= 1 }
        return places.remove(at: index)
    }
}
