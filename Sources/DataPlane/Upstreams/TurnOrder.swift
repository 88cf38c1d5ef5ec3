/// The requests of all event loops that wait for a place with an upstream's servers: how many there are, and whose turn
/// it is.
///
/// Each loop has a pool in which its requests wait, and shows the first one only, which keeps the order short. `Member`
/// is how the pool is reached. After a reload, a loop may have further pools, which count as loops of their own.
struct TurnOrder<Member> {
    /// What a loop has waiting.
    private struct Entry {
        let id: ObjectIdentifier
        let member: Member
        /// Of the first request that has not had its turn.
        var rank: TurnRank
        var count = 0
        /// How many of them give way to those of sessions.
        var others = 0
        /// How many of these have lost their place to a session's. The loop refuses as many as soon as it can.
        var ousted = 0
    }

    /// A request that may wait.
    struct Entrance {
        let rank: TurnRank
        /// The loop that has to refuse another request for it. `nil` if there was room.
        let ousts: Member?
    }

    private var entries: [Entry] = []
    /// The most requests that may wait.
    var limit: Int
    /// Those that wait. An ousted one counts no more: whoever has ousted it counts instead.
    private var waiting = 0
    private var nextNumber: UInt64 = 0

    init(limit: Int) { self.limit = limit }

    /// The number of loops on which requests wait.
    var count: Int { entries.count }

    /// Lets a request wait. If enough do, one of a session takes the place of one of none.
    ///
    /// - Returns: `nil` if it may not.
    mutating func enter(_ id: ObjectIdentifier, hasSession: Bool, as member: Member) -> Entrance? {
        var ousts: Member?
        if waiting < limit {
            waiting += 1
        } else {
            guard hasSession, let index = indexOfOther(preferably: id) else { return nil }
            entries[index].ousted += 1
            ousts = entries[index].member
        }
        let rank = TurnRank(hasSession: hasSession, number: nextNumber)
        nextNumber += 1
        let index = index(of: id) ?? entries.endIndex
        if index == entries.endIndex { entries.append(Entry(id: id, member: member, rank: rank)) }
        entries[index].rank = min(entries[index].rank, rank)
        entries[index].count += 1
        if !hasSession { entries[index].others += 1 }
        return Entrance(rank: rank, ousts: ousts)
    }

    /// Lets a request go that was served or refused, or whose client has left.
    ///
    /// - Parameter first: of those that wait on its loop still, apart from one that is just being served. `nil` if there
    ///   are none.
    mutating func leave(_ id: ObjectIdentifier, hasSession: Bool, first: TurnRank?) {
        guard let index = index(of: id) else { return }
        // If the loop has one to refuse, it is this one that has gone.
        if !hasSession, entries[index].ousted > 0 { entries[index].ousted -= 1 } else { waiting -= 1 }
        if !hasSession { entries[index].others -= 1 }
        if let first { entries[index].rank = first }
        entries[index].count -= 1
        if entries[index].count == 0 { entries.remove(at: index) }
    }

    /// Changes which request a loop shows.
    mutating func show(_ id: ObjectIdentifier, _ rank: TurnRank) {
        if let index = index(of: id) { entries[index].rank = rank }
    }

    /// Whether a loop has to refuse a request.
    func hasOusted(_ id: ObjectIdentifier) -> Bool { index(of: id).map { entries[$0].ousted > 0 } ?? false }

    /// The loop whose request comes first, apart from `id` and from those that do not come after `floor`: they have had
    /// their turn.
    func first(besides id: ObjectIdentifier?, after floor: TurnRank?) -> (member: Member, rank: TurnRank)? {
        let candidates = entries.filter { entry in entry.id != id && (floor.map { entry.rank > $0 } ?? true) }
        return candidates.min { $0.rank < $1.rank }.map { ($0.member, $0.rank) }
    }

    private func index(of id: ObjectIdentifier) -> Int? { entries.firstIndex { $0.id == id } }

    /// A loop that has a request that gives way: `id` if it does, because it can refuse at once.
    private func indexOfOther(preferably id: ObjectIdentifier) -> Int? {
        if let index = index(of: id), entries[index].others > entries[index].ousted { return index }
        return entries.firstIndex { $0.others > $0.ousted }
    }
}

extension TurnOrder.Entrance: Sendable where Member: Sendable {}

/// A request's place among all that wait for an upstream. The lowest comes first; no two have the same.
struct TurnRank: Comparable {
    /// Whether the request is of a session that exists already.
    let hasSession: Bool
    /// Counts those that have begun to wait, on any event loop.
    let number: UInt64

    /// Comes after every request.
    static let last = TurnRank(hasSession: false, number: .max)

    static func < (left: TurnRank, right: TurnRank) -> Bool {
        (left.hasSession ? 0 : 1, left.number) < (right.hasSession ? 0 : 1, right.number)
    }
}
