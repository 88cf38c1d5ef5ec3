/// Whose turn it is among the event loops that have requests waiting for an upstream's servers, so that a place goes to the
/// request that comes first on any loop.
///
/// Each loop enters its first request only, which keeps the order short. `Member` is how a loop is reached.
struct TurnOrder<Member> {
    private struct Entry {
        let id: ObjectIdentifier
        let member: Member
        var rank: TurnRank
        /// How many of the loop's requests give way to those of sessions.
        var others: Int
    }

    private var entries: [Entry] = []

    var count: Int { entries.count }

    /// Enters a loop, or changes what it has entered. It leaves if no request waits there.
    ///
    /// - Parameter others: how many of its requests are of no session.
    mutating func enter(_ id: ObjectIdentifier, _ rank: TurnRank?, others: Int, as member: Member) {
        let index = entries.firstIndex { $0.id == id }
        guard let rank else {
            if let index { entries.remove(at: index) }
            return
        }
        if let index {
            (entries[index].rank, entries[index].others) = (rank, others)
        } else {
            entries.append(Entry(id: id, member: member, rank: rank, others: others))
        }
    }

    /// The loop whose first request comes first, apart from `id` and from those that do not come after `floor`: they
    /// have had their turn.
    func first(besides id: ObjectIdentifier?, after floor: TurnRank?) -> (member: Member, rank: TurnRank)? {
        let candidates = entries.filter { entry in entry.id != id && (floor.map { entry.rank > $0 } ?? true) }
        return candidates.min { $0.rank < $1.rank }.map { ($0.member, $0.rank) }
    }

    /// A loop that has a request that gives way. That request counts no more.
    mutating func takeOther(besides id: ObjectIdentifier) -> Member? {
        guard let index = entries.firstIndex(where: { $0.id != id && $0.others > 0 }) else { return nil }
        entries[index].others -= 1
        return entries[index].member
    }
}

/// A request's place among all that wait. The lowest comes first.
struct TurnRank: Comparable {
    /// Whether the request is of a session that exists already.
    let hasSession: Bool
    /// When it has waited for too long, in monotonic milliseconds. All wait equally long.
    let until: Int64

    /// Comes after every request.
    static let last = TurnRank(hasSession: false, until: .max)

    static func < (left: TurnRank, right: TurnRank) -> Bool {
        (left.hasSession ? 0 : 1, left.until) < (right.hasSession ? 0 : 1, right.until)
    }
}
