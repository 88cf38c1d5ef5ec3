#if PostgreSQL
    import CPostgreSQL

    extension Connection {
        private var status: PGTransactionStatusType {
            guard let handle = unsafe handle else { return PQTRANS_UNKNOWN }
            return unsafe PQtransactionStatus(handle)
        }

        /// Whether a transaction is open, perhaps one that has failed.
        package var isInTransaction: Bool { status == PQTRANS_INTRANS || status == PQTRANS_INERROR }

        /// Whether the open transaction has failed, so that only ROLLBACK is left.
        package var hasTransactionFailed: Bool { status == PQTRANS_INERROR }

        /// Runs `body` in a transaction, which takes effect if `body` returns, and has none if it throws.
        ///
        /// - Parameter begin: begins it, perhaps with more statements behind `BEGIN`.
        package func transaction<Output>(_ begin: String = "BEGIN", _ body: () throws -> Output) throws -> Output {
            try run(script: begin)
            defer { rollBack() }
            let output = try body()
            // COMMIT would report no error.
            guard !hasTransactionFailed else {
                throw PostgreSQLFault(.other, "a statement of the transaction has failed, so that it has no effect")
            }
            try run(script: "COMMIT")
            return output
        }

        /// Ends an open transaction without effect. Closes the connection if that fails.
        package func rollBack() {
            guard isInTransaction else { return }
            do { try run(script: "ROLLBACK") } catch { close() }
        }
    }
#endif
