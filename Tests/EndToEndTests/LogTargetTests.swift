import Foundation
import Synchronization
import TestSupport
import Testing

extension EndToEnd {
    @Suite("Where the logs go")
    struct LogTargetTests {
        /// A datagram socket in the place of a syslog server's.
        private final class SyslogServer: Sendable {
            let path: String
            private let descriptor: Int32
            private let messages = Mutex<[String]>([])
            private let isStopped = Atomic<Bool>(false)

            /// - Parameter reads: whether it takes messages, or lets them wait.
            init(_ path: String, reads: Bool = true) throws {
                self.path = path
                // A gateway of another test must not inherit it, and so keep it open.
                let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                descriptor = number
                var address = sockaddr_un()
                address.sun_family = sa_family_t(AF_UNIX)
                // SAFETY: the path is copied into a local, which is alive during the call.
                unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
                let result = unsafe withUnsafePointer(to: address) { pointer in
                    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        unsafe bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                    }
                }
                try #require(number >= 0 && result == 0)
                guard reads else { return }
                Thread.detachNewThread { [self] in
                    while !isStopped.load(ordering: .relaxed) { read() }
                    close(descriptor)
                }
            }

            private func read() {
                var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                // SAFETY: reads and writes this one element; then reads into an array of the given count.
                guard unsafe poll(&ready, 1, 20) > 0 else { return }
                var bytes = [UInt8](repeating: 0, count: 1 << 16)
                let count = unsafe bytes.withUnsafeMutableBytes { memory in
                    unsafe recv(descriptor, memory.baseAddress, memory.count, 0)
                }
                if count > 0 { messages.withLock { $0.append(String(decoding: bytes.prefix(count), as: UTF8.self)) } }
            }

            /// The first message that contains a text, once there is one.
            func message(with text: String) throws -> String {
                var found: String?
                _ = eventually(within: 20) {
                    found = messages.withLock { $0.first { $0.contains(text) } }
                    return found != nil
                }
                return try #require(found, "no message with \(text) in \(messages.withLock { $0 })")
            }

            /// Ends it as if the server's process had ended. Messages are refused from now on.
            func stop() {
                try? FileManager.default.removeItem(atPath: path)
                isStopped.store(true, ordering: .relaxed)
            }
        }

        private func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

        @Test("Both logs go to files, which are opened again when they were moved", arguments: [SIGUSR1, SIGHUP])
        func files(signal: Int32) throws {
            let directory = try TemporaryDirectory()
            let (messages, access) = (directory["messages.log"], directory["access.log"])
            let site = try Site {
                $0.log = "output = \"\(messages)\"\naccess_output = \"\(access)\"\naccess_format = \"{path}\""
            }
            #expect(try fetch(site.port, "/public/one").status == 200)
            #expect(eventually(within: 20) { text(access).contains("/public/one\n") })
            #expect(text(messages).contains("listening on") && site.gateway.log.isEmpty)
            let attributes = try FileManager.default.attributesOfItem(atPath: access)
            #expect((attributes[.posixPermissions] as? Int ?? 0) & 0o137 == 0)
            for file in [messages, access] { try FileManager.default.moveItem(atPath: file, toPath: "\(file).1") }
            site.gateway.send(signal)
            #expect(eventually(within: 20) { text(messages).contains(signal == SIGHUP ? "reloaded" : "opened again") })
            #expect(try fetch(site.port, "/public/two").status == 200)
            #expect(eventually(within: 20) { text(access).contains("/public/two\n") })
            #expect(text("\(access).1").contains("/public/one\n") && !text("\(access).1").contains("/public/two"))
            #expect(!text(access).contains("/public/one"))
        }

        @Test("A file that cannot be opened again is reported, and the open one stays in use")
        func moved() throws {
            let directory = try TemporaryDirectory()
            let folder = directory["logs"]
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            let site = try Site { $0.log = "access_output = \"\(folder)/access.log\"\naccess_format = \"{path}\"" }
            try FileManager.default.moveItem(atPath: folder, toPath: directory["moved"])
            site.gateway.send(SIGUSR1)
            let said = "log.access_output: cannot open \(folder)/access.log: No such file or directory"
            #expect(eventually(within: 20) { site.gateway.log.contains(said) })
            site.gateway.send(SIGHUP)
            #expect(eventually(within: 20) { site.gateway.log.contains("the running configuration stays as it is") })
            #expect(try fetch(site.port, "/public/kept").status == 200)
            #expect(eventually(within: 20) { text(directory["moved/access.log"]).contains("/public/kept\n") })
        }

        @Test("A syslog server gets each line as a message, also after it has started again")
        func syslog() throws {
            let directory = try TemporaryDirectory()
            let path = directory["log"]
            let server = try SyslogServer(path)
            let site = try Site {
                $0.log = """
                    output = "syslog:\(path)"
                    access_output = "syslog:\(path)"
                    access_format = "{path} {status}"
                    syslog_facility = "daemon"
                    syslog_tag = "edge"
                    """
            }
            let start = try server.message(with: "listening on")
            let pid = site.gateway.pid
            #expect(start.hasPrefix("<30>") && start.contains(" edge[\(pid)]: {"), "\(start)")
            #expect(try fetch(site.port, "/public/one").status == 200)
            let one = try server.message(with: "/public/one")
            let pattern = /<30>[A-Z][a-z]{2} [ 1-3][0-9] \d\d:\d\d:\d\d edge\[\d+\]: \/public\/one 200/
            #expect(one.wholeMatch(of: pattern) != nil, "\(one)")
            server.stop()
            let isTold = try eventually(within: 20) {
                _ = try fetch(site.port, "/public/lost")
                return site.gateway.log.contains("the log cannot be written: ")
            }
            #expect(isTold)
            let again = try SyslogServer(path)
            #expect(try fetch(site.port, "/public/two").status == 200)
            #expect(try again.message(with: "/public/two").hasSuffix("/public/two 200"))
            again.stop()
        }

        @Test("Attack: a syslog server that reads nothing delays neither viewers nor the end")
        func stalledSyslog() throws {
            let directory = try TemporaryDirectory()
            let server = try SyslogServer(directory["log"], reads: false)
            let site = try Site {
                $0.log = "access_output = \"syslog:\(server.path)\""
                $0.top = "drain_timeout = \"5s\""
            }
            let client = try Client(port: site.port)
            for _ in 0..<2000 { #expect(try client.exchange("/.gateway/healthz").status == 200) }
            let start = monotonic()
            site.gateway.send(SIGTERM)
            #expect(site.gateway.wait(within: 20) == 0)
            #expect(monotonic() - start < 20)
            #expect(
                site.gateway.log.contains("lines lost") || site.gateway.log.contains("lines of the access log lost")
            )
            server.stop()
        }

        @Test("A reload moves the gateway's messages, and changes their level and form")
        func reload() throws {
            let directory = try TemporaryDirectory()
            let site = try Site { $0.log = "level = \"info\"" }
            #expect(eventually(within: 20) { site.gateway.log.contains("\"message\":\"listening on") })
            let file = directory["messages.log"]
            func reload(_ log: String) throws {
                try site.gateway.rewrite(site.configuration { $0.log = log })
                site.gateway.send(SIGHUP)
            }
            try reload("level = \"info\"\nformat = \"text\"\noutput = \"\(file)\"")
            #expect(eventually(within: 20) { text(file).contains(" info: configuration reloaded\n") })
            try reload("level = \"error\"\noutput = \"\(file)\"\naccess_format = \"changed {path}\"")
            let isChanged = try eventually(within: 20) {
                _ = try fetch(site.port, "/public/x")
                return site.gateway.log.contains("changed /public/x")
            }
            #expect(isChanged)
            try reload("level = \"error\"\noutput = \"\(file)\"\nunknown = 1")
            #expect(eventually(within: 20) { text(file).contains("log.unknown: unknown key") })
            // The second reload was told at the new level: not at all.
            #expect(text(file).components(separatedBy: "configuration reloaded").count == 2)
        }

        @Test(
            "Check and run refuse a target that cannot be opened, with the reason",
            arguments: [
                ("output", "/nowhere/gateway.log", "its folder does not exist"),
                ("access_output", "/tmp", "Is a directory"),
                ("access_output", "syslog:/nowhere/log", "No such file or directory"),
            ]
        )
        func refused(key: String, target: String, reason: String) throws {
            let directory = try TemporaryDirectory()
            try Gateway.writeSecrets(to: directory)
            let ports = try Listener.freePorts(2)
            var configuration = GatewayConfiguration(upstream: 1)
            configuration.log = "\(key) = \"\(target)\""
            let file = try directory.write(
                "gateway.conf",
                configuration.text(port: ports[0], adminPort: ports[1], directory: directory.path)
            )
            for command in ["check", "run"] {
                let finished = try run(Gateway.program, [command, file])
                #expect(finished.status == 1)
                #expect(finished.errors.contains("log.\(key): cannot open \(target): \(reason)"), "\(finished.errors)")
            }
        }

        @Test("A new log file may be read by its group, whatever the umask, and an existing one keeps its mode")
        func mode() throws {
            let directory = try TemporaryDirectory()
            try Gateway.writeSecrets(to: directory)
            let ports = try Listener.freePorts(2)
            var configuration = GatewayConfiguration(upstream: 9)
            configuration.log = "output = \"\(directory["own.log"])\"\naccess_output = \"\(directory["access.log"])\""
            let text = configuration.text(port: ports[0], adminPort: ports[1], directory: directory.path)
            let file = try directory.write("gateway.conf", text)
            try directory.write("own.log", "")
            let files = FileManager.default
            try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: directory["own.log"])
            let child = try Child(
                "/bin/sh",
                ["-c", "umask 077; exec \"$0\" \"$@\"", Gateway.program, "run", file],
                output: directory["output.log"]
            )
            #expect(eventually { self.text(directory["own.log"]).contains("admin listens on") })
            func mode(_ name: String) throws -> Int? {
                try files.attributesOfItem(atPath: directory[name])[.posixPermissions] as? Int
            }
            #expect(try mode("access.log") == 0o640)
            #expect(try mode("own.log") == 0o600)
            withExtendedLifetime(child) {}
        }

        @Test(
            "A line that a full disk has cut off stays alone: the next one begins on its own, also after a restart",
            .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/prlimit"))
        )
        func torn() throws {
            let directory = try TemporaryDirectory()
            let log = directory["access.log"]
            // Looks at the metrics have no lines: each loop writes its own when it gets to it.
            let site = try Site { $0.log = "access_output = \"\(log)\"\naccess_probes = false" }
            func limitFiles(_ size: String) throws {
                let limited = try run("/usr/bin/prlimit", ["--pid", "\(site.gateway.pid)", "--fsize=\(size):"])
                try #require(limited.status == 0, "\(limited.errors)")
            }
            func has(_ path: String) -> Bool { eventually { self.text(log).contains("\"path\":\"\(path)\"") } }
            func tear(_ path: String) throws {
                let size = text(log).utf8.count
                try limitFiles("\(size + 20)")
                #expect(try fetch(site.port, path).status == 200)
                #expect(eventually { text(log).utf8.count == size + 20 })
                // Nor may a line that finds no room at all change that.
                #expect(try fetch(site.port, path).status == 200)
            }
            #expect(try fetch(site.port, "/public/first").status == 200)
            #expect(has("/public/first"))
            try tear("/public/lost")
            let lost = "gateway_access_log_lines_dropped_total"
            #expect(try eventually { try site.gateway.metrics().value(lost) == 2 })
            try limitFiles("unlimited")
            #expect(try fetch(site.port, "/public/next").status == 200)
            #expect(has("/public/next"))
            try tear("/public/lost")
            try site.gateway.restart()
            #expect(try fetch(site.port, "/public/last").status == 200)
            #expect(has("/public/last"))
            let lines = text(log).split(separator: "\n")
            let whole = lines.filter { $0.hasPrefix("{") && $0.hasSuffix("}") }
            #expect(lines.count - whole.count == 2, "\(lines)")
            for path in ["first", "next", "last"] {
                #expect(whole.contains { $0.contains("\"path\":\"/public/\(path)\"") })
            }
        }

        @Test("A check creates no log file")
        func check() throws {
            let directory = try TemporaryDirectory()
            try Gateway.writeSecrets(to: directory)
            var configuration = GatewayConfiguration(upstream: 1)
            configuration.log = "access_output = \"\(directory["access.log"])\""
            let file = try directory.write(
                "gateway.conf",
                configuration.text(port: 1, adminPort: 2, directory: directory.path)
            )
            let finished = try run(Gateway.program, ["check", file])
            #expect(finished.status == 0, "\(finished.errors)")
            #expect(!FileManager.default.fileExists(atPath: directory["access.log"]))
        }
    }
}
