#if PostgreSQL
    import Basics
    import CLinux
    import TestSupport
    import Testing

    @testable import PostgreSQL

    @Suite("A connection", .enabled(if: PostgreSQLServer.isInstalled))
    struct ConnectionTests {
        @Test("A statement that takes too long is cancelled, what it held is free, and the connection is broken")
        func timeout() throws {
            let connection = try Connection()
            let other = try Connection(ConnectionSettings(PostgreSQLServer.shared.localURI("postgres")))
            connection.timeout = 50
            let process = connection.serverProcess
            try connection.run(script: "BEGIN; SELECT pg_advisory_xact_lock(7)")
            let fault = caught { _ = try connection.execute("SELECT pg_sleep(60)") }
            #expect(fault?.kind == .connection && fault?.description.contains("50 ms") == true)
            #expect(connection.isBroken)
            #expect(caught { _ = try connection.execute("SELECT 1") }?.kind == .connection)
            let end = MonotonicClock.now() + 30_000
            while try other.value("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", [.integer(Int64(process))])
                != .integer(0), MonotonicClock.now() < end
            {}
            #expect(MonotonicClock.now() < end)
            try connection.reset()
            #expect(try connection.value("SELECT 1") == .integer(1) && !connection.isBroken)
        }

        @Test("Remarks of the server are not faults")
        func notices() throws {
            let connection = try Connection()
            try connection.run(script: "DO $$ BEGIN RAISE WARNING 'a'; END $$")
            #expect(try connection.value("SELECT 1") == .integer(1))
        }

        @Test("Texts are UTF-8 whatever the address and the environment say")
        func encoding() throws {
            let uri = try PostgreSQLServer.shared.newDatabase() + "&client_encoding=LATIN1&application_name=a"
            let connection = try Connection(ConnectionSettings(uri))
            #expect(try connection.value("SHOW client_encoding") == .text("UTF8"))
            #expect(try connection.value("SHOW application_name") == .text("a"))
            let plain = try Connection()
            #expect(try plain.value("SHOW application_name") == .text("embed-gateway"))
            #expect(plain.serverVersion >= Connection.oldestVersion)
        }

        @Test("The first server that lets us in is used, and one that is down passed over")
        func severalServers() throws {
            let server = PostgreSQLServer.shared
            let name = try server.newDatabaseName()
            let uri = "postgres://postgres@/\(name)?host=/nonexistent,\(server.folder)&port=\(server.port)"
            #expect(try Connection(ConnectionSettings(uri)).value("SELECT 1") == .integer(1))
            let standby = uri + "&target_session_attrs=standby"
            let fault = try #require(caught { _ = try Connection(ConnectionSettings(standby)) })
            #expect(fault.kind == .connection && fault.description.contains("standby"), "\(fault)")
            let preferred = uri + "&target_session_attrs=prefer-standby"
            #expect(try Connection(ConnectionSettings(preferred)).value("SELECT 1") == .integer(1))
            let byName = "postgres://postgres:p%2540ss:word@localhost,localhost:\(server.port)/\(name)"
            #expect(try Connection(ConnectionSettings(byName)).value("SELECT 1") == .integer(1))
        }
    }

    @Suite("Notifications", .enabled(if: PostgreSQLServer.isInstalled))
    struct NotificationTests {
        @Test("What another session says arrives, with its process", arguments: ["change", "a \"quoted\" Näme"])
        func arrival(channel: String) throws {
            let uri = try PostgreSQLServer.shared.newDatabase()
            let (listener, speaker) = try (Connection(ConnectionSettings(uri)), Connection(ConnectionSettings(uri)))
            try listener.listen(channel)
            for payload in ["1", ""] {
                _ = try speaker.execute("SELECT pg_notify($1, $2)", [.text(channel), .text(payload)])
                let found = try listener.notifications(until: MonotonicClock.now() + 30_000)
                #expect(
                    found == [Notification(channel: channel, payload: payload, process: speaker.serverProcess)]
                )
            }
            #expect(try listener.notifications(until: MonotonicClock.now()) == [])
            // Also what arrives with the answer of a statement.
            _ = try listener.execute("SELECT pg_notify($1, 'own')", [.text(channel)])
            #expect(try listener.notifications(until: MonotonicClock.now() + 30_000).map(\.payload) == ["own"])
        }

        @Test("A descriptor ends the wait, and so does the end of the session")
        func wakeup() throws {
            let connection = try Connection()
            try connection.listen("change")
            let event = Int32(gateway_eventfd())
            defer { close(event) }
            var one: UInt64 = 1
            // SAFETY: the call reads the eight bytes of a local.
            unsafe _ = write(event, &one, 8)
            let end = MonotonicClock.now() + 60_000
            #expect(try connection.notifications(until: end, wakeup: event) == [])
            #expect(MonotonicClock.now() < end)
            let other = try Connection(ConnectionSettings(PostgreSQLServer.shared.localURI("postgres")))
            _ = try other.execute("SELECT pg_terminate_backend($1::int4)", [.integer(Int64(connection.serverProcess))])
            #expect(caught { while try connection.notifications(until: end) == [] {} }?.kind == .connection)
            #expect(connection.isBroken)
        }

        @Test(
            "A channel's name is of the length that the server keeps",
            arguments: ["", String(repeating: "a", count: 64)]
        )
        func names(name: String) throws {
            let connection = try Connection()
            #expect(throws: PostgreSQLFault.self) { try connection.listen(name) }
        }
    }
#endif
