#if PostgreSQL
    import Basics
    import PostgreSQL
    import Synchronization
    import TestSupport
    import Testing

    @testable import Admission
    @testable import Directory

    @Suite("The store of shared leases", .onServer)
    struct LeaseStoreTests {
        private let database: TestDatabase

        init() throws { database = try TestDatabase() }

        /// How many connections are open that once ran a statement of this kind last.
        private func processes(_ kind: String) throws -> [Int32] {
            let rows = try database.query(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND \(kind)"
            )
            return rows.split(separator: "\n").compactMap { Int32($0) }
        }

        private static let listening = "(query LIKE 'LISTEN%' OR query = 'SELECT 1')"
        private static let claiming = "NOT \(listening)"

        @Test("One node takes what another one holds: the other one is told, the taker is not")
        func takeOver() async throws {
            try await withNodes(database.path, 2) { nodes in
                let first = try #require(try await nodes[0].claim(0, testSession(0)).lease)
                #expect(first.nodes == [1] && first.holding.session == testSession(0))
                let refused = try await nodes[1].claim(0, testSession(1))
                #expect(!refused.isAgreed && refused.lease == first)
                let taken = try await nodes[1].claim(0, testSession(1), basis: first.holding)
                #expect(taken.isAgreed && taken.lease?.nodes == [2])
                try await waitUntil("the first one is told") { nodes[0].notices.count == 1 }
                let notice = SharedLease.Notice(node: 1, generation: first.holding.generation, ending: .replaced)
                #expect(nodes[0].notices == [notice])
                let over = try await nodes[1].claim(0, testSession(1), basis: taken.lease?.holding, state: .ended)
                #expect(over.isAgreed)
                _ = try await nodes[0].claim(1, testSession(0))
                #expect(nodes[1].notices.isEmpty && nodes[0].notices.count == 1)
            }
        }

        @Test("Nothing is claimed before the client has been told to doubt, and each claim is answered or fails once")
        func beginning() async throws {
            let store = try PostgreSQLLeaseStore(database.path, node: 1)
            let node = TestLeaseNode(store, 1)
            store.start(node)
            while node.answers.isEmpty {
                node.send([testClaim(0, session: testSession(0), number: node.nextNumber())])
                await Task.yield()
            }
            try await waitUntil("all have come back") { node.isQuiet }
            #expect(node.history.first { $0 != .failed } == .doubt && node.history.count { $0 == .doubt } == 1)
            await store.close()
        }

        @Test("Many renewals at once: those that are held still are renewed, others are claimed one by one")
        func renewals() async throws {
            try await withNodes(database.path, 2) { nodes in
                let held = try await nodes[0].claims(0..<50)
                for key in 0..<5 {
                    let basis = held[key]?.lease?.holding
                    #expect(try await nodes[1].claim(key, testSession(100), basis: basis).isAgreed)
                }
                _ = try database.query("DELETE FROM lease WHERE key >= '00000000-0000-0000-0000-00000000002d'")
                let renewed = try await nodes[0].claims(0..<50, held)
                for (key, answer) in renewed {
                    let (before, after) = (held[key]?.lease?.holding, answer.lease?.holding)
                    switch key {
                    case 0..<5: #expect(!answer.isAgreed && after?.session == testSession(100))
                    case 45..<50: #expect(answer.isAgreed && (after?.generation ?? 0) > (before?.generation ?? .max))
                    default: #expect(answer.isAgreed && after == before)
                    }
                }
                #expect(renewed.count == 50)
                // A server that has crashed has none of them.
                _ = try database.query("TRUNCATE lease")
                let again = try await nodes[0].claims(0..<50, renewed)
                #expect(again.count == 50 && again.values.allSatisfy { $0.isAgreed })
                #expect(try database.query("SELECT count(*) FROM lease") == "50")
            }
        }

        @Test("Connections that the server ends are made again; the client doubts after the one that listens was")
        func ended() async throws {
            try await withNodes(database.path, 1) { nodes in
                let node = nodes[0]
                for _ in 0..<2 {
                    for process in try processes(Self.claiming) {
                        _ = try database.query("SELECT CAST(pg_terminate_backend(\(process)) AS int)")
                    }
                    _ = try await node.claimUntilAnswered(0, testSession(0))
                }
                #expect(node.history.count { $0 == .doubt } == 1)
                for process in try processes(Self.listening) {
                    _ = try database.query("SELECT CAST(pg_terminate_backend(\(process)) AS int)")
                }
                try await waitUntil("it doubts") { node.history.count { $0 == .doubt } == 2 }
                let lease = try #require(try await node.claimUntilAnswered(0, testSession(0)).lease)
                // It hears again.
                let (sql, values) = LeaseStatement.claim(
                    testClaim(0, session: testSession(1), node: 9, basis: lease.holding)
                )
                _ = try Connection(ConnectionSettings(database.path)).execute(sql, values)
                try await waitUntil("it is told") { !node.notices.isEmpty }
            }
        }

        @Test("A server that is silent: claims fail in time, then at once; when it goes on, they are answered")
        func silent() async throws {
            let server = PostgreSQLServer.shared
            try await withNodes(database.path, 1, patience: 300) { nodes in
                let node = nodes[0]
                _ = try await node.claim(0, testSession(0))
                let processes = try processes("true")
                #expect(processes.count == 2)
                for process in processes { server.halt(process) }
                let start = MonotonicClock.now()
                let number = node.nextNumber()
                node.send([testClaim(0, session: testSession(0), number: number)])
                try await waitUntil("it has failed") { node.hasFailed(number) }
                #expect((290..<1500).contains(MonotonicClock.now() - start))
                for process in processes { server.proceed(process) }
                _ = try await node.claimUntilAnswered(0, testSession(0))
                #expect(node.isQuiet)
            }
        }

        @Test("A server that is stopped: claims fail at once, and after its start the client doubts and claims again")
        func stopped() async throws {
            let server = try PostgreSQLServer()
            let uri = try server.newDatabase()
            let connection = try Connection(ConnectionSettings(uri))
            try PostgreSQLSchema.migrate(connection)
            // This server does not wait for its disk: the tables are to outlast its crash.
            try connection.run(script: "CHECKPOINT")
            try await withNodes(uri, 1) { nodes in
                let node = nodes[0]
                let before = try await node.claim(0, testSession(0)).lease
                server.stop(immediately: true)
                for _ in 0..<100 {
                    let (start, number) = (MonotonicClock.now(), node.nextNumber())
                    node.send([testClaim(0, session: testSession(0), number: number)])
                    try await waitUntil("it has failed") { node.hasFailed(number) }
                    #expect(MonotonicClock.now() - start < 1000)
                }
                try server.start()
                let lease = try await node.claimUntilAnswered(0, testSession(0)).lease
                // Nothing is left of what was held.
                #expect(lease?.nodes == [1] && lease?.holding != before?.holding)
                #expect(node.history.count { $0 == .doubt } == 2)
            }
        }

        @Test("A store that is closed fails what is open and what comes, and leaves no connection")
        func closed() async throws {
            let store = try PostgreSQLLeaseStore(database.path, node: 1)
            let node = TestLeaseNode(store, 1)
            store.start(node)
            _ = try await node.claimUntilAnswered(0, testSession(0))
            let requests = (0..<2000).map { testClaim($0, session: testSession(0), number: node.nextNumber()) }
            node.send(requests)
            await store.close()
            #expect(node.isQuiet)
            let count = node.history.count
            let notice = "lease_1', '\(Hexadecimal.text(testKey(0).bytes)) 1 left"
            _ = try database.query("SELECT length(CAST(pg_notify('\(notice)') AS text))")
            #expect(node.history.count == count)
            try await waitUntil("no connection is left") { (try? processes("true").isEmpty) == true }
        }

        @Test("Nodes have the lowest number that is free, and keep it; one that is forgotten gives it back")
        func numbers() async throws {
            let (path, clock) = (database.path, database.clock)
            func number(_ name: String) async throws -> NodeNumber? {
                let node = try TestNode(path, clock, name, follows: false)
                let number = try await node.directory.nodeNumber()
                #expect(try await node.directory.nodeNumber() == number)
                await node.close()
                return number
            }
            #expect(try await number("c") == 1)
            #expect(try await number("a") == 2)
            #expect(try await number("b") == 3)
            #expect(try await number("a") == 2)
            _ = try database.query("DELETE FROM node WHERE name = 'a'")
            #expect(try await number("d") == 2)
            #expect(try await number("a") == 4)
            let alone = try await database.withDirectory { try await $0.nodeNumber() }
            #expect(alone == nil)
        }
    }
#endif
