import Basics

/// The rules for one lease. Nothing here knows about keys, shards or locks.
///
/// While an entry lives, its `session` only moves to one that joined later, except by the restart rule of `refuse`.
/// That keeps a replaced session from coming back by itself.
extension LeaseSlot {
    /// What the entry says at a moment, whether or not the sweep has run.
    enum Standing {
        /// Unknown, or over.
        case vacant
        case held
        case left
        case ended
    }

    func standing(at now: Milliseconds, _ policy: SessionPolicy) -> Standing {
        switch state {
        case .free: .vacant
        case .held: now < deadline(policy) ? .held : .vacant
        case .left: now < deadline(policy) ? .left : .vacant
        case .ended: now < deadline(policy) ? .ended : .vacant
        }
    }

    /// When the entry is over and the sweep may forget it.
    func deadline(_ policy: SessionPolicy) -> Milliseconds {
        let idle = after(lastUsed, policy.idleTimeout)
        // Keep a session that an operator ended until it is too old anyway. If it were forgotten earlier, it would be
        // unknown and therefore resumed.
        return state == .ended ? max(idle, after(session.joinedAt, policy.maxLifetime)) : idle
    }

    /// Renews the lease, as nearly every request does. Decides nothing.
    mutating func renew(
        _ presented: SessionID,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Bool {
        guard session == presented else { return false }
        // A session that left comes back through `resume`, which reports it.
        guard state == .held, now < deadline(policy) else { return false }
        lastUsed = now
        self.address = address
        return true
    }

    /// Handles a session that is not the active one.
    ///
    /// - Parameters:
    ///   - isCovered: whether it is still within its time.
    ///   - mayTake: whether it is young enough to take the lease. If not, it only learns its standing.
    mutating func resume(
        _ presented: SessionID,
        address: UInt64,
        isCovered: Bool,
        mayTake: Bool,
        startedAt: Milliseconds,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> LeaseTable.Resumption {
        let standing = standing(at: now, policy)
        let isLater = presented > session
        var replaced: SessionID?
        switch (standing, policy.secondJoin) {
        case (.left, _) where session == presented && !isCovered:
            return .vacant
        case (.held, _) where session == presented, (.left, _) where session == presented:
            hold(presented, address: address, now: now)
            return .held(replaced: nil)
        case (.ended, _) where session == presented:
            return .ended
        case (.vacant, _):
            forgetTakeOvers()
        case (.left, .refuse), (.ended, .refuse):
            // Nobody holds it, and under this policy nobody was replaced.
            break
        case (.left, _), (.ended, _):
            guard isLater else { return .replaced }
        case (.held, .refuse):
            // Right after a start the table does not know every session yet: the one that joined earlier held the lease
            // before. Later on, an earlier session is one that left or idled out.
            let isRestart = presented.joinedAt < startedAt && now < after(startedAt, policy.idleTimeout)
            guard !isLater, isRestart, mayTake else {
                return .active(since: session.joinedAt, retryAt: deadline(policy))
            }
            replaced = session
        case (.held, _):
            guard isLater, mayTake else { return .replaced }
            replaced = session
        }
        guard mayTake else { return .vacant }
        hold(presented, address: address, now: now)
        return .held(replaced: replaced)
    }

    /// Handles a viewer without a valid session.
    ///
    /// - Parameters:
    ///   - candidate: the session that is to hold the lease.
    ///   - own: the viewer's previous session, which is too old. Succeeding it replaces nobody.
    mutating func join(
        _ candidate: LeaseTable.Candidate,
        own: SessionID?,
        isTakeOver: Bool,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> LeaseTable.Join {
        var replaced: SessionID?
        let standing = standing(at: now, policy)
        if case .pending(let pending) = candidate, standing != .vacant {
            // A session that was ended does not come back, and an earlier one does not come back by itself.
            if pending == session, standing == .ended { return .ended }
            guard pending >= session else { return .replaced }
        }
        switch standing {
        case .vacant:
            forgetTakeOvers()
        case .left, .ended:
            break
        case .held:
            replaced = session
            guard session != own else { break }
            guard policy.secondJoin == .takeOver || (policy.secondJoin == .ask && isTakeOver) else {
                return .active(since: session.joinedAt, retryAt: deadline(policy))
            }
            let isOwnAddress = address != 0 && address == self.address
            guard isOwnAddress || countTakeOver(now: now, limit: policy.takeOverLimit) else {
                return .tooMany(retryAt: after(windowStart, takeOverWindow))
            }
        }
        let joined =
            switch candidate {
            case .pending(let pending): pending
            case .new(let random0, let random1):
                SessionID(joinedAt: nextJoin(at: now), random0: random0, random1: random1)
            }
        hold(joined, address: address, now: now)
        return .joined(joined, replaced: replaced)
    }

    /// The join time of a session that joins now: later than any before it, even if the clock was set back in between.
    func nextJoin(at now: Milliseconds) -> Milliseconds { state == .free ? now : max(now, session.joinedAt + 1) }

    /// Keeps the session alive for an open stream. Returns false if the stream must end.
    mutating func touch(_ open: SessionID, address: UInt64, now: Milliseconds, policy: SessionPolicy) -> Bool {
        switch standing(at: now, policy) {
        case .held where session == open:
            lastUsed = now
            return true
        case .vacant:
            // It lapsed while the stream was open, for example because the machine slept.
            forgetTakeOvers()
            hold(open, address: address, now: now)
            return true
        case .held, .left, .ended:
            return false
        }
    }

    /// Releases the holder's lease. Returns false if it was not the holder, or was seen after `lastSeen`.
    mutating func leave(
        _ leaving: SessionID,
        unlessUsedAfter lastSeen: Milliseconds?,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Bool {
        guard standing(at: now, policy) == .held, session == leaving, lastSeen.map({ lastUsed <= $0 }) ?? true else {
            return false
        }
        state = .left
        lastUsed = now
        return true
    }

    /// Ends the session that holds the lease, for an operator. Also ends one that is over but not swept yet: it is
    /// still listed and would come back by itself.
    mutating func end(mayReturn: Bool, now: Milliseconds) -> SessionID? {
        guard state == .held else { return nil }
        state = mayReturn ? .left : .ended
        lastUsed = now
        return session
    }

    private mutating func hold(_ session: SessionID, address: UInt64, now: Milliseconds) {
        self.session = session
        lastUsed = now
        self.address = address
        state = .held
    }

    /// Counts a take-over from another address. Returns false if the limit is reached.
    private mutating func countTakeOver(now: Milliseconds, limit: Int) -> Bool {
        if takeOvers == 0 || now < windowStart || now >= after(windowStart, takeOverWindow) {
            windowStart = now
            takeOvers = 0
        }
        guard Int(takeOvers) < min(limit, Int(UInt16.max)) else { return false }
        takeOvers += 1
        return true
    }

    private mutating func forgetTakeOvers() {
        takeOvers = 0
        windowStart = 0
    }
}

/// How long a take-over counts.
private let takeOverWindow: Milliseconds = 600_000

/// The sum of a moment and a duration, or the end of time if it overflows.
func after(_ moment: Milliseconds, _ duration: Milliseconds) -> Milliseconds {
    let sum = moment.addingReportingOverflow(duration)
    return sum.overflow ? .max : sum.partialValue
}
