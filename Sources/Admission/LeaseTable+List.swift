package import Basics
import Synchronization

/// What the table says about its leases and sessions.
extension LeaseTable {
    /// The session that is listed as the holder of a subject's lease.
    func holder(of subject: SubjectKey) -> LiveSession? {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            shard.find(subject, hash: hash).flatMap { shard.listed[$0] }
        }
    }

    /// The lease of a subject, if it is held.
    package func lease(of subject: SubjectKey, now: Milliseconds, policy: SessionPolicy) -> Lease? {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            guard let slot = shard.find(subject, hash: hash) else { return nil }
            return shard[slot].lease(now: now, policy: policy)
        }
    }

    /// All leases that are held, one shard at a time: for an operator's listing, not for a decision.
    package func leases(now: Milliseconds, policy: SessionPolicy) -> [Lease] {
        var all: [Lease] = []
        for shard in shards {
            shard.leases.withLock { shard in
                shard.forEach { slot in
                    if let lease = slot.lease(now: now, policy: policy) { all.append(lease) }
                }
            }
        }
        return all
    }

    /// Starts keeping arrivals and departures until they are taken.
    func keepChanges() {
        for shard in shards { shard.leases.withLock { $0.keepsChanges = true } }
    }

    /// Takes what has happened since the last call, in order for each subject.
    func takeChanges() -> [SessionChange] {
        var all: [SessionChange] = []
        for shard in shards { all += shard.leases.withLock { $0.takeChanges() } }
        return all
    }

    /// Calls `body` with the listed sessions, one shard at a time and with no lock held.
    ///
    /// The sessions are copied under the lock. A list that was only shared would be copied as a whole, with its table,
    /// by the first join or leave during `body`.
    func forEachListed(_ body: (LiveSession) -> Void) {
        for shard in shards { shard.leases.withLock { Array($0.listed.values) }.forEach(body) }
    }

    /// How many sessions have begun and ended.
    var tally: SessionTally {
        shards.reduce(into: SessionTally()) { sum, shard in sum.add(shard.leases.withLock { $0.tally }) }
    }

    /// The number of listed sessions.
    var listedCount: Int { shards.reduce(0) { sum, shard in sum + shard.leases.withLock { $0.listed.count } } }

    /// The number of entries: leases that are held, and those that were just left or not swept yet.
    package var count: Int {
        shards.reduce(0) { sum, shard in sum + shard.leases.withLock { $0.count } }
    }
}

extension LeaseSlot {
    func lease(now: Milliseconds, policy: SessionPolicy) -> LeaseTable.Lease? {
        guard standing(at: now, policy) == .held else { return nil }
        return LeaseTable.Lease(subject: key, session: session, lastUsed: lastUsed)
    }
}
