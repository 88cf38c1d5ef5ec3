#if PostgreSQL
    import Basics
    import CPostgreSQL

    extension Connection {
        /// Runs several statements in one round trip. Outside a transaction, they are one of their own: all take effect, or
        /// none. A column whose type is not read is found out afterwards.
        ///
        /// - Throws: with the index of the statement that failed; without, if what failed was their transaction's end.
        package func execute(all statements: [(sql: String, values: [Value])]) throws(PostgreSQLFault) -> [Rows] {
            if statements.isEmpty { return [] }
            var prepared: [(sql: String, parameters: Parameters)] = []
            for (index, statement) in statements.enumerated() {
                do {
                    try check(statement.sql)
                    prepared.append((statement.sql, try Parameters(statement.values)))
                } catch {
                    throw error.inStatement(index)
                }
            }
            return try withFreshPlans { () throws(PostgreSQLFault) in
                guard unsafe PQenterPipelineMode(try live()) == 1 else { throw lost() }
                let deadline = deadline
                let steps = try sendAll(prepared)
                guard unsafe PQpipelineSync(try live()) == 1 else { throw lost() }
                try flush(until: deadline)
                return try readAll(steps, until: deadline)
            }
        }

        /// What the server answers in a pipeline.
        private struct Step {
            let statement: Int
            let key: StatementCache.Key
            /// Whether it prepares the statement, rather than run it.
            let prepares: Bool
        }

        private func sendAll(_ all: [(sql: String, parameters: Parameters)]) throws(PostgreSQLFault) -> [Step] {
            var steps: [Step] = []
            for (index, (sql, parameters)) in all.enumerated() {
                let key = StatementCache.Key(sql: ExactText(sql), types: parameters.types)
                let way = statements.use(key)
                if case .prepare(let name) = way {
                    try sendPrepare(sql, parameters, name)
                    steps.append(Step(statement: index, key: key, prepares: true))
                }
                try send(sql, parameters, way.name)
                steps.append(Step(statement: index, key: key, prepares: false))
            }
            return steps
        }

        private func readAll(_ steps: [Step], until deadline: Milliseconds) throws(PostgreSQLFault) -> [Rows] {
            var rows: [Rows] = []
            var fault: PostgreSQLFault?
            for step in steps {
                guard let answer = try nextAnswer(until: deadline) else { throw lost() }
                if answer.status == PGRES_PIPELINE_ABORTED {
                    if step.prepares { statements.forget(step.key, isKnown: false) }
                } else if let found = note(answer) {
                    if step.prepares { statements.forget(step.key, isKnown: false) }
                    forgetPlan(step.key, after: found)
                    fault = fault ?? found.inStatement(step.statement)
                } else if !step.prepares {
                    do {
                        rows.append(try Rows(answer))
                    } catch {
                        fault = fault ?? error.inStatement(step.statement)
                    }
                }
                if isBroken { break }
                // Each statement's results end with none.
                guard try nextAnswer(until: deadline) == nil else { throw lost() }
            }
            if let fault, isBroken { throw fault }
            // What fails only when the transaction is to take effect comes before the end.
            while let answer = try nextAnswer(until: deadline), answer.status != PGRES_PIPELINE_SYNC {
                fault = fault ?? note(answer)
                if let fault, isBroken { throw fault }
                guard try nextAnswer(until: deadline) == nil else { throw lost() }
            }
            guard unsafe PQexitPipelineMode(try live()) == 1 else { throw lost() }
            if let fault { throw fault }
            return rows
        }
    }

    extension PostgreSQLFault {
        fileprivate func inStatement(_ index: Int) -> PostgreSQLFault {
            var fault = self
            fault.statement = index
            return fault
        }
    }
#endif
