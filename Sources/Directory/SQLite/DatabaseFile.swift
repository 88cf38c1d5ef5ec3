import Admission
import Basics
import GRDB
import Glibc
import Synchronization

/// The database file: opened by one process at a time, migrated, checked.
enum DatabaseFile {
    /// Opens or creates the file, readable by its owner only.
    static func open(_ path: String) throws(DirectoryFault) -> DatabasePool {
        do {
            try secure(path)
            // Check before the pool opens it: the pool writes to any database.
            if let reason = try foreignness(path) { throw DirectoryFault(description: "\(path): \(reason)") }
            let pool = try DatabasePool(path: path, configuration: configuration)
            // A successful answer means that the data is on disk. The pool weakens this when it enables the write-ahead
            // log.
            try pool.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = FULL")
                // In pages of the log. Reached only if ``Checkpoints`` cannot keep up.
                try database.execute(sql: "PRAGMA wal_autocheckpoint = 16384")
            }
            try Migrations.migrator.migrate(pool)
            return pool
        } catch let fault as DirectoryFault {
            throw fault
        } catch {
            throw DirectoryFault(description: "\(path): \(words(error))")
        }
    }

    /// Opens a separate connection for checkpoints of an open database.
    static func checkpoints(_ path: String) throws(DirectoryFault) -> Checkpoints {
        do {
            var configuration = configuration
            // Writes wait while a checkpoint waits for readers.
            configuration.busyMode = .timeout(0.05)
            return Checkpoints(try DatabaseQueue(path: path, configuration: configuration))
        } catch {
            throw DirectoryFault(description: "\(path): \(words(error))")
        }
    }

    /// What is wrong with an existing file and, if `isThorough`, with its content. Returns an empty list if all is well
    /// or the file does not exist yet.
    static func problems(_ path: String, isThorough: Bool) -> [String] {
        // SAFETY: the path is passed as a C string for the call.
        guard unsafe access(path, F_OK) == 0 else { return [] }
        do {
            if let reason = try foreignness(path) { return ["\(path): \(reason)"] }
            guard isThorough else { return [] }
            let found = try reader(path).read { try String.fetchAll($0, sql: "PRAGMA integrity_check(20)") }
            return found == ["ok"] ? [] : found.map { "\(path): \($0)" }
        } catch {
            return ["\(path): \(words(error))"]
        }
    }

    /// Reads a database that another process may be using.
    ///
    /// - Returns: `nil` if the file does not exist yet.
    static func read<Value>(_ path: String, _ body: (Database) throws -> Value) throws -> Value? {
        // SAFETY: the path is passed as a C string for the call.
        guard unsafe access(path, F_OK) == 0 else { return nil }
        if let reason = try foreignness(path) { throw DirectoryFault(description: "\(path): \(reason)") }
        return try reader(path).read { try body(Database($0)) }
    }

    /// Why this version must not write to an existing file. Returns `nil` if it may, or if the file is empty.
    private static func foreignness(_ path: String) throws -> String? {
        try reader(path).read { database in
            let applied = try Migrations.migrator.appliedIdentifiers(database)
            guard applied.isDisjoint(with: Migrations.migrator.migrations) else {
                return try Migrations.migrator.hasBeenSuperseded(database)
                    ? "made by a later version of the gateway" : nil
            }
            let tables = try String.fetchAll(
                database,
                sql: "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            )
            return applied.isEmpty && tables.allSatisfy { $0.hasSameBytes(as: "grdb_migrations") } ? nil : notOurs
        }
    }

    /// Opens a database that another process may be using, to read it.
    private static func reader(_ path: String) throws -> DatabaseQueue {
        var configuration = configuration
        configuration.readonly = true
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    private static let notOurs = "not a database of the gateway"

    private static var configuration: GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.maximumReaderCount = Directory.readerCount
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { database in
            // In kibibytes, for each connection.
            try database.execute(sql: "PRAGMA cache_size = -8192")
            // Overwrite deleted data, which may be personal.
            try database.execute(sql: "PRAGMA secure_delete = ON")
            database.add(function: octetLength)
        }
        return configuration
    }

    /// The length of a text in bytes, which SQLite has since version 3.43.
    private static let octetLength = DatabaseFunction("octet_length", argumentCount: 1, pure: true) { values in
        String.fromDatabaseValue(values[0])?.utf8.count
    }

    /// Creates the file before SQLite does, which would let others read it.
    private static func secure(_ path: String) throws(DirectoryFault) {
        // SAFETY: the path is passed as a C string for the call.
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DirectoryFault(description: "\(path): \(systemWords(errno))") }
        close(descriptor)
    }

    static func words(_ error: any Error) -> String {
        guard let error = error as? DatabaseError else { return "\(error)" }
        switch error.resultCode {
        case .SQLITE_NOTADB: return notOurs
        case .SQLITE_CORRUPT: return "the database is damaged; restore it from a backup"
        case .SQLITE_FULL: return "the disk is full"
        case .SQLITE_READONLY: return "permission denied: it can only be read"
        case .SQLITE_CANTOPEN: return "cannot be opened"
        default: return error.message ?? "\(error.resultCode)"
        }
    }
}

/// Keeps a second process from using the same database, since each process knows only its own leases and sessions.
final class DatabaseLock: Sendable {
    private let descriptor: Mutex<Int32>

    init(_ database: String) throws(DirectoryFault) {
        let path = database + ".lock"
        // SAFETY: the path is passed as a C string for the call.
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw DirectoryFault(description: "\(path): \(systemWords(errno))") }
        self.descriptor = Mutex(descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw DirectoryFault(description: "\(database): in use by another process")
        }
    }

    deinit { release() }

    /// Lets another process lock the database.
    func release() {
        descriptor.withLock { descriptor in
            guard descriptor >= 0 else { return }
            // Unlock explicitly: a process that was just spawned may still hold a copy of the descriptor.
            _ = flock(descriptor, LOCK_UN)
            close(descriptor)
            descriptor = -1
        }
    }
}

private func systemWords(_ code: Int32) -> String {
    // SAFETY: strerror returns a static or thread-local text, copied before the next call.
    unsafe String(cString: strerror(code))
}
