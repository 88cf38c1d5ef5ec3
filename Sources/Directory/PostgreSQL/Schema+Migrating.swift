#if PostgreSQL
    import Basics
    import PostgreSQL

    extension PostgreSQLSchema {
        /// Brings the tables up to date. Nobody else may do so at the same time.
        ///
        /// - Throws: ``DirectoryFault`` if this version must not write to the database.
        static func migrate(_ connection: Connection) throws {
            let (problem, applied) = try inspect(connection)
            if let problem { throw DirectoryFault(description: problem) }
            if applied == nil { try connection.run(script: ledger) }
            for migration in migrations where !(applied ?? []).contains(migration.id) {
                try connection.run(
                    script: """
                        BEGIN;
                        \(migration.sql)
                        INSERT INTO migration (id, name, applied_at)
                            VALUES (\(migration.id), '\(migration.name)', extract(epoch FROM now())::bigint * 1000);
                        COMMIT
                        """
                )
            }
        }

        /// What keeps the gateway from using the database, worded for the operator.
        static func problem(_ connection: Connection) throws -> String? { try inspect(connection).problem }

        /// - Returns: what keeps the gateway from using the database, and the migrations that have run; `nil` if the schema is
        ///   empty.
        private static func inspect(_ connection: Connection) throws -> (problem: String?, applied: Set<Int64>?) {
            let row = try connection.execute(
                """
                SELECT current_user::text, current_schema()::text, current_setting('transaction_read_only'),
                    pg_is_in_recovery(), has_schema_privilege(current_schema(), 'CREATE')
                """
            )
            let user = row.value(0, 0).text ?? ""
            guard let schema = row.value(0, 1).text else {
                return ("no schema of the search_path of user \(user) exists: create one, or set its search_path", nil)
            }
            if row.value(0, 3).integer == 1 {
                return ("\(StorageFault.standby)", nil)
            }
            guard row.value(0, 2).text.map({ $0.hasSameBytes(as: "off") }) ?? false else {
                return ("transactions of user \(user) change nothing: see default_transaction_read_only", nil)
            }
            let closed = try connection.execute(
                """
                SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
                AND to_regclass('migration') IS NOT NULL AND NOT (
                    has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
                    AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')
                ) ORDER BY relname LIMIT 1
                """
            )
            if closed.count > 0, let table = closed.value(0, 0).text {
                return ("user \(user) may not use table \(table): make it the tables' owner (REASSIGN OWNED BY)", nil)
            }
            let applied = try applied(connection)
            guard applied == nil, row.value(0, 4).integer != 1 else { return (nil, applied) }
            let problem = """
                user \(user) may not create tables in schema \(schema): make it the database's owner (ALTER DATABASE … OWNER \
                TO \(user)), or GRANT CREATE ON SCHEMA \(schema) TO \(user)
                """
            return (problem, nil)
        }

        /// Whether the tables are up to date, so that they can be read.
        static func isCurrent(_ connection: Connection) throws -> Bool {
            try applied(connection).map { $0.isSuperset(of: migrations.map(\.id)) } ?? false
        }

        /// The migrations that have run. Returns `nil` if the schema is empty.
        private static func applied(_ connection: Connection) throws -> Set<Int64>? {
            let tables = try connection.execute(
                "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')"
            )
            let names = (0..<tables.count).compactMap { tables.value($0, 0).text }
            if names.isEmpty { return nil }
            guard names.contains(where: { $0.hasSameBytes(as: "migration") }) else { throw notOurs }
            let rows: Rows
            do throws(PostgreSQLFault) {
                rows = try connection.execute("SELECT id FROM migration WHERE applied_at IS NOT NULL")
            } catch {
                if error.kind == .other { throw notOurs }
                throw error
            }
            let ids = Set((0..<rows.count).compactMap { rows.value($0, 0).integer })
            guard ids.isSubset(of: migrations.map(\.id)) else {
                throw DirectoryFault(description: "made by a later version of the gateway")
            }
            return ids
        }

        private static let notOurs = DirectoryFault(description: "not a database of the gateway")
    }
#endif
