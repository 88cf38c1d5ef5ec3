#if PostgreSQL
    import PostgreSQL
    import Synchronization
    import TestSupport

    private let schemas = Atomic(0)

    extension Connection {
        /// Connects to the shared server, with a schema of its own to make tables in: that takes less time than a
        /// database.
        convenience init() throws {
            try self.init(ConnectionSettings(PostgreSQLServer.shared.localURI("postgres")))
            let schema = "test_\(schemas.add(1, ordering: .relaxed).newValue)"
            try run(script: "CREATE SCHEMA \(schema); SET search_path = \(schema)")
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
