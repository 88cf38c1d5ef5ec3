#if PostgreSQL
    import Foundation
    import Glibc
    import Synchronization

    /// The programs of an installed PostgreSQL, run as a user that they accept: they refuse root.
    final class PostgreSQLProgram: Sendable {
        /// A program failed.
        struct Failure: Error, CustomStringConvertible {
            let words: String
            var description: String { "PostgreSQL server for tests: \(words)" }
        }

        /// The newest one that the product supports; `nil` if there is none, or no user to run it as.
        static let installed: PostgreSQLProgram? = {
            let root = "/usr/lib/postgresql"
            let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap { Int($0) }
            let folders = versions.sorted().reversed().filter { $0 >= 15 }.map { "\(root)/\($0)/bin" }
            guard let folder = folders.first(where: { FileManager.default.isExecutableFile(atPath: "\($0)/initdb") })
            else {
                return nil
            }
            guard getuid() == 0 else { return PostgreSQLProgram(folder, user: nil) }
            guard let user = ["postgres", "nobody"].first(where: exists) else { return nil }
            return PostgreSQLProgram(folder, user: user)
        }()

        private static func exists(_ user: String) -> Bool {
            // SAFETY: the text is read during the call, and the answer is not.
            unsafe getpwnam(user) != nil
        }

        private let folder: String
        /// Whom root becomes.
        private let user: String?
        /// The folder with a new cluster, made once and copied, since making one takes a second.
        private let newCluster = Mutex<String?>(nil)
        private let newClusterWatch = Mutex<Pipe?>(nil)

        private init(_ folder: String, user: String?) { (self.folder, self.user) = (folder, user) }

        /// Starts a program, which inherits nothing but its standard descriptors.
        ///
        /// - Parameter output: the file to which it writes; `nil` for none.
        func start(_ arguments: [String], input: Int32? = nil, output: String?) throws -> pid_t {
            var words = ["-C", "/", "PATH=\(folder):/usr/bin:/bin", "LC_ALL=C"]
            if let user { words += ["setpriv", "--reuid", user, "--regid", user, "--clear-groups"] }
            return try Spawn.run("/usr/bin/env", words + arguments, input: input, output: output)
        }

        /// Runs a program and returns its output.
        @discardableResult
        func run(_ arguments: String...) throws -> String {
            let output = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
            defer { try? FileManager.default.removeItem(at: output) }
            let process = try start(arguments, output: output.path)
            let status = Self.wait(for: process)
            let said = String(decoding: try Data(contentsOf: output), as: UTF8.self)
            guard status == 0 else { throw Failure(words: "\(arguments.joined(separator: " ")): \(said)") }
            return said
        }

        /// Waits for the end of a process that ``start(_:input:output:)`` has started. Returns what waitpid(2) says.
        @discardableResult
        static func wait(for process: pid_t) -> Int32 {
            var status: Int32 = 0
            // SAFETY: the call writes this one number.
            while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
            return status
        }

        /// Whether such a process has ended. Once it has, its number is no longer its own.
        static func hasEnded(_ process: pid_t) -> Bool {
            var status: Int32 = 0
            // SAFETY: the call writes this one number.
            return unsafe waitpid(process, &status, WNOHANG) != 0
        }

        /// The processes that a process has started.
        static func children(of process: pid_t) -> [pid_t] {
            let file = "/proc/\(process)/task/\(process)/children"
            let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
            return text.split(separator: " ").compactMap { pid_t($0) }
        }

        /// Whether a process does anything yet. One that has ended may wait for its parent to take note.
        static func isAlive(_ process: pid_t) -> Bool {
            guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
            return !text.contains(") Z ")
        }

        /// Makes a folder that holds a new cluster in `data`.
        func copyOfNewCluster() throws -> String {
            let folder = try makeFolder()
            try run("cp", "-a", "\(try newClusterFolder())/data", folder)
            return folder
        }

        private func makeFolder() throws -> String {
            try run("mktemp", "-d", "/tmp/gateway-postgresql-XXXXXX").trimmingCharacters(in: .newlines)
        }

        private func newClusterFolder() throws -> String {
            try newCluster.withLock { made in
                if let made { return made }
                let folder = try makeFolder()
                let watch = try watch(folder)
                newClusterWatch.withLock { $0 = watch }
                try append([PostgreSQLServer.password], to: "\(folder)/password")
                try run(
                    "initdb",
                    "-D",
                    "\(folder)/data",
                    "-U",
                    "postgres",
                    "--no-locale",
                    "-E",
                    "UTF8",
                    "--no-sync",
                    "--no-instructions",
                    "--wal-segsize",
                    "1",
                    "--auth-local",
                    "trust",
                    "--auth-host",
                    "scram-sha-256",
                    "--pwfile",
                    "\(folder)/password"
                )
                made = folder
                return folder
            }
        }

        /// Appends lines to a file, as the user.
        func append(_ lines: [String], to file: String) throws {
            try run("sh", "-c", "printf '%s\\n' \"$1\" >>\"$0\"", file, lines.joined(separator: "\n"))
        }

        /// Ends the server in `folder`, if there is one, and removes the folder, once the pipe returned is closed: by its
        /// deinitializer, or with this process.
        func watch(_ folder: String) throws -> Pipe {
            let pipe = Pipe()
            _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
            let shell = try start(
                ["sh", "-c", Self.watching, folder],
                input: pipe.fileHandleForReading.fileDescriptor,
                output: nil
            )
            Self.wait(for: shell)
            return pipe
        }

        /// In the background, as nobody's child: whoever waits for other children would find it at its end, again and again.
        private static let watching = """
            exec 3<&0
            {
                trap '' INT TERM HUP
                read -r _ <&3
                pg_ctl stop -s -w -m immediate -D "$0/data"
                rm -rf -- "$0"
            } &
            """
    }
#endif
