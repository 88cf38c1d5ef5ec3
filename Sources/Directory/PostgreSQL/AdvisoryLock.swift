#if PostgreSQL
    import PostgreSQL

    /// Locks that only we know, by numbers that others are unlikely to use.
    enum AdvisoryLock: Int64 {
        /// The database is used by a gateway.
        case database = 0x6761_7465_7761_7901
        /// A transaction writes.
        case writing
        /// A gateway works for all.
        case leading

        /// How long another gateway may take to close the database.
        private static let patience = 5

        /// Takes the lock for as long as the connection is open.
        ///
        /// - Parameter isShared: whether others may have it who say so too.
        func take(_ connection: Connection, isShared: Bool) throws {
            let lock = isShared ? "pg_advisory_lock_shared" : "pg_advisory_lock"
            do throws(PostgreSQLFault) {
                try connection.run(
                    script: """
                        SET lock_timeout = '\(Self.patience)s'; SELECT \(lock)(\(rawValue)); RESET lock_timeout
                        """
                )
            } catch {
                guard error.sqlState == "55P03" else { throw error }
                throw InUse()
            }
        }

        /// Takes a node's name for as long as the connection is open: its stays and leases are those of one process.
        static func takeName(_ node: String, _ connection: Connection) throws {
            do throws(PostgreSQLFault) {
                try connection.run(script: "SET lock_timeout = '\(patience)s'")
                // Both are numbers of ours; names that happen to hash alike cannot be used together.
                _ = try connection.execute("SELECT pg_advisory_lock(\(names), hashtext($1))", [.text(node)])
                try connection.run(script: "RESET lock_timeout")
            } catch {
                guard error.sqlState == "55P03" else { throw error }
                throw NameInUse(node: node)
            }
        }

        private static let names: Int32 = 0x6761_7465

        /// Takes the lock for as long as the connection is open, unless somebody else has it.
        func attempt(_ connection: Connection) throws -> Bool {
            try connection.execute("SELECT pg_try_advisory_lock(\(rawValue))").value(0, 0).integer == 1
        }

        /// Runs `body` while nobody else has the lock. If it throws, close the connection.
        func hold(_ connection: Connection, during body: () throws -> Void) throws {
            try connection.run(script: "SELECT pg_advisory_lock(\(rawValue))")
            try body()
            try connection.run(script: "SELECT pg_advisory_unlock(\(rawValue))")
        }
    }

    /// Another gateway has the database.
    private struct InUse: DatabaseDriverError, CustomStringConvertible {
        var storageFault: StorageFault? { .taken }
        var description: String { "in use by another gateway" }
    }

    /// Another gateway has the name.
    private struct NameInUse: DatabaseDriverError, CustomStringConvertible {
        let node: String
        var storageFault: StorageFault? { .taken }
        var description: String { "another gateway is node \(node)" }
    }
#endif
