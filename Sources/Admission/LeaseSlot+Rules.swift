/// What happens to one lease. Nothing here knows of keys, shards or locks.
///
/// While an entry lives, its `session` only ever moves to a later joined one, except by the restart rule of `refuse`.
/// That is what keeps a replaced session from coming back by itself.
extension LeaseSlot {
    /// What the entry still says at a moment, whether or not the sweep has come by.
    enum Standing {
        /// Nothing: unknown, or over.
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
        // A session that an operator ended would be unknown, and so resumed, if it were forgotten while it is still
        // young enough to be good.
        return state == .ended ? max(idle, after(session.joinedAt, policy.maxLifetime)) : idle
    }

    /// Nearly every request: nothing is decided, the lease only lives on.
    mutating func renew(
        _ presented: SessionID,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Bool {
        guard session == presented else { return false }
        // One that left comes back by way of `resume`, which is told of.
        guard state == .held, now < deadline(policy) else { return false }
        lastUsed = now
        self.address = address
        return true
    }

    /// A session comes that is not the active one.
    ///
    /// - Parameters:
    ///   - isCovered: whether its time is not over.
    ///   - mayTake: whether it is young enough to take the lease; if not, it only learns where it stands.
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
            // Right after a start the table has not heard of everybody yet: the earlier joined one is who held the
            // lease before. Later on, an earlier session is one that left or idled out.
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

    /// A viewer comes without a session that counts.
    ///
    /// - Parameters:
    ///   - candidate: the session that is to hold the lease.
    ///   - own: the viewer's session so far, too old: to succeed it replaces nobody.
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
            // One that was ended does not come back, and an earlier one not by itself.
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

    /// The moment that a session that joins now has: later than what was here, whatever the clock did in between.
    func nextJoin(at now: Milliseconds) -> Milliseconds { state == .free ? now : max(now, session.joinedAt + 1) }

    /// An open stream of the session lives on. False: it must end.
    mutating func touch(_ open: SessionID, address: UInt64, now: Milliseconds, policy: SessionPolicy) -> Bool {
        switch standing(at: now, policy) {
        case .held where session == open:
            lastUsed = now
            return true
        case .vacant:
            // Over while the stream was open, as after the machine slept.
            forgetTakeOvers()
            hold(open, address: address, now: now)
            return true
        case .held, .left, .ended:
            return false
        }
    }

    /// The holder goes. False: it was not the holder, or was there after `lastSeen`.
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

    /// An operator ends whoever holds the lease. One that is over and was not swept yet, too: it is still listed, and would
    /// come back by itself.
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

    /// Counts a take-over from another address. False: there were enough of them.
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

/// How long take-overs count.
private let takeOverWindow: Milliseconds = 600_000

/// A moment after another; the end of time rather than an overflow.
func after(_ moment: Milliseconds, _ duration: Milliseconds) -> Milliseconds {
    let sum = moment.addingReportingOverflow(duration)
    return sum.overflow ? .max : sum.partialValue
}
