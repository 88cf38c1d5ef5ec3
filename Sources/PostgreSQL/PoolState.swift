#if PostgreSQL
    import Basics

    /// Which thread of a pool does which job, and who may try to connect. Pure: threads ask it what to do, under a lock.
    ///
    /// While the server is away, one thread tries to reach it when the time has come, and all other jobs are refused at once
    /// unless a connection is left.
    struct PoolState<Job: Sendable> {
        struct Entry: Sendable {
            let job: Job
            /// When nobody waits for it any more.
            let expires: Milliseconds
        }

        /// Where a new job goes.
        enum Place: Equatable {
            /// To a thread that waits, by its number.
            case waiting(Int)
            /// To a new thread, by its number.
            case new(Int)
            case queued
            case refused(PostgreSQLFault)
        }

        /// What a thread does next.
        enum Next {
            /// The thread may connect for it, and says how that ended.
            case work(Entry)
            case wait
            case end
        }

        private struct Outage {
            let fault: PostgreSQLFault
            /// When the next attempt is due.
            let until: Milliseconds
            let pause: Milliseconds
            var isTried = false
        }

        static var shortestPause: Milliseconds { 200 }
        static var longestPause: Milliseconds { 2_000 }

        private let size: Int
        private let queueLimit: Int
        private var queue: ArraySlice<Entry> = []
        /// Threads that wait, those with a connection last.
        private var waiting: [(thread: Int, isConnected: Bool)] = []
        private var threadCount = 0
        private var connected = 0
        private var connecting = 0
        private var outage: Outage?
        private var isClosed = false

        init(size: Int, queueLimit: Int) { (self.size, self.queueLimit) = (size, queueLimit) }

        mutating func place(_ entry: Entry, at now: Milliseconds) -> Place {
            if isClosed { return .refused(Self.closed) }
            if let last = waiting.last, last.isConnected || reserveAttempt(at: now) {
                waiting.removeLast()
                return .waiting(last.thread)
            }
            if threadCount < size, reserveAttempt(at: now) {
                threadCount += 1
                return .new(threadCount - 1)
            }
            if let fault = hopeless(at: now) { return .refused(fault) }
            guard queue.count < queueLimit else { return .refused(Self.busy) }
            queue.append(entry)
            return .queued
        }

        /// What a thread does that has nothing to do.
        ///
        /// - Parameter refused: gets the jobs that have waited for too long, or in vain.
        mutating func next(
            for thread: Int,
            isConnected: Bool,
            at now: Milliseconds,
            refused: inout [(job: Job, fault: PostgreSQLFault)]
        ) -> Next {
            while let first = queue.first, first.expires <= now { refused.append((queue.removeFirst().job, Self.busy)) }
            if !queue.isEmpty, isConnected || reserveAttempt(at: now) { return .work(queue.removeFirst()) }
            if let fault = hopeless(at: now) { refused += takeAll().map { ($0, fault) } }
            if isClosed { return .end }
            waiting.insert((thread, isConnected), at: isConnected ? waiting.endIndex : waiting.startIndex)
            return .wait
        }

        /// Allows one to try, if it is time to.
        private mutating func reserveAttempt(at now: Milliseconds) -> Bool {
            if let outage {
                guard now >= outage.until, !outage.isTried else { return false }
                self.outage?.isTried = true
            }
            connecting += 1
            return true
        }

        /// Why jobs need not wait: nobody has a connection, and the last attempt failed.
        private func hopeless(at now: Milliseconds) -> PostgreSQLFault? { connected > 0 ? nil : outage?.fault }

        mutating func didConnect() {
            connecting -= 1
            connected += 1
            outage = nil
        }

        /// - Parameter jitter: from 0 to 1, so that several gateways do not come back at the same moment.
        mutating func didNotConnect(_ fault: PostgreSQLFault, at now: Milliseconds, jitter: Double) {
            connecting -= 1
            // Those who tried at the same time count as one.
            if let outage, !outage.isTried { return }
            let pause = outage.map { min(2 * $0.pause, Self.longestPause) } ?? Self.shortestPause
            let wait = Milliseconds(Double(pause) * (0.5 + jitter / 2))
            outage = Outage(fault: fault, until: now + wait, pause: pause)
        }

        /// - Returns: whether the thread may connect anew, and says how that ended.
        mutating func didLoseConnection(reconnects: Bool, at now: Milliseconds) -> Bool {
            connected -= 1
            return reconnects && reserveAttempt(at: now)
        }

        /// Takes no more jobs.
        ///
        /// - Returns: the jobs that are given up, and the threads that wait and now end.
        mutating func close() -> (jobs: [Job], threads: [Int]) {
            isClosed = true
            defer { waiting = [] }
            return (takeAll(), waiting.map(\.thread))
        }

        private mutating func takeAll() -> [Job] {
            defer { queue = [] }
            return queue.map(\.job)
        }

        static var closed: PostgreSQLFault { PostgreSQLFault(.closed, "the connections were closed") }
        static var busy: PostgreSQLFault { PostgreSQLFault(.busy, "all connections are busy") }
    }
#endif
