import Basics

/// Leases that are shared with other nodes. Their shares decide; the slots and the list follow in the same step.
///
/// A slot says that a session holds the lease only if this node serves it. What was merely heard of another's lease
/// stays in the share.
extension LeaseShard {
    /// Decides on a shared lease by a rule.
    ///
    /// - Parameter arrival: the stay to list if the decision gives the lease to its session.
    /// - Returns: `nil` if the table is not shared.
    mutating func decide<Result>(
        on key: SubjectKey,
        hash: UInt64,
        hashOf: (SubjectKey) -> UInt64,
        _ arrival: Arrival?,
        at wall: Milliseconds,
        _ policy: SessionPolicy,
        _ rule: (inout LeaseSlot) -> Result
    ) -> LeaseDecision<Result>? {
        guard let link = shared?.link, let sharing = shared?.policy, let claimNumber = shared?.number() else {
            return nil
        }
        let known = find(key, hash: hash)
        let number = known ?? insert(key, hash: hash, hashOf: hashOf)
        if shared?.entries[number] == nil {
            let share = LeaseShare(key, node: link.node)
            shared?.entries[number] = SharedLeases.Entry(share: share, secondJoin: policy.secondJoin)
        }
        shared?.entries[number]?.secondJoin = policy.secondJoin
        let now = Moment(wall: wall, steady: link.steady)
        let before = self[number]
        let decision = shared?.entries[number]?.share.decide(at: now, claimNumber, link.reach, policy, sharing, rule)
        defer { if known == nil { watch(number, policy: policy, at: wall) } }
        switch decision {
        case nil: return nil
        case .settled(let result):
            follow(number, arrival, after: Departure(of: before, at: wall, policy), at: wall)
            return .settled(result)
        case .claim(let claim, let result):
            shared?.awaited[number] = SharedLeases.Awaited(
                claim: SharedLeases.Claim(number: claimNumber, arrival: arrival)
            )
            shared?.plan(number, at: now.steady + SharedLeases.unsentTime)
            return .claimed(LeaseRequest(key: key, number: claimNumber, claim: claim), result)
        case .wait:
            return .waiting
        }
    }

    /// Renews a shared lease. Returns `nil` if it is not shared.
    mutating func renewShared(
        _ number: UInt32,
        _ session: SessionID,
        address: UInt64,
        at wall: Milliseconds,
        _ policy: SessionPolicy
    ) -> Bool? {
        guard let link = shared?.link, let sharing = shared?.policy else { return nil }
        let now = Moment(wall: wall, steady: link.steady)
        let isRenewed = shared?.entries[number]?.share.renew(
            session,
            address: address,
            at: now,
            link.reach,
            policy,
            sharing
        )
        if isRenewed == true { (self[number].lastUsed, self[number].address) = (wall, address) }
        return isRenewed
    }

    /// Keeps a session alive for an open stream. Returns false if this node does not serve it.
    mutating func touchShared(
        _ session: SessionID,
        for key: SubjectKey,
        hash: UInt64,
        hashOf: (SubjectKey) -> UInt64,
        _ arrival: Arrival?,
        at wall: Milliseconds,
        _ policy: SessionPolicy,
        _ effects: inout LeaseEffects
    ) -> Bool {
        guard let share = find(key, hash: hash).flatMap({ shared?.entries[$0]?.share }) else { return false }
        guard share.served == session else {
            // The session's own claim decides what becomes of its streams.
            return share.asked.map { $0.after.session == session && $0.after.state == .held } ?? false
        }
        let decision = decide(on: key, hash: hash, hashOf: hashOf, arrival, at: wall, policy) {
            $0.touch(session, address: 0, now: wall, policy: policy)
        }
        switch decision {
        case nil: return false
        case .settled(let isHeld): return isHeld
        // Its time is over, for example because the machine slept. If another has it, the answer closes the streams.
        case .claimed(let request, _):
            markSent(request, hash: hash) { _ in }
            effects.requests.append(request)
            return true
        case .waiting: return true
        }
    }

    /// The lease as far as it may be decided on without asking; `nil` if it is not shared.
    func known(_ number: UInt32, at wall: Milliseconds, _ policy: SessionPolicy) -> LeaseSlot? {
        guard let shared, let share = shared.entries[number]?.share else { return nil }
        let now = Moment(wall: wall, steady: shared.link.steady)
        return share.known(at: now, shared.link.reach, policy, shared.policy)
    }

    /// Gives up, by a rule, a lease that this node serves, or for a goodbye one that it knows. The store is told next.
    ///
    /// - Parameter ending: what is recorded; `.lapsed` at the moment when the session was last seen.
    mutating func giveUp<Result>(
        _ number: UInt32,
        _ ending: SessionEnding,
        at wall: Milliseconds,
        _ effects: inout LeaseEffects,
        _ rule: (inout LeaseSlot) -> Result
    ) -> Result? {
        let seen = self[number].lastUsed
        guard let result = shared?.entries[number]?.share.giveUp(rule) else { return nil }
        let departure = Departure(ending: ending, moment: ending == .lapsed ? seen : wall)
        follow(number, nil, after: departure, at: wall)
        tellStore(number, at: wall, &effects)
        return result
    }

    /// Marks a claim as sent. Returns false if it was sent before, or is not awaited any more.
    @discardableResult
    mutating func markSent(_ request: LeaseRequest, hash: UInt64, _ handler: @escaping LeaseOutcomeHandler) -> Bool {
        guard let number = find(request.key, hash: hash), let claim = shared?.awaited[number]?.claim,
            claim.number == request.number, claim.handler == nil
        else { return false }
        shared?.awaited[number]?.claim?.handler = handler
        return true
    }

    /// Waits for the claim that is under way for a lease. Returns what to do at once if that is not possible.
    mutating func wait(for key: SubjectKey, hash: UInt64, _ handler: @escaping LeaseOutcomeHandler) -> LeaseOutcome? {
        guard let link = shared?.link, let number = find(key, hash: hash), shared?.isUnderWay(number) == true else {
            return .again
        }
        let waiting = shared?.awaited[number]?.waiters.count ?? 0
        guard waiting < SharedLeases.maxWaiters, link.addWaiter() else { return .tryAgain }
        shared?.awaited[number, default: SharedLeases.Awaited()].waiters.append(handler)
        return nil
    }

    /// Brings slot and list in line with a share that was just changed.
    private mutating func follow(
        _ number: UInt32,
        _ arrival: Arrival?,
        after departure: Departure,
        at wall: Milliseconds
    ) {
        guard let share = shared?.entries[number]?.share else { return }
        let next = self[number].next
        self[number] = share.slot
        self[number].next = next
        if share.served == nil, share.slot.state == .held { self[number].state = .left }
        list(number, share.served, arrival, after: departure, at: wall)
    }

    private mutating func tellStore(_ number: UInt32, at wall: Milliseconds, _ effects: inout LeaseEffects) {
        guard let shared, shared.entries[number]?.share.isUnsettled == true else { return }
        ask(number, at: Moment(wall: wall, steady: shared.link.steady), &effects)
    }

    /// Sends what is due for a lease. Returns false if nothing is.
    @discardableResult
    private mutating func ask(_ number: UInt32, at now: Moment, _ effects: inout LeaseEffects) -> Bool {
        guard let entry = shared?.entries[number], let rules = shared?.rules(of: entry),
            let claimNumber = shared?.number(),
            let claim = shared?.entries[number]?.share.due(at: now, claimNumber, rules)
        else { return false }
        effects.requests.append(LeaseRequest(key: self[number].key, number: claimNumber, claim: claim))
        return true
    }
}

/// What comes back from the store, and what is due.
extension LeaseShard {
    mutating func answered(
        _ key: SubjectKey,
        hash: UInt64,
        _ claim: UInt64,
        _ answer: SharedLease.Answer,
        at now: Moment,
        _ effects: inout LeaseEffects
    ) {
        guard let number = find(key, hash: hash), let link = shared?.link, let sharing = shared?.policy,
            let entry = shared?.entries[number], let rules = shared?.rules(of: entry)
        else { return }
        let result = shared?.entries[number]?.share.answered(claim, answer, at: now, rules, sharing)
        if result != nil, let ask = entry.share.asked { link.hasReached(at: ask.since) }
        settle(number, result, at: now, rules, &effects)
        tellStore(number, at: now.wall, &effects)
        shared?.planNext(number, at: now.steady)
    }

    mutating func failed(
        _ key: SubjectKey,
        hash: UInt64,
        _ claim: UInt64,
        at now: Moment,
        _ effects: inout LeaseEffects
    ) {
        guard let number = find(key, hash: hash), let link = shared?.link, let sharing = shared?.policy,
            let entry = shared?.entries[number], let rules = shared?.rules(of: entry)
        else { return }
        let result = shared?.entries[number]?.share.failed(claim, at: now, link.reach, sharing)
        settle(number, result, at: now, rules, &effects)
        shared?.planNext(number, at: now.steady)
    }

    mutating func lost(
        _ key: SubjectKey,
        hash: UInt64,
        _ notice: SharedLease.Notice,
        at now: Moment,
        _ effects: inout LeaseEffects
    ) {
        guard let number = find(key, hash: hash), let entry = shared?.entries[number],
            let rules = shared?.rules(of: entry), let closing = shared?.entries[number]?.share.lost(notice)
        else { return }
        close(number, closing, nil, at: now, rules, &effects)
    }

    mutating func doubt(at now: Moment) {
        guard let numbers = shared.map({ Array($0.entries.keys) }) else { return }
        for number in numbers {
            shared?.entries[number]?.share.doubt()
            if shared?.entries[number]?.share.isUnsettled == true { shared?.planNext(number, at: now.steady) }
        }
    }

    /// Sends what is due by now, and takes back claims that were decided on and never sent.
    ///
    /// - Parameter limit: how much may be sent now; the rest is due a second later.
    mutating func sendDue(at now: Moment, limit: Int, _ effects: inout LeaseEffects) {
        for number in shared?.takePlanned(by: now.steady) ?? [] {
            guard let entry = shared?.entries[number] else { continue }
            guard effects.requests.count < limit else {
                shared?.plan(number, at: now.steady)
                continue
            }
            if let claim = shared?.awaited[number]?.claim, claim.handler == nil, let ask = entry.share.asked {
                let end = after(ask.since, SharedLeases.unsentTime)
                guard now.steady >= end else {
                    shared?.plan(number, at: end)
                    continue
                }
                shared?.entries[number]?.share.withdraw(claim.number)
                resolve(shared?.awaited.removeValue(forKey: number), .again, &effects)
            }
            if !ask(number, at: now, &effects), let pause = shared.map({ $0.sessions.idleTimeout / 16 }) {
                shared?.planNext(number, at: now.steady, pause: pause)
            }
        }
    }

    /// Does what a claim's answer, or its absence, means for the slot, the list and those who wait.
    private mutating func settle(
        _ number: UInt32,
        _ result: (LeaseShare.Answered, LeaseShare.Closing?)?,
        at now: Moment,
        _ rules: SessionPolicy,
        _ effects: inout LeaseEffects
    ) {
        guard let (answered, closing) = result else { return }
        let awaited = shared?.awaited.removeValue(forKey: number)
        close(number, closing, answered == .agreed ? awaited?.claim?.arrival : nil, at: now, rules, &effects)
        let outcome: LeaseOutcome =
            switch answered {
            case .agreed: .agreed
            case .differs: .again
            case .lost(let ending): .lost(ending)
            case .tryAgain: .tryAgain
            }
        resolve(awaited, outcome, &effects)
    }

    /// Lists the session that is now served, and closes the one that no longer is.
    private mutating func close(
        _ number: UInt32,
        _ closing: LeaseShare.Closing?,
        _ arrival: Arrival?,
        at now: Moment,
        _ rules: SessionPolicy,
        _ effects: inout LeaseEffects
    ) {
        // A session that was over but not swept yet has lapsed; nobody replaced it.
        var departure = Departure(ending: .lapsed, moment: self[number].lastUsed)
        if let closing, closing.ending != .lapsed, self[number].standing(at: now.wall, rules) == .held {
            departure = Departure(ending: closing.ending, moment: now.wall)
        }
        follow(number, arrival, after: departure, at: now.wall)
        if let closing { effects.closings.append((self[number].key, closing.session, closing.ending)) }
    }

    private func resolve(_ awaited: SharedLeases.Awaited?, _ outcome: LeaseOutcome, _ effects: inout LeaseEffects) {
        guard let awaited else { return }
        if let handler = awaited.claim?.handler { effects.outcomes.append((handler, outcome)) }
        // They decide on what is known now.
        let other: LeaseOutcome = outcome == .tryAgain ? .tryAgain : .again
        for waiter in awaited.waiters { effects.outcomes.append((waiter, other)) }
        effects.resumedWaiters += awaited.waiters.count
    }
}
