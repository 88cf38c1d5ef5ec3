package import Basics
import Synchronization

/// Which session holds which lease: at most one for each subject at any moment.
///
/// The table is in memory, sharded by subject; a shard's lock is held for a few memory accesses. It does not survive a
/// restart and need not: sessions come back with what their holders carry.
///
/// Lease, list and attendance are one. A session that holds a lease and was let in with an ``Arrival`` is listed, and
/// each arrival and departure is written to the shard's journal in the same step that changes the lease.
/// ``LiveSessions`` reads both.
///
/// The table knows nothing about tokens and seals: the sessions passed to it are already proven.
package final class LeaseTable: Sendable {
    /// What became of a session of ours that came back.
    package enum Resumption: Equatable, Sendable {
        case held(replaced: SessionID?)
        /// Nobody holds the lease, and the session is too old to take it.
        case vacant
        /// A later session took its place.
        case replaced
        /// An operator or the company ended it. It does not come back.
        case ended
        case active(since: Milliseconds, retryAt: Milliseconds)
        /// It said goodbye, and would hold the lease again if it may return.
        case left
    }

    /// The session that is to hold a lease.
    package enum Candidate: Sendable {
        /// Made now from these random bits.
        case new(UInt64, UInt64)
        /// Handed out before; now asks for the lease.
        case pending(SessionID)
    }

    /// What became of a join.
    package enum Join: Equatable, Sendable {
        case joined(SessionID, replaced: SessionID?)
        /// A session that joined later than the pending one has taken its place.
        case replaced
        /// The pending session was ended.
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

    final class Shard: Sendable {
        let leases: Locked<LeaseShard>
        init(startedAt: Milliseconds, maxPassedChanges: Int) {
            leases = Locked(LeaseShard(startedAt: startedAt, maxPassedChanges: maxPassedChanges))
        }
    }

    let shards: [Shard]
    private let beginning: Atomic<Milliseconds>
    private let seed: UInt64
    let linkReference = AtomicLazyReference<LeaseLink>()
    /// Whether there is a link, which is asked for with each request.
    let hasLink = Atomic<Bool>(false)

    /// - Parameters:
    ///   - startedAt: now. Until one idle timeout later, sessions may come back that the table does not know.
    ///   - seed: random, so that a client that chooses registration ids cannot choose their positions.
    ///   - shards: a power of two.
    ///   - maxPassedChanges: about how many arrivals and departures a hand-over may take. They are kept until it is over.
    package init(startedAt: Milliseconds, seed: UInt64, shards: Int = 256, maxPassedChanges: Int = 1 << 20) {
        precondition(shards > 0 && shards & (shards - 1) == 0)
        beginning = Atomic(startedAt)
        self.seed = seed
        self.shards = (0..<shards).map { _ in
            Shard(startedAt: startedAt, maxPassedChanges: maxPassedChanges / shards)
        }
    }

    /// Renews the lease for a request of a session. Nearly always the session is the active one, and nothing else
    /// happens.
    ///
    /// False proves nothing: the session must be resumed.
    package func renew(
        _ session: SessionID,
        for subject: SubjectKey,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Bool {
        let hash = hash(of: subject)
        return onShard(of: subject, hash, refused: false) { shard in
            guard let slot = shard.find(subject, hash: hash) else { return false }
            if shard.shared != nil,
                let isRenewed = shard.renewShared(slot, session, address: address, at: now, policy)
            {
                return isRenewed
            }
            return shard[slot].renew(session, address: address, now: now, policy: policy)
        }
    }

    /// Resumes a session that is not the active one.
    ///
    /// - Parameters:
    ///   - isCovered: whether it is still within its time. A session that left and is past its time does not come back.
    ///   - mayTake: whether it is young enough to take the lease.
    ///   - mayReturn: whether it may come back if a session has left. If not, nothing changes in that case.
    ///   - arrival: the stay to list.
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
        return onShard(of: subject, hash, refused: .ended) { shard in
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
            if known == nil { shard.watch(slot, policy: policy, at: now) }
            return result
        }
    }

    /// What ``resume`` would return for a session that may take the lease, without changing anything: for requests that
    /// only ask.
    ///
    /// Of a shared lease, only what this node knows counts, and it asks for no more. So a session that was replaced or
    /// has left at another node may be foreseen as one that comes back. That is harmless: nothing is served for it, and
    /// the request that resumes it learns the truth.
    package func foresee(
        _ session: SessionID,
        for subject: SubjectKey,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Resumption {
        let hash = hash(of: subject)
        return onShard(of: subject, hash, refused: .ended) { shard in
            guard let slot = shard.find(subject, hash: hash) else { return .held(replaced: nil) }
            let share = shard.shared == nil ? nil : shard.known(slot, at: now, policy)
            var copy = share ?? shard[slot]
            return copy.resume(
                session,
                address: 0,
                isCovered: true,
                mayTake: true,
                startedAt: share == nil ? startedAt : .min,
                now: now,
                policy: policy
            )
        }
    }

    /// Takes the lease for a viewer without a valid session.
    ///
    /// - Parameters:
    ///   - own: the viewer's previous session, which is too old to go on.
    ///   - isTakeOver: whether the user asked to take over.
    ///   - arrival: the stay to list.
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
        return onShard(of: subject, hash, refused: .ended) { shard in
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
            if known == nil { shard.watch(slot, policy: policy, at: now) }
            return result
        }
    }

    /// The join time that a session of the subject would get now. Changes nothing.
    package func nextJoin(of subject: SubjectKey, now: Milliseconds) -> Milliseconds {
        let hash = hash(of: subject)
        return onShard(of: subject, hash, refused: now) { shard in
            shard.find(subject, hash: hash).map { shard[$0].nextJoin(at: now) } ?? now
        }
    }

    /// Keeps the session alive for an open stream. Returns false if it is no longer the active one and the stream must
    /// end.
    ///
    /// - Parameter arrival: the stay to list if the session was taken for gone meanwhile, for example because the
    ///   machine slept.
    /// - Parameter isLeased: whether the place is a registration's lease, which may be shared. Then a session that this
    ///   node does not serve ends, and one whose time is over is claimed again.
    package func touch(
        _ session: SessionID,
        for subject: SubjectKey,
        isLeased: Bool = true,
        arrival: Arrival? = nil,
        address: UInt64,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Bool {
        if isShared, isLeased { return touchShared(session, for: subject, arrival, at: now, policy) }
        let hash = hash(of: subject)
        return onShard(of: subject, hash, refused: false) { shard in
            let known = shard.find(subject, hash: hash)
            let slot = known ?? shard.insert(subject, hash: hash, hashOf: self.hash)
            let departure = Departure(of: shard[slot], at: now, policy)
            let result = shard[slot].touch(session, address: address, now: now, policy: policy)
            if result { shard.settle(slot, arrival, after: departure, at: now) }
            if known == nil { shard.watch(slot, policy: policy, at: now) }
            return result
        }
    }

    /// Releases the holder's lease. Returns false if the session was not the holder. It may come back; an earlier
    /// session may not come back by itself.
    ///
    /// Of a shared lease, only a session that this node knows is released: resume it first if its goodbye has come to
    /// another node than its requests.
    ///
    /// - Parameter lastSeen: does nothing if the holder was seen after this time. Pass `nil` to leave in any case.
    @discardableResult
    package func leave(
        _ session: SessionID,
        for subject: SubjectKey,
        unlessUsedAfter lastSeen: Milliseconds? = nil,
        now: Milliseconds,
        policy: SessionPolicy
    ) -> Bool {
        if isShared {
            let isLeft = onShare(of: subject) { shard, slot, effects in
                shard.giveUp(slot, .left, at: now, &effects) {
                    $0.leave(session, unlessUsedAfter: lastSeen, now: now, policy: policy)
                }
            }
            if let isLeft { return isLeft }
        }
        let hash = hash(of: subject)
        return onShard(of: subject, hash, refused: false) { shard in
            guard let slot = shard.find(subject, hash: hash),
                shard[slot].leave(session, unlessUsedAfter: lastSeen, now: now, policy: policy)
            else { return false }
            shard.settle(slot, after: Departure(ending: .left, moment: now), at: now)
            return true
        }
    }

    /// Ends the session that holds the lease, and returns it. Of a shared lease, only a session that this node serves:
    /// the nodes that serve another's end it.
    ///
    /// - Parameters:
    ///   - session: if given, ends only this one.
    ///   - ending: what is recorded for it.
    ///   - mayReturn: whether the session may come back, like one that said goodbye.
    @discardableResult
    package func end(
        _ subject: SubjectKey,
        only session: SessionID? = nil,
        _ ending: SessionEnding = .ended,
        mayReturn: Bool = false,
        now: Milliseconds
    ) -> SessionID? {
        if isShared {
            let ended: SessionID?? = onShare(of: subject) { shard, slot, effects in
                guard let served = shard.shared?.entries[slot]?.share.served, session == nil || served == session else {
                    return .some(nil)
                }
                return shard.giveUp(slot, ending, at: now, &effects) { $0.end(mayReturn: mayReturn, now: now) }
            }
            if let ended { return ended }
        }
        let hash = hash(of: subject)
        return onShard(of: subject, hash, refused: nil) { shard in
            guard let slot = shard.find(subject, hash: hash), session == nil || shard[slot].session == session
            else { return nil }
            let ended = shard[slot].end(mayReturn: mayReturn, now: now)
            if ended != nil { shard.settle(slot, after: Departure(ending: ending, moment: now), at: now) }
            return ended
        }
    }

    /// Releases the lease of a session that can no longer go on, as if it had idled out just now. Returns false if the
    /// session is not the holder. It may come back.
    func lapse(_ session: SessionID, for subject: SubjectKey, now: Milliseconds) -> Bool {
        if isShared {
            let isLapsed = onShare(of: subject) { shard, slot, effects in
                guard shard.shared?.entries[slot]?.share.served == session else { return false }
                return shard.giveUp(slot, .lapsed, at: now, &effects) { $0.end(mayReturn: true, now: now) != nil }
            }
            if let isLapsed { return isLapsed }
        }
        let hash = hash(of: subject)
        return onShard(of: subject, hash, refused: false) { shard in
            guard let slot = shard.find(subject, hash: hash), shard[slot].session == session else { return false }
            let lastUsed = shard[slot].lastUsed
            guard shard[slot].end(mayReturn: true, now: now) != nil else { return false }
            shard.settle(slot, after: Departure(ending: .lapsed, moment: lastUsed), at: now)
            return true
        }
    }

    /// Forgets what is over, and returns the leases whose holders were not seen any more. Call about once a second.
    ///
    /// Correctness does not depend on it: an entry past its time counts as over anyway. It frees memory and reports who
    /// is gone.
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

    /// The way to the store that the leases are shared through; `nil` if they are this process's own.
    var link: LeaseLink? { linkReference.load() }

    /// When the table began to be kept, by this process or one whose place it took.
    package var startedAt: Milliseconds {
        get { beginning.load(ordering: .relaxed) }
        set { beginning.store(newValue, ordering: .relaxed) }
    }

    /// Runs `body` on a subject's shard. While another process keeps the leases, it has to agree to what `body` does, and
    /// `body` may run again.
    ///
    /// - Parameter refused: the result if that process knows why the viewer must not have the lease.
    @inline(__always)
    private func onShard<Result: Sendable>(
        of subject: SubjectKey,
        _ hash: UInt64,
        refused: @autoclosure () -> Result,
        _ body: (inout LeaseShard) -> Result
    ) -> Result {
        shard(for: hash).leases.withLock { shard in
            guard shard.successor != nil else { return body(&shard) }
            return shard.follow(subject, hash: hash, hashOf: self.hash, body) ?? refused()
        }
    }

    func hash(of subject: SubjectKey) -> UInt64 {
        fold(subject.low ^ seed, subject.high ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// The shard, by the hash's high bits. The low bits find the position in its index.
    func shard(for hash: UInt64) -> Shard {
        shards[Int(truncatingIfNeeded: hash >> 40) & (shards.count - 1)]
    }
}
