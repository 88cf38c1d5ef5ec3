import Basics
import Synchronization

/// Keeps what a node has in memory the same as what all nodes have written, in the order in which they did.
///
/// Everything takes effect on the queue of the ``Writer``. A group of writes begins with what others have written before
/// it, which its transaction then keeps from growing, and its own effects come after its end: so none of them overwrites
/// anything later. Between writes, a look at the log does the same with whatever others have written.
final class ChangeFollower: Sendable {
    typealias Effect = @Sendable () -> Void
    /// Reads the database.
    typealias Read = ((Database) throws -> Step) throws -> Step

    /// How a node obeys.
    struct Obedience: Sendable {
        /// Reads what changes name, and returns what then takes effect.
        let load: @Sendable ([Change], Database) throws -> [Effect]
        /// Reads everything anew, which takes effect.
        let reload: @Sendable () throws -> Void
    }

    /// What was read of the log, and of the rows that it names.
    enum Step: Sendable {
        case effects([Effect], end: ChangeLog.Position, isLast: Bool)
        case reload
    }

    /// More was written than one step reads.
    private struct FarBehind: Error {}

    private struct State {
        var position: ChangeLog.Position
        /// Whether a transaction has failed since, which may be on disk nevertheless.
        var isUncertain = false
        /// See ``Storage/openings``.
        var openings: Int
        /// Changes since the log was trimmed, and when that was.
        var untrimmed = 0
        var trimmedAt = MonotonicClock.now()
    }

    /// How many steps a transaction takes, for which others wait, rather than begin again after a look.
    private static let stepsInTransaction = 20
    /// The log is trimmed after so many changes, and after so long.
    private static let trimCount = 500
    private static let trimPause: Milliseconds = 60_000

    /// What this process says that it is when it adds to the log, so that it is not woken by itself.
    let id = UUIDText.random()

    private let storage: any Storage
    private let state: Mutex<State>
    private let obedience = Handler<Obedience>(Obedience(load: { _, _ in [] }, reload: {}))

    /// Begins at the end of the log: what was written before that is yet to be loaded.
    init(_ storage: any Storage) throws {
        self.storage = storage
        let position = try storage.read { try ChangeLog.end($0) }
        state = Mutex(State(position: position, openings: storage.openings))
    }

    /// How far this node has followed.
    var position: ChangeLog.Position { state.withLock { $0.position } }

    func obey(_ obedience: Obedience) { self.obedience.set(obedience) }

    // MARK: Writes

    /// Runs a transaction, on the writer's queue: before `body`, what others have written takes effect; afterwards what
    /// `body` returns is in the log.
    func write(_ body: (Database) throws -> Set<Change>) throws {
        do {
            while true {
                do {
                    if let end = try storage.write({ try transact($0, body) }) { move(to: end) }
                    return
                } catch is FarBehind {
                    try catchUp { try storage.read($0) }
                }
            }
        } catch {
            state.withLock { $0.isUncertain = true }
            throw error
        }
    }

    private func transact(
        _ database: Database,
        _ body: (Database) throws -> Set<Change>
    ) throws -> ChangeLog.Position? {
        if storage.isShared || mayBeBehind() { try catchUp(within: database) }
        let changes = try body(database)
        if isTimeToTrim(adding: changes.count) { try ChangeLog.trim(database) }
        return changes.isEmpty ? nil : try ChangeLog.add(changes, by: id, database)
    }

    /// Whether others may have written although this node has the database for itself.
    private func mayBeBehind() -> Bool {
        let openings = storage.openings
        return state.withLock { state in
            if state.openings != openings { (state.openings, state.isUncertain) = (openings, true) }
            return state.isUncertain
        }
    }

    private func catchUp(within database: Database) throws {
        for _ in 0..<Self.stepsInTransaction {
            let step = try step(after: position, database)
            guard case .effects(let effects, let end, let isLast) = step else { break }
            for effect in effects { effect() }
            move(to: end)
            if isLast { return }
        }
        throw FarBehind()
    }

    private func isTimeToTrim(adding count: Int) -> Bool {
        state.withLock { state in
            let now = MonotonicClock.now()
            state.untrimmed += count
            guard state.untrimmed >= Self.trimCount || now - state.trimmedAt >= Self.trimPause else { return false }
            (state.untrimmed, state.trimmedAt) = (0, now)
            return true
        }
    }

    // MARK: Looks

    /// Lets everything take effect that others have written.
    ///
    /// - Parameters:
    ///   - read: called until nothing is left, without keeping writes waiting.
    ///   - inTurn: runs its argument on the writer's queue.
    func catchUp(_ read: Read, inTurn: (() throws -> Bool) throws -> Bool = { try $0() }) throws {
        while true {
            let start = position
            let found = try read { try self.step(after: start, $0) }
            let isDone = try inTurn {
                // A group of writes has read more meanwhile, and its own effects came after that.
                guard position == start else { return false }
                switch found {
                case .effects(let effects, let end, let isLast):
                    for effect in effects { effect() }
                    move(to: end)
                    return isLast
                case .reload:
                    let end = try storage.read { try ChangeLog.end($0) }
                    try obedience.closure.reload()
                    move(to: end)
                    return true
                }
            }
            if isDone { return }
        }
    }

    private func step(after position: ChangeLog.Position, _ database: Database) throws -> Step {
        switch try ChangeLog.part(after: position, database) {
        case .changes(let changes, let end, let isLast):
            let effects = changes.isEmpty ? [] : try obedience.closure.load(changes, database)
            return .effects(effects, end: end, isLast: isLast)
        case .unknown: return .reload
        }
    }

    private func move(to position: ChangeLog.Position) {
        state.withLock { state in
            state.position = position
            state.isUncertain = false
        }
    }
}
