#if PostgreSQL
    import Basics
    import Dispatch
    import PostgreSQL
    import Synchronization

    /// Looks at the database when another node has changed something, and every second anyway, on a thread of its own with
    /// a connection of its own, which is made again after it was lost. Ends with its owner.
    ///
    /// The same connection holds the lock of the node that works for all, so that the lock is lost with it.
    final class ChangeListener: Sendable {
        private let life: Life

        /// - Parameters:
        ///   - process: what this process is called in the log; it knows what it has written itself.
        ///   - leading: told whether this node works for all.
        ///   - look: takes what reads the database, and throws what that has thrown.
        init(
            _ settings: ConnectionSettings,
            process: String,
            leading: @escaping @Sendable (Bool) -> Void,
            look: @escaping @Sendable (ChangeFollower.Read) throws -> Void
        ) throws {
            guard let wakeup = Wakeup() else { throw DirectoryFault(description: "no descriptor is left") }
            let life = Life(wakeup)
            self.life = life
            DispatchQueue(label: "directory-changes").async {
                Following(settings: settings, process: process, leading: leading, look: look, life: life).run()
            }
        }

        deinit { life.end() }

        /// Returns when nothing is looked at any more.
        func close() async {
            life.end()
            await life.waitForLook()
        }

        /// Whether the thread goes on.
        private final class Life: Sendable {
            let wakeup: Wakeup
            private let isOver = Mutex(false)
            private let looks = DispatchGroup()

            init(_ wakeup: Wakeup) { self.wakeup = wakeup }

            var goesOn: Bool { isOver.withLock { !$0 } }

            func end() {
                isOver.withLock { $0 = true }
                wakeup.wake()
            }

            /// Runs `look` unless the life is over.
            func look(_ look: () throws -> Void) throws {
                let begins = isOver.withLock { isOver in
                    if !isOver { looks.enter() }
                    return !isOver
                }
                guard begins else { return }
                defer { looks.leave() }
                try look()
            }

            /// A thread that is about to connect is not waited for: it may take long, and looks at nothing afterwards.
            func waitForLook() async {
                await withCheckedContinuation { continuation in
                    looks.notify(queue: .global()) { continuation.resume() }
                }
            }
        }

        /// What the thread does.
        private struct Following {
            let settings: ConnectionSettings
            let process: String
            let leading: @Sendable (Bool) -> Void
            let look: @Sendable (ChangeFollower.Read) throws -> Void
            let life: Life

            /// The longest time between two looks, and the shortest between two connections.
            private static let pause: Milliseconds = 1000
            /// How long an answer may take.
            private static let timeout: Milliseconds = 5000

            func run() {
                while life.goesOn {
                    let start = MonotonicClock.now()
                    // Whoever writes tells of a server that is away.
                    try? follow(Connection(settings, timeout: Self.timeout))
                    life.wakeup.wait(until: start + Self.pause)
                }
            }

            /// - Throws: once the connection is lost.
            private func follow(_ connection: Connection) throws {
                try connection.listen(ChangeLog.channel)
                var leads = false
                defer { if leads { leading(false) } }
                while life.goesOn {
                    do {
                        try life.look {
                            try look { body in try connection.read(body) }
                            guard !leads, try AdvisoryLock.leading.attempt(connection) else { return }
                            leads = true
                            leading(true)
                        }
                    } catch {
                        // What else is wrong may be over at the next look.
                        if connection.isBroken { throw error }
                    }
                    try waitForOthers(connection)
                }
            }

            /// Waits until it is time to look again.
            private func waitForOthers(_ connection: Connection) throws {
                let end = MonotonicClock.now() + Self.pause
                while life.goesOn, MonotonicClock.now() < end {
                    let said = try connection.notifications(until: end, wakeup: life.wakeup.descriptor)
                    if said.contains(where: { !$0.payload.hasSameBytes(as: process) }) { return }
                }
            }
        }
    }
#endif
