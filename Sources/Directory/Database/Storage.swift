import Admission

/// Where a directory is stored: an open database with several readers, and one transaction that writes at a time.
protocol Storage: Sendable {
    /// Reads a state in which no transaction is half done. Blocks the thread.
    func read<Value>(_ body: (Database) throws -> Value) throws -> Value

    /// Reads a state in which no transaction is half done.
    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value

    /// Runs a transaction, which no other overlaps, and returns when its changes are on disk. If `body` throws, nothing
    /// changes. Blocks the thread.
    @discardableResult func write<Value>(_ body: (Database) throws -> Value) throws -> Value

    /// Runs a transaction that copies a whole directory in, without what keeps sums up to date: those are copied too.
    func fill(_ body: (Database) throws -> Void) throws

    /// Whether it has a ``ChangeLog``, by which nodes that share it learn of each other's changes.
    var hasChangeLog: Bool { get }

    /// Whether other nodes may be using it too.
    var isShared: Bool { get }

    /// Calls `look` on a thread of its own when another node has changed something, and about once a second anyway, until
    /// the storage is closed. If it is not ``isShared``, this node leads, and there is nothing to look at.
    ///
    /// - Parameters:
    ///   - process: what this process is called in the log.
    ///   - leading: told whether this node is the one that works for all, when that changes. None is at first. For a moment
    ///     after the database was lost there may be two.
    ///   - look: takes what reads the database, and throws what that has thrown.
    func follow(
        as process: String,
        leading: @escaping @Sendable (Bool) -> Void,
        look: @escaping @Sendable (ChangeFollower.Read) throws -> Void
    ) throws

    /// The leases that the nodes which share it keep in it. Returns `nil` if it is not ``isShared``.
    func leases(as node: NodeNumber) throws -> (any LeaseStorage)?

    /// How often what writes was opened. Between two openings, others may have written.
    var openings: Int { get }

    /// Opens again what was lost, before anybody else takes the database.
    func keepOpen() async throws

    /// The most writes that share a transaction. Bounds how long the first waits for the last.
    var groupSize: Int { get }

    /// Returns when what was deleted or overwritten can be read neither in the database nor in its log, as far as the
    /// database can do that.
    func forgetDeleted() async

    /// Files of the open database that were removed or replaced: what is written from then on is lost with the process.
    var missingFiles: [String] { get }

    /// An error of the database, worded for the operator.
    func words(_ error: any Error) -> String

    /// Ends all access. Nothing may be under way.
    func close() async
}
