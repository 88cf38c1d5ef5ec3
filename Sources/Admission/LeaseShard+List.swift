/// How, and when, a session stops being the one that holds its lease.
struct Departure {
    let ending: SessionEnding
    let moment: Milliseconds

    init(ending: SessionEnding, moment: Milliseconds) {
        self.ending = ending
        self.moment = moment
    }

    /// What it would be of the slot's session if another one took the lease now: one that is over and was not swept yet has
    /// lapsed, and nobody replaced it.
    init(of slot: LeaseSlot, at now: Milliseconds, _ policy: SessionPolicy) {
        let isHeld = slot.standing(at: now, policy) == .held
        self.init(ending: isHeld ? .replaced : .lapsed, moment: isHeld ? now : slot.lastUsed)
    }
}

/// The list of who is there, and the journal of who came and went.
///
/// A listed session is always the one that its slot holds: each change of a slot that may give the lease to another
/// session, or to none, is followed by `settle` before the shard's lock is let go.
extension LeaseShard {
    /// Brings the list in line with a slot that was just changed.
    ///
    /// - Parameters:
    ///   - arrival: whose stay it is if the slot's session is not listed yet. To be told so again changes nothing.
    ///   - departure: what became of the session that was listed, if that is not the slot's any more.
    mutating func settle(
        _ number: UInt32,
        _ arrival: Arrival? = nil,
        after departure: Departure,
        at now: Milliseconds
    ) {
        let (session, key, isHeld) = (self[number].session, self[number].key, self[number].state == .held)
        if let known = listed[number] {
            if isHeld && known.id == session { return }
            depart(number, departure)
        }
        guard isHeld, let arrival else { return }
        let live = LiveSession(
            id: session,
            key: key,
            viewer: arrival.viewer,
            event: arrival.event,
            role: arrival.role,
            since: now
        )
        listed[number] = live
        write(.arrived(live))
    }

    /// The slot's session is over.
    mutating func depart(_ number: UInt32, _ departure: Departure) {
        guard let session = listed.removeValue(forKey: number) else { return }
        write(.departed(session, departure.ending, at: departure.moment))
    }

    mutating func takeChanges() -> [SessionChange] {
        defer { changes = [] }
        return changes
    }

    private mutating func write(_ change: SessionChange) {
        if keepsChanges { changes.append(change) }
    }
}
