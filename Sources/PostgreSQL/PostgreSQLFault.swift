#if PostgreSQL
    import Basics

    /// Why the server, or the way to it, did not do what was asked, worded for the operator.
    ///
    /// The text includes the server's message, but no values of rows: its DETAIL may hold personal data.
    package struct PostgreSQLFault: Error, Equatable, Sendable, CustomStringConvertible {
        package enum Kind: Hashable, Sendable {
            /// The server is away: not reached, silent for too long, or it ended the connection. Whether a statement that
            /// was sent took effect is unknown.
            case connection
            /// The server does not let this user in.
            case authentication
            case unique(constraint: String)
            /// Another transaction was in the way (40001, 40P01). Repeat the whole transaction.
            case serialization
            /// The server, or the transaction, takes no changes: a stand-by.
            case readOnly
            /// The server's disk is full.
            case full
            case tooManyConnections
            /// The server's version is not supported.
            case tooOld
            /// The database cannot store every text.
            case encoding
            /// All connections of the pool are busy and its queue is full, or the call waited too long in it. Nothing was sent.
            case busy
            /// The pool was closed. Nothing was sent.
            case closed
            case other
        }

        package let kind: Kind
        package let sqlState: SQLState?
        /// What happened.
        package let message: String
        /// Which statement of a pipeline failed.
        package internal(set) var statement: Int?
        /// Whether a prepared statement is of no more use, and preparing it again may help.
        var isStalePlan = false

        init(_ kind: Kind, _ message: String, _ sqlState: SQLState? = nil) {
            self.kind = kind
            self.message = message
            self.sqlState = sqlState
        }

        package var description: String {
            var words = "PostgreSQL: "
            if let statement { words += "statement \(statement + 1) of several: " }
            words += message
            if let sqlState { words += " (SQLSTATE \(sqlState))" }
            if let advice { words += "; \(advice)" }
            return words
        }

        /// What the operator can do.
        private var advice: String? {
            switch kind {
            case .connection where message.contains("certificate") || message.contains("SSL"):
                "check sslmode and sslrootcert, and the server's certificate"
            case .connection where message.contains("session is"): "see target_session_attrs"
            case .connection: "check that the server runs and can be reached from here"
            case .authentication: "check the user, its password or certificate, and the server's pg_hba.conf"
            case .readOnly: "name the primary server, or all of them with target_session_attrs=read-write"
            case .full: "free space on the server's disk"
            case .tooManyConnections: "raise max_connections, or the limit of the user or database"
            case .tooOld: "use PostgreSQL \(Connection.oldestVersion / 10_000) or newer"
            case .encoding: "create one with ENCODING 'UTF8' TEMPLATE template0"
            case .busy: "the server is slow, or the pool has too few connections"
            case .other where sqlState == "3D000": "create the database"
            case .other where sqlState == "42501": "grant the user what it lacks"
            case .unique, .serialization, .closed, .other: nil
            }
        }
    }

    extension PostgreSQLFault {
        /// - Parameter constraint: the name of the constraint that was violated.
        init(_ sqlState: SQLState, _ message: String, constraint: String? = nil) {
            self.init(Kind(sqlState, constraint), Self.withoutValue(message, sqlState), sqlState)
        }

        /// Cuts off the value that messages about malformed values (class 22) quote at their end.
        private static func withoutValue(_ message: String, _ sqlState: SQLState) -> String {
            guard sqlState.isOfClass("22") else { return message }
            let bytes = Array(message.utf8)
            guard let quote = bytes.indices.first(where: { bytes[$0...].starts(with: ": \"".utf8) }) else {
                return message
            }
            return String(decoding: bytes[..<quote], as: UTF8.self)
        }
    }

    extension PostgreSQLFault.Kind {
        fileprivate init(_ sqlState: SQLState, _ constraint: String?) {
            self =
                switch sqlState {
                case "23505": .unique(constraint: constraint ?? "")
                case "40001", "40P01": .serialization
                case "25006": .readOnly
                case "53100": .full
                case "53300": .tooManyConnections
                case "57P01", "57P02", "57P03", "57P05": .connection
                case _ where sqlState.isOfClass("08"): .connection
                case _ where sqlState.isOfClass("28"): .authentication
                default: .other
                }
        }
    }
#endif
