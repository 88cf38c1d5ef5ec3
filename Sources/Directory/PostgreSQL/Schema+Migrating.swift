#if PostgreSQL
    import Basics
    import PostgreSQL

    extension PostgreSQLSchema {
        /// Brings the tables up to date. Nobody else may do so at the same time.
        ///
        /// - Throws: ``DirectoryFault`` if this version must not write to the database.
        static func migrate(_ connection: Connection) throws {
            let applied = try applied(connection)
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
                rows = try connection.execute("SELECT id FROM migration WHERE applied_at > 0")
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
