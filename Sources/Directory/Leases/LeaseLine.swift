#if PostgreSQL
    import Admission
    import Basics
    import Dispatch
    import PostgreSQL
    import Synchronization

    /// What a ``PostgreSQLLeaseStore`` and its two threads share: the queue between them, and the way back to the client.
    final class LeaseLine: Sendable {
        let settings: ConnectionSettings
        let node: NodeNumber
        /// How long a claim waits for its answer.
        let patience: Milliseconds
        /// Ends the waits of both threads at the end.
        let wakeup: Wakeup
        /// The shortest time between two connections, and the longest between two looks at one.
        static let pause: Milliseconds = 1000

        private let queue: Mutex<LeaseQueue>
        private let client = Mutex<(any LeaseStoreClient)?>(nil)
        private let news = DispatchSemaphore(value: 0)
        /// Claims that are being carried out.
        private let batches = DispatchGroup()
        /// The thread that listens, once it has connected.
        private let listening = DispatchGroup()
        /// Tells the client of what was refused, since whoever sends may hold locks that the client needs.
        private let refusals = DispatchQueue(label: "lease-refusals")

        init(_ settings: ConnectionSettings, node: NodeNumber, patience: Milliseconds, wakeup: Wakeup) {
            (self.settings, self.node, self.patience, self.wakeup) = (settings, node, patience, wakeup)
            queue = Mutex(LeaseQueue(patience: patience))
        }

        func serve(_ client: any LeaseStoreClient) { self.client.withLock { $0 = client } }

        private var served: (any LeaseStoreClient)? { client.withLock { $0 } }

        func add(_ requests: [LeaseRequest]) {
            if requests.isEmpty { return }
            refuse(queue.withLock { $0.add(requests, at: MonotonicClock.now()) })
            news.signal()
        }

        /// Fails requests, on a thread of its own.
        private func refuse(_ requests: [LeaseRequest]) {
            if requests.isEmpty { return }
            refusals.async { self.failed(requests) }
        }

        // MARK: The thread that claims

        /// The next step. Call ``didStep()`` after it, unless it is to connect or to rest.
        func next() -> LeaseQueue.Step {
            queue.withLock { queue in
                let step = queue.next(at: MonotonicClock.now())
                switch step {
                case .claim, .renew, .refuse: batches.enter()
                case .connect, .rest, .end: break
                }
                return step
            }
        }

        func didStep() { batches.leave() }

        /// Waits until there may be another step. Returns whether there was nothing for long.
        func rest() -> Bool {
            let isIdle = news.wait(timeout: .now() + .milliseconds(Int(Self.pause))) == .timedOut
            // One step takes up all that has come.
            while news.wait(timeout: .now()) == .success {}
            return isIdle
        }

        func didConnect() { queue.withLock { $0.didConnect() } }

        func didDisconnect() { refuse(queue.withLock { $0.didDisconnect() }) }

        func putBack(_ waiting: [LeaseQueue.Waiting]) {
            if !waiting.isEmpty { refuse(queue.withLock { $0.putBack(waiting) }) }
        }

        func answered(_ answers: [(key: SubjectKey, number: UInt64, answer: SharedLease.Answer)]) {
            if !answers.isEmpty { served?.answered(answers) }
        }

        func failed(_ requests: [LeaseRequest]) {
            if !requests.isEmpty { served?.failed(requests.map { ($0.key, $0.number) }) }
        }

        // MARK: The thread that listens

        var goesOn: Bool { queue.withLock { $0.link != .over } }

        /// Runs `body`, which is waited for at the end, unless that has come.
        func whileListening(_ body: () throws -> Void) throws {
            let begins = queue.withLock { queue in
                if queue.link != .over { listening.enter() }
                return queue.link != .over
            }
            guard begins else { return }
            defer { listening.leave() }
            try body()
        }

        /// Lets claims be sent. Whatever was answered before counts as doubtful: its loss may have gone unheard.
        func didListen() {
            // None begins while this node is deaf.
            batches.wait()
            served?.doubt()
            queue.withLock { $0.didListen() }
            news.signal()
        }

        func didGoDeaf() { refuse(queue.withLock { $0.didGoDeaf() }) }

        func lost(_ notices: [(key: SubjectKey, notice: SharedLease.Notice)]) {
            if !notices.isEmpty { served?.lost(notices) }
        }

        // MARK: The end

        func end() {
            refuse(queue.withLock { $0.end() })
            wakeup.wake()
            news.signal()
        }

        /// Waits until the client is called no more. A thread that is about to connect is not waited for: it may take long,
        /// and does nothing afterwards.
        func waitForEnd() async {
            for group in [batches, listening] {
                await withCheckedContinuation { continuation in
                    group.notify(queue: .global()) { continuation.resume() }
                }
            }
            await withCheckedContinuation { continuation in refusals.async { continuation.resume() } }
            client.withLock { $0 = nil }
        }
    }
#endif
