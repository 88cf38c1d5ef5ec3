#if PostgreSQL
    import PostgreSQL

    extension StorageLocation {
        static func server(_ uri: String, isShared: Bool, node: String) throws(DirectoryFault) -> any Storage {
            try named(uri) { try PostgreSQLStorage(uri, isShared: isShared, node: node) }
        }

        static func problems(ofServer uri: String) -> [String] {
            do throws(DirectoryFault) {
                let problem = try named(uri) { try PostgreSQLSchema.problem(Connection(ConnectionSettings(uri))) }
                return problem.map { [$0] } ?? []
            } catch {
                return [error.description]
            }
        }

        static func read<Value>(
            fromServer uri: String,
            _ body: (Database) throws -> Value
        ) throws(DirectoryFault) -> Value? {
            try named(uri) { try PostgreSQLStorage.read(uri, body) }
        }

        /// Runs `body`, and names the database in what it throws.
        private static func named<Value>(_ uri: String, _ body: () throws -> Value) throws(DirectoryFault) -> Value {
            do {
                return try body()
            } catch {
                guard let settings = try? ConnectionSettings(uri) else { throw DirectoryFault(description: "\(error)") }
                throw DirectoryFault(description: "\(settings): \(error)")
            }
        }

        static func name(ofServer uri: String) -> String { (try? ConnectionSettings(uri))?.description ?? "PostgreSQL" }
    }
#endif
