#if PostgreSQL
    import Basics
    import CLinux
    import CPostgreSQL
    import Glibc

    /// The way to an open connection: one server after the other, one address after the other.
    ///
    /// libpq could go through them by itself, but only in a call that blocks for as long as the network likes, prints what
    /// the server remarks to standard error, and does not say the SQLSTATE of a refusal.
    struct Opening {
        private let settings: ConnectionSettings

        init(_ settings: ConnectionSettings) { self.settings = settings }

        /// Returns a connection that the caller closes.
        @unsafe
        func open() throws(PostgreSQLFault) -> OpaquePointer {
            var faults: [PostgreSQLFault] = []
            for session in settings.sessions {
                for host in settings.hosts {
                    for address in host.isSocket ? [""] : addresses(of: host, &faults) {
                        do {
                            return try unsafe open(host, address, session)
                        } catch {
                            // Other servers would refuse the user as well.
                            if [.authentication, .tooOld, .encoding].contains(error.kind) { throw error }
                            faults.append(error)
                        }
                    }
                }
            }
            throw summary(faults)
        }

        /// All of what failed, of the kind of the last server that answered.
        private func summary(_ faults: [PostgreSQLFault]) -> PostgreSQLFault {
            let words = faults.map(\.message).joined(separator: "; ")
            guard let told = faults.last(where: { $0.sqlState != nil }) else {
                return PostgreSQLFault(.connection, words)
            }
            return PostgreSQLFault(told.kind, words, told.sqlState)
        }

        /// The addresses of the host, each of which gets the time limit for itself. libpq, given a name, would spend it on
        /// an address that is silent, and not reach the next one.
        private func addresses(of host: ConnectionSettings.Host, _ faults: inout [PostgreSQLFault]) -> [String] {
            if !host.address.isEmpty { return [host.address] }
            var hints = unsafe addrinfo()
            unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
            var list: UnsafeMutablePointer<addrinfo>?
            // SAFETY: the texts are read during the call; the list that it makes is read, then freed.
            let result = unsafe getaddrinfo(host.name, nil, &hints, &list)
            guard result == 0 else {
                let reason = unsafe String(cString: gai_strerror(result))
                faults.append(PostgreSQLFault(.connection, "the name \(host.name) cannot be resolved: \(reason)"))
                return []
            }
            defer { unsafe freeaddrinfo(list) }
            var found: [String] = []
            var entry = unsafe list
            while let info = unsafe entry?.pointee {
                if let address = unsafe text(of: info) { found.append(address) }
                unsafe entry = info.ai_next
            }
            if found.isEmpty { faults.append(PostgreSQLFault(.connection, "the name \(host.name) has no address")) }
            return found
        }

        /// The address in digits.
        @unsafe
        private func text(of info: addrinfo) -> String? {
            var bytes = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            // SAFETY: the system says how long its address is; it writes no more than the array's length, a zero at the end.
            let result = unsafe getnameinfo(
                info.ai_addr,
                info.ai_addrlen,
                &bytes,
                socklen_t(bytes.count),
                nil,
                0,
                NI_NUMERICHOST
            )
            guard result == 0 else { return nil }
            return String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        @unsafe
        private func open(
            _ host: ConnectionSettings.Host,
            _ address: String,
            _ session: String
        ) throws(PostgreSQLFault) -> OpaquePointer {
            var options = settings.options
            options += [("port", host.port), ("target_session_attrs", session)]
            if !host.name.isEmpty { options.append(("host", host.name)) }
            if !address.isEmpty { options.append(("hostaddr", address)) }
            guard let handle = unsafe Self.start(options) else { throw PostgreSQLFault(.other, "out of memory") }
            do throws(PostgreSQLFault) {
                unsafe PQsetNoticeReceiver(handle, ignoreNotice, nil)
                // For the SQLSTATE.
                unsafe PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
                try unsafe complete(handle, host)
                unsafe PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
                if let fault = Self.fault(forVersion: unsafe PQserverVersion(handle)) { throw fault }
                if let fault = unsafe Self.fault(forEncoding: PQparameterStatus(handle, "server_encoding")) {
                    throw fault
                }
                guard unsafe PQsetnonblocking(handle, 1) == 0 else {
                    throw PostgreSQLFault(.connection, "out of memory")
                }
                return unsafe handle
            } catch {
                unsafe PQfinish(handle)
                throw error
            }
        }

        @unsafe
        private static func start(_ options: [(keyword: String, value: String)]) -> OpaquePointer? {
            // SAFETY: the copies live until after the call, which copies them; both lists end with a null pointer.
            let keywords = unsafe options.map { unsafe strdup($0.keyword) } + [nil]
            let values = unsafe options.map { unsafe strdup($0.value) } + [nil]
            defer { unsafe (keywords + values).forEach { unsafe free($0) } }
            return unsafe PQconnectStartParams(
                keywords.map { unsafe UnsafePointer($0) },
                values.map { unsafe UnsafePointer($0) },
                0
            )
        }

        /// Takes the steps to an open connection until the time is over.
        @unsafe
        private func complete(_ handle: OpaquePointer, _ host: ConnectionSettings.Host) throws(PostgreSQLFault) {
            let deadline = MonotonicClock.now() + settings.connectTimeout
            var step = PGRES_POLLING_WRITING
            guard unsafe PQstatus(handle) != CONNECTION_BAD else { throw unsafe Self.refusal(PQerrorMessage(handle)) }
            while step != PGRES_POLLING_OK {
                guard step != PGRES_POLLING_FAILED else { throw unsafe Self.refusal(PQerrorMessage(handle)) }
                let left = deadline - MonotonicClock.now()
                guard left > 0 else {
                    throw PostgreSQLFault(
                        .connection,
                        "\(host.description) has not let us in within \(settings.connectTimeout / 1_000) s"
                    )
                }
                let readiness = step == PGRES_POLLING_READING ? POLLIN : POLLOUT
                if unsafe gateway_poll(PQsocket(handle), Int16(readiness), Int32(left)) <= 0 { continue }
                step = unsafe PQconnectPoll(handle)
            }
        }

        /// What the server, or libpq, says about a connection that was not made.
        // SAFETY: the caller passes libpq's text, which is copied.
        @unsafe
        static func refusal(_ message: UnsafePointer<CChar>?) -> PostgreSQLFault {
            let line = Array(unsafe firstLine(message).utf8)
            // In verbose messages the code stands between the severity, in the server's language, and the words.
            for start in line.indices where line[start...].starts(with: ":  ".utf8) && line.count > start + 10 {
                let code = line[(start + 3)..<(start + 8)]
                guard let state = SQLState(code), line[(start + 8)...].starts(with: ": ".utf8) else { continue }
                let words = String(decoding: line[..<start] + line[(start + 8)...], as: UTF8.self)
                return PostgreSQLFault(state, words)
            }
            let words = String(decoding: line, as: UTF8.self)
            guard !words.contains("fe_sendauth: no password supplied") else {
                return PostgreSQLFault(
                    .authentication,
                    "the server wants a password, and there is none: no line of the password file fits, or others may read it"
                )
            }
            return PostgreSQLFault(.connection, words)
        }

        // SAFETY: the caller passes libpq's text, which is copied.
        @unsafe
        private static func fault(forEncoding name: UnsafePointer<CChar>?) -> PostgreSQLFault? {
            guard let name = unsafe name else { return nil }
            let encoding = unsafe String(cString: name)
            guard !encoding.hasSameBytes(as: "UTF8") else { return nil }
            return PostgreSQLFault(.encoding, "the database's encoding is \(encoding)")
        }

        static func fault(forVersion version: Int32) -> PostgreSQLFault? {
            guard version < Connection.oldestVersion else { return nil }
            return PostgreSQLFault(.tooOld, "the server has version \(version / 10_000)")
        }
    }

    /// Remarks of the server are for those who type statements; libpq would print them.
    private func ignoreNotice(_: UnsafeMutableRawPointer?, _: OpaquePointer?) {}
#endif
