#if PostgreSQL
    import CPostgreSQL

    extension Connection {
        /// Runs one statement and passes its rows on as they arrive, one at a time, so that any number of them takes little
        /// memory.
        ///
        /// The time limit applies to each row. If `body` throws, the rest is cancelled. It must not use the connection.
        package func forEachRow(_ sql: String, _ values: [Value] = [], _ body: (Rows) throws -> Void) throws {
            let parameters = try Parameters(values)
            var next: Answer? = try withFreshPlans { () throws(PostgreSQLFault) in try begin(sql, parameters) }
            while let answer = next.take() {
                if let fault = note(answer) {
                    try drain()
                    throw fault
                }
                if answer.status == PGRES_SINGLE_TUPLE {
                    do {
                        try body(Rows(answer))
                    } catch {
                        cancelRequest?.send()
                        try drain()
                        throw error
                    }
                }
                next = try nextAnswer(until: deadline)
            }
        }

        /// Returns the first answer, which is a row unless there are none.
        private func begin(_ sql: String, _ parameters: Parameters) throws(PostgreSQLFault) -> Answer {
            let deadline = deadline
            let key = try send(sql, parameters, until: deadline) { () throws(PostgreSQLFault) in
                guard unsafe PQsetSingleRowMode(try live()) == 1 else { throw lost() }
            }
            guard let answer = try nextAnswer(until: deadline) else { throw lost() }
            guard let fault = note(answer) else { return answer }
            try drain()
            forgetPlan(key, after: fault)
            throw fault
        }

        /// Throws away what is left of a statement's results.
        private func drain() throws(PostgreSQLFault) {
            let deadline = deadline
            while !isBroken, try nextAnswer(until: deadline) != nil {}
        }
    }
#endif
