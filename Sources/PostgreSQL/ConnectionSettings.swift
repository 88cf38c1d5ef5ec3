#if PostgreSQL
    import Basics

    /// Where the database is and how to get there, read from a `postgres://` URI
    /// ([section 34.1.1.2](https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS)).
    ///
    /// No text that is made of it contains the password.
    package struct ConnectionSettings: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
        CustomReflectable
    {
        /// One of the servers to try.
        struct Host: Equatable, Sendable {
            /// A name, an address, or the folder of a Unix socket; empty for libpq's own choice, which is a socket.
            let name: String
            /// The address to connect to instead of asking for that of the name; empty if none is given.
            let address: String
            let port: String

            var isSocket: Bool {
                address.isEmpty && (name.isEmpty || name.utf8.first == 0x2F || name.utf8.first == 0x40)
            }

            var description: String {
                if isSocket { return "socket \(name.isEmpty ? "of the default folder" : name):\(port)" }
                let target = name.isEmpty ? address : name
                return target.utf8.contains(0x3A) ? "[\(target)]:\(port)" : "\(target):\(port)"
            }
        }

        let hosts: [Host]
        package let database: String
        package let user: String
        /// How long each address may take to let us in.
        let connectTimeout: Milliseconds
        /// The sessions to accept, most wanted first; see `target_session_attrs`.
        let sessions: [String]
        /// What else libpq is told.
        let options: [(keyword: String, value: String)]

        init(
            hosts: [Host],
            database: String,
            user: String,
            connectTimeout: Milliseconds,
            sessions: [String],
            options: [(keyword: String, value: String)]
        ) {
            self.hosts = hosts
            self.database = database
            self.user = user
            self.connectTimeout = connectTimeout
            self.sessions = sessions
            self.options = options
        }

        /// Such as `database gateway on db.example:5432 as gateway`.
        package var description: String {
            "database \(database) on \(hosts.map(\.description).joined(separator: ", ")) as \(user)"
        }

        package var debugDescription: String { description }

        /// Empty, since a dump would show the options.
        package var customMirror: Mirror { Mirror(self, children: [:]) }
    }
#endif
