#if PostgreSQL
    import Testing

    @testable import PostgreSQL

    @Suite("Which thread of a pool does what")
    struct PoolStateTests {
        private typealias State = PoolState<Int>
        private let away = PostgreSQLFault(.connection, "away")

        private func entry(_ job: Int = 0, expires: Int64 = 1_000_000) -> State.Entry {
            State.Entry(job: job, expires: expires)
        }

        private func next(_ state: inout State, _ thread: Int, isConnected: Bool, at now: Int64 = 0) -> (
            did: Int?, refused: [Int]
        ) {
            var refused: [(job: Int, fault: PostgreSQLFault)] = []
            let next = state.next(for: thread, isConnected: isConnected, at: now, refused: &refused)
            if case .work(let entry) = next { return (entry.job, refused.map(\.job)) }
            return (nil, refused.map(\.job))
        }

        @Test("Threads begin as jobs come, then jobs wait in their order, then they are refused")
        func order() {
            var state = State(size: 2, queueLimit: 2)
            let places = (0..<5).map { state.place(entry($0), at: 0) }
            #expect(places == [.new(0), .new(1), .queued, .queued, .refused(State.busy)])
            state.didConnect()
            #expect(next(&state, 0, isConnected: true).did == 2)
            #expect(next(&state, 0, isConnected: true).did == 3)
            #expect(next(&state, 0, isConnected: true).did == nil)
            #expect(state.place(entry(), at: 0) == .waiting(0))
        }

        @Test("A job that has waited for too long is refused")
        func expiry() {
            var state = State(size: 1, queueLimit: 9)
            _ = state.place(entry(), at: 0)
            _ = state.place(entry(1, expires: 10), at: 0)
            _ = state.place(entry(2, expires: 11), at: 0)
            state.didConnect()
            let (did, refused) = next(&state, 0, isConnected: true, at: 10)
            #expect(did == 2 && refused == [1])
        }

        @Test("While the server is away, one attempt is made at a time, after pauses that grow up to a limit")
        func outage() {
            var state = State(size: 3, queueLimit: 9)
            #expect(state.place(entry(), at: 0) == .new(0))
            #expect(state.place(entry(), at: 0) == .new(1))
            state.didNotConnect(away, at: 0, jitter: 1)
            state.didNotConnect(away, at: 0, jitter: 1)
            #expect(next(&state, 0, isConnected: false).did == nil)
            #expect(next(&state, 1, isConnected: false).did == nil)
            var now: Int64 = 0
            for pause in [200, 400, 800, 1_600, 2_000, 2_000] as [Int64] {
                #expect(state.place(entry(), at: now + pause - 1) == .refused(away))
                now += pause
                guard case .waiting(let thread) = state.place(entry(), at: now) else {
                    Issue.record("no attempt at \(now)")
                    return
                }
                #expect(state.place(entry(), at: now) == .refused(away))
                state.didNotConnect(away, at: now, jitter: 1)
                #expect(next(&state, thread, isConnected: false, at: now).did == nil)
            }
            #expect(state.place(entry(), at: now + 10_000) != .refused(away))
            state.didConnect()
            #expect(state.place(entry(), at: now + 10_000) != .refused(away))
        }

        @Test("If no further connection can be made, those that there are do the work")
        func crowded() {
            let full = PostgreSQLFault(.tooManyConnections, "full")
            var state = State(size: 2, queueLimit: 9)
            _ = state.place(entry(1), at: 0)
            state.didConnect()
            #expect(state.place(entry(2), at: 0) == .new(1))
            state.didNotConnect(full, at: 0, jitter: 0)
            #expect(state.place(entry(2), at: 0) == .queued)
            #expect(next(&state, 1, isConnected: false).did == nil)
            #expect(next(&state, 0, isConnected: true).did == 2)
            #expect(next(&state, 0, isConnected: true).did == nil)
            #expect(state.place(entry(3), at: 0) == .waiting(0))
            // The last one is lost while a job waits.
            #expect(state.place(entry(4), at: 0) == .queued)
            let reconnects = state.didLoseConnection(reconnects: true, at: 0)
            #expect(!reconnects)
            #expect(next(&state, 0, isConnected: false).refused == [4])
            #expect(state.place(entry(5), at: 0) == .refused(full))
        }

        @Test("What is closed takes no more jobs, and its threads end")
        func close() {
            var state = State(size: 2, queueLimit: 9)
            _ = state.place(entry(1), at: 0)
            state.didConnect()
            _ = state.place(entry(2), at: 0)
            state.didConnect()
            #expect(next(&state, 0, isConnected: true).did == nil)
            _ = state.place(entry(3), at: 0)
            _ = state.place(entry(4), at: 0)
            _ = next(&state, 0, isConnected: true)
            _ = next(&state, 0, isConnected: true)
            let (jobs, threads) = state.close()
            #expect(jobs == [] && threads == [0])
            #expect(state.place(entry(), at: 0) == .refused(State.closed))
            var refused: [(job: Int, fault: PostgreSQLFault)] = []
            guard case .end = state.next(for: 1, isConnected: true, at: 0, refused: &refused) else {
                Issue.record("the thread goes on")
                return
            }
        }
    }
#endif
