#if PostgreSQL
    package import Basics
    import CPostgreSQL

    /// A connection to the server. One thread uses it at a time, and blocks while it waits for an answer.
    ///
    /// A call that fails leaves the connection as it was, unless the connection itself is lost or the answer takes too long:
    /// then it is closed, so that the server gives up what it held for it, and ``isBroken``. Only ``reset()`` helps then.
    @safe
    package final class Connection {
        /// The oldest version of the server that works, as the server counts.
        static let oldestVersion: Int32 = 150_000
        /// How many statements are remembered and prepared.
        static let statementLimit = 256

        private let settings: ConnectionSettings
        /// libpq's connection; `nil` once broken.
        // SAFETY: whoever passes it to libpq does so during a call of this, which keeps it open.
        private(set) var handle: OpaquePointer?
        /// How long a call may take; while rows are streamed, how long the next one may take.
        package var timeout: Milliseconds
        var statements = StatementCache(capacity: Connection.statementLimit)

        /// Connects to the first server that lets it in.
        package init(_ settings: ConnectionSettings, timeout: Milliseconds = 10_000) throws(PostgreSQLFault) {
            self.settings = settings
            self.timeout = timeout
            try open()
        }

        deinit { close() }

        /// Whether nothing can be sent until ``reset()``.
        package var isBroken: Bool { unsafe handle == nil }

        /// Connects anew. What belonged to the session is gone: its transaction, its settings, what it listens to.
        package func reset() throws(PostgreSQLFault) {
            close()
            try open()
        }

        private func open() throws(PostgreSQLFault) {
            statements = StatementCache(capacity: Self.statementLimit)
            unsafe handle = try Opening(settings).open()
            do throws(PostgreSQLFault) {
                try run(script: Self.session)
            } catch {
                close()
                throw error
            }
        }

        /// Each call has a time limit of its own, and a connection may be idle for days: limits that are set for a role or a
        /// database are for people. The server notices a client that is gone as soon as the client notices the server.
        private static let session = """
            SET statement_timeout = 0; SET idle_session_timeout = 0; SET tcp_keepalives_idle = 4;
            SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000
            """

        func close() {
            // SAFETY: the connection is open, and nobody gets it from here afterwards.
            if let handle = unsafe handle { unsafe PQfinish(handle) }
            unsafe handle = nil
        }

        /// The open connection.
        @unsafe
        func live() throws(PostgreSQLFault) -> OpaquePointer {
            guard let handle = unsafe handle else { throw PostgreSQLFault(.connection, "the connection is lost") }
            return unsafe handle
        }

        /// The server's process for this connection. Notifications say whose they are by it.
        package var serverProcess: Int32 {
            guard let handle = unsafe handle else { return 0 }
            return unsafe PQbackendPID(handle)
        }

        /// The server's version, such as 150018 for 15.18.
        package var serverVersion: Int32 {
            guard let handle = unsafe handle else { return 0 }
            return unsafe PQserverVersion(handle)
        }
    }
#endif
