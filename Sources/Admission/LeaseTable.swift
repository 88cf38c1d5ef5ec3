import Basics
import Synchronization

/// Who holds which lease: at most one session for each subject at any moment.
///
/// In memory, sharded by subject; a shard's lock is held for a handful of memory accesses. It does not survive a restart,
/// and need not: sessions come back with what their holders carry.
///
/// Lease, list and attendance are one: whoever holds a lease and was let in with an ``Arrival`` is listed, and arrivals
/// and departures are written into the shard's journal, in the same step as the lease changes. ``LiveSessions`` reads both.
///
/// It knows nothing of tokens and seals: the sessions that it is given are proven.
package final class LeaseTable: Sendable {
    /// What became of a session of ours that came back.
    package enum Resumption: Equatable, Sendable {
        case held(replaced: SessionID?)
        /// Nobody holds the lease, and the session is too old to.
        case vacant
        /// A later session took its place.
        case replaced
        /// An operator or the company ended it: it does not come back.
        case ended
        case active(since: Milliseconds, retryAt: Milliseconds)
        /// It said goodbye, and would hold the lease again if it may return.
        case left
    }

    /// The session that is to hold a lease.
    package enum Candidate: Sendable {
        /// It is made now, of these random bits.
        case new(UInt64, UInt64)
        /// It was handed out before, and asks for the lease now.
        case pending(SessionID)
    }

    /// What became of a join.
    package enum Join: Equatable, Sendable {
        case joined(SessionID, replaced: SessionID?)
        /// A session that joined later than the pending one has taken its place.
        case replaced
        /// The pending one was ended.
        case ended
        case active(since: Milliseconds, retryAt: Milliseconds)
        case tooMany(retryAt: Milliseconds)
    }

    /// A lease that ended because its holder was not seen for the idle timeout.
    package struct Lapse: Equatable, Sendable {
        package let subject: SubjectKey
        package let session: SessionID
        package let lastUsed: Milliseconds
    }

    /// A lease as it stands.
    package struct Lease: Equatable, Sendable {
        package let subject: SubjectKey
        package let session: SessionID
        package let lastUsed: Milliseconds
    }

    private final class Shard: Sendable {
        let leases: Locked<LeaseShard>
        init(startedAt: Milliseconds) { leases = Locked(LeaseShard(startedAt: startedAt)) }
    }

    private let shards: [Shard]
    private let startedAt: Milliseconds
    private let seed: UInt64

    /// - Parameters:
    ///   - startedAt: now; until an idle timeout later, earlier sessions may come that the table has not heard of.
    ///   - seed: random; keeps who can choose registration ids from choosing their places.
    ///   - shards: a power of two.
    package init(startedAt: Milliseconds, seed: UInt64, shards: Int = 256) {
        precondition(shards > 0 && shards & (shards - 1) == 0)
        self.startedAt = startedAt
        self.seed = seed
        self.shards = (0..<shards).map { _ in Shard(startedAt: startedAt) }
    }

    /// A request of a session. Nearly always it is the active one, and this is all that happens.
    ///
    /// False says nothing: the session is to be resumed.
    package func renew(
        _ session: SessionID,
        for subject: SubjectKey,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Bool {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            guard let slot = shard.find(subject, hash: hash) else { return false }
            return shard[slot].renew(session, address: address, now: now, policy: policy)
        }
    }

    /// A session comes back that is not the active one.
    ///
    /// - Parameters:
    ///   - isCovered: whether its time is not over; one that left and whose time is over does not come back.
    ///   - mayTake: whether it is young enough to take the lease.
    ///   - mayReturn: whether it may come back where a session has left. If not, nothing changes there.
    ///   - arrival: whose stay it is, for the list.
    package func resume(
        _ session: SessionID,
        for subject: SubjectKey,
        isCovered: Bool = true,
        mayTake: Bool,
        mayReturn: Bool = true,
        arrival: Arrival? = nil,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Resumption {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            let known = shard.find(subject, hash: hash)
            guard known != nil || mayTake else { return .vacant }
            let slot = known ?? shard.insert(subject, hash: hash, hashOf: self.hash)
            let departure = Departure(of: shard[slot], at: now, policy)
            let before = shard[slot]
            let result = shard[slot].resume(
                session,
                address: address,
                isCovered: isCovered,
                mayTake: mayTake,
                startedAt: startedAt,
                now: now,
                policy: policy
            )
            if case .held = result {
                guard mayReturn || before.standing(at: now, policy) != .left else {
                    shard[slot] = before
                    return .left
                }
                shard.settle(slot, arrival, after: departure, at: now)
            }
            if known == nil { shard.watch(slot, policy: policy) }
            return result
        }
    }

    /// What ``resume`` would come to for a session that may take the lease, without that anything changes: for who only
    /// asks.
    package func foresee(
        _ session: SessionID,
        for subject: SubjectKey,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Resumption {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            guard let slot = shard.find(subject, hash: hash) else { return .held(replaced: nil) }
            var copy = shard[slot]
            return copy.resume(
                session,
                address: 0,
                isCovered: true,
                mayTake: true,
                startedAt: startedAt,
                now: now,
                policy: policy
            )
        }
    }

    /// A viewer without a session that counts wants the lease.
    ///
    /// - Parameters:
    ///   - own: the viewer's session so far, too old to go on.
    ///   - isTakeOver: the user asked for it.
    ///   - arrival: whose stay it is, for the list.
    package func join(
        _ subject: SubjectKey,
        as candidate: Candidate,
        own: SessionID? = nil,
        isTakeOver: Bool = false,
        arrival: Arrival? = nil,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Join {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            let known = shard.find(subject, hash: hash)
            let slot = known ?? shard.insert(subject, hash: hash, hashOf: self.hash)
            let departure = Departure(of: shard[slot], at: now, policy)
            let result = shard[slot].join(
                candidate,
                own: own,
                isTakeOver: isTakeOver,
                address: address,
                now: now,
                policy: policy
            )
            if case .joined = result { shard.settle(slot, arrival, after: departure, at: now) }
            if known == nil { shard.watch(slot, policy: policy) }
            return result
        }
    }

    /// The moment that a session of the subject would have that joined now. Nothing changes.
    package func nextJoin(of subject: SubjectKey, now: Milliseconds) -> Milliseconds {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            shard.find(subject, hash: hash).map { shard[$0].nextJoin(at: now) } ?? now
        }
    }

    /// An open stream of the session lives on. False: the session is no longer the active one, the stream must end.
    ///
    /// - Parameter arrival: whose stay it is, should it have been taken for gone meanwhile, as after the machine slept.
    package func touch(
        _ session: SessionID,
        for subject: SubjectKey,
        arrival: Arrival? = nil,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Bool {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            let known = shard.find(subject, hash: hash)
            let slot = known ?? shard.insert(subject, hash: hash, hashOf: self.hash)
            let departure = Departure(of: shard[slot], at: now, policy)
            let result = shard[slot].touch(session, address: address, now: now, policy: policy)
            if result { shard.settle(slot, arrival, after: departure, at: now) }
            if known == nil { shard.watch(slot, policy: policy) }
            return result
        }
    }

    /// The holder goes. False: it was not the holder. It may come back; an earlier session may not by itself.
    ///
    /// - Parameter lastSeen: nothing happens where the holder has been there after it; nil: it goes in any case.
    @discardableResult
    package func leave(
        _ session: SessionID,
        for subject: SubjectKey,
        unlessUsedAfter lastSeen: Milliseconds? = nil,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Bool {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            guard let slot = shard.find(subject, hash: hash),
                shard[slot].leave(session, unlessUsedAfter: lastSeen, now: now, policy: policy)
            else { return false }
            shard.settle(slot, after: Departure(ending: .left, moment: now), at: now)
            return true
        }
    }

    /// Ends whoever holds the lease; returns who that was.
    ///
    /// - Parameters:
    ///   - session: ends nobody but this one.
    ///   - ending: what is written down of it.
    ///   - mayReturn: whether that session may come back, as one that said goodbye may.
    @discardableResult
    package func end(
        _ subject: SubjectKey,
        only session: SessionID? = nil,
        _ ending: SessionEnding = .ended,
        mayReturn: Bool = false,
        now: Milliseconds
    ) -> SessionID? {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            guard let slot = shard.find(subject, hash: hash), session == nil || shard[slot].session == session
            else { return nil }
            let ended = shard[slot].end(mayReturn: mayReturn, now: now)
            if ended != nil { shard.settle(slot, after: Departure(ending: ending, moment: now), at: now) }
            return ended
        }
    }

    /// The lease of a subject, if somebody holds it.
    package func lease(of subject: SubjectKey, now: Milliseconds, policy: SessionPolicy) -> Lease? {
        let hash = hash(of: subject)
        return shard(for: hash).leases.withLock { shard in
            guard let slot = shard.find(subject, hash: hash) else { return nil }
            return shard[slot].lease(now: now, policy: policy)
        }
    }

    /// All leases that somebody holds, one shard at a time: for an operator's listing, not for a decision.
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

    /// Forgets what is over. To be called about once a second; returns the leases whose holders were not seen any more.
    ///
    /// What is over is over whether or not this ran: it frees memory and tells who is gone.
    @discardableResult
    package func expire(now: Milliseconds, policy: SessionPolicy) -> [Lapse] {
        var over: [Lapse] = []
        for shard in shards {
            var isMore = true
            while isMore {
                isMore = shard.leases.withLock { $0.sweep(now: now, policy: policy, hashOf: hash, over: &over) }
            }
        }
        return over
    }

    /// Begins to keep what happens until it is taken.
    func keepChanges() {
        for shard in shards { shard.leases.withLock { $0.keepsChanges = true } }
    }

    /// What has happened since this was asked last, in order for each subject.
    func takeChanges() -> [SessionChange] {
        var all: [SessionChange] = []
        for shard in shards { all += shard.leases.withLock { $0.takeChanges() } }
        return all
    }

    /// Gives the listed sessions to `body`, one shard's at a time, and with no lock held.
    func forEachListed(_ body: (LiveSession) -> Void) {
        for shard in shards { shard.leases.withLock { $0.listed }.values.forEach(body) }
    }

    /// Sessions that are listed.
    var listedCount: Int { shards.reduce(0) { sum, shard in sum + shard.leases.withLock { $0.listed.count } } }

    /// Entries in the table: leases that are held, and those just left or not swept yet.
    package var count: Int {
        shards.reduce(0) { sum, shard in sum + shard.leases.withLock { $0.count } }
    }

    private func hash(of subject: SubjectKey) -> UInt64 {
        fold(subject.low ^ seed, subject.high ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// The shard by the high bits; the low ones find the place in its index.
    private func shard(for hash: UInt64) -> Shard {
        shards[Int(truncatingIfNeeded: hash >> 40) & (shards.count - 1)]
    }
}

extension LeaseSlot {
    func lease(now: Milliseconds, policy: SessionPolicy) -> LeaseTable.Lease? {
        guard standing(at: now, policy) == .held else { return nil }
        return LeaseTable.Lease(subject: key, session: session, lastUsed: lastUsed)
    }
}
