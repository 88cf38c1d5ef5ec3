#if PostgreSQL
    import Basics
    import CLinux
    import Foundation
    import Glibc
    import PostgreSQL
    import Synchronization
    import Transport

    /// A throw-away PostgreSQL server from the distribution's packages, in a folder of its own.
    ///
    /// It listens on a Unix socket, without a password, and on a port of 127.0.0.1, with the password ``password``. It ends
    /// with the test process, however that ends, and its folder goes with it.
    package final class PostgreSQLServer: Sendable {
        /// Serves tests that leave it as it is. They make databases of their own.
        package static let shared = try! PostgreSQLServer()

        /// Whether there is a server to start. Tests are skipped otherwise.
        package static var isInstalled: Bool { PostgreSQLProgram.installed != nil }

        /// The password of the user `postgres`.
        package static let password = "p%40ss:word"

        package let folder: String
        package let port: UInt16
        /// Keeps the port for the server: bound, but not listening.
        private let reservation: Descriptor
        /// Ends the server once nothing holds the other end any more.
        private let watch: Pipe
        private let databases = Atomic(0)
        private let program: PostgreSQLProgram
        /// The main process; `nil` while it does not run.
        private let main = Mutex<pid_t?>(nil)

        /// Starts a server.
        ///
        /// - Parameters:
        ///   - settings: for its configuration file, besides what makes it fast.
        ///   - withTLS: whether it has a certificate, signed by itself, for `localhost` and 127.0.0.1.
        package init(settings: [String: String] = [:], withTLS: Bool = false) throws {
            guard let program = PostgreSQLProgram.installed else {
                throw PostgreSQLProgram.Failure(words: "not installed")
            }
            self.program = program
            folder = try program.copyOfNewCluster()
            (reservation, port) = try Self.reservePort()
            watch = try program.watch(folder)
            var lines = [
                "listen_addresses = '127.0.0.1'", "port = \(port)", "unix_socket_directories = '\(folder)'",
                "fsync = off", "synchronous_commit = off", "full_page_writes = off", "max_connections = 200",
                "shared_buffers = '16MB'", "autovacuum = off",
            ]
            if withTLS {
                try program.run(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                    "-nodes",
                    "-days",
                    "2",
                    "-subj",
                    "/CN=localhost",
                    "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout",
                    "\(data)/server.key",
                    "-out",
                    certificate
                )
                lines += ["ssl = on", "ssl_cert_file = '\(certificate)'"]
            }
            lines += settings.map { "\($0.key) = '\($0.value)'" }
            try program.append(lines, to: "\(data)/postgresql.auto.conf")
            try start()
        }

        deinit { stop(immediately: true) }

        private static func reservePort() throws -> (Descriptor, UInt16) {
            let number = gateway_socket(AF_INET)
            guard number >= 0 else { throw SystemFault("socket", Int32(-number)) }
            let socket = Descriptor(Int32(number))
            _ = gateway_set_option(Int32(number), SOL_SOCKET, SO_REUSEADDR, 1)
            // SAFETY: the address is alive during the call.
            let result = unsafe NetworkAddress.v4([127, 0, 0, 1], port: 0).withSystemAddress { address, length in
                unsafe gateway_bind(Int32(number), address, length)
            }
            guard result >= 0, let port = socket.localPort else { throw SystemFault("bind", Int32(-result)) }
            return (socket, port)
        }

        private var data: String { "\(folder)/data" }

        private var log: String { "\(folder)/log" }

        /// The file with its certificate, if it has one.
        package var certificate: String { "\(folder)/server.crt" }

        /// Starts it, and waits until it serves.
        package func start() throws {
            for _ in 0..<100 {
                // Left by a server that was killed.
                try? FileManager.default.removeItem(atPath: "\(data)/postmaster.pid")
                let process = try program.start(["postgres", "-D", data], output: log)
                main.withLock { $0 = process }
                while !PostgreSQLProgram.hasEnded(process) {
                    if isReady { return }
                    usleep(2_000)
                }
                // Such as the shared memory of a server that was killed.
                usleep(20_000)
            }
            main.withLock { $0 = nil }
            let said = try? String(contentsOfFile: log, encoding: .utf8)
            throw PostgreSQLProgram.Failure(words: "it does not start: \(said ?? "")")
        }

        /// The last line of this file says so.
        private var isReady: Bool {
            (try? String(contentsOfFile: "\(data)/postmaster.pid", encoding: .utf8))?.contains("ready") ?? false
        }

        /// Ends it, and waits until it has ended: in order, after its connections were closed, or as in a crash.
        package func stop(immediately: Bool = false) { end(with: immediately ? SIGQUIT : SIGINT) }

        package func restart() throws {
            stop()
            try start()
        }

        /// Kills the main process (SIGKILL), and waits until the others have followed.
        package func kill() {
            let others = main.withLock { $0 }.map(PostgreSQLProgram.children) ?? []
            end(with: SIGKILL)
            while others.contains(where: PostgreSQLProgram.isAlive) { usleep(2_000) }
        }

        private func end(with signal: Int32) {
            main.withLock { process in
                guard let number = process.take() else { return }
                _ = Glibc.kill(number, signal)
                PostgreSQLProgram.wait(for: number)
            }
        }

        /// Halts a process of the server, such as a ``Connection/serverProcess``, so that it is silent.
        package func halt(_ process: Int32) { _ = Glibc.kill(process, SIGSTOP) }

        /// Lets it go on.
        package func proceed(_ process: Int32) { _ = Glibc.kill(process, SIGCONT) }

        /// The address of a database over the Unix socket, as the superuser unless another user is named.
        package func localURI(_ database: String, user: String = "postgres") -> String {
            "postgres://\(user)@/\(database)?host=\(folder)&port=\(port)"
        }

        /// The address of a database over TCP.
        package func uri(
            _ database: String,
            user: String = "postgres",
            password: String = PostgreSQLServer.password
        ) -> String {
            "postgres://\(user):\(password.replacing("%", with: "%25"))@127.0.0.1:\(port)/\(database)"
        }

        /// Creates a database, and returns its address over the Unix socket.
        ///
        /// - Parameter template: a database to copy, which nobody may use meanwhile.
        package func newDatabase(template: String = "template1") throws -> String {
            localURI(try newDatabaseName(template: template))
        }

        /// Creates a database, and returns its name.
        package func newDatabaseName(template: String = "template1") throws -> String {
            let name = "test_\(databases.add(1, ordering: .relaxed).newValue)"
            let connection = try Connection(ConnectionSettings(localURI("postgres")))
            _ = try connection.execute("CREATE DATABASE \(name) TEMPLATE \(template)")
            return name
        }
    }
#endif
