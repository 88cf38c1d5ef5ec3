package import Basics
import Synchronization

/// The process that takes this one's place, and keeps the leases from then on.
package protocol LeaseSuccessor: Sendable {
    /// Passes entries. Returns false if it did not take them.
    func give(_ entries: [UInt8]) -> Bool

    /// Asks it to agree to a change of a lease. Returns its answer, or `nil` if it is gone.
    func propose(_ change: [UInt8]) -> [UInt8]?

    /// Makes the hand-over fail unless it is over: more has happened meanwhile than can be kept. From then on, nothing is
    /// agreed to.
    func giveUp()
}

/// Handing all leases over to another process.
///
/// At each moment one process has the last word on a lease. Shard by shard, the entries are passed on, and from that
/// moment each operation on the shard here is decided with what is known here and takes effect if the other process
/// agrees, which knows what has happened there. So nothing stands still meanwhile, a request that still arrives here is
/// answered rightly, and a stream that is still open here does not take a lease back. If the other process is gone, this
/// table knows everything that it has agreed to, and goes on.
extension LeaseTable {
    /// Passes all entries to another process, which keeps the leases from now on.
    ///
    /// A table that is shared is not handed over. Its node stops, and the sessions go on at the others: these know them
    /// from the store.
    ///
    /// - Returns: false if that failed. Then this table goes on.
    package func handOver(to successor: any LeaseSuccessor) -> Bool {
        guard link == nil else { return false }
        for shard in shards {
            let isPassed = shard.leases.withLock { shard in
                guard shard.pass(to: successor) else { return false }
                shard.successor = successor
                // From now on the successor's journal has what happens.
                if shard.keepsChanges { shard.passedChanges = [] }
                shard.keepsChanges = false
                return true
            }
            guard isPassed else {
                takeBack()
                return false
            }
        }
        return true
    }

    /// Keeps the leases again, with the journal of what has happened meanwhile.
    package func takeBack() {
        for shard in shards {
            shard.leases.withLock { shard in
                shard.successor = nil
                guard let passed = shard.passedChanges.take() else { return }
                shard.changes += passed
                shard.keepsChanges = true
            }
        }
    }

    /// Declares that the leases will not be taken back.
    package func settleHandOver() { for shard in shards { shard.leases.withLock { $0.passedChanges = nil } } }

    /// Adds entries that another process has passed. Returns false if they are malformed.
    ///
    /// - Parameter appliesTo: the tokens that leases apply to here.
    package func adopt(entries: [UInt8], appliesTo: LeaseScope) -> Bool {
        var reader = SealedBytes(entries)
        while !reader.isAtEnd {
            guard let entry = reader.readEntry(appliesTo: appliesTo) else { return false }
            let hash = hash(of: entry.slot.key)
            let isNew = shard(for: hash).leases.withLock { $0.insert(entry, hash: hash, hashOf: self.hash) }
            guard isNew else { return false }
        }
        return true
    }

    /// Begins anew, as after a restart: what another process has passed is not all.
    package func forget(at now: Milliseconds) {
        for shard in shards { shard.leases.withLock { $0.forget(at: now) } }
        startedAt = now
    }

    /// Answers a proposal of a process that has passed its entries, and does what it says if this table agrees.
    ///
    /// - Parameters:
    ///   - appliesTo: the tokens that leases apply to here.
    ///   - isBarred: whether a session must not hold a lease. Gets what is known about it, which may be nothing.
    /// - Returns: the answer, and the session that has ended with it. `nil` if the proposal is malformed.
    package func answer(
        _ bytes: [UInt8],
        appliesTo: LeaseScope,
        isBarred: (SessionID, LiveSession?) -> Bool = { _, _ in false }
    ) -> (answer: [UInt8], gone: SessionID?, ending: SessionEnding)? {
        var reader = SealedBytes(bytes)
        guard let proposal = reader.readProposal(appliesTo: appliesTo), reader.isAtEnd else { return nil }
        let hash = hash(of: proposal.key)
        let (answer, gone) = shard(for: hash).leases.withLock {
            $0.answer(proposal, bytes, hash: hash, hashOf: self.hash, isBarred: isBarred)
        }
        var writer = SealedBytes()
        writer.write(answer)
        return (writer.bytes, gone, proposal.departure?.ending ?? .lapsed)
    }
}
