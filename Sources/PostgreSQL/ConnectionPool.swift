#if PostgreSQL
    package import Basics
    import CLinux
    import Dispatch
    import Synchronization

    /// Connections to one database, each with a thread of its own, since libpq's calls block.
    ///
    /// They are opened when they are needed. One that is lost is replaced, after pauses that grow while the server is away;
    /// meanwhile calls fail at once.
    package final class ConnectionPool: Sendable {
        private typealias Work = @Sendable (Result<Connection, PostgreSQLFault>) -> Void
        private typealias State = PoolState<Work>

        /// Where a thread waits for its next job.
        private final class Seat: Sendable {
            private let arrived = DispatchSemaphore(value: 0)
            private let entry = Locked<State.Entry?>(nil)

            func put(_ entry: State.Entry?) {
                self.entry.withLock { $0 = entry }
                arrived.signal()
            }

            /// Returns `nil` at the end.
            func take() -> State.Entry? {
                arrived.wait()
                return entry.withLock { $0.take() }
            }
        }

        private let settings: ConnectionSettings
        private let timeout: Milliseconds
        private let patience: Milliseconds
        private let state: Locked<State>
        private let seats: [Seat]
        private let ended = DispatchGroup()

        /// - Parameters:
        ///   - size: the most connections.
        ///   - queueLimit: how many calls wait at most while all are busy. Further ones are refused.
        ///   - timeout: of each call of a connection.
        ///   - patience: how long a call waits for a connection.
        package init(
            _ settings: ConnectionSettings,
            size: Int = 4,
            queueLimit: Int = 256,
            timeout: Milliseconds = 10_000,
            patience: Milliseconds = 10_000
        ) {
            precondition(size > 0, "a pool has connections")
            self.settings = settings
            self.timeout = timeout
            self.patience = patience
            state = Locked(State(size: size, queueLimit: queueLimit))
            seats = (0..<size).map { _ in Seat() }
        }

        /// Runs `body` with a connection, on its thread. The caller waits without a thread.
        ///
        /// A transaction that `body` leaves open is rolled back. Settings that it changes stay.
        package func run<Output: Sendable>(
            _ body: @escaping @Sendable (Connection) throws -> Output
        ) async throws -> Output {
            try await withCheckedThrowingContinuation { continuation in
                submit { continuation.resume(with: Self.outcome(of: body, with: $0)) }
            }
        }

        /// The same for callers that may block.
        @available(*, noasync)
        package func runBlocking<Output: Sendable>(
            _ body: @escaping @Sendable (Connection) throws -> Output
        ) throws -> Output {
            let outcome = Locked<Result<Output, any Error>?>(nil)
            let done = DispatchSemaphore(value: 0)
            submit { connection in
                let result = Self.outcome(of: body, with: connection)
                outcome.withLock { $0 = result }
                done.signal()
            }
            done.wait()
            return try outcome.withLock { $0.take() }!.get()
        }

        /// Ends all connections, each after the call that it is busy with, and waits until that is done. Calls that wait, and
        /// later ones, are refused.
        package func close() async {
            let (jobs, threads) = state.withLock { $0.close() }
            for work in jobs { work(.failure(State.closed)) }
            for thread in threads { seats[thread].put(nil) }
            await withCheckedContinuation { continuation in
                ended.notify(queue: .global()) { continuation.resume() }
            }
        }

        private static func outcome<Output>(
            of body: (Connection) throws -> Output,
            with connection: Result<Connection, PostgreSQLFault>
        ) -> Result<Output, any Error> {
            Result {
                let connection = try connection.get()
                defer { connection.rollBack() }
                let output = try body(connection)
                guard !connection.isInTransaction else {
                    throw PostgreSQLFault(.other, "a transaction was left open, and is rolled back")
                }
                return output
            }
        }

        private func submit(_ work: @escaping Work) {
            place(State.Entry(job: work, expires: MonotonicClock.now() + patience))
        }

        private func place(_ entry: State.Entry) {
            let now = MonotonicClock.now()
            switch state.withLock({ $0.place(entry, at: now) }) {
            case .waiting(let thread): seats[thread].put(entry)
            case .new(let thread):
                seats[thread].put(entry)
                start(thread)
            case .queued: break
            case .refused(let fault): entry.job(.failure(fault))
            }
        }
    }

    // MARK: - Threads

    extension ConnectionPool {
        /// The arguments of a new thread.
        fileprivate final class Start: Sendable {
            private let pool: ConnectionPool
            private let number: Int

            init(_ pool: ConnectionPool, _ number: Int) { (self.pool, self.number) = (pool, number) }

            func run() {
                pool.serve(number)
                pool.ended.leave()
            }
        }

        private func start(_ number: Int) {
            var thread = pthread_t()
            let start = Start(self, number)
            ended.enter()
            // SAFETY: the thread takes the reference that it is passed; the name is read during its call.
            let result = unsafe pthread_create(&thread, nil, runPoolThread, Unmanaged.passRetained(start).toOpaque())
            guard result == 0 else {
                unsafe Unmanaged.passUnretained(start).release()
                DispatchQueue(label: "postgresql").async { start.run() }
                return
            }
            unsafe _ = pthread_setname_np(thread, "postgresql")
            pthread_detach(thread)
        }

        /// The life of a thread, which begins with a job.
        private func serve(_ number: Int) {
            var connection: Connection?
            var next = seats[number].take()
            while let entry = next {
                work(on: entry, with: &connection)
                next = nextEntry(number, isConnected: connection != nil)
            }
        }

        private func work(on entry: State.Entry, with connection: inout Connection?) {
            connection?.checkIsOpen()
            if connection?.isBroken == true {
                connection = nil
                guard noteLoss(reconnects: true) else { return place(entry) }
            }
            if connection == nil { connection = connect() }
            guard let held = connection else { return place(entry) }
            held.timeout = timeout
            entry.job(.success(held))
            if held.isBroken {
                connection = nil
                _ = noteLoss(reconnects: false)
            }
        }

        /// - Returns: whether the thread may connect anew.
        private func noteLoss(reconnects: Bool) -> Bool {
            let now = MonotonicClock.now()
            return state.withLock { $0.didLoseConnection(reconnects: reconnects, at: now) }
        }

        /// Waits for the next job; `nil` at the end.
        private func nextEntry(_ number: Int, isConnected: Bool) -> State.Entry? {
            let now = MonotonicClock.now()
            let (next, refused) = state.withLock { state in
                var refused: [(job: Work, fault: PostgreSQLFault)] = []
                let next = state.next(for: number, isConnected: isConnected, at: now, refused: &refused)
                return (next, refused)
            }
            for (work, fault) in refused { work(.failure(fault)) }
            return switch next {
            case .work(let entry): entry
            case .wait: seats[number].take()
            case .end: nil
            }
        }

        private func connect() -> Connection? {
            do {
                let connection = try Connection(settings, timeout: timeout)
                state.withLock { $0.didConnect() }
                return connection
            } catch {
                let (now, jitter) = (MonotonicClock.now(), Double.random(in: 0...1))
                state.withLock { $0.didNotConnect(error, at: now, jitter: jitter) }
                return nil
            }
        }
    }

    // SAFETY: called by `pthread_create` with the `Start` that it was given.
    private func runPoolThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        unsafe Unmanaged<ConnectionPool.Start>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
    }
#endif
