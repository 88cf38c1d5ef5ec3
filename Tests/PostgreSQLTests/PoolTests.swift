#if PostgreSQL
    import Basics
    import Dispatch
    import TestSupport
    import Testing

    @testable import PostgreSQL

    @Suite("A pool of connections", .enabled(if: PostgreSQLServer.isInstalled), .timeLimit(.minutes(5)))
    struct PoolTests {
        private func pool(_ uri: String? = nil, size: Int = 2, queueLimit: Int = 256, patience: Int64 = 10_000) throws
            -> ConnectionPool
        {
            ConnectionPool(
                try ConnectionSettings(uri ?? PostgreSQLServer.shared.newDatabase()),
                size: size,
                queueLimit: queueLimit,
                patience: patience
            )
        }

        @Test("Calls share its connections, which stay open")
        func sharing() async throws {
            let pool = try pool()
            let processes = try await withThrowingTaskGroup(of: Int32.self) { group in
                for number in 0..<40 as Range<Int64> {
                    group.addTask {
                        try await pool.run { connection in
                            guard try connection.value("SELECT $1", [.integer(number)]) == .integer(number) else {
                                return 0
                            }
                            return connection.serverProcess
                        }
                    }
                }
                return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
            }
            #expect(processes.count <= 2 && !processes.contains(0))
            await pool.close()
            await #expect(throws: PostgreSQLFault.self) { try await pool.run { _ in } }
            await pool.close()
        }

        @Test("A call may block for its answer")
        func blocking() async throws {
            let pool = try pool()
            let answer = await withCheckedContinuation { continuation in
                DispatchQueue(label: "caller").async {
                    let answer = Result { try pool.runBlocking { try $0.value("SELECT 7") } }
                    continuation.resume(returning: answer)
                }
            }
            #expect(try answer.get() == .integer(7))
            await pool.close()
        }

        @Test("A transaction that a call leaves open has no effect, and is a fault unless the call failed anyway")
        func openTransaction() async throws {
            let pool = try pool(size: 1)
            try await pool.run { try $0.run(script: "CREATE TABLE item (id int8)") }
            await #expect(throws: PostgreSQLFault.self) {
                try await pool.run { try $0.run(script: "BEGIN; INSERT INTO item VALUES (1)") }
            }
            await #expect(throws: Unexpected.self) {
                try await pool.run { connection in
                    try connection.run(script: "BEGIN; INSERT INTO item VALUES (1)")
                    throw Unexpected(what: "changed my mind")
                }
            }
            #expect(try await pool.run { try $0.value("SELECT count(*) FROM item") } == .integer(0))
            await pool.close()
        }

        @Test("Calls beyond its queue are refused, and so are those that waited for too long")
        func queue() async throws {
            let pool = try pool(size: 1, queueLimit: 1, patience: 1)
            let (begun, goesOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            async let first: Void = pool.run { _ in
                begun.signal()
                goesOn.wait()
            }
            await withCheckedContinuation { continuation in
                DispatchQueue(label: "test").async {
                    begun.wait()
                    continuation.resume()
                }
            }
            let kinds = try await withThrowingTaskGroup(of: PostgreSQLFault.Kind?.self) { group in
                for _ in 0..<2 { group.addTask { await kind { try await pool.run { _ in } } } }
                // Refused, since the other one waits already.
                let first = try await group.next()
                let end = MonotonicClock.now() + 2
                try await waitUntil("the other one has waited for too long") { MonotonicClock.now() > end }
                goesOn.signal()
                return [first, try await group.next()]
            }
            #expect(kinds == [.busy, .busy])
            try await first
            await pool.close()
        }

        @Test("A server that was restarted is found again, and one that is away is not asked by each call")
        func restart() async throws {
            let server = try PostgreSQLServer()
            let pool = try pool(server.newDatabase())
            try await pool.run { try $0.run(script: "CREATE TABLE item (id int8)") }

            // Idle connections are looked at before they are used.
            try server.restart()
            #expect(try await pool.run { try $0.value("SELECT 1") } == .integer(1))

            for kind in [false, true] {
                if kind { server.kill() } else { server.stop(immediately: true) }
                #expect(await self.kind { try await pool.run { _ = try $0.value("SELECT 1") } } == .connection)
                let start = MonotonicClock.nanoseconds()
                #expect(await self.kind { try await pool.run { _ = try $0.value("SELECT 1") } } == .connection)
                #expect(MonotonicClock.nanoseconds() - start < 60_000_000_000)
                try server.start()
                // Until the next attempt is due.
                let end = MonotonicClock.now() + 60_000
                while await self.kind({ try await pool.run { _ = try $0.value("SELECT 1") } }) != nil {
                    try #require(MonotonicClock.now() < end)
                    await Task.yield()
                }
            }

            // In the middle of a call.
            let (begun, killed) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
            async let call = kind {
                try await pool.run { connection in
                    begun.signal()
                    killed.wait()
                    _ = try connection.value("SELECT 1")
                }
            }
            await withCheckedContinuation { continuation in
                DispatchQueue(label: "test").async {
                    begun.wait()
                    server.kill()
                    killed.signal()
                    continuation.resume()
                }
            }
            #expect(await call == .connection)
            await pool.close()
        }

        private func kind(_ body: () async throws -> Void) async -> PostgreSQLFault.Kind? {
            do {
                try await body()
                return nil
            } catch {
                return (error as? PostgreSQLFault)?.kind
            }
        }
    }
#endif
