#if PostgreSQL
    import PostgreSQL
    import TestSupport

    extension Connection {
        /// Connects to a new database of the shared server.
        convenience init(timeout: Int64 = 10_000) throws {
            try self.init(ConnectionSettings(try PostgreSQLServer.shared.newDatabase()), timeout: timeout)
        }

        /// The only value of the only row.
        func value(_ sql: String, _ values: [Value] = []) throws -> Value {
            let rows = try execute(sql, values)
            guard rows.count == 1, rows.columns.count == 1 else { throw Unexpected(what: "\(rows.count) rows") }
            return rows.value(0, 0)
        }
    }

    struct Unexpected: Error {
        let what: String
    }

    /// What `body` throws, if it is a fault.
    func caught(_ body: () throws -> Void) -> PostgreSQLFault? {
        do {
            try body()
            return nil
        } catch {
            return error as? PostgreSQLFault
        }
    }
#endif
