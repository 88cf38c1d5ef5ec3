#if PostgreSQL
    import Basics
    import CLinux
    import CPostgreSQL

    extension Connection {
        /// When a call that begins now must be done.
        var deadline: Milliseconds { MonotonicClock.now() + timeout }

        /// Sends what libpq holds, and meanwhile takes in what arrives, so that neither side waits for the other.
        func flush(until deadline: Milliseconds) throws(PostgreSQLFault) {
            while true {
                let left = unsafe PQflush(try live())
                if left == 0 { return }
                guard left > 0 else { throw lost() }
                try wait(POLLIN | POLLOUT, until: deadline)
                try takeIn()
            }
        }

        /// The next result of what was sent; `nil` if there are no more, or, in a pipeline, none of this statement.
        func nextAnswer(until deadline: Milliseconds) throws(PostgreSQLFault) -> Answer? {
            while unsafe PQisBusy(try live()) == 1 {
                try wait(POLLIN, until: deadline)
                try takeIn()
            }
            // SAFETY: the answer owns what the call returns.
            return try unsafe Answer(PQgetResult(live()))
        }

        /// Reads results until the server is done, and returns the last one.
        ///
        /// - Throws: the first fault among them.
        func finish(until deadline: Milliseconds) throws(PostgreSQLFault) -> Answer {
            var fault: PostgreSQLFault?
            var last: Answer?
            while let answer = try nextAnswer(until: deadline) {
                if let found = note(answer) { fault = fault ?? found }
                last = consume answer
                // Nothing follows until the copied rows do.
                if isBroken { break }
            }
            if let fault { throw fault }
            guard let last = last.take() else { throw lost() }
            return last
        }

        /// What is wrong with an answer. Closes the connection if it is of no more use.
        func note(_ answer: borrowing Answer) -> PostgreSQLFault? {
            guard let fault = answer.fault else { return nil }
            let status = answer.status
            let isCopy = status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH
            if isCopy || answer.isLast || fault.kind == .connection { close() }
            return fault
        }

        /// Waits for the socket.
        ///
        /// - Throws: if the time is over. The statement is cancelled then, and the connection closed.
        private func wait(_ readiness: Int32, until deadline: Milliseconds) throws(PostgreSQLFault) {
            let socket = unsafe PQsocket(try live())
            while true {
                let left = deadline - MonotonicClock.now()
                guard left > 0 else { throw giveUp() }
                // Less than nothing if a signal arrives.
                if gateway_poll(socket, Int16(readiness), Int32(clamping: left)) > 0 { return }
            }
        }

        /// Reads what has arrived, without waiting.
        func takeIn() throws(PostgreSQLFault) {
            guard unsafe PQconsumeInput(try live()) == 1 else { throw lost() }
        }

        private func giveUp() -> PostgreSQLFault {
            let request = cancelRequest
            close()
            request?.sendLater()
            return PostgreSQLFault(.connection, "no answer within \(timeout) ms; the statement was cancelled")
        }

        var cancelRequest: CancelRequest? {
            guard let handle = unsafe handle else { return nil }
            return unsafe CancelRequest(handle)
        }

        /// Closes the connection, and says what libpq says about its end.
        func lost() -> PostgreSQLFault {
            defer { close() }
            guard let handle = unsafe handle else { return PostgreSQLFault(.connection, "the connection is lost") }
            // SAFETY: the text belongs to the connection, which is still open, and is copied.
            return PostgreSQLFault(.connection, unsafe firstLine(PQerrorMessage(handle)))
        }

        /// Looks whether the server has ended an idle connection, without waiting. Closes it then.
        package func checkIsOpen() {
            guard let handle = unsafe handle else { return }
            let socket = unsafe PQsocket(handle)
            // The server's farewell, and then the end.
            for _ in 0..<3 where gateway_poll(socket, Int16(POLLIN), 0) > 0 {
                guard unsafe PQconsumeInput(handle) == 1 else { return close() }
                _ = unsafe PQisBusy(handle)
            }
            if unsafe PQstatus(handle) == CONNECTION_BAD { close() }
        }
    }
#endif
