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
                let result = try readAll(steps, until: deadline)
                guard unsafe PQexitPipelineMode(try live()) == 1 else { throw lost() }
                return try result.get()
            }
        }

        /// Runs several statements in one round trip, each in a transaction of its own. Not in a transaction.
        ///
        /// - Returns: what became of each of them. Once the connection is lost, that fault for all that were not answered,
        ///   which may have been carried out.
        package func execute(each statements: [(sql: String, values: [Value])]) -> [Result<Rows, PostgreSQLFault>] {
            var results: [Result<Rows, PostgreSQLFault>] = []
            do throws(PostgreSQLFault) {
                var prepared: [(sql: String, parameters: Parameters)] = []
                for (sql, values) in statements {
                    try check(sql)
                    prepared.append((sql, try Parameters(values)))
                }
                guard unsafe PQenterPipelineMode(try live()) == 1 else { throw lost() }
                let deadline = deadline
                var sent: [[Step]] = []
                for statement in prepared {
                    sent.append(try sendAll([statement]))
                    guard unsafe PQpipelineSync(try live()) == 1 else { throw lost() }
                }
                try flush(until: deadline)
                for steps in sent {
                    results.append(try readAll(steps, until: deadline).map { $0[0] })
                }
                guard unsafe PQexitPipelineMode(try live()) == 1 else { throw lost() }
            } catch {
                results += repeatElement(.failure(error), count: statements.count - results.count)
            }
            return results
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

        /// Reads what became of one transaction.
        ///
        /// - Throws: if the connection is lost before that is known.
        private func readAll(
            _ steps: [Step],
            until deadline: Milliseconds
        ) throws(PostgreSQLFault) -> Result<[Rows], PostgreSQLFault> {
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
            return fault.map { .failure($0) } ?? .success(rows)
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
