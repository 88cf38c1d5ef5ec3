import Admission
import Foundation
import GRDB

/// A database in a file, used by one process at a time.
final class SQLiteStorage: Storage {
    private let pool: DatabasePool
    private let checkpoints: Checkpoints
    private let lock: DatabaseLock
    private let presence: DatabasePresence

    /// Opens or creates the file, and brings its tables up to date.
    init(_ path: String) throws(DirectoryFault) {
        lock = try DatabaseLock(path)
        pool = try DatabaseFile.open(path)
        checkpoints = try DatabaseFile.checkpoints(path)
        presence = DatabasePresence(path)
    }

    func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
        try pool.read { try body(Database($0)) }
    }

    func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await pool.read { try body(Database($0)) }
    }

    func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
        defer { checkpoints.wrote() }
        return try pool.writeWithoutTransaction { database in
            var value: Value?
            try database.inTransaction(.immediate) {
                value = try body(Database(database))
                return .commit
            }
            guard let value else { throw DatabaseError(resultCode: .SQLITE_INTERNAL) }
            return value
        }
    }

    func forgetDeleted() async { await checkpoints.truncate() }

    func fill(_ body: (Database) throws -> Void) throws {
        try write { database in
            let triggers = try database.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            for trigger in triggers { try database.execute("DROP TRIGGER \(trigger[0] as String)") }
            try body(database)
            for trigger in triggers { try database.execute(trigger[1]) }
            // Messages that are over have ids of the same sequence.
            try database.execute("DELETE FROM sqlite_sequence WHERE name = 'delivery'")
            try database.execute(
                """
                INSERT INTO sqlite_sequence (name, seq) SELECT 'delivery', coalesce(max(id), 0)
                FROM (SELECT id FROM delivery UNION ALL SELECT id FROM past_delivery)
                """
            )
        }
    }

    var hasChangeLog: Bool { false }

    var isShared: Bool { false }

    func follow(
        as _: String,
        leading: @escaping @Sendable (Bool) -> Void,
        look _: @escaping @Sendable (ChangeFollower.Read) throws -> Void
    ) {
        leading(true)
    }

    func leases(as _: NodeNumber) -> (any LeaseStorage)? { nil }

    var openings: Int { 1 }

    func keepOpen() async throws {}

    var groupSize: Int { 256 }

    var missingFiles: [String] { presence.missing }

    func words(_ error: any Error) -> String { DatabaseFile.words(error) }

    func close() async {
        checkpoints.close()
        // Leave the whole database in the file alone.
        try? await pool.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
        try? pool.close()
        lock.release()
    }
}

extension Database {
    init(_ database: GRDB.Database) { self.init(connection: SQLiteConnection(database: database)) }
}

/// A connection to SQLite during one access. Statements stay prepared for as long as it is open.
private struct SQLiteConnection: DatabaseConnection {
    let database: GRDB.Database

    func execute(_ sql: String, _ arguments: [StoredValue]) throws -> Int {
        try database.cachedStatement(sql: sql).execute(arguments: StatementArguments(arguments))
        return database.changesCount
    }

    func rows(_ sql: String, _ arguments: [StoredValue]) throws -> [Row] {
        var rows: [Row] = []
        try forEach(sql, arguments) { rows.append($0) }
        return rows
    }

    func forEach(_ sql: String, _ arguments: [StoredValue], _ body: (Row) throws -> Void) throws {
        let statement = try database.cachedStatement(sql: sql)
        let columns = ColumnNames(statement.columnNames)
        let cursor = try GRDB.Row.fetchCursor(statement, arguments: StatementArguments(arguments))
        while let row = try cursor.next() {
            try body(Row(columns: columns, values: row.databaseValues.map(StoredValue.init)))
        }
    }

    var changeCount: Int { database.totalChangesCount }

    var isInTransaction: Bool { database.isInsideTransaction }
}

extension StatementArguments {
    fileprivate init(_ values: [StoredValue]) { self.init(values.map(\.databaseValue)) }
}

extension StoredValue {
    fileprivate init(_ value: DatabaseValue) {
        self =
            switch value.storage {
            case .null: .null
            case .int64(let number): .integer(number)
            case .double(let number): .real(number)
            case .string(let text): .text(text)
            case .blob(let data): .bytes([UInt8](data))
            }
    }

    fileprivate var databaseValue: DatabaseValue {
        switch self {
        case .null: .null
        case .integer(let number): number.databaseValue
        case .real(let number): number.databaseValue
        case .text(let text): text.databaseValue
        case .bytes(let bytes): Data(bytes).databaseValue
        }
    }
}
