#if PostgreSQL
    import PostgreSQL
    import TestSupport
    import Testing

    @testable import Directory

    @Suite(
        "What keeps the gateway from a server's database is said before it starts",
        .enabled(if: PostgreSQLServer.isInstalled)
    )
    struct ServerRightsTests {
        private let server = PostgreSQLServer.shared
        private let name: String
        private let role: String

        init() throws {
            name = try server.newDatabaseName()
            role = "role_\(name)"
            try admin("postgres", "CREATE ROLE \(role) LOGIN PASSWORD 'x'")
        }

        private func admin(_ database: String, _ script: String) throws {
            try Connection(ConnectionSettings(server.localURI(database))).run(script: script)
        }

        private var uri: String { server.localURI(name, user: role) }

        /// Expects that check and start say the same.
        private func expect(_ words: String, sourceLocation: SourceLocation = #_sourceLocation) {
            let checked = Directory.problems(in: uri)
            #expect(checked.count == 1 && checked[0].contains(words), "\(checked)", sourceLocation: sourceLocation)
            let fault = #expect(throws: DirectoryFault.self, sourceLocation: sourceLocation) {
                _ = try Directory(database: uri, clock: { start })
            }
            #expect(fault?.description.contains(words) == true, "\(fault as Any)", sourceLocation: sourceLocation)
        }

        @Test("A user who may not create tables, as is so by default; once it may, nothing is wrong")
        func schema() throws {
            expect("user \(role) may not create tables in schema public")
            try admin(name, "GRANT CREATE ON SCHEMA public TO \(role)")
            #expect(Directory.problems(in: uri).isEmpty)
        }

        @Test("A search path that leads nowhere")
        func path() throws {
            try admin(name, "ALTER ROLE \(role) SET search_path = nowhere")
            expect("no schema of the search_path of user \(role) exists")
        }

        @Test("A user whose transactions change nothing")
        func readOnly() throws {
            try admin(name, "GRANT CREATE ON SCHEMA public TO \(role)")
            try admin(name, "ALTER ROLE \(role) SET default_transaction_read_only = on")
            expect("see default_transaction_read_only")
        }

        @Test("Tables of another user, as after a restore")
        func owner() async throws {
            try await Directory(database: server.localURI(name), clock: { start }).close()
            expect("user \(role) may not use table")
            try admin(
                name,
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO \(role); GRANT CREATE ON SCHEMA public TO \(role)"
            )
            #expect(Directory.problems(in: uri).isEmpty)
        }

        @Test("A database of a later version")
        func later() async throws {
            try await Directory(database: server.localURI(name), clock: { start }).close()
            try admin(name, "INSERT INTO migration VALUES (999, 'later', 0); ALTER DATABASE \(name) OWNER TO \(role)")
            try admin(name, "GRANT ALL ON ALL TABLES IN SCHEMA public TO \(role)")
            expect("made by a later version of the gateway")
        }
    }
#endif
