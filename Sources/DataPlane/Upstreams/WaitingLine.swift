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
        let rank: TurnRank
        /// When it has waited for too long, in monotonic milliseconds.
        let until: Int64

        var comesFirst: Bool { rank.hasSession }
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

    /// How many do not come first.
    var otherCount: Int { places.count - firstCount }

    /// The rank of the place at this position. `nil` past the end.
    func rank(at index: Int) -> TurnRank? { index < places.count ? places[index].rank : nil }

    /// When the next one has waited for too long. `nil` if nobody waits.
    var nextDeadline: Int64? { [0, firstCount].filter { $0 < places.count }.map { places[$0].until }.min() }

    mutating func take(at index: Int) -> Place { remove(at: index) }

    /// Puts back what ``take(at:)`` has taken, if nothing has changed since.
    mutating func putBack(_ place: Place, at index: Int) {
        places.insert(place, at: index)
        if place.comesFirst { firstCount += 1 }
    }

    /// Takes the last one of those that do not come first. Returns `nil` if there is none.
    mutating func takeLastOther() -> Place? { otherCount > 0 ? places.removeLast() : nil }

    /// Takes one that has waited for too long. Returns `nil` if there is none.
    mutating func takeLate(at now: Int64) -> Place? {
        // Within each group, all have the same time to wait.
        for index in [0, firstCount] where index < places.count && places[index].until <= now {
            return remove(at: index)
        }
        return nil
    }

    /// Takes out an exchange that no longer waits. Returns `nil` if it is not there.
    mutating func remove(_ exchange: any UpstreamUser) -> Place? {
        places.firstIndex { $0.exchange === exchange }.map { remove(at: $0) }
    }

    private mutating func remove(at index: Int) -> Place {
        if index < firstCount { firstCount -= 1 }
        return places.remove(at: index)
    }
}
