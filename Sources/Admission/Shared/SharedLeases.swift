import Basics

/// What a shard of the lease table keeps about the leases that it shares with other nodes, by slot number.
///
/// A share takes about 350 bytes besides its slot. A table that is not shared has none of this.
struct SharedLeases {
    struct Entry {
        var share: LeaseShare
        /// The rule of the lease's event when it was last decided on.
        var secondJoin: SecondJoin
        /// The tick in which the lease is looked after next; the end of time for none.
        var tick = Int64.max
    }

    /// A claim without an answer, and who waits for it.
    struct Awaited {
        /// The claim, if a viewer's request made it.
        var claim: Claim?
        var waiters: [LeaseOutcomeHandler] = []
    }

    struct Claim {
        let number: UInt64
        /// The stay to list once the store has agreed.
        let arrival: Arrival?
        /// Set when it is sent.
        var handler: LeaseOutcomeHandler?
    }

    /// The most that wait for one claim, besides whoever sent it.
    static let maxWaiters = 8
    /// How long a claim may stay unsent before it is taken back.
    static let unsentTime: Milliseconds = 2000
    /// Seconds that are planned ahead.
    private static let buckets: Int64 = 64
    private static let tickLength: Milliseconds = 1000

    let link: LeaseLink
    var policy: SharingPolicy
    var sessions: SessionPolicy
    var entries: [UInt32: Entry] = [:]
    var awaited: [UInt32: Awaited] = [:]
    /// The number of the last claim. No two shards have the same ones.
    private var lastNumber: UInt64
    private let stride: UInt64
    /// The slots to look after, by tick. A slot may be in several; its entry's tick counts.
    private var plan = [[UInt32]](repeating: [], count: Int(buckets))
    /// The last tick that was looked after.
    private var lastTick: Int64

    init(_ link: LeaseLink, _ policy: SharingPolicy, _ sessions: SessionPolicy, shard: Int, of shards: Int) {
        self.link = link
        self.policy = policy
        self.sessions = sessions
        lastNumber = UInt64(shard)
        stride = UInt64(shards)
        lastTick = link.steady / Self.tickLength
    }

    /// Without any lease.
    func emptied() -> SharedLeases {
        var copy = self
        (copy.entries, copy.awaited) = ([:], [:])
        return copy
    }

    /// A number for the next claim.
    mutating func number() -> UInt64 {
        lastNumber &+= stride
        return lastNumber
    }

    /// The rules for a lease outside of a request.
    func rules(of entry: Entry) -> SessionPolicy {
        var rules = sessions
        rules.secondJoin = entry.secondJoin
        return rules
    }

    /// Whether a claim for a lease has no answer yet.
    func isUnderWay(_ number: UInt32) -> Bool { entries[number]?.share.asked != nil }

    /// Follows a time of day that was set back.
    mutating func follow(_ number: UInt32, _ wall: Milliseconds) { entries[number]?.share.follow(wall) }

    mutating func forget(_ number: UInt32) {
        entries[number] = nil
        awaited[number] = nil
    }

    /// Plans to look after a lease, unless that is planned for an earlier time.
    mutating func plan(_ number: UInt32, at moment: Milliseconds) {
        guard let former = entries[number]?.tick else { return }
        let tick = min(max(moment / Self.tickLength, lastTick + 1), lastTick + Self.buckets - 1)
        guard tick < former else { return }
        entries[number]?.tick = tick
        plan[Int(tick % Self.buckets)].append(number)
    }

    /// Plans what a share needs next: to tell the store, or to renew when half of the time is over.
    ///
    /// - Parameter pause: how long to wait if that could be now.
    mutating func planNext(_ number: UInt32, at now: Milliseconds, pause: Milliseconds = 0) {
        guard let share = entries[number]?.share, share.asked == nil else { return }
        switch share.word {
        case .none, .heard: break
        case .unsettled: plan(number, at: after(now, pause))
        case .agreed(let grant): plan(number, at: max(grant.until - sessions.idleTimeout / 2, after(now, pause)))
        }
    }

    /// Takes the slots whose time has come.
    mutating func takePlanned(by now: Milliseconds) -> [UInt32] {
        let nowTick = now / Self.tickLength
        var taken: [UInt32] = []
        lastTick = max(lastTick, nowTick - Self.buckets)
        while lastTick < nowTick {
            lastTick += 1
            let bucket = Int(lastTick % Self.buckets)
            for number in plan[bucket] {
                guard let tick = entries[number]?.tick, tick <= lastTick else { continue }
                entries[number]?.tick = .max
                taken.append(number)
            }
            plan[bucket] = []
        }
        return taken
    }
}
