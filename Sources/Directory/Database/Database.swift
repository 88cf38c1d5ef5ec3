/// The database within one transaction: runs statements and reads their results.
///
/// Statements are written once, in the part of SQL that all databases understand, with `?` for each argument; see
/// ``Storage`` for what there is. A failed statement changes nothing, but ends the transaction unless it ran within
/// ``inSavepoint(_:)``.
struct Database {
    let connection: any DatabaseConnection

    /// Runs a statement. Returns how many rows it has inserted, changed or deleted.
    @discardableResult
    func execute(_ sql: String, _ arguments: Arguments = []) throws -> Int {
        try connection.execute(sql, arguments.values)
    }

    /// Calls `body` with each row of a result, without holding all of them in memory. `body` must not run statements.
    func forEach(_ sql: String, _ arguments: Arguments = [], _ body: (Row) throws -> Void) throws {
        try connection.forEach(sql, arguments.values, body)
    }

    func rows(_ sql: String, _ arguments: Arguments = []) throws -> [Row] {
        try connection.rows(sql, arguments.values)
    }

    /// The first row of a result.
    func row(_ sql: String, _ arguments: Arguments = []) throws -> Row? { try rows(sql, arguments).first }

    /// The first column of the first row. Returns `nil` if there is no row, or if the column is null.
    func value<Value: Storable>(
        _ sql: String,
        _ arguments: Arguments = [],
        as: Value.Type = Value.self
    ) throws -> Value? {
        try row(sql, arguments).flatMap { $0[0] }
    }

    /// The first column of all rows.
    func values<Value: Storable>(
        _ sql: String,
        _ arguments: Arguments = [],
        as: Value.Type = Value.self
    ) throws -> [Value] {
        try rows(sql, arguments).map { $0[0] }
    }

    /// Inserts a row into a table with an id. Returns its id.
    func insert(_ sql: String, _ arguments: Arguments = []) throws -> Int64 {
        guard let id = try value("\(sql) RETURNING id", arguments, as: Int64.self) else {
            throw DirectoryFault(description: "a row was not inserted")
        }
        return id
    }

    /// Runs `body`. If it throws, undoes what it has changed, and the transaction goes on.
    func inSavepoint<Value>(_ body: () throws -> Value) throws -> Value {
        try connection.execute("SAVEPOINT part", [])
        do {
            let value = try body()
            try connection.execute("RELEASE SAVEPOINT part", [])
            return value
        } catch {
            // The database may have ended the transaction by itself.
            if connection.isInTransaction {
                try connection.execute("ROLLBACK TO SAVEPOINT part", [])
                try connection.execute("RELEASE SAVEPOINT part", [])
            }
            throw error
        }
    }

    /// How many rows were inserted, changed and deleted on this connection so far, also by triggers if the database
    /// counts those.
    var changeCount: Int { connection.changeCount }

    /// Whether the transaction is still open. Some errors end it, for example a full disk.
    var isInTransaction: Bool { connection.isInTransaction }
}

/// What ``Database`` needs of a database's driver.
protocol DatabaseConnection {
    @discardableResult func execute(_ sql: String, _ arguments: [StoredValue]) throws -> Int
    func rows(_ sql: String, _ arguments: [StoredValue]) throws -> [Row]
    func forEach(_ sql: String, _ arguments: [StoredValue], _ body: (Row) throws -> Void) throws
    var changeCount: Int { get }
    var isInTransaction: Bool { get }
}
