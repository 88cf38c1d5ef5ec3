#if PostgreSQL
    import Basics
    import CPostgreSQL

    extension Connection {
        /// Runs one statement.
        ///
        /// - Parameter values: for its `$1`, `$2` and so on.
        package func execute(_ sql: String, _ values: [Value] = []) throws(PostgreSQLFault) -> Rows {
            let parameters = try Parameters(values)
            return try withFreshPlans { () throws(PostgreSQLFault) in
                let deadline = deadline
                let key = try send(sql, parameters, until: deadline)
                do throws(PostgreSQLFault) {
                    return try Rows(finish(until: deadline))
                } catch {
                    forgetPlan(key, after: error)
                    throw error
                }
            }
        }

        /// Runs several statements, divided by semicolons and without parameters. Unless they say otherwise, all of them are
        /// one transaction.
        package func run(script: String) throws(PostgreSQLFault) {
            try check(script)
            let deadline = deadline
            guard unsafe PQsendQuery(try live(), script) == 1 else { throw lost() }
            try flush(until: deadline)
            _ = try finish(until: deadline)
        }

        /// Repeats `body` once if a plan was out of date: somebody has changed the tables since the statement was prepared,
        /// or dropped it. In a transaction that is up to the caller, since the server has ended it.
        func withFreshPlans<Result: ~Copyable>(
            _ body: () throws(PostgreSQLFault) -> Result
        ) throws(PostgreSQLFault) -> Result {
            try dropAbandoned()
            let isAlone = !isInTransaction
            do {
                return try body()
            } catch {
                guard error.isStalePlan, isAlone, !isBroken else { throw error }
            }
            return try body()
        }

        /// Begins a statement: prepares it if it is time to, and sends it with its parameters.
        ///
        /// - Parameter choose: called before the first result may arrive, to choose how results do.
        func send(
            _ sql: String,
            _ parameters: Parameters,
            until deadline: Milliseconds,
            choose: () throws(PostgreSQLFault) -> Void = {}
        ) throws(PostgreSQLFault) -> StatementCache.Key {
            try check(sql)
            let key = StatementCache.Key(sql: ExactText(sql), types: parameters.types)
            let way = statements.use(key)
            if case .prepare(let name) = way {
                do {
                    try sendPrepare(sql, parameters, name)
                    try flush(until: deadline)
                    _ = try finish(until: deadline)
                } catch {
                    statements.forget(key, isKnown: false)
                    throw error
                }
            }
            try send(sql, parameters, way.name)
            try choose()
            try flush(until: deadline)
            return key
        }

        func sendPrepare(_ sql: String, _ parameters: Parameters, _ name: String) throws(PostgreSQLFault) {
            let handle = try unsafe live()
            // SAFETY: libpq copies the texts and the types, which live for the call.
            guard unsafe PQsendPrepare(handle, name, sql, parameters.count, parameters.types) == 1 else { throw lost() }
        }

        /// - Parameter name: of the prepared statement; `nil` if it is not prepared.
        func send(_ sql: String, _ parameters: Parameters, _ name: String?) throws(PostgreSQLFault) {
            let handle = try unsafe live()
            let (count, lengths, formats) = (parameters.count, parameters.lengths, parameters.formats)
            // SAFETY: libpq copies the texts and the parameters, which live for the call and are as many as it is told.
            let isSent = unsafe parameters.withAddresses { values in
                guard let name else {
                    let types = parameters.types
                    return unsafe PQsendQueryParams(handle, sql, count, types, values, lengths, formats, 1)
                }
                return unsafe PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
            }
            guard isSent == 1 else { throw lost() }
        }

        /// A text with a zero byte would end there.
        func check(_ sql: String) throws(PostgreSQLFault) {
            guard !sql.utf8.contains(0) else { throw PostgreSQLFault(.other, "the statement contains U+0000") }
        }

        func forgetPlan(_ key: StatementCache.Key, after fault: PostgreSQLFault) {
            if fault.isStalePlan { statements.forget(key, isKnown: fault.sqlState != "26000") }
        }

        /// Has the server forget what the cache has given up. Not in a transaction, which an error would end.
        private func dropAbandoned() throws(PostgreSQLFault) {
            guard !statements.abandoned.isEmpty, !isInTransaction else { return }
            for name in statements.takeAbandoned() {
                do {
                    try run(script: "DEALLOCATE \(name)")
                } catch {
                    if isBroken { throw error }
                }
            }
        }
    }
#endif
