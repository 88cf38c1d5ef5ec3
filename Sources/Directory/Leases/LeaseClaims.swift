#if PostgreSQL
    import Admission
    import Basics
    import PostgreSQL

    /// The thread that sends claims, over a connection of its own, in batches of what has queued up.
    struct LeaseClaims {
        let line: LeaseLine

        func run() {
            var connection: Connection?
            while true {
                let step = line.next()
                switch step {
                case .end: return
                case .rest:
                    if line.rest() { connection?.checkIsOpen() }
                case .connect:
                    let start = MonotonicClock.now()
                    if connection == nil { connection = connect() }
                    guard connection != nil else {
                        line.wakeup.wait(until: start + LeaseLine.pause)
                        continue
                    }
                    line.didConnect()
                case .refuse(let late):
                    line.failed(late.map(\.request))
                    line.didStep()
                case .claim(let batch), .renew(let batch):
                    if let connection { carryOut(step, batch, connection) }
                    line.didStep()
                }
                if connection?.isBroken == true {
                    connection = nil
                    line.didDisconnect()
                }
            }
        }

        /// Whoever writes to the directory tells of a server that is away.
        private func connect() -> Connection? {
            guard let connection = try? Connection(line.settings, timeout: line.patience) else { return nil }
            // A lease is not on disk anyway.
            guard (try? connection.run(script: "SET synchronous_commit = off")) != nil else { return nil }
            return connection
        }

        private func carryOut(_ step: LeaseQueue.Step, _ batch: [LeaseQueue.Waiting], _ connection: Connection) {
            let deadline = batch.lazy.map(\.deadline).min() ?? 0
            connection.timeout = max(deadline - MonotonicClock.now(), 1)
            let outcomes = if case .renew = step { renew(batch, connection) } else { claim(batch, connection) }
            var answers: [(key: SubjectKey, number: UInt64, answer: SharedLease.Answer)] = []
            var (failed, again): ([LeaseRequest], [LeaseQueue.Waiting]) = ([], [])
            for (waiting, outcome) in zip(batch, outcomes) {
                switch outcome {
                case .answered(let answer): answers.append((waiting.request.key, waiting.request.number, answer))
                case .again: again.append(waiting)
                case .failed: failed.append(waiting.request)
                }
            }
            line.answered(answers)
            line.failed(failed)
            line.putBack(again)
        }

        private enum Outcome {
            case answered(SharedLease.Answer)
            /// It was not carried out.
            case again
            /// It may have been carried out.
            case failed
        }

        private func claim(_ batch: [LeaseQueue.Waiting], _ connection: Connection) -> [Outcome] {
            connection.execute(each: batch.map { LeaseStatement.claim($0.request) }).map { result in
                guard case .success(let rows) = result else { return .failed }
                return LeaseStatement.answer(rows).map { .answered($0) } ?? .again
            }
        }

        /// What is not held any more is claimed.
        private func renew(_ batch: [LeaseQueue.Waiting], _ connection: Connection) -> [Outcome] {
            let (sql, values) = LeaseStatement.renewal(batch.map(\.request))
            guard let rows = try? connection.execute(sql, values) else { return batch.map { _ in .failed } }
            let answers = LeaseStatement.renewed(rows)
            return batch.map { waiting in answers[waiting.request.key].map { .answered($0) } ?? .again }
        }
    }
#endif
