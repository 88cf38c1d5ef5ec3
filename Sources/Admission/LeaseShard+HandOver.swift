import Basics

/// A shard whose leases another process keeps, and one that keeps them for another.
extension LeaseShard {
    /// How often a decision is made anew because the lease was another one meanwhile. Only two processes decide, so even
    /// the second time is rare.
    private static let maxAttempts = 16
    /// About how many bytes of entries are passed at once.
    private static let pieceSize = 1 << 20

    /// Passes all entries, in pieces. Returns false if one could not be passed.
    func pass(to successor: any LeaseSuccessor) -> Bool {
        var bytes = SealedBytes()
        var isPassed = true
        for number in numbers where isPassed && self[number].state != .free {
            bytes.write(LeaseEntry(slot: self[number], live: listed[number]))
            guard bytes.bytes.count >= Self.pieceSize else { continue }
            isPassed = successor.give(bytes.bytes)
            bytes = SealedBytes()
        }
        return isPassed && (bytes.bytes.isEmpty || successor.give(bytes.bytes))
    }

    /// Decides with what this process knows, and asks the process that keeps the leases to agree. If the lease is another
    /// one there, decides again.
    ///
    /// - Returns: `nil` if that process refuses. Then nothing has changed.
    mutating func follow<Result>(
        _ subject: SubjectKey,
        hash: UInt64,
        hashOf: (SubjectKey) -> UInt64,
        _ decide: (inout LeaseShard) -> Result
    ) -> Result? {
        var attempts = 0
        while true {
            attempts += 1
            let before = known(subject, hash: hash)
            captured = nil
            let result = decide(&self)
            let proposal = LeaseProposal(
                key: subject,
                before: before,
                after: known(subject, hash: hash),
                departure: captured?.departure,
                arrival: captured?.arrival
            )
            var message = SealedBytes()
            message.write(proposal)
            guard let reply = successor?.propose(message.bytes) else {
                // It is gone: this process keeps them again.
                successor = nil
                return result
            }
            var reader = SealedBytes(reply)
            switch reader.readAnswer() {
            case .agreed, nil: return result
            case .differs(let slot):
                guard attempts < Self.maxAttempts else { return result }
                correct(subject, slot, hash: hash, hashOf: hashOf)
            case .refused(let slot):
                correct(subject, slot, hash: hash, hashOf: hashOf)
                return nil
            }
        }
    }

    /// Takes over the lease as the process that keeps it says it is.
    private mutating func correct(
        _ subject: SubjectKey,
        _ slot: LeaseSlot?,
        hash: UInt64,
        hashOf: (SubjectKey) -> UInt64
    ) {
        let place = adopt(slot, of: subject, hash: hash, hashOf: hashOf)
        // The list is the other process's.
        if let known = listed[place], known.id != self[place].session || self[place].state != .held {
            listed[place] = nil
        }
    }

    private func known(_ subject: SubjectKey, hash: UInt64) -> LeaseSlot? {
        find(subject, hash: hash).flatMap { self[$0].state == .free ? nil : self[$0] }
    }

    /// Answers a proposal, and does what it says if this process agrees. If another process keeps the leases by now, its
    /// answer counts.
    ///
    /// - Parameters:
    ///   - bytes: the proposal's binary form.
    ///   - isBarred: whether a session must not hold a lease, by what is known about its viewer.
    /// - Returns: the answer, and the session that has left the list.
    mutating func answer(
        _ proposal: LeaseProposal,
        _ bytes: [UInt8],
        hash: UInt64,
        hashOf: (SubjectKey) -> UInt64,
        isBarred: (SessionID, LiveSession?) -> Bool
    ) -> (LeaseAnswer, gone: SessionID?) {
        if let reply = successor?.propose(bytes) {
            var reader = SealedBytes(reply)
            let answer = reader.readAnswer() ?? .agreed
            return (answer, answer == .agreed ? carryOut(proposal, hash: hash, hashOf: hashOf) : nil)
        }
        successor = nil
        func meaning(_ slot: LeaseSlot?) -> LeaseSlot? { slot.flatMap { $0.isForgotten ? nil : $0 } }
        let number = find(proposal.key, hash: hash)
        let current = number.map { self[$0] }
        let isKnown =
            switch (meaning(current), meaning(proposal.before)) {
            case (nil, nil): true
            case (let current?, let before?): current.isSame(as: before)
            default: false
            }
        guard isKnown else { return (.differs(current), nil) }
        if let after = proposal.after, after.state == .held {
            let known = number.flatMap { self.listed[$0] }
            let live = proposal.arrival ?? known.flatMap { $0.id == after.session ? $0 : nil }
            if isBarred(after.session, live) { return (.refused(current), nil) }
        }
        return (.agreed, carryOut(proposal, hash: hash, hashOf: hashOf))
    }

    /// Does what a proposal says.
    ///
    /// - Returns: the session that has left the list.
    private mutating func carryOut(
        _ proposal: LeaseProposal,
        hash: UInt64,
        hashOf: (SubjectKey) -> UInt64
    ) -> SessionID? {
        guard let after = proposal.after, !after.isForgotten else { return nil }
        let place = adopt(after, of: proposal.key, hash: hash, hashOf: hashOf)
        let isHeld = after.state == .held
        var gone: SessionID?
        if let known = listed[place], let departure = proposal.departure, !isHeld || known.id != after.session {
            gone = known.id
            depart(place, departure)
        }
        if isHeld, let arrival = proposal.arrival, listed[place] == nil {
            listed[place] = arrival
            write(.arrived(arrival))
        }
        return gone
    }

    /// Adds an entry that another process has passed. Returns false if there is one already.
    mutating func insert(_ entry: LeaseEntry, hash: UInt64, hashOf: (SubjectKey) -> UInt64) -> Bool {
        guard find(entry.slot.key, hash: hash) == nil else { return false }
        let number = adopt(entry.slot, of: entry.slot.key, hash: hash, hashOf: hashOf)
        // It has arrived long ago: the journal has it already.
        listed[number] = entry.live
        return true
    }

    /// Begins anew.
    mutating func forget(at now: Milliseconds) {
        let former = self
        self = LeaseShard(startedAt: now, maxPassedChanges: former.maxPassedChanges)
        keepsChanges = former.keepsChanges
        shared = former.shared?.emptied()
    }

    /// Takes over what another process says about a lease; `nil` if nobody holds it. Returns the slot's number.
    @discardableResult
    private mutating func adopt(
        _ slot: LeaseSlot?,
        of subject: SubjectKey,
        hash: UInt64,
        hashOf: (SubjectKey) -> UInt64
    ) -> UInt32 {
        var number = find(subject, hash: hash)
        if number == nil {
            let new = insert(subject, hash: hash, hashOf: hashOf)
            self[new].state = .left
            watchSoon(new)
            number = new
        }
        let place = number!
        if let slot {
            self[place].adopt(slot)
        } else {
            self[place].forget()
        }
        return place
    }
}
