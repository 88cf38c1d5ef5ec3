import Dispatch
import Synchronization

/// Writes to the database in groups: all writes that arrive while one transaction goes to disk share the next one. Many
/// small writes then cost one disk sync instead of one each.
///
/// Each write has its own savepoint, so one that fails does not undo the others. A write returns when the transaction
/// is on disk, after the in-memory view has the change.
final class Writer: Sendable {
    /// What to do in order once a write is on disk, and what the write has made so far.
    struct Effects {
        private(set) var all: [@Sendable () -> Void] = []
        /// What other nodes that use the database must look at.
        private(set) var changes: Set<Change> = []
        /// The messages to webhooks beyond the first one of each change.
        var copies = 0

        /// - Parameter changes: what of the effect concerns other nodes too, who read it from the database.
        mutating func add(_ changes: Change..., effect: @escaping @Sendable () -> Void) { add(changes, effect) }

        mutating func add(_ changes: [Change], _ effect: @escaping @Sendable () -> Void) {
            self.changes.formUnion(changes)
            all.append(effect)
        }
    }

    /// One write of a group.
    private struct Part: Sendable {
        /// Does its part of a transaction.
        let run: @Sendable (Database) -> Outcome
        /// Called if there was no transaction.
        let fail: @Sendable (any Error) -> Void
    }

    /// What became of a part.
    private struct Outcome {
        /// Why it failed.
        var fault: (any Error)?
        var changes: Set<Change> = []
        /// What to do when the transaction is on disk or has failed.
        let end: (_ failure: (any Error)?) -> Void
    }

    private struct State {
        var waiting: [Part] = []
        var isRunning = false
        var tally = CommitTally()
    }

    private let storage: any Storage
    /// `nil` if no other node can use the database.
    private let follower: ChangeFollower?
    private let queue = DispatchQueue(label: "directory-writer")
    private let state = Mutex(State())

    private let wrote: @Sendable ((any Error)?) -> Void

    /// - Parameter wrote: called after each group, before its writes return, with the reason if the storage did not
    ///   take all of it.
    init(
        _ storage: any Storage,
        _ follower: ChangeFollower? = nil,
        wrote: @escaping @Sendable ((any Error)?) -> Void
    ) {
        (self.storage, self.follower) = (storage, follower)
        self.wrote = wrote
    }

    /// The number of writes that wait for the group before them.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// The transactions so far, with all writes of a group as one.
    var tally: CommitTally { state.withLock { $0.tally } }

    /// Runs `body` in a transaction, and returns when its changes are on disk.
    ///
    /// - Throws: what `body` throws, in which case it has changed nothing; or the database's error.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database, inout Effects) throws -> Value
    ) async throws -> Value {
        let call = NamedCall.current
        return try await withCheckedThrowingContinuation { continuation in
            let part = Part(
                run: { database in
                    do {
                        let (value, effects) = try Self.inSavepoint(of: database) { database, effects in
                            let before = database.changeCount
                            let value = try body(database, &effects)
                            if database.changeCount > before { try call?.note(database) }
                            return value
                        }
                        return Outcome(changes: effects.changes) { failure in
                            if let failure {
                                continuation.resume(throwing: failure)
                            } else {
                                for effect in effects.all { effect() }
                                continuation.resume(returning: value)
                            }
                        }
                    } catch {
                        return Outcome(fault: error) { _ in continuation.resume(throwing: error) }
                    }
                },
                fail: { continuation.resume(throwing: $0) }
            )
            enqueue(part)
        }
    }

    private static func inSavepoint<Value>(
        of database: Database,
        _ body: (Database, inout Effects) throws -> Value
    ) throws -> (Value, Effects) {
        var effects = Effects()
        let result = try database.inSavepoint { try body(database, &effects) }
        return (result, effects)
    }

    private func enqueue(_ part: Part) {
        let starts = state.withLock { state in
            state.waiting.append(part)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if starts { queue.async { self.run() } }
    }

    /// Runs one group after the other until nothing waits.
    private func run() {
        while true {
            let group = state.withLock { state in
                let group = Array(state.waiting.prefix(storage.groupSize))
                state.waiting.removeFirst(group.count)
                if group.isEmpty { state.isRunning = false }
                return group
            }
            guard !group.isEmpty else { return }
            var endings: [((any Error)?) -> Void] = []
            var (failure, partFailure): ((any Error)?, (any Error)?)
            let start = ContinuousClock.now
            do {
                try transact { database in
                    var changes: Set<Change> = []
                    for part in group {
                        let outcome = part.run(database)
                        endings.append(outcome.end)
                        changes.formUnion(outcome.changes)
                        // A server that takes no changes, or whose disk is full, lets the transaction go on.
                        if let fault = outcome.fault, StorageFault(fault) != nil { partFailure = fault }
                        // What follows would be written on its own.
                        guard database.isInTransaction else { throw outcome.fault ?? TransactionEnded() }
                    }
                    return changes
                }
            } catch {
                failure = error
            }
            count(hasFailed: failure != nil, start.duration(to: .now))
            wrote(failure ?? partFailure)
            for ending in endings { ending(failure) }
            if let failure { for part in group.dropFirst(endings.count) { part.fail(failure) } }
        }
    }

    private func transact(_ body: (Database) throws -> Set<Change>) throws {
        if let follower { return try follower.write(body) }
        _ = try storage.write(body)
    }

    /// Lets everything take effect that other nodes have written.
    ///
    /// - Parameter read: reads the database; called more than once.
    func look(_ read: ChangeFollower.Read) throws {
        try follower?.catchUp(read) { body in try queue.sync { try body() } }
    }

    private func count(hasFailed: Bool, _ duration: Duration) {
        state.withLock { state in
            state.tally.successes += hasFailed ? 0 : 1
            state.tally.failures += hasFailed ? 1 : 0
            state.tally.microseconds += Int(duration / .microseconds(1))
        }
    }
}

/// The database has ended a transaction by itself.
private struct TransactionEnded: Error {}
