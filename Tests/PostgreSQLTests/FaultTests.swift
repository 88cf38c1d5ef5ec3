#if PostgreSQL
    import Basics
    import Dispatch
    import Foundation
    import TestSupport
    import Testing

    @testable import PostgreSQL

    @Suite("What goes wrong is told by its kind", .enabled(if: PostgreSQLServer.isInstalled))
    struct FaultTests {
        @Test(
            "A statement that fails says its kind and SQLSTATE, and leaves the connection usable",
            arguments: [
                ("INSERT INTO item VALUES (1)", "23505", .unique(constraint: "item_pkey")),
                ("INSERT INTO item VALUES (NULL)", "23502", .other), ("SELEC", "42601", .other),
                ("SELECT * FROM missing", "42P01", .other),
                ("SET transaction_read_only = on; INSERT INTO item VALUES (2)", "25006", .readOnly),
                ("DO $$ BEGIN RAISE EXCEPTION 'a' USING ERRCODE = '53100'; END $$", "53100", .full),
                ("DO $$ BEGIN RAISE EXCEPTION 'a' USING ERRCODE = '40001'; END $$", "40001", .serialization),
            ] as [(String, SQLState, PostgreSQLFault.Kind)]
        )
        func statements(sql: String, state: SQLState, kind: PostgreSQLFault.Kind) throws {
            let connection = try Connection()
            try connection.run(script: "CREATE TABLE item (id int8 PRIMARY KEY); INSERT INTO item VALUES (1)")
            let fault = try #require(caught { try connection.run(script: sql) })
            #expect(fault.sqlState == state && fault.kind == kind)
            #expect(fault.description.contains(state.description))
            #expect(!connection.isBroken)
            #expect(try connection.value("SELECT 1") == .integer(1))
        }

        @Test("Of two transactions that wait for each other, one is told to start again", .timeLimit(.minutes(5)))
        func deadlock() async throws {
            let uri = try PostgreSQLServer.shared.newDatabase()
            let pool = ConnectionPool(try ConnectionSettings(uri), size: 2)
            let met = DispatchGroup()
            met.enter()
            met.enter()
            func work(_ first: Int64, _ second: Int64) async -> PostgreSQLFault.Kind? {
                do {
                    try await pool.run { connection in
                        try connection.run(script: "BEGIN; SET LOCAL deadlock_timeout = '10ms'")
                        _ = try connection.execute("SELECT pg_advisory_xact_lock($1)", [.integer(first)])
                        met.leave()
                        met.wait()
                        _ = try connection.execute("SELECT pg_advisory_xact_lock($1)", [.integer(second)])
                        try connection.run(script: "COMMIT")
                    }
                    return nil
                } catch {
                    return (error as? PostgreSQLFault)?.kind
                }
            }
            async let one = work(1, 2)
            async let two = work(2, 1)
            #expect(await Set([one, two]) == [nil, .serialization])
            await pool.close()
        }

        @Test("A server that stops, crashes, is killed, or is silent in a call is away")
        func serverAway() throws {
            let server = try PostgreSQLServer()
            let connection = try Connection(ConnectionSettings(server.uri("postgres")))
            let ends: [() -> Void] = [{ server.stop() }, { server.stop(immediately: true) }, { server.kill() }]
            for end in ends {
                end()
                let fault = try #require(caught { _ = try connection.execute("SELECT 1") })
                #expect(fault.kind == .connection && connection.isBroken, "\(fault)")
                let refused = try #require(caught { try connection.reset() })
                #expect(refused.kind == .connection && refused.description.contains("127.0.0.1"), "\(refused)")
                try server.start()
                try connection.reset()
                #expect(try connection.value("SELECT 1") == .integer(1))
            }

            let process = connection.serverProcess
            server.halt(process)
            connection.timeout = 20
            #expect(caught { _ = try connection.execute("SELECT 1") }?.kind == .connection && connection.isBroken)
            server.proceed(process)
            connection.timeout = 10_000
            try connection.reset()
            #expect(try connection.value("SELECT 1") == .integer(1))
        }

        @Test("A session that is ended in a call is away")
        func terminated() throws {
            let connection = try Connection()
            let fault = try #require(
                caught { _ = try connection.execute("SELECT pg_terminate_backend(pg_backend_pid())") }
            )
            #expect(fault.kind == .connection && fault.sqlState == "57P01" && connection.isBroken)
        }

        @Test("Who is not let in is told why, without the password")
        func refusals() throws {
            let server = PostgreSQLServer.shared
            let name = try server.newDatabaseName()
            let admin = try Connection(ConnectionSettings(server.localURI(name)))
            try admin.run(
                script: "CREATE ROLE member LOGIN PASSWORD 'member'; ALTER DATABASE \(name) CONNECTION LIMIT 0"
            )

            func refusal(_ uri: String) -> PostgreSQLFault? { caught { _ = try Connection(ConnectionSettings(uri)) } }
            let wrong = try #require(refusal(server.uri(name, password: "s3cret!")))
            #expect(wrong.kind == .authentication && wrong.sqlState == "28P01")
            #expect(!wrong.description.contains("s3cret") && wrong.description.contains("postgres"))
            let unknown = try #require(refusal(server.uri("missing")))
            #expect(unknown.sqlState == "3D000" && unknown.description.contains("create the database"))
            let crowded = try #require(refusal(server.localURI(name, user: "member")))
            #expect(crowded.kind == .tooManyConnections && crowded.sqlState == "53300")
            let plain = try #require(refusal(server.uri(name) + "?sslmode=require"))
            #expect(plain.kind == .connection && plain.description.contains("SSL"), "\(plain)")
            let absent = try #require(refusal("postgres://a:s3cret@db.invalid/b"))
            #expect(absent.kind == .connection && absent.description.contains("db.invalid"))
            let silent = try #require(refusal(server.uri(name, password: "")))
            #expect(silent.kind == .authentication && silent.description.contains("password file"), "\(silent)")
            for fault in [wrong, unknown, crowded, plain, absent, silent] {
                #expect(!"\(fault) \(String(reflecting: fault))".contains(PostgreSQLServer.password))
            }
        }

        @Test("A database that cannot store every text is refused, with the way to one that can")
        func encoding() throws {
            let server = PostgreSQLServer.shared
            let name = try server.newDatabaseName()
            try Connection(ConnectionSettings(server.localURI("postgres"))).run(
                script: "CREATE DATABASE \(name)_latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
            )
            let fault = try #require(
                caught { _ = try Connection(ConnectionSettings(server.localURI("\(name)_latin"))) }
            )
            #expect(fault.kind == .encoding && fault.description.contains("LATIN1"), "\(fault)")
            #expect(fault.description.contains("ENCODING 'UTF8'"))
        }

        @Test("Limits that a role or database has for people are not the gateway's")
        func limits() throws {
            let server = PostgreSQLServer.shared
            let name = try server.newDatabaseName()
            let admin = try Connection(ConnectionSettings(server.localURI("postgres")))
            try admin.run(
                script: """
                    ALTER DATABASE \(name) SET statement_timeout = '1ms'; ALTER DATABASE \(name) SET idle_session_timeout = '1ms'
                    """
            )
            let connection = try Connection(ConnectionSettings(server.localURI(name)))
            #expect(try connection.value("SELECT 1 FROM pg_sleep(0.05)") == .integer(1))
            for name in ["statement_timeout", "idle_session_timeout"] {
                #expect(try connection.value("SELECT current_setting('\(name)')") == .text("0"))
            }
        }

        @Test("Over TLS, a server is trusted by its certificate and its name")
        func tls() throws {
            let server = try PostgreSQLServer(withTLS: true)
            let uri = server.uri("postgres") + "?sslrootcert=\(server.certificate)&sslmode=verify-full"
            let connection = try Connection(ConnectionSettings(uri))
            #expect(
                try connection.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == .integer(1)
            )
            let other = uri.replacing("127.0.0.1", with: "localhost.localdomain") + "&hostaddr=127.0.0.1"
            let fault = try #require(caught { _ = try Connection(ConnectionSettings(other)) })
            #expect(fault.kind == .connection && fault.description.contains("certificate"), "\(fault)")
        }

        @Test("Messages hold neither rows nor malformed values")
        func personalData() throws {
            let connection = try Connection()
            try connection.run(script: "CREATE TABLE person (email text PRIMARY KEY)")
            for sql in ["INSERT INTO person VALUES ($1)", "SELECT $1::int4"] {
                var fault: PostgreSQLFault?
                for _ in 0..<2 {
                    fault = fault ?? caught { _ = try connection.execute(sql, [.text("kim@example.com")]) }
                }
                #expect(fault != nil && !String(reflecting: fault).contains("kim"))
            }
        }

        @Test("Each kind of fault says what the operator can do")
        func advice() {
            let old = Opening.fault(forVersion: 140_012)
            #expect(old?.kind == .tooOld && old?.description.contains("14") == true)
            #expect(old?.description.contains("PostgreSQL 15") == true)
            #expect(Opening.fault(forVersion: 150_000) == nil)
            #expect(PostgreSQLFault("53100", "no space left").description.contains("disk"))
            #expect(PostgreSQLFault("57P03", "starting up").kind == .connection)
            #expect(
                PostgreSQLFault("22P02", "invalid input syntax for type integer: \"kim\"").message.utf8.last != 0x22
            )
        }
    }
#endif
