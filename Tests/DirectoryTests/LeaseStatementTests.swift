#if PostgreSQL
    import Basics
    import PostgreSQL
    import TestSupport
    import Testing

    @testable import Admission
    @testable import Directory

    @Suite("Statements on the shared leases do what SharedLease says", .onServer)
    struct LeaseStatementTests {
        private let database: TestDatabase

        init() throws { database = try TestDatabase() }

        private func connect() throws -> Connection { try Connection(ConnectionSettings(database.path)) }

        /// Carries claims out in the table and in memory.
        private struct Comparison {
            let connection: Connection
            var numbers: SplitMix64
            var rows: [SubjectKey: SharedLease] = [:]
            var notices: [String] = []
            var counts: [String: Int] = [:]

            mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &numbers) }

            private mutating func session() -> SessionID {
                // Some differ in only one part.
                SessionID(
                    joinedAt: start + Milliseconds(number(0..<2)),
                    random0: .max - UInt64(number(0..<2)),
                    random1: UInt64(number(0..<2))
                )
            }

            mutating func claim() -> LeaseRequest {
                let key = testKey(number(0..<4))
                var basis = rows[key]?.holding
                switch number(0..<8) {
                case 0: basis = nil
                case 1: basis = SharedLease.Holding(session: session(), generation: basis?.generation ?? 1)
                case 2: basis = basis.map { .init(session: $0.session, generation: $0.generation - 1) }
                default: break
                }
                return LeaseRequest(
                    key: key,
                    number: 0,
                    claim: SharedLease.Claim(
                        node: NodeNumber(number(1..<4)),
                        basis: basis,
                        session: number(0..<3) == 0 ? basis?.session ?? session() : session(),
                        state: [.held, .held, .held, .left, .ended][number(0..<5)],
                        lasting: [0, 1, 2, 5, 60_000, 60_000][number(0..<6)],
                        takeOvers: UInt16(number(0..<65_536)),
                        windowAge: Milliseconds(number(0..<1000)),
                        address: number(0..<2) == 0 ? .max : 7
                    )
                )
            }

            mutating func expected(_ request: LeaseRequest, at now: Milliseconds) -> SharedLease.Answer {
                let before = rows[request.key]
                let (answer, told) = SharedLease.apply(request.claim, to: &rows[request.key], at: now)
                for notice in told {
                    let key = Hexadecimal.text(request.key.bytes)
                    notices.append("lease_\(notice.node) \(key) \(notice.generation) \(notice.ending.rawValue)")
                }
                let isNew = before?.holding.generation != rows[request.key]?.holding.generation
                counts[
                    "\(answer.isAgreed ? "agreed" : "differs") \(isNew ? "new" : "old") \(told.isEmpty ? "" : "told")",
                    default: 0
                ] += 1
                return answer
            }
        }

        @Test("A claim, for random rows, sessions, nodes and bases", arguments: [1, 2, 3])
        func claims(seed: UInt64) throws {
            let connection = try connect()
            for node in 1..<4 { try connection.listen(LeaseStatement.channel(of: NodeNumber(node))) }
            var comparison = Comparison(connection: connection, numbers: SplitMix64(seed: seed))
            for _ in 0..<1500 {
                let request = comparison.claim()
                let (sql, values) = LeaseStatement.claim(request)
                let answer = try #require(LeaseStatement.answer(connection.execute(sql, values)))
                try #require(answer == comparison.expected(request, at: answer.moment), "\(request)")
                if comparison.number(0..<20) == 0 {
                    // What it answered is what is stored.
                    let table = try database.query("SELECT key::text, generation, until FROM lease ORDER BY key")
                    let rows = comparison.rows.sorted { $0.key.low < $1.key.low }
                    let lines = rows.map { "\(uuid($0.key))|\($0.value.holding.generation)|\($0.value.until)" }
                    try #require(table == lines.joined(separator: "\n"))
                }
            }
            let heard = try connection.notifications(until: MonotonicClock.now() + 30_000)
            #expect(heard.map { "\($0.channel) \($0.payload)" } == comparison.notices)
            // All that can happen has happened.
            let counts = comparison.counts
            #expect(counts.count == 4 && counts.values.allSatisfy { $0 > 20 }, "\(counts)")
        }

        @Test("Renewals of many at once, of which some are not held any more", arguments: [4, 5])
        func renewals(seed: UInt64) throws {
            let connection = try connect()
            var comparison = Comparison(connection: connection, numbers: SplitMix64(seed: seed))
            var counts = [0, 0]
            for _ in 0..<1000 {
                let request = comparison.claim()
                let (sql, values) = LeaseStatement.claim(request)
                let answer = try #require(LeaseStatement.answer(connection.execute(sql, values)))
                _ = comparison.expected(request, at: answer.moment)
                // One of each key, which claims what was claimed before or something else.
                var renewals: [SubjectKey: LeaseRequest] = [:]
                for _ in 0..<6 {
                    let other = comparison.claim()
                    if other.claim.state == .held { renewals[other.key] = other }
                }
                let node = NodeNumber(comparison.number(1..<4))
                let requests = renewals.values.map { $0.of(node) }
                let renewal = LeaseStatement.renewal(requests)
                let renewed = LeaseStatement.renewed(try connection.execute(renewal.sql, renewal.values))
                for request in requests {
                    guard let outcome = renewed[request.key] else {
                        counts[0] += 1
                        guard let row = comparison.rows[request.key] else { continue }
                        // Those that last for a minute are not over yet.
                        let isLong = row.until > answer.moment + 1000
                        #expect(!isLong || row.state != .held || row.holding.session != request.claim.session)
                        continue
                    }
                    counts[1] += 1
                    let generation = comparison.rows[request.key]?.holding.generation
                    #expect(outcome == comparison.expected(request, at: outcome.moment))
                    #expect(outcome.isAgreed && outcome.lease?.holding.generation == generation)
                }
            }
            #expect(counts.allSatisfy { $0 > 100 }, "\(counts)")
        }

        @Test("Two claims at once of what nobody holds: one of them is agreed to, and the other has no answer yet")
        func race() async throws {
            let (first, second) = (try connect(), try connect())
            let requests = (0..<2).map { testClaim(0, session: testSession($0), node: NodeNumber($0 + 1)) }
            try first.run(script: "BEGIN")
            let (sql, values) = LeaseStatement.claim(requests[0])
            let answer = try #require(LeaseStatement.answer(first.execute(sql, values)))
            #expect(answer.isAgreed)
            let process = second.serverProcess
            // Other tests may need the threads meanwhile.
            second.timeout = 180_000
            let waiting = Task.detached { [second = Unshared(second)] in
                let (sql, values) = LeaseStatement.claim(requests[1])
                return LeaseStatement.answer(try second.value.execute(sql, values))
            }
            let isWaiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND pid = \(process)"
            try await waitUntil("the other one waits") { (try? database.query(isWaiting)) == "1" }
            try first.run(script: "COMMIT")
            #expect(try await waiting.value == nil)
            let again = LeaseStatement.claim(requests[1])
            let other = try #require(LeaseStatement.answer(second.execute(again.sql, again.values)))
            #expect(!other.isAgreed && other.lease == answer.lease)
        }

        @Test("Two nodes claim the same at once, again and again: at most one of them gets it")
        func races() async throws {
            let path = database.path
            let agreed = try await withThrowingTaskGroup(of: [Int].self) { group in
                for node in 1..<3 {
                    group.addTask {
                        let connection = try Connection(ConnectionSettings(path))
                        return try (0..<300).filter { key in
                            let claim = testClaim(key, session: testSession(node), node: NodeNumber(node))
                            let (sql, values) = LeaseStatement.claim(claim)
                            var answer: SharedLease.Answer?
                            while answer == nil { answer = LeaseStatement.answer(try connection.execute(sql, values)) }
                            return answer?.isAgreed == true
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(agreed.sorted() == Array(0..<300))
        }

        @Test("Two nodes renew the same leases at once, in opposite order: neither waits for the other forever")
        func opposite() async throws {
            let (path, keys) = (database.path, 0..<400)
            let connection = try connect()
            for key in keys {
                let (sql, values) = LeaseStatement.claim(testClaim(key, session: testSession(key)))
                _ = try connection.execute(sql, values)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for node in 1..<3 {
                    group.addTask {
                        let connection = try Connection(ConnectionSettings(path))
                        let order = node == 1 ? Array(keys) : keys.reversed()
                        let requests = order.map { testClaim($0, session: testSession($0), node: NodeNumber(node)) }
                        let (sql, values) = LeaseStatement.renewal(requests)
                        for _ in 0..<100 {
                            #expect(LeaseStatement.renewed(try connection.execute(sql, values)).count == keys.count)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }

        @Test("Rows that are over for an hour are deleted in parts; others stay")
        func sweep() throws {
            let connection = try connect()
            for key in 0..<1500 {
                let (sql, values) = LeaseStatement.claim(testClaim(key, session: testSession(key)))
                _ = try connection.execute(sql, values)
            }
            // A minute is left of each. Some have been over for a second less than an hour.
            let some = "key < CAST(lpad(to_hex(1250), 32, '0') AS uuid)"
            _ = try database.query("UPDATE lease SET until = until - 60000 - 3599000 WHERE NOT \(some)")
            #expect(try !LeaseStatement.sweep(connection))
            #expect(try database.query("SELECT count(*) FROM lease") == "1500")
            _ = try database.query("UPDATE lease SET until = until - 60000 - 3600001 WHERE \(some)")
            #expect(try LeaseStatement.sweep(connection))
            #expect(try database.query("SELECT count(*) FROM lease") == "500")
            #expect(try !LeaseStatement.sweep(connection))
            #expect(try database.query("SELECT count(*) FROM lease") == "250")
        }

        private func uuid(_ key: SubjectKey) -> String {
            let digits = Array(Hexadecimal.text(key.bytes))
            let parts = [digits[0..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20..<32]]
            return parts.map { String($0) }.joined(separator: "-")
        }
    }

    /// Passes a connection to the only task that uses it meanwhile.
    struct Unshared<Value>: @unchecked Sendable {
        let value: Value
        init(_ value: Value) { self.value = value }
    }

    func testKey(_ number: Int) -> SubjectKey { SubjectKey(high: 0, low: UInt64(number)) }

    func testSession(_ number: Int) -> SessionID {
        SessionID(joinedAt: start, random0: UInt64(number), random1: .max)
    }

    /// A claim of a session that lasts for a minute.
    func testClaim(
        _ key: Int,
        session: SessionID,
        node: NodeNumber = 1,
        basis: SharedLease.Holding? = nil,
        state: LeaseState = .held,
        number: UInt64 = 0
    ) -> LeaseRequest {
        let claim = SharedLease.Claim(
            node: node,
            basis: basis,
            session: session,
            state: state,
            lasting: 60_000,
            takeOvers: 0,
            windowAge: 0,
            address: 0
        )
        return LeaseRequest(key: testKey(key), number: number, claim: claim)
    }

    extension LeaseRequest {
        /// The same, of a certain node.
        fileprivate func of(_ node: NodeNumber) -> LeaseRequest {
            let new = SharedLease.Claim(
                node: node,
                basis: claim.basis,
                session: claim.session,
                state: claim.state,
                lasting: claim.lasting,
                takeOvers: claim.takeOvers,
                windowAge: claim.windowAge,
                address: claim.address
            )
            return LeaseRequest(key: key, number: number, claim: new)
        }
    }
#endif
