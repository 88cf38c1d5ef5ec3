import Basics
import Synchronization

/// Sharing the leases with other nodes.
///
/// A shared table decides on each registration's lease as its share knows it, and what changes the lease is claimed from
/// the store. The keys of viewers who may have any number of sessions stay this process's own.
extension LeaseTable {
    /// Shares the leases from now on. Call once, before the first viewer.
    ///
    /// - Parameters:
    ///   - sessions: the rules that count for what comes back from the store; an event's rule for second joins is
    ///     remembered with its leases.
    ///   - addressSeed: with what addresses are hashed; secret, and the same on all nodes.
    ///   - maxWaiters: the most requests that wait for others' claims.
    ///   - onClosing: gets each session whose streams must be closed here; called with no lock held.
    package func share(
        through store: any LeaseStore,
        as node: NodeNumber,
        _ policy: SharingPolicy,
        sessions: SessionPolicy,
        clocks: LeaseClocks,
        addressSeed: UInt64 = 0,
        maxWaiters: Int = 4096,
        onClosing: @escaping @Sendable (SubjectKey, SessionID, SessionEnding) -> Void
    ) {
        let link = LeaseLink(
            store,
            node,
            clocks,
            addressSeed: addressSeed,
            maxWaiters: maxWaiters,
            onClosing: onClosing
        )
        for (number, shard) in shards.enumerated() {
            let shared = SharedLeases(link, policy, sessions, shard: number, of: shards.count)
            shard.leases.withLock { $0.shared = shared }
        }
        _ = linkReference.storeIfNil(link)
        hasLink.store(true, ordering: .releasing)
    }

    /// Follows a reload.
    package func setRules(_ policy: SharingPolicy, sessions: SessionPolicy) {
        for shard in shards {
            shard.leases.withLock { shard in
                shard.shared?.policy = policy
                shard.shared?.sessions = sessions
            }
        }
    }

    package var isShared: Bool { hasLink.load(ordering: .acquiring) }

    /// The hash of a client's address that all nodes have.
    ///
    /// - Parameter stable: ``ClientAddress/stableHash``, which somebody who reads the store could reverse.
    package func sharedHash(ofAddress stable: UInt64?) -> UInt64 {
        guard let link, let stable else { return 0 }
        return max(fold(stable ^ link.addressSeed, link.addressSeed | 1), 1)
    }

    /// Sends a claim that was just decided on. A claim that is not sent is taken back after two seconds, and keeps
    /// others waiting until then.
    ///
    /// It is sent here rather than with the decision, so that the handler is in place before an answer can come.
    ///
    /// - Parameter handler: gets `.again` at once if the claim was sent before or taken back.
    package func send(_ claim: LeaseClaim, _ handler: @escaping LeaseOutcomeHandler) {
        let request = claim.request
        let hash = hash(of: request.key)
        let isFinal = claim.admitted != nil
        let isMarked = shard(for: hash).leases.withLock {
            $0.markSent(request, hash: hash) { handler($0 == .agreed && !isFinal ? .again : $0) }
        }
        guard isMarked, let link else { return handler(.again) }
        link.store.send([request])
    }

    /// Waits until the claim that is under way for a lease is settled. Then the handler gets `.again`, or `.tryAgain` if
    /// the store did not answer or too many wait already.
    package func whenSettled(_ subject: SubjectKey, _ handler: @escaping LeaseOutcomeHandler) {
        let hash = hash(of: subject)
        let outcome = shard(for: hash).leases.withLock { $0.wait(for: subject, hash: hash, handler) }
        if let outcome { handler(outcome) }
    }

    /// Sends renewals and what the store has yet to be told, all at once. Call about once a second.
    ///
    /// Each shard has a plan of what to look at in which second. With a hundred thousand sessions in use, that is some
    /// two thousand a second in all, and as many claims. While the store is away, everything is due again after each
    /// failure; then only a few are sent, beginning with another shard each time.
    package func sendDue() {
        guard let link else { return }
        var effects = LeaseEffects()
        let moment = link.moment
        let limit = shards[0].leases.withLock { shard in
            shard.shared.map { link.reach.isAway(at: moment, $0.policy) } == true ? Self.maxAttempts : .max
        }
        let first = Int(moment.steady / 1000 % Milliseconds(shards.count))
        for number in shards.indices {
            let shard = shards[(first + number) % shards.count]
            shard.leases.withLock { $0.sendDue(at: moment, limit: limit, &effects) }
        }
        link.carryOut(effects)
    }

    /// The most that is sent each second while the store is away.
    private static var maxAttempts: Int { 256 }

    /// ``resume(_:for:isCovered:mayTake:mayReturn:arrival:address:now:policy:)`` of a session that holds a registration's
    /// lease, which may be shared.
    func decideResume(
        _ session: SessionID,
        for subject: SubjectKey,
        isCovered: Bool,
        mayTake: Bool,
        mayReturn: Bool,
        arrival: Arrival?,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> LeaseDecision<Resumption> {
        decide(on: subject, arrival, at: now, policy) { slot in
            let before = slot
            let result = slot.resume(
                session,
                address: address,
                isCovered: isCovered,
                mayTake: mayTake,
                // The store knows the sessions from before this node's start.
                startedAt: .min,
                now: now,
                policy: policy
            )
            guard case .held = result, !mayReturn, before.standing(at: now, policy) == .left else { return result }
            slot = before
            return .left
        }
            ?? .settled(
                resume(
                    session,
                    for: subject,
                    isCovered: isCovered,
                    mayTake: mayTake,
                    mayReturn: mayReturn,
                    arrival: arrival,
                    address: address,
                    now: now,
                    policy: policy
                )
            )
    }

    /// ``join(_:as:own:isTakeOver:arrival:address:now:policy:)`` for a registration's lease, which may be shared.
    func decideJoin(
        _ subject: SubjectKey,
        as candidate: Candidate,
        own: SessionID?,
        isTakeOver: Bool,
        arrival: Arrival?,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> LeaseDecision<Join> {
        decide(on: subject, arrival, at: now, policy) { slot in
            slot.join(candidate, own: own, isTakeOver: isTakeOver, address: address, now: now, policy: policy)
        }
            ?? .settled(
                join(
                    subject,
                    as: candidate,
                    own: own,
                    isTakeOver: isTakeOver,
                    arrival: arrival,
                    address: address,
                    now: now,
                    policy: policy
                )
            )
    }

    private func decide<Result: Sendable>(
        on subject: SubjectKey,
        _ arrival: Arrival?,
        at now: Milliseconds,
        _ policy: SessionPolicy,
        _ rule: (inout LeaseSlot) -> Result
    ) -> LeaseDecision<Result>? {
        guard isShared else { return nil }
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock {
            $0.decide(on: subject, hash: hash, hashOf: self.hash, arrival, at: now, policy, rule)
        }
    }

    /// Runs `body` on a subject's slot if its lease is shared, and then does what follows from it.
    ///
    /// - Returns: `nil` if it is not, or not known here.
    func onShare<Result: Sendable>(
        of subject: SubjectKey,
        _ body: (inout LeaseShard, UInt32, inout LeaseEffects) -> Result?
    ) -> Result? {
        guard let link else { return nil }
        let hash = hash(of: subject)
        var effects = LeaseEffects()
        let result: Result? = shard(for: hash).leases.withLock { shard in
            guard let number = shard.find(subject, hash: hash), shard.shared?.entries[number] != nil else { return nil }
            return body(&shard, number, &effects)
        }
        link.carryOut(effects)
        return result
    }

    /// Keeps a shared lease alive for an open stream.
    func touchShared(
        _ session: SessionID,
        for subject: SubjectKey,
        _ arrival: Arrival?,
        at now: Milliseconds,
        _ policy: SessionPolicy
    ) -> Bool {
        guard let link else { return false }
        let hash = hash(of: subject)
        var effects = LeaseEffects()
        let isHeld = shard(for: hash).leases.withLock {
            $0.touchShared(session, for: subject, hash: hash, hashOf: self.hash, arrival, at: now, policy, &effects)
        }
        link.carryOut(effects)
        return isHeld
    }
}

extension LeaseTable: LeaseStoreClient {
    package func answered(_ answers: [(key: SubjectKey, number: UInt64, answer: SharedLease.Answer)]) {
        forEach(answers, key: \.key) { shard, hash, answer, now, effects in
            shard.answered(answer.key, hash: hash, answer.number, answer.answer, at: now, &effects)
        }
    }

    package func failed(_ requests: [(key: SubjectKey, number: UInt64)]) {
        guard let link else { return }
        link.hasFailed(at: link.steady)
        forEach(requests, key: \.key) { shard, hash, request, now, effects in
            shard.failed(request.key, hash: hash, request.number, at: now, &effects)
        }
    }

    package func lost(_ notices: [(key: SubjectKey, notice: SharedLease.Notice)]) {
        forEach(notices, key: \.key) { shard, hash, notice, now, effects in
            shard.lost(notice.key, hash: hash, notice.notice, at: now, &effects)
        }
    }

    package func doubt() {
        guard let link else { return }
        for shard in shards { shard.leases.withLock { $0.doubt(at: link.moment) } }
    }

    private func forEach<Element>(
        _ elements: [Element],
        key: (Element) -> SubjectKey,
        _ body: (inout LeaseShard, UInt64, Element, Moment, inout LeaseEffects) -> Void
    ) {
        guard let link else { return }
        var effects = LeaseEffects()
        for element in elements {
            let hash = hash(of: key(element))
            shard(for: hash).leases.withLock { body(&$0, hash, element, link.moment, &effects) }
        }
        link.carryOut(effects)
    }
}
