#if PostgreSQL
    import Admission
    import Basics
    import Dispatch
    import PostgreSQL
    import Synchronization

    /// A database at a PostgreSQL server.
    ///
    /// Transactions that write hold a lock, so that they follow each other as they do in SQLite: what one has read stays
    /// true until its end, and ids grow in the order of the commits. Those that read see one state throughout.
    final class PostgreSQLStorage: Storage {
        private let uri: String
        private let settings: ConnectionSettings
        private let readers: ConnectionPool
        private let writer: WriterConnection
        private let listener = Mutex<ChangeListener?>(nil)
        let isShared: Bool

        /// Connects, and brings the tables up to date.
        ///
        /// - Parameters:
        ///   - isShared: whether other nodes use the database too, all of which say so.
        ///   - node: which of these no other process may be.
        init(_ uri: String, isShared: Bool = false, node: String = "") throws {
            self.uri = uri
            settings = try ConnectionSettings(uri)
            self.isShared = isShared
            readers = ConnectionPool(settings, size: Directory.readerCount)
            writer = WriterConnection(settings, isShared: isShared, node: node)
            try writer.use { connection in
                try AdvisoryLock.writing.hold(connection) { try PostgreSQLSchema.migrate(connection) }
            }
        }

        /// Reads a database that a gateway may be using.
        ///
        /// - Returns: `nil` if its tables are not there yet.
        static func read<Value>(_ uri: String, _ body: (Database) throws -> Value) throws -> Value? {
            let connection = try Connection(ConnectionSettings(uri))
            return try PostgreSQLSchema.isCurrent(connection) ? connection.read(body) : nil
        }

        /// Over a connection of its own, since the view is loaded by several threads at once.
        func read<Value>(_ body: (Database) throws -> Value) throws -> Value { try Connection(settings).read(body) }

        func read<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
            try await readers.run { try $0.read(body) }
        }

        func write<Value>(_ body: (Database) throws -> Value) throws -> Value {
            try writer.use { connection in
                try connection.transaction("BEGIN; SELECT pg_advisory_xact_lock(\(AdvisoryLock.writing.rawValue))") {
                    try body(Database(connection: Transaction(connection)))
                }
            }
        }

        func fill(_ body: (Database) throws -> Void) throws {
            try write { database in
                for table in StoredTable.all { try database.execute("ALTER TABLE \(table.name) DISABLE TRIGGER USER") }
                try body(database)
                for table in StoredTable.all { try database.execute("ALTER TABLE \(table.name) ENABLE TRIGGER USER") }
                let generated = try database.rows(
                    """
                    SELECT table_name::text, pg_get_serial_sequence(table_name, 'id') FROM information_schema.columns
                    WHERE table_schema = current_schema() AND column_name = 'id' AND is_identity = 'YES'
                    """
                )
                for row in generated {
                    let (table, sequence): (String, String) = (row[0], row[1])
                    // Messages that are over have ids of the same sequence.
                    let ids =
                        table.hasSameBytes(as: "delivery")
                        ? "(SELECT id FROM delivery UNION ALL SELECT id FROM past_delivery) AS messages" : table
                    _ = try database.row("SELECT setval('\(sequence)', coalesce(max(id), 0) + 1, false) FROM \(ids)")
                }
            }
        }

        /// Does nothing: the server keeps what was deleted until it has vacuumed, and in its log.
        func forgetDeleted() async {}

        var hasChangeLog: Bool { true }

        func follow(
            as process: String,
            leading: @escaping @Sendable (Bool) -> Void,
            look: @escaping @Sendable (ChangeFollower.Read) throws -> Void
        ) throws {
            guard isShared else { return leading(true) }
            let new = try ChangeListener(settings, process: process, leading: leading, look: look)
            listener.withLock { $0 = new }
        }

        func leases(as node: NodeNumber) throws -> (any LeaseStorage)? {
            isShared ? try PostgreSQLLeaseStore(uri, node: node) : nil
        }

        var openings: Int { writer.openings }

        func keepOpen() async throws { try await writer.keepOpen() }

        /// Groups of more savepoints slow down every reader: the server caches 64 for each connection.
        var groupSize: Int { 60 }

        var missingFiles: [String] { [] }

        func words(_ error: any Error) -> String { "\(error)" }

        func close() async {
            await listener.withLock { $0.take() }?.close()
            await readers.close()
            writer.close()
        }
    }

    /// The connection that writes. It keeps other gateways out for as long as it is open, unless they share the database:
    /// each knows only its own leases and sessions.
    private final class WriterConnection: Sendable {
        private let settings: ConnectionSettings
        private let isShared: Bool
        private let node: String
        private let queue = DispatchQueue(label: "directory-postgresql")
        /// Accessed on the queue only. Opened when it is needed, and anew after it was lost.
        nonisolated(unsafe) private var connection: Connection?
        /// How often it was opened.
        private let count = Atomic<Int>(0)

        init(_ settings: ConnectionSettings, isShared: Bool, node: String) {
            (self.settings, self.isShared, self.node) = (settings, isShared, node)
        }

        /// Runs `body` when nobody else uses the connection. Blocks the thread.
        func use<Value>(_ body: (Connection) throws -> Value) throws -> Value {
            try queue.sync { try body(open()) }
        }

        /// Opens the connection again if the server has closed it: who else could take the database?
        func keepOpen() async throws {
            try await withCheckedThrowingContinuation { continuation in
                queue.async { continuation.resume(with: Result { _ = try self.open() }) }
            }
        }

        var openings: Int { count.load(ordering: .relaxed) }

        private func open() throws -> Connection {
            if let connection = unsafe connection {
                // The server may have closed it since.
                connection.checkIsOpen()
                if !connection.isBroken { return connection }
            }
            let connection = try Connection(settings)
            // Another server may answer by now.
            if openings > 0, try !PostgreSQLSchema.isCurrent(connection) { throw Emptied() }
            try AdvisoryLock.database.take(connection, isShared: isShared)
            if isShared, !node.isEmpty { try AdvisoryLock.takeName(node, connection) }
            // A successful answer means that the data is on disk, whatever the server does for others.
            _ = try connection.execute(
                """
                SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
                """
            )
            unsafe self.connection = connection
            count.add(1, ordering: .relaxed)
            return connection
        }

        func close() { queue.sync { unsafe connection = nil } }
    }

    /// The database has no tables of ours any more.
    private struct Emptied: DatabaseDriverError, CustomStringConvertible {
        var storageFault: StorageFault? { .emptied }
        var description: String { "the directory is gone" }
    }

    extension Connection {
        /// Runs `body` in a transaction that changes nothing and sees one state of the database.
        func read<Value>(_ body: (Database) throws -> Value) throws -> Value {
            // A plan for any moment would not know how few rows a given one selects.
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_custom_plan"
            return try transaction(begin) { try body(Database(connection: Transaction(self))) }
        }
    }

    /// A connection during one transaction.
    private final class Transaction: DatabaseConnection {
        private let connection: Connection
        private(set) var changeCount = 0

        init(_ connection: Connection) { self.connection = connection }

        var isInTransaction: Bool { connection.isInTransaction }

        func execute(_ sql: String, _ arguments: [StoredValue]) throws -> Int {
            try run(sql, arguments).changedRows
        }

        func rows(_ sql: String, _ arguments: [StoredValue]) throws -> [Row] {
            let rows = try run(sql, arguments)
            let reader = RowReader()
            return (0..<rows.count).map { reader.row($0, of: rows) }
        }

        func forEach(_ sql: String, _ arguments: [StoredValue], _ body: (Row) throws -> Void) throws {
            let reader = RowReader()
            try connection.forEachRow(PostgreSQLText.of(sql), arguments.map(Value.init)) { rows in
                try body(reader.row(0, of: rows))
            }
        }

        private func run(_ sql: String, _ arguments: [StoredValue]) throws -> Rows {
            let rows = try connection.execute(PostgreSQLText.of(sql), arguments.map(Value.init))
            if !sql.utf8.starts(with: "SELECT".utf8) { changeCount += rows.changedRows }
            return rows
        }
    }

    /// Turns rows of one statement into ours, which share the names of their columns.
    private final class RowReader {
        private var columns: ColumnNames?

        func row(_ index: Int, of rows: Rows) -> Row {
            let columns = columns ?? ColumnNames(rows.columns)
            self.columns = columns
            return Row(columns: columns, values: rows.row(index).map(StoredValue.init))
        }
    }

    extension StoredValue {
        fileprivate init(_ value: Value) {
            self =
                switch value {
                case .null: .null
                case .integer(let number): .integer(number)
                case .real(let number): .real(number)
                case .text(let text): .text(text)
                case .bytes(let bytes): .bytes(bytes)
                }
        }
    }

    extension Value {
        fileprivate init(_ value: StoredValue) {
            self =
                switch value {
                case .null: .null
                case .integer(let number): .integer(number)
                case .real(let number): .real(number)
                case .text(let text): .text(text)
                case .bytes(let bytes): .bytes(bytes)
                }
        }
    }
#endif
