#if PostgreSQL
    import Basics
    import CPostgreSQL

    extension ConnectionSettings {
        /// Reads a URI without connecting.
        ///
        /// What it leaves out is what libpq takes instead: environment variables such as `PGUSER`, or a default.
        ///
        /// - Throws: with words that do not repeat the URI, since any part of it may belong to a malformed password.
        package init(_ uri: String) throws(PostgreSQLFault) {
            try Self.checkShape(uri)
            let given = try Self.parse(uri)
            let defaults = unsafe Self.read(PQconndefaults())
            func setting(_ keyword: ExactText) -> String {
                if let value = given[keyword], !value.isEmpty { return value }
                return defaults[keyword] ?? ""
            }

            guard given["service"] == nil else {
                throw Self.fault("service= is not supported: write the settings themselves")
            }
            let hosts = try Self.hosts(setting("host"), setting("hostaddr"), setting("port"))
            try Self.checkTLS(setting("sslmode"))
            let sessions = try Self.sessions(setting("target_session_attrs"))
            let timeout = try Self.connectTimeout(setting("connect_timeout"))

            var options: [ExactText: String] = [
                "fallback_application_name": "embed-gateway",
                // A server that is gone is noticed within ten seconds.
                "keepalives": "1", "keepalives_idle": "4", "keepalives_interval": "2", "keepalives_count": "3",
                "tcp_user_timeout": "10000",
                // Otherwise libpq looks for Kerberos tickets each time.
                "gssencmode": "disable",
            ]
            options.merge(given) { _, given in given }
            options["client_encoding"] = "UTF8"
            // Each host is tried by itself.
            for keyword: ExactText in ["host", "hostaddr", "port", "target_session_attrs", "connect_timeout"] {
                options[keyword] = nil
            }
            let user = setting("user")
            self.init(
                hosts: hosts,
                database: setting("dbname").isEmpty ? user : setting("dbname"),
                user: user,
                connectTimeout: timeout,
                sessions: sessions,
                options: options.map { ($0.key.text, $0.value) }
            )
        }

        private static func fault(_ words: String) -> PostgreSQLFault {
            PostgreSQLFault(.other, "the database's address is malformed: \(words)")
        }

        /// Refuses what libpq would take for something else. It ends a user's name and password at the first `@` and the
        /// servers at the first `/`, so that the rest of a password would become a server, a port or a database.
        private static func checkShape(_ uri: String) throws(PostgreSQLFault) {
            let bytes = Array(uri.utf8)
            let schemes = ["postgres://", "postgresql://"]
            guard let scheme = schemes.first(where: { bytes.starts(with: $0.utf8) }) else {
                throw fault("it begins with postgres:// or postgresql://")
            }
            guard !bytes.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
                throw fault("it contains a space or control character; write them as %20 and so on")
            }
            let rest = bytes.dropFirst(scheme.utf8.count)
            let authority = rest.prefix { $0 != 0x2F && $0 != 0x3F }
            let signs = rest.count { $0 == 0x40 }
            guard signs == authority.count(where: { $0 == 0x40 }), signs <= 1 else {
                throw fault(
                    "write / as %2F, ? as %3F and @ as %40 in a user's name, a password, or anything after the servers"
                )
            }
        }

        private static func parse(_ uri: String) throws(PostgreSQLFault) -> [ExactText: String] {
            var message: UnsafeMutablePointer<CChar>?
            // SAFETY: the text is read during the call. What it returns is read, then freed; so is the message.
            let parsed = unsafe PQconninfoParse(uri, &message)
            defer { unsafe PQfreemem(message) }
            guard unsafe parsed != nil else { throw fault(unsafe words(message)) }
            return unsafe read(parsed)
        }

        /// What libpq found wrong, without the part that it quotes.
        // SAFETY: the caller passes a text of libpq, or none.
        @unsafe
        private static func words(_ message: UnsafePointer<CChar>?) -> String {
            let bytes = Array(unsafe firstLine(message).utf8)
            let unknown = Array("invalid URI query parameter: \"".utf8)
            // The name of a parameter is no secret.
            if bytes.starts(with: unknown) {
                let name = bytes.dropFirst(unknown.count).prefix { $0 != 0x22 }
                return "there is no parameter \(TerminalText.escaped(String(decoding: name, as: UTF8.self)))"
            }
            let quote = bytes.indices.first { bytes[$0...].starts(with: ": \"".utf8) }
            return String(decoding: bytes[..<(quote ?? 0)], as: UTF8.self)
        }

        /// Copies the options that have a value, and frees them.
        // SAFETY: the caller passes an array of libpq, which ends with an entry without keyword, and does not use it again.
        @unsafe
        private static func read(_ options: UnsafeMutablePointer<PQconninfoOption>?) -> [ExactText: String] {
            var values: [ExactText: String] = [:]
            var entry = unsafe options
            while let option = unsafe entry?.pointee, let keyword = unsafe option.keyword {
                if let value = unsafe option.val {
                    unsafe values[ExactText(String(cString: keyword))] = String(cString: value)
                }
                unsafe entry = entry?.successor()
            }
            unsafe PQconninfoFree(options)
            return values
        }

        private static func list(_ text: String) -> [String] {
            text.utf8.split(separator: 0x2C, omittingEmptySubsequences: false).map { String($0) ?? "" }
        }

        private static func hosts(_ names: String, _ addresses: String, _ ports: String) throws(PostgreSQLFault)
            -> [Host]
        {
            let (names, addresses, ports) = (list(names), list(addresses), list(ports))
            let count = max(names.count, addresses.count)
            guard names.count == count || names == [""], addresses.count == count || addresses == [""] else {
                throw fault("there are as many addresses (hostaddr) as servers")
            }
            guard ports.count == count || ports.count == 1 else {
                throw fault("there is one port, or as many as servers")
            }
            var hosts: [Host] = []
            for index in 0..<count {
                let port = ports.count == 1 ? ports[0] : ports[index]
                guard port.isEmpty || UInt16(port).map({ $0 > 0 }) ?? false else {
                    throw fault("a port is a number from 1 to 65535; a / in a password is written %2F")
                }
                hosts.append(
                    Host(
                        name: names.count == count ? names[index] : "",
                        address: addresses.count == count ? addresses[index] : "",
                        port: port.isEmpty ? "5432" : port
                    )
                )
            }
            return hosts
        }

        private static func checkTLS(_ mode: String) throws(PostgreSQLFault) {
            let modes: [ExactText] = ["verify-full", "verify-ca", "require", "prefer", "allow", "disable"]
            guard modes.contains(ExactText(mode)) else {
                throw fault("sslmode is verify-full, verify-ca, require, prefer, allow or disable")
            }
        }

        private static func sessions(_ wanted: String) throws(PostgreSQLFault) -> [String] {
            switch ExactText(wanted) {
            case "any", "": return ["any"]
            case "read-write", "read-only", "primary", "standby": return [wanted]
            // One server is tried at a time, so that the wish is two: a stand-by, or else any.
            case "prefer-standby": return ["standby", "any"]
            default:
                throw fault("target_session_attrs is any, read-write, read-only, primary, standby or prefer-standby")
            }
        }

        /// At most ten seconds, since callers wait.
        private static func connectTimeout(_ seconds: String) throws(PostgreSQLFault) -> Milliseconds {
            if seconds.isEmpty { return 5_000 }
            guard let seconds = Int64(seconds) else { throw fault("connect_timeout is a number of seconds") }
            return seconds <= 0 ? 10_000 : min(seconds, 10) * 1_000
        }
    }
#endif
