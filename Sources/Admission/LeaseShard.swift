import Basics

/// A part of the lease table: slots in pages, an open-addressing index into them, and a timer wheel.
///
/// Slots are allocated in pages, so that growing copies nothing and keeps nothing spare. A slot's number never changes.
/// Every slot in use is in exactly one bucket of the wheel, for the time when it is next checked: a renewal only writes
/// `lastUsed`, and the sweep moves a slot to a later bucket if its time has not come.
struct LeaseShard: ~Copyable {
    private static let pageBits = 6
    private static let pageSize = 1 << pageBits
    private static let none = UInt32.max
    /// Buckets of the wheel, one tick each. A slot with a deadline further off is checked on the way.
    private static let buckets: Int64 = 128
    private static let tick: Milliseconds = 1000

    private var pages: [[LeaseSlot]] = []
    /// Slot number + 1, at the hash's position or after it; 0 means none. The size is a power of two.
    private var index: [UInt32]
    private var firstFree = none
    private var wheel = [UInt32](repeating: none, count: Int(buckets))
    /// The last tick that was swept.
    private var sweptTick: Int64
    /// Entries, held or remembered.
    private(set) var count = 0
    /// The stay of each held slot, by slot number. See `LeaseShard+List.swift`.
    var listed: [UInt32: LiveSession] = [:]
    /// Arrivals and departures since they were last taken.
    var changes: [SessionChange] = []
    var keepsChanges = false
    var tally = SessionTally()
    /// The process that keeps these leases; `nil` for this one. See `LeaseShard+HandOver.swift`.
    var successor: (any LeaseSuccessor)?
    /// What has changed in the list since the entries were passed, in case they are taken back. `nil` if no journal was
    /// kept, or if they cannot be taken back any more.
    var passedChanges: [SessionChange]?
    /// The most of these. Beyond that, the hand-over fails.
    let maxPassedChanges: Int
    /// What the current decision says about the list, while another process keeps the leases.
    var captured: (departure: Departure, arrival: LiveSession?)?

    /// What is shared with other nodes; `nil` if these leases are this process's own. See `LeaseShard+Sharing.swift`.
    var shared: SharedLeases?

    init(startedAt: Milliseconds, maxPassedChanges: Int) {
        self.maxPassedChanges = maxPassedChanges
        index = [UInt32](repeating: 0, count: 16)
        sweptTick = max(startedAt, 0) / Self.tick
    }

    /// The slot of a key, if it has one.
    func find(_ key: SubjectKey, hash: UInt64) -> UInt32? {
        let mask = index.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while index[place] != 0 {
            let number = index[place] - 1
            if self[number].key == key { return number }
            place = (place + 1) & mask
        }
        return nil
    }

    /// Allocates a slot for a key that has none. Its state is `.free` until the caller fills it.
    mutating func insert(_ key: SubjectKey, hash: UInt64, hashOf: (SubjectKey) -> UInt64) -> UInt32 {
        if (count + 1) * 4 > index.count * 3 { growIndex(hashOf) }
        if firstFree == Self.none { addPage() }
        let number = firstFree
        firstFree = self[number].next
        self[number] = LeaseSlot.unused
        self[number].key = key
        place(number, hash: hash)
        count += 1
        return number
    }

    /// Adds a slot to the wheel that was filled or checked at `now`.
    ///
    /// A slot that is kept for long, such as that of a kicked session, may get a new holder, whose time is shorter: check
    /// it again within the idle time.
    mutating func watch(_ number: UInt32, policy: SessionPolicy, at now: Milliseconds) {
        let due = max(min(self[number].deadline(policy), after(now, policy.idleTimeout)), 0)
        let dueTick = due / Self.tick + (due % Self.tick == 0 ? 0 : 1)
        let tick = min(max(dueTick, sweptTick + 1), sweptTick + Self.buckets - 1)
        let bucket = Int(tick % Self.buckets)
        self[number].next = wheel[bucket]
        wheel[bucket] = number
    }

    /// Adds a slot to the wheel to be checked in the next tick.
    mutating func watchSoon(_ number: UInt32) {
        let bucket = Int((sweptTick + 1) % Self.buckets)
        self[number].next = wheel[bucket]
        wheel[bucket] = number
    }

    /// Sweeps one bucket of the wheel whose time has come. Returns false if there is none.
    mutating func sweep(
        now: Milliseconds,
        policy: SessionPolicy,
        hashOf: (SubjectKey) -> UInt64,
        over: inout [LeaseTable.Lapse]
    ) -> Bool {
        let nowTick = max(now, 0) / Self.tick
        // The clock was set back: follow it, and check every slot once in a full turn.
        if sweptTick > nowTick { sweptTick = nowTick }
        guard sweptTick < nowTick else { return false }
        sweptTick = max(sweptTick + 1, nowTick - Self.buckets + 1)
        let bucket = Int(sweptTick % Self.buckets)
        var next = wheel[bucket]
        wheel[bucket] = Self.none
        while next != Self.none {
            let number = next
            next = self[number].next
            if self[number].lastUsed > now {
                self[number].lastUsed = now
                shared?.follow(number, now)
            }
            guard now >= self[number].deadline(policy), shared?.isUnderWay(number) != true else {
                watch(number, policy: policy, at: now)
                continue
            }
            let slot = self[number]
            if slot.state == .held {
                over.append(LeaseTable.Lapse(subject: slot.key, session: slot.session, lastUsed: slot.lastUsed))
                depart(number, Departure(ending: .lapsed, moment: slot.lastUsed))
            }
            remove(number, hash: hashOf(slot.key), hashOf: hashOf)
        }
        return true
    }

    subscript(number: UInt32) -> LeaseSlot {
        get { pages[Int(number) >> Self.pageBits][Int(number) & (Self.pageSize - 1)] }
        _modify { yield &pages[Int(number) >> Self.pageBits][Int(number) & (Self.pageSize - 1)] }
    }

    /// The numbers of all slots, in use or not.
    var numbers: Range<UInt32> { 0..<UInt32(pages.count * Self.pageSize) }

    /// Calls `body` with every entry, for a listing.
    func forEach(_ body: (LeaseSlot) -> Void) {
        for page in pages { for slot in page where slot.state != .free { body(slot) } }
    }

    private mutating func addPage() {
        let first = UInt32(pages.count * Self.pageSize)
        var page = [LeaseSlot](repeating: LeaseSlot.unused, count: Self.pageSize)
        for offset in 0..<Self.pageSize {
            page[offset].next = offset + 1 < Self.pageSize ? first + UInt32(offset) + 1 : Self.none
        }
        pages.append(page)
        firstFree = first
    }

    private mutating func place(_ number: UInt32, hash: UInt64) {
        let mask = index.count - 1
        var place = Int(truncatingIfNeeded: hash) & mask
        while index[place] != 0 { place = (place + 1) & mask }
        index[place] = number + 1
    }

    private mutating func growIndex(_ hashOf: (SubjectKey) -> UInt64) {
        let old = index
        index = [UInt32](repeating: 0, count: old.count * 2)
        for entry in old where entry != 0 { place(entry - 1, hash: hashOf(self[entry - 1].key)) }
    }

    /// Removes a slot from the index and closes the gap, so that no probe sequence is cut and no tombstone remains.
    private mutating func remove(_ number: UInt32, hash: UInt64, hashOf: (SubjectKey) -> UInt64) {
        let mask = index.count - 1
        var gap = Int(truncatingIfNeeded: hash) & mask
        while index[gap] != number + 1 { gap = (gap + 1) & mask }
        var probe = (gap + 1) & mask
        while index[probe] != 0 {
            let home = Int(truncatingIfNeeded: hashOf(self[index[probe] - 1].key)) & mask
            // Move an entry into the gap unless its home lies after the gap.
            if (probe &- home) & mask >= (probe &- gap) & mask {
                index[gap] = index[probe]
                gap = probe
            }
            probe = (probe + 1) & mask
        }
        index[gap] = 0
        shared?.forget(number)
        self[number].state = .free
        self[number].next = firstFree
        firstFree = number
        count -= 1
    }
}
