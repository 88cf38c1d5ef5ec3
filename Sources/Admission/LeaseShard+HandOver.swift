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
    mutating func follow<Result>(
        _ subject: SubjectKey,
        hash: UInt64,
        hashOf: (SubjectKey) -> UInt64,
        _ decide: (inout LeaseShard) -> Result
    ) -> Result {
        var attempts = 0
        while true {
            attempts += 1
            let before = find(subject, hash: hash).map { self[$0] }
            captured = []
            let result = decide(&self)
            let proposal = LeaseProposal(
                key: subject,
                before: before,
                after: find(subject, hash: hash).map { self[$0] },
                changes: captured ?? []
            )
            captured = nil
            var message = SealedBytes()
            message.write(proposal)
            guard let reply = successor?.propose(message.bytes) else {
                // It is gone: this process keeps them again.
                successor = nil
                return result
            }
            var reader = SealedBytes(reply)
            guard case .differs(let slot)? = reader.readAnswer(), attempts < Self.maxAttempts else { return result }
            adopt(slot, of: subject, hash: hash, hashOf: hashOf)
        }
    }

    /// Answers a proposal, and does what it says if this process agrees.
    mutating func answer(
        _ proposal: LeaseProposal,
        hash: UInt64,
        hashOf: (SubjectKey) -> UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> LeaseAnswer {
        func meaning(_ slot: LeaseSlot?) -> LeaseSlot? {
            slot.flatMap { $0.standing(at: now, policy) == .vacant ? nil : $0 }
        }
        let number = find(proposal.key, hash: hash)
        let current = number.map { self[$0] }
        let isKnown =
            switch (meaning(current), meaning(proposal.before)) {
            case (nil, nil): true
            case (let current?, let before?): current.isSame(as: before)
            default: false
            }
        guard isKnown else { return .differs(current) }
        guard let after = proposal.after, current.map({ !$0.isSame(as: after) }) ?? true else { return .agreed }
        adopt(after, of: proposal.key, hash: hash, hashOf: hashOf)
        for change in proposal.changes { apply(change, hash: hash) }
        return .agreed
    }

    /// Adds an entry that another process has passed. Returns false if there is one already.
    mutating func insert(_ entry: LeaseEntry, hash: UInt64, hashOf: (SubjectKey) -> UInt64) -> Bool {
        guard find(entry.slot.key, hash: hash) == nil else { return false }
        let number = adopt(entry.slot, of: entry.slot.key, hash: hash, hashOf: hashOf)
        // It has arrived long ago: the journal has it already.
        listed[number] = entry.live
        return true
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
            // Over, so that the next sweep forgets it.
            (self[place].state, self[place].lastUsed) = (.left, 0)
        }
        if let known = listed[place], known.id != self[place].session || self[place].state != .held {
            listed[place] = nil
        }
        return place
    }

    private mutating func apply(_ change: SessionChange, hash: UInt64) {
        guard let number = find(change.session.key, hash: hash) else { return }
        switch change {
        case .arrived(let session):
            guard self[number].state == .held, self[number].session == session.id else { return }
            listed[number] = session
        case .departed: break
        }
        write(change)
    }
}
