import Basics

/// One node's part in a registration's shared lease: what the store has said, and what it has yet to be told.
///
/// The slot's own rules decide. A decision that changes nothing in the store is made with what this node was told, as
/// long as that holds; nearly every request is such a renewal. Any other becomes a claim, and counts once the store has
/// agreed. Each function handles one event and does no I/O. Afterwards `due` says what is to be sent next.
struct LeaseShare {
    /// What this node takes for the lease.
    private(set) var slot: LeaseSlot
    private(set) var word: Word = .none
    private(set) var asked: Ask?
    private let node: NodeNumber

    /// How far the store stands behind the slot.
    enum Word {
        /// Nothing is known.
        case none
        /// The store said so. This node does not serve the session.
        case heard(Grant)
        /// The store agreed, and will notify this node.
        case agreed(Grant)
        /// This node goes further than the store has agreed to: it gave the lease up, or did not reach the store.
        case unsettled(Grant)
    }

    /// The store's last word on a lease; times on this node's steady clock.
    struct Grant {
        /// The row that it was about.
        let basis: SharedLease.Holding?
        /// No later than the store's decision.
        let since: Milliseconds
        /// No later than the row's end.
        let until: Milliseconds

        /// When a session ends without the store. From `since`, because another node may have taken the lease then.
        func end(_ sharing: SharingPolicy) -> Milliseconds { max(until, after(since, sharing.grace)) }
    }

    /// A claim without an answer. There is one at a time, so answers are in order.
    struct Ask {
        let number: UInt64
        let since: Milliseconds
        let basis: SharedLease.Holding?
        var after: LeaseSlot
        /// The notices that came before the answer.
        var notices: [SharedLease.Notice] = []
    }

    enum Decision<Result> {
        case settled(Result)
        /// Send the claim. The result counts if it is `Answered.agreed` to.
        case claim(SharedLease.Claim, Result)
        /// Decide again after the claim in flight.
        case wait
    }

    /// What an answer, or its absence, means for whoever waits for it.
    enum Answered: Equatable {
        case agreed
        /// The lease was another one: decide again.
        case differs
        /// It was agreed to, and was lost since.
        case lost(SessionEnding)
        case tryAgain
    }

    /// A session whose streams must be closed.
    struct Closing: Equatable {
        let session: SessionID
        /// `.lapsed` if the store was away for too long.
        let ending: SessionEnding
    }

    init(_ key: SubjectKey, node: NodeNumber) {
        slot = Self.unknown(key)
        self.node = node
    }

    /// Decides by a rule.
    ///
    /// - Parameters:
    ///   - number: names the claim, if one is made. No two have the same.
    ///   - rule: changes `lastUsed` if and only if it does more than refuse, as the slot's rules do.
    mutating func decide<Result>(
        at now: Moment,
        _ number: UInt64,
        _ reach: Reach,
        _ policy: SessionPolicy,
        _ sharing: SharingPolicy,
        _ rule: (inout LeaseSlot) -> Result
    ) -> Decision<Result> {
        let before = known(at: now, reach, policy, sharing)
        var after = before
        // If it was used in this very millisecond, a refusal would look like more.
        after.lastUsed = min(after.lastUsed, now.wall - 1)
        let result = rule(&after)
        guard after.lastUsed == now.wall else { return .settled(result) }
        if let served, served == before.session, served == after.session, after.state == .held {
            slot = after
            return .settled(result)
        }
        guard asked == nil else { return .wait }
        let basis = before.state == .free ? nil : grant?.basis
        return .claim(claim(after, basis, lasting: sharing.trial, at: now, number), result)
    }

    /// Renews the lease for a request of the session that this node serves. Returns false if it does not, or has to ask.
    mutating func renew(
        _ session: SessionID,
        address: UInt64,
        at now: Moment,
        _ reach: Reach,
        _ policy: SessionPolicy,
        _ sharing: SharingPolicy
    ) -> Bool {
        guard served == session, isKnown(at: now, reach, policy, sharing) else { return false }
        return slot.renew(session, address: address, now: now.wall, policy: policy)
    }

    /// The lease as far as it may be decided on without asking.
    func known(at now: Moment, _ reach: Reach, _ policy: SessionPolicy, _ sharing: SharingPolicy) -> LeaseSlot {
        isKnown(at: now, reach, policy, sharing) ? slot : Self.unknown(slot.key)
    }

    /// Takes back a claim that was not sent.
    mutating func withdraw(_ number: UInt64) { _ = take(number) }

    /// Follows a time of day that was set back.
    mutating func follow(_ wall: Milliseconds) { slot.lastUsed = min(slot.lastUsed, wall) }

    /// Gives the lease up by a rule, such as `leave` or `end`, and does not wait for the store. Does nothing unless this
    /// node knows the lease: resume the session first if it has come with a goodbye from another node.
    mutating func giveUp<Result>(_ rule: (inout LeaseSlot) -> Result) -> Result {
        guard let grant, slot.state == .held else {
            var nobody = Self.unknown(slot.key)
            return rule(&nobody)
        }
        let result = rule(&slot)
        if slot.state != .held {
            word = .unsettled(grant)
            if let after = asked?.after, after.session == slot.session { asked?.after.state = slot.state }
        }
        return result
    }

    /// What to send now: a renewal when half of the time is over, or what the store has yet to be told.
    mutating func due(at now: Moment, _ number: UInt64, _ policy: SessionPolicy) -> SharedLease.Claim? {
        let left = slot.deadline(policy) - now.wall
        guard asked == nil, left > 0 else { return nil }
        switch word {
        case .unsettled(let grant):
            return claim(slot, grant.basis, lasting: left, at: now, number)
        case .agreed(let grant):
            let granted = grant.until - now.steady
            // A renewal has to gain something, or there would be one after another.
            guard granted <= policy.idleTimeout / 2, left - granted > policy.idleTimeout / 16 else { return nil }
            return claim(slot, grant.basis, lasting: left, at: now, number)
        case .none, .heard:
            return nil
        }
    }

    private mutating func claim(
        _ after: LeaseSlot,
        _ basis: SharedLease.Holding?,
        lasting: Milliseconds,
        at now: Moment,
        _ number: UInt64
    ) -> SharedLease.Claim {
        asked = Ask(number: number, since: now.steady, basis: basis, after: after)
        return SharedLease.Claim(
            node: node,
            basis: basis,
            session: after.session,
            state: after.state,
            lasting: lasting,
            takeOvers: after.takeOvers,
            windowAge: after.takeOvers == 0 ? 0 : max(now.wall - after.windowStart, 0),
            address: after.address
        )
    }

    /// Whether the slot may be decided on without asking.
    private func isKnown(
        at now: Moment,
        _ reach: Reach,
        _ policy: SessionPolicy,
        _ sharing: SharingPolicy
    ) -> Bool {
        // A lease that is idle here may be in use elsewhere.
        guard let grant, slot.standing(at: now.wall, policy) != .vacant else { return false }
        if case .heard = word { return now.steady < min(grant.until, after(grant.since, sharing.freshness)) }
        // A node that stood still past the time finds nothing wrong with the store, and has to ask.
        return now.steady < grant.until || (now.steady < grant.end(sharing) && reach.isAway(at: now, sharing))
    }

    var grant: Grant? {
        switch word {
        case .none: nil
        case .heard(let grant), .agreed(let grant), .unsettled(let grant): grant
        }
    }

    /// Whether the store is yet to be told.
    var isUnsettled: Bool { if case .unsettled = word { true } else { false } }

    /// The session that this node serves.
    var served: SessionID? {
        switch word {
        case .none, .heard: nil
        case .agreed, .unsettled: slot.state == .held ? slot.session : nil
        }
    }

    private static func unknown(_ key: SubjectKey) -> LeaseSlot {
        var slot = LeaseSlot.unused
        slot.key = key
        return slot
    }
}

/// What comes back from the store.
extension LeaseShare {
    /// Takes the answer to a claim.
    ///
    /// - Returns: `nil` if that claim was given up.
    mutating func answered(
        _ number: UInt64,
        _ answer: SharedLease.Answer,
        at now: Moment,
        _ policy: SessionPolicy,
        _ sharing: SharingPolicy
    ) -> (Answered, Closing?)? {
        guard let ask = take(number) else {
            // It was carried out after all.
            doubt()
            return nil
        }
        let former = served
        guard answer.isAgreed, let lease = answer.lease else {
            return (.differs, settle(answer, ask, at: now, policy, sharing))
        }
        if let notice = ask.notices.first(where: { $0.generation == lease.holding.generation }) {
            (slot, word) = (Self.unknown(slot.key), .none)
            return (.lost(notice.ending), former.map { Closing(session: $0, ending: notice.ending) })
        }
        let grant = Grant(answer, lease, to: ask)
        guard now.steady < grant.until else {
            // So late that the lease is over.
            doubt()
            return (.tryAgain, nil)
        }
        let lastUsed =
            slot.session == lease.holding.session ? max(slot.lastUsed, ask.after.lastUsed) : ask.after.lastUsed
        slot = LeaseSlot(slot.key, lease, answer, at: now, policy)
        slot.lastUsed = lastUsed
        // It may have been given up since.
        slot.state = ask.after.state
        word = slot.state != lease.state ? .unsettled(grant) : slot.state == .held ? .agreed(grant) : .heard(grant)
        guard let former, former != slot.session else { return (.agreed, nil) }
        return (.agreed, Closing(session: former, ending: .replaced))
    }

    /// Takes over what the store says instead, and decides what becomes of the session that this node serves.
    private mutating func settle(
        _ answer: SharedLease.Answer,
        _ ask: Ask,
        at now: Moment,
        _ policy: SessionPolicy,
        _ sharing: SharingPolicy
    ) -> Closing? {
        var other = Self.unknown(slot.key)
        if let lease = answer.lease { other = LeaseSlot(slot.key, lease, answer, at: now, policy) }
        let heard = answer.lease.map { lease in
            Word.heard(Grant(basis: lease.holding, since: now.steady, until: Grant(answer, lease, to: ask).until))
        }
        // Fresh enough for whoever decides again now.
        func unsettled(_ grant: Grant) -> Word {
            let until = max(grant.until, after(now.steady, sharing.freshness))
            return .unsettled(Grant(basis: answer.lease?.holding, since: grant.since, until: until))
        }
        guard let session = served, let grant else {
            if let grant, let lease = answer.lease, goesOn(lease) {
                // An earlier claim was carried out late, or it has come back and was ended all the same.
                word = unsettled(grant)
            } else {
                (slot, word) = (other, heard ?? .none)
            }
            return nil
        }
        let isOwn = other.session == session && other.state != .free
        // What is idle here is not claimed again: others may keep it alive, but this node must not.
        let isIdle = slot.standing(at: now.wall, policy) == .vacant
        if !isIdle, !isOwn || other.state == .held {
            var mine = other
            let resumption = mine.resume(
                session,
                address: slot.address,
                isCovered: true,
                mayTake: true,
                startedAt: .min,
                now: now.wall,
                policy: policy
            )
            if case .held = resumption {
                mine.lastUsed = slot.lastUsed
                slot = mine
                word = unsettled(grant)
                return nil
            }
        }
        (slot, word) = (other, heard ?? .none)
        guard !isOwn || other.state != .held else { return nil }
        return Closing(session: session, ending: !isOwn ? .replaced : other.state == .ended ? .ended : .left)
    }

    /// Whether a row is held by the session that this node has given up, and has to be told again.
    private func goesOn(_ lease: SharedLease) -> Bool {
        guard isUnsettled, lease.state == .held, lease.holding.session == slot.session else { return false }
        return slot.state == .ended || lease.nodes == [node]
    }

    /// Gives a claim up that got no answer. The store may still carry it out.
    mutating func failed(
        _ number: UInt64,
        at now: Moment,
        _ reach: Reach,
        _ sharing: SharingPolicy
    ) -> (Answered, Closing?)? {
        guard let ask = take(number) else { return nil }
        let former = served
        if let former, let grant {
            if now.steady >= grant.end(sharing) {
                (slot, word) = (Self.unknown(slot.key), .none)
                return (.tryAgain, Closing(session: former, ending: .lapsed))
            }
            if former == ask.after.session { return (.agreed, nil) }
        }
        guard sharing.onStoreLoss == .admit, ask.after.state == .held, now.steady < after(reach.answered, sharing.grace)
        else {
            return (.tryAgain, nil)
        }
        slot = ask.after
        word = .unsettled(Grant(basis: ask.basis, since: reach.answered, until: reach.answered))
        return (.agreed, former.map { Closing(session: $0, ending: .replaced) })
    }

    /// Takes the word that another node has changed the lease.
    mutating func lost(_ notice: SharedLease.Notice) -> Closing? {
        asked?.notices.append(notice)
        guard let session = served, let basis = grant?.basis,
            basis == SharedLease.Holding(session: session, generation: notice.generation)
        else { return nil }
        (slot, word) = (Self.unknown(slot.key), .none)
        return Closing(session: session, ending: notice.ending)
    }

    /// Asks the store again, since notices may have been missed: the connection to it was broken.
    mutating func doubt() { if case .agreed(let grant) = word { word = .unsettled(grant) } }

    private mutating func take(_ number: UInt64) -> Ask? {
        guard let ask = asked, ask.number == number else { return nil }
        asked = nil
        return ask
    }
}

extension LeaseShare.Grant {
    fileprivate init(_ answer: SharedLease.Answer, _ lease: SharedLease, to ask: LeaseShare.Ask) {
        // The store's clock may run faster than this node's, by a thousandth.
        let remaining = lease.until - answer.moment
        self.init(basis: lease.holding, since: ask.since, until: after(ask.since, remaining - remaining / 1000))
    }
}

extension LeaseSlot {
    /// A row as this node's slot, on its own clock.
    fileprivate init(
        _ key: SubjectKey,
        _ lease: SharedLease,
        _ answer: SharedLease.Answer,
        at now: Moment,
        _ policy: SessionPolicy
    ) {
        self = .unused
        self.key = key
        session = lease.holding.session
        state = lease.state
        // Before now: whoever decides on it has not used it yet.
        lastUsed = min(now.wall + (lease.until - answer.moment) - policy.idleTimeout, now.wall - 1)
        address = lease.address
        takeOvers = lease.takeOvers
        windowStart = now.wall - (answer.moment - lease.windowStart)
    }
}
