#if PostgreSQL
    import Basics
    import PostgreSQL

    /// The thread that hears, over a connection of its own, which leases this node's sessions have lost.
    struct LeaseNews {
        let line: LeaseLine

        /// The shortest time between two parts of a sweep, and how long it pauses when it has found everything.
        private static let sweepPause: Milliseconds = 10_000
        private static let longSweepPause: Milliseconds = 600_000

        func run() {
            while line.goesOn {
                let start = MonotonicClock.now()
                // More patient than those who wait for an answer: its loss puts every lease in doubt.
                if let connection = try? Connection(line.settings, timeout: 2 * line.patience) {
                    try? line.whileListening { try follow(connection) }
                    line.didGoDeaf()
                }
                line.wakeup.wait(until: start + LeaseLine.pause)
            }
        }

        /// - Throws: once the connection is lost.
        private func follow(_ connection: Connection) throws {
            try connection.listen(LeaseStatement.channel(of: line.node))
            line.didListen()
            var nextSweep = MonotonicClock.now() + Self.sweepPause
            while line.goesOn {
                try hear(connection)
                if MonotonicClock.now() >= nextSweep {
                    let isSwept = try !LeaseStatement.sweep(connection)
                    nextSweep = MonotonicClock.now() + (isSwept ? Self.longSweepPause : Self.sweepPause)
                }
            }
        }

        /// Waits for notices. If there are none for some time, asks whether the server is still there.
        private func hear(_ connection: Connection) throws {
            let end = MonotonicClock.now() + LeaseLine.pause
            let heard = try connection.notifications(until: end, wakeup: line.wakeup.descriptor)
            line.lost(heard.compactMap { LeaseStatement.notice($0.payload, to: line.node) })
            if heard.isEmpty, line.goesOn { _ = try connection.execute("SELECT 1") }
        }
    }
#endif
