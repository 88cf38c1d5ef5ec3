import Basics

/// How and when a session stopped being the holder of its lease.
struct Departure {
    let ending: SessionEnding
    let moment: Milliseconds

    init(ending: SessionEnding, moment: Milliseconds) {
        self.ending = ending
        self.moment = moment
    }

    /// The departure of the slot's session if another session took the lease now. A session that is over but not swept
    /// yet has lapsed; nobody replaced it.
    init(of slot: LeaseSlot, at now: Milliseconds, _ policy: SessionPolicy) {
        let isHeld = slot.standing(at: now, policy) == .held
        self.init(ending: isHeld ? .replaced : .lapsed, moment: isHeld ? now : slot.lastUsed)
    }
}

/// The list of sessions under way, and the journal of arrivals and departures.
///
/// A listed session is always the one that its slot holds. Every change of a slot that may give the lease to another
/// session, or to none, is followed by `settle` before the shard's lock is released.
extension LeaseShard {
    /// Brings the list in line with a slot that was just changed.
    ///
    /// - Parameters:
    ///   - arrival: the stay to list if the slot's session is not listed yet. Passing it again changes nothing.
    ///   - departure: what became of the listed session if it is no longer the slot's.
    mutating func settle(
        _ number: UInt32,
        _ arrival: Arrival? = nil,
        after departure: Departure,
        at now: Milliseconds
    ) {
        let (session, key, isHeld) = (self[number].session, self[number].key, self[number].state == .held)
        if successor != nil {
            captured = (departure, isHeld ? arrival.map { LiveSession($0, id: session, key: key, since: now) } : nil)
        }
        list(number, isHeld ? session : nil, arrival, after: departure, at: now)
    }

    /// Lists the holder of a slot's lease, and nobody else.
    mutating func list(
        _ number: UInt32,
        _ holder: SessionID?,
        _ arrival: Arrival?,
        after departure: Departure,
        at now: Milliseconds
    ) {
        if let known = listed[number] {
            if let holder, known.id == holder { return }
            depart(number, departure)
        }
        guard let holder, let arrival else { return }
        let live = LiveSession(arrival, id: holder, key: self[number].key, since: now)
        listed[number] = live
        write(.arrived(live))
    }

    /// Records that the slot's session is over.
    mutating func depart(_ number: UInt32, _ departure: Departure) {
        guard let session = listed.removeValue(forKey: number) else { return }
        write(.departed(session, departure.ending, at: departure.moment))
    }

    mutating func takeChanges() -> [SessionChange] {
        defer { changes = [] }
        return changes
    }

    mutating func write(_ change: SessionChange) {
        tally.count(change)
        if keepsChanges { return changes.append(change) }
        passedChanges?.append(change)
        if let passedChanges, passedChanges.count > maxPassedChanges { successor?.giveUp() }
    }
}

extension LiveSession {
    fileprivate init(_ arrival: Arrival, id: SessionID, key: SubjectKey, since: Milliseconds) {
        self.init(
            id: id,
            key: key,
            viewer: arrival.viewer,
            event: arrival.event,
            role: arrival.role,
            since: since,
            source: arrival.source
        )
    }
}
