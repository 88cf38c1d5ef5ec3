import Basics

/// An entry of the lease table on its way to another process.
struct LeaseEntry {
    var slot: LeaseSlot
    /// The stay of the slot's session, if it is listed.
    var live: LiveSession?
}

/// What one process asks the process that keeps the leases: to put one state of a lease in the place of another.
struct LeaseProposal {
    let key: SubjectKey
    /// The lease as this process knows it; `nil` if it does not.
    let before: LeaseSlot?
    let after: LeaseSlot?
    /// What became of the session that was listed for the lease, if that is no longer its holder.
    let departure: Departure?
    /// The stay of the new state's session, to list if it is not listed yet.
    let arrival: LiveSession?
}

/// The keeper's answer to a proposal.
enum LeaseAnswer: Equatable {
    case agreed
    /// The lease was another one, and stays as it is: decide again.
    case differs(LeaseSlot?)
    /// The viewer was removed, or the session was ended: the lease, which is this one, stays as it is.
    case refused(LeaseSlot?)

    static func == (a: LeaseAnswer, b: LeaseAnswer) -> Bool {
        switch (a, b) {
        case (.agreed, .agreed), (.differs(nil), .differs(nil)), (.refused(nil), .refused(nil)): true
        case (.differs(let a?), .differs(let b?)), (.refused(let a?), .refused(let b?)): a.isSame(as: b)
        default: false
        }
    }
}

extension LeaseSlot {
    /// Whether both say the same about a lease. Addresses are left out: each process hashes them in its own way.
    func isSame(as other: LeaseSlot) -> Bool {
        key == other.key && session == other.session && lastUsed == other.lastUsed && windowStart == other.windowStart
            && takeOvers == other.takeOvers && state == other.state
    }

    /// Whether nobody holds the lease, as far as this process was told.
    var isForgotten: Bool { state == .left && lastUsed == 0 }

    mutating func forget() { (state, lastUsed) = (.left, 0) }

    /// Takes over what another process says, without the place in this process's table.
    mutating func adopt(_ other: LeaseSlot) {
        let (next, address) = (next, session == other.session ? address : 0)
        self = other
        (self.next, self.address) = (next, address)
    }
}

/// The binary form of these, for the process that takes this one's place. Numbers are big-endian. What is malformed is
/// not read.
extension SealedBytes {
    /// A stay's session is written with its viewer, so an entry may take some kilobytes.
    mutating func write(_ entry: LeaseEntry) {
        write(entry.slot)
        write(entry.live == nil ? 0 : 1, count: 1)
        if let live = entry.live { write(live) }
    }

    mutating func readEntry(appliesTo: LeaseScope) -> LeaseEntry? {
        guard let slot = readSlot(), let isListed = readFlag() else { return nil }
        guard isListed else { return LeaseEntry(slot: slot) }
        guard let live = readLive(appliesTo: appliesTo), slot.state == .held, live.id == slot.session,
            live.key == slot.key
        else { return nil }
        return LeaseEntry(slot: slot, live: live)
    }

    mutating func write(_ proposal: LeaseProposal) {
        write(proposal.key)
        for slot in [proposal.before, proposal.after] { write(slot) }
        write(proposal.departure == nil ? 0 : 1, count: 1)
        if let departure = proposal.departure { write(departure) }
        write(proposal.arrival == nil ? 0 : 1, count: 1)
        if let arrival = proposal.arrival { write(arrival) }
    }

    mutating func readProposal(appliesTo: LeaseScope) -> LeaseProposal? {
        guard let key = readKey(), let before = readOptionalSlot(), let after = readOptionalSlot(),
            [before, after].allSatisfy({ $0 == nil || $0?.key == key }), let departs = readFlag()
        else { return nil }
        var departure: Departure?
        if departs {
            guard let read = readDeparture() else { return nil }
            departure = read
        }
        guard let arrives = readFlag() else { return nil }
        var arrival: LiveSession?
        if arrives {
            guard let live = readLive(appliesTo: appliesTo), live.key == key, live.id == after?.session else {
                return nil
            }
            arrival = live
        }
        return LeaseProposal(key: key, before: before, after: after, departure: departure, arrival: arrival)
    }

    mutating func write(_ answer: LeaseAnswer) {
        switch answer {
        case .agreed: write(0, count: 1)
        case .differs(let slot):
            write(1, count: 1)
            write(slot)
        case .refused(let slot):
            write(2, count: 1)
            write(slot)
        }
    }

    mutating func readAnswer() -> LeaseAnswer? {
        switch readNumber(1) {
        case 0: .agreed
        case 1: readOptionalSlot().map { .differs($0) }
        case 2: readOptionalSlot().map { .refused($0) }
        default: nil
        }
    }

    private mutating func write(_ key: SubjectKey) {
        write(key.high, count: 8)
        write(key.low, count: 8)
    }

    private mutating func readKey() -> SubjectKey? {
        guard let high = readNumber(8), let low = readNumber(8) else { return nil }
        return SubjectKey(high: high, low: low)
    }

    private mutating func write(_ slot: LeaseSlot?) {
        write(slot == nil ? 0 : 1, count: 1)
        if let slot { write(slot) }
    }

    private mutating func write(_ slot: LeaseSlot) {
        write(slot.key)
        write(UInt64(bitPattern: slot.session.joinedAt), count: 8)
        write(slot.session.random0, count: 8)
        write(slot.session.random1, count: 8)
        write(UInt64(bitPattern: slot.lastUsed), count: 8)
        write(UInt64(bitPattern: slot.windowStart), count: 8)
        write(UInt64(slot.takeOvers), count: 2)
        write(UInt64(slot.state.rawValue), count: 1)
    }

    /// The outer `nil` means that none could be read.
    private mutating func readOptionalSlot() -> LeaseSlot?? {
        guard let isThere = readFlag() else { return nil }
        guard isThere else { return .some(nil) }
        return readSlot().map { .some($0) }
    }

    private mutating func readSlot() -> LeaseSlot? {
        guard let key = readKey(), let joinedAt = readTime(), let random0 = readNumber(8),
            let random1 = readNumber(8), let lastUsed = readTime(), let windowStart = readTime(),
            let takeOvers = readNumber(2), let number = readNumber(1),
            let state = LeaseSlot.State(rawValue: UInt8(number)), state != .free
        else { return nil }
        var slot = LeaseSlot.unused
        slot.key = key
        slot.session = SessionID(joinedAt: joinedAt, random0: random0, random1: random1)
        slot.lastUsed = lastUsed
        slot.windowStart = windowStart
        slot.takeOvers = UInt16(takeOvers)
        slot.state = state
        return slot
    }

    private mutating func write(_ live: LiveSession) {
        let session = PresentedSession(id: live.id, subject: live.key)
        write(SealedSession(session, live.viewer, event: Array(live.event.utf8)))
        write(UInt64(live.role.rawValue), count: 1)
        write(UInt64(bitPattern: live.since), count: 8)
        write(live.source)
    }

    private mutating func readLive(appliesTo: LeaseScope) -> LiveSession? {
        guard let sealed = readSession(appliesTo: appliesTo), !sealed.session.isPending,
            let role = readNumber(1).flatMap({ Role(rawValue: UInt8($0)) }), let since = readNumber(8),
            let source = readSource()
        else { return nil }
        return LiveSession(
            id: sealed.session.id,
            key: sealed.session.subject,
            viewer: sealed.viewer,
            event: String(decoding: sealed.event, as: UTF8.self),
            role: role,
            since: Milliseconds(bitPattern: since),
            source: source
        )
    }

    private mutating func write(_ departure: Departure) {
        write(UInt64(SessionEnding.allCases.firstIndex(of: departure.ending) ?? 0), count: 1)
        write(UInt64(bitPattern: departure.moment), count: 8)
    }

    private mutating func readDeparture() -> Departure? {
        guard let number = readNumber(1), number < SessionEnding.allCases.count, let moment = readNumber(8) else {
            return nil
        }
        return Departure(ending: SessionEnding.allCases[Int(number)], moment: Milliseconds(bitPattern: moment))
    }

    /// A time that can be reckoned with.
    private mutating func readTime() -> Milliseconds? {
        guard let number = readNumber(8), number < 1 << 53 else { return nil }
        return Milliseconds(number)
    }

    /// A byte that is 0 or 1.
    private mutating func readFlag() -> Bool? {
        guard let number = readNumber(1), number <= 1 else { return nil }
        return number == 1
    }
}
