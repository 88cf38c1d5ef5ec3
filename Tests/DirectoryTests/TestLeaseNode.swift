#if PostgreSQL
    import Basics
    import Synchronization
    import TestSupport

    @testable import Admission
    @testable import Directory

    /// A node without rules of its own: it claims what it is told to, and notes what comes back.
    final class TestLeaseNode: LeaseStoreClient {
        enum Call: Equatable {
            case answered
            case failed
            case lost
            case doubt
        }

        /// The store has failed a claim.
        struct Failed: Error {}

        private struct State {
            var lastNumber: UInt64 = 0
            var open: Set<UInt64> = []
            var answers: [UInt64: SharedLease.Answer] = [:]
            var failed: Set<UInt64> = []
            /// Came back twice, or without having been sent.
            var strays = 0
            var notices: [SharedLease.Notice] = []
            var history: [Call] = []
        }

        private let store: PostgreSQLLeaseStore
        private let node: NodeNumber
        private let state = Mutex(State())

        init(_ store: PostgreSQLLeaseStore, _ node: NodeNumber) { (self.store, self.node) = (store, node) }

        func nextNumber() -> UInt64 {
            state.withLock { state in
                state.lastNumber += 1
                return state.lastNumber
            }
        }

        func send(_ requests: [LeaseRequest]) {
            state.withLock { $0.open.formUnion(requests.map(\.number)) }
            store.send(requests)
        }

        func close() async { await store.close() }

        // MARK: What came back

        var answers: [UInt64: SharedLease.Answer] { state.withLock { $0.answers } }

        var notices: [SharedLease.Notice] { state.withLock { $0.notices } }

        var history: [Call] { state.withLock { $0.history } }

        func hasFailed(_ number: UInt64) -> Bool { state.withLock { $0.failed.contains(number) } }

        /// Whether everything has come back, and once.
        var isQuiet: Bool { state.withLock { $0.open.isEmpty && $0.strays == 0 } }

        func answered(_ answers: [(key: SubjectKey, number: UInt64, answer: SharedLease.Answer)]) {
            state.withLock { state in
                for (_, number, answer) in answers {
                    if state.open.remove(number) == nil { state.strays += 1 }
                    state.answers[number] = answer
                }
                state.history.append(.answered)
            }
        }

        func failed(_ requests: [(key: SubjectKey, number: UInt64)]) {
            state.withLock { state in
                for (_, number) in requests {
                    if state.open.remove(number) == nil { state.strays += 1 }
                    state.failed.insert(number)
                }
                state.history.append(.failed)
            }
        }

        func lost(_ notices: [(key: SubjectKey, notice: SharedLease.Notice)]) {
            state.withLock { state in
                state.notices += notices.map(\.notice)
                state.history.append(.lost)
            }
        }

        func doubt() { state.withLock { $0.history.append(.doubt) } }

        // MARK: Claims

        /// Claims, and waits for the answer.
        func claim(
            _ key: Int,
            _ session: SessionID,
            basis: SharedLease.Holding? = nil,
            state claimed: LeaseState = .held
        ) async throws -> SharedLease.Answer {
            let number = nextNumber()
            send([testClaim(key, session: session, node: node, basis: basis, state: claimed, number: number)])
            try await waitUntil("the claim has come back") { state.withLock { !$0.open.contains(number) } }
            guard let answer = answers[number] else { throw Failed() }
            return answer
        }

        /// Claims again and again while the store is away.
        func claimUntilAnswered(_ key: Int, _ session: SessionID) async throws -> SharedLease.Answer {
            let end = ContinuousClock.now + .seconds(60)
            while true {
                do {
                    return try await claim(key, session)
                } catch is Failed where ContinuousClock.now < end {
                    await Task.yield()
                }
            }
        }

        /// Claims many at once, each for a session of its own, which may hold it already.
        func claims(
            _ keys: Range<Int>,
            _ held: [Int: SharedLease.Answer] = [:]
        ) async throws -> [Int: SharedLease.Answer] {
            let requests = keys.map { key in
                testClaim(
                    key,
                    session: testSession(key),
                    node: node,
                    basis: held[key]?.lease?.holding,
                    number: nextNumber()
                )
            }
            send(requests)
            let numbers = Set(requests.map(\.number))
            try await waitUntil("all have come back") { state.withLock { $0.open.isDisjoint(with: numbers) } }
            let answers = answers
            var found: [Int: SharedLease.Answer] = [:]
            for (key, request) in zip(keys, requests) { found[key] = answers[request.number] }
            return found
        }
    }

    /// Opens stores for nodes 1, 2 and so on, and waits until each can claim.
    func withNodes(
        _ uri: String,
        _ count: Int,
        patience: Milliseconds = 20_000,
        _ body: ([TestLeaseNode]) async throws -> Void
    ) async throws {
        var nodes: [TestLeaseNode] = []
        for number in 1...count {
            let store = try PostgreSQLLeaseStore(uri, node: NodeNumber(number), patience: patience)
            let node = TestLeaseNode(store, NodeNumber(number))
            store.start(node)
            nodes.append(node)
        }
        do {
            for (index, node) in nodes.enumerated() {
                _ = try await node.claimUntilAnswered(1000 + index, testSession(0))
            }
            try await body(nodes)
        } catch {
            for node in nodes { await node.close() }
            throw error
        }
        for node in nodes { await node.close() }
    }
#endif
