import Foundation
import TestSupport
import Testing

extension EndToEnd {
    @Suite("systemd: sockets, readiness, watchdog")
    struct SystemdTests {
        @Test("A listener takes every socket of its name, over TCP and as a file, and serves there")
        func sockets() throws {
            let service = try Service(
                sockets: ["tcp", "tcp", "unix"],
                names: "https:https:file",
                addresses: ["https", "file"]
            )
            #expect(service.ports.count == 2)
            for port in service.ports { #expect(try fetch(port, "/.gateway/healthz").text == "ok\n") }
            let client = try Client(path: service.directory["socket-2"])
            #expect(try client.exchange("/.gateway/healthz").status == 200)
            #expect(service.errors.contains("listening on systemd:https (127.0.0.1:\(service.ports[0]))"))
        }

        @Test("Clients that connect during a restart wait, and are served by the next process")
        func restart() throws {
            let service = try Service(sockets: ["tcp"], names: "https", addresses: ["https"])
            let port = service.ports[0]
            #expect(try fetch(port, "/.gateway/healthz").status == 200)
            let early = try Client(port: port)
            #expect(eventually { (try? service.openConnections()) ?? 0 >= 1 })
            let (isUnderWay, mayFinish) = (Flag(), Flag())
            service.upstream.on("/public/long") { exchange in
                isUnderWay.set()
                _ = eventually { mayFinish.isSet }
                return try exchange.reply("200 OK", [], "done")
            }
            let long = try Client(port: port)
            long.send("GET /public/long HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(eventually { isUnderWay.isSet })
            service.send("STOP")
            #expect(eventually { service.errors.contains("draining: ") })
            // Whichever process they reach, all are answered; the one that drains has accepted the first.
            #expect(try early.exchange("/.gateway/healthz").status == 200)
            let during = try (0..<20).map { _ in
                let client = try Client(port: port)
                client.send("GET /.gateway/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return client
            }
            mayFinish.set()
            #expect(try long.response().text == "done")
            #expect(eventually(within: 20) { service.errors.contains("stopped") })
            let client = try Client(port: port)
            client.send("GET /.gateway/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            service.send("START")
            for client in during + [client] { #expect(try client.response(within: 20).status == 200) }
        }

        @Test("A socket that no listener names is reported")
        func unused() throws {
            let service = try Service(sockets: ["tcp", "tcp"], names: "https:other", addresses: ["https"])
            #expect(eventually { service.errors.contains("systemd has passed a socket named other") })
        }

        @Test(
            "What is no listening socket of that name is an error with what to do",
            arguments: [
                ("file", "https", "the descriptor that systemd has passed is not a socket"),
                ("udp", "https", "the socket that systemd has passed is not a stream: use ListenStream="),
                ("bound", "https", "the socket that systemd has passed does not listen: use Accept=no"),
                (
                    "tcp", "http",
                    "systemd has passed no socket of this name (FileDescriptorName= of the .socket unit), but http"
                ),
                (
                    "tcp", "parent",
                    "systemd has passed no socket of this name (FileDescriptorName= of the .socket unit), but none at all"
                ),
            ]
        )
        func unusable(kind: String, name: String, reason: String) throws {
            let service = try Service(sockets: [kind], names: name, addresses: ["https"], isExpected: false)
            #expect(service.wait() == 1)
            #expect(
                service.errors.contains("listener[0].address: cannot listen on systemd:https: \(reason)"),
                "\(service.errors)"
            )
        }

        @Test("systemd learns of the start, each reload and the end, and that no event loop is stuck")
        func notified() throws {
            let service = try Service(sockets: ["tcp"], names: "https", addresses: ["https"], watchdog: 0.4)
            func told(_ line: String) -> Int { service.told.split(separator: "\n").filter { $0 == line }.count }
            #expect(eventually { told("READY=1") == 1 && told("STATUS=serving") == 1 })
            #expect(eventually { told("WATCHDOG=1") >= 3 })
            service.send("RELOAD")
            #expect(eventually { told("RELOADING=1") == 1 && told("READY=1") == 2 })
            // systemd takes a reload for an earlier one if its time is rounded down.
            for count in 2...4 {
                let before = microseconds()
                service.send("RELOAD")
                #expect(eventually { told("RELOADING=1") == count && told("READY=1") == count + 1 })
                let text = try #require(service.told.split(separator: "\n").last { $0.hasPrefix("MONOTONIC_USEC=") })
                let time = try #require(Int64(text.dropFirst(15)))
                #expect((before...microseconds()).contains(time))
            }
            let times = service.told.split(separator: "\n").filter { $0.hasPrefix("MONOTONIC_USEC=") }
            #expect(times.contains { !$0.hasSuffix("000") })
            service.send("STOP")
            #expect(eventually { told("STOPPING=1") == 1 })
        }

        private func microseconds() -> Int64 {
            var time = timespec()
            // SAFETY: the call fills a local.
            _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
            return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
        }
    }
}

/// A gateway started as systemd would start it, by a program that opens its sockets and hears what it says.
private final class Service: Sendable {
    let directory: TemporaryDirectory
    let upstream: RecordingUpstream
    private let child: Child
    private let commands: FileHandle
    let ports: [UInt16]
    let adminPort: UInt16

    var errors: String { Child.text(of: directory["errors.log"]) }
    /// What the service manager was told, line by line.
    var told: String { Child.text(of: directory["told.log"]) }

    /// - Parameters:
    ///   - sockets: what is passed, each a word of the script below.
    ///   - names: their names, separated by colons; `parent` says that they are meant for another process.
    ///   - addresses: the names in gateway.conf.
    ///   - watchdog: in seconds.
    init(
        sockets: [String],
        names: String,
        addresses: [String],
        watchdog: Double = 0,
        isExpected: Bool = true
    ) throws {
        directory = try TemporaryDirectory()
        upstream = try RecordingUpstream()
        try Gateway.writeSecrets(to: directory)
        var configuration = GatewayConfiguration(upstream: upstream.port)
        configuration.top = addresses.map { "[[listener]]\naddress = \"systemd:\($0)\"\n" }.joined()
        let free = try Listener.freePorts(2)
        adminPort = free[1]
        try directory.write(
            "gateway.conf",
            configuration.text(port: free[0], adminPort: free[1], directory: directory.path)
        )
        let script = try directory.write("manager.py", Self.script)
        let pipe = Pipe()
        child = try Child(
            "/usr/bin/python3",
            [script, directory.path, sockets.joined(separator: ","), names, "\(watchdog)", Gateway.program],
            input: pipe.fileHandleForReading.fileDescriptor,
            output: directory["output.log"],
            errors: directory["errors.log"]
        )
        commands = pipe.fileHandleForWriting
        let (child, directory) = (child, directory)
        guard isExpected else {
            ports = []
            return
        }
        let serves = eventually(within: 20) {
            child.exitStatus != nil || Child.text(of: directory["told.log"]).contains("READY=1")
        }
        guard serves, child.exitStatus == nil else {
            throw GatewayFailure(text: "it does not start: \(Child.text(of: directory["errors.log"]))")
        }
        ports = Child.text(of: directory["ports"]).split(separator: "\n").compactMap { UInt16($0) }
    }

    /// A command for the script.
    func send(_ command: String) { commands.write(Data("\(command)\n".utf8)) }

    /// The number of viewers' connections.
    func openConnections() throws -> Double {
        let response = try fetch(adminPort, "/metrics")
        return try MetricsText(response.text, as: .prometheus).samples.reduce(0) { sum, sample in
            sample.key.name == "gateway_connections_open" ? sum + sample.value : sum
        }
    }

    /// How the gateway ended.
    func wait() -> Int32? { child.wait(within: 20) }

    private static let script = """
        import ctypes, os, signal, socket, sys, threading

        folder, kinds, names, watchdog, program = sys.argv[1:]
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        manager.bind(folder + "/notify")

        def listen():
            with open(folder + "/told.log", "a", buffering=1) as log:
                while True:
                    log.write(manager.recv(4096).decode() + "\\n")

        threading.Thread(target=listen, daemon=True).start()

        def made(kind, index):
            if kind == "file":
                return os.open("/dev/null", os.O_RDWR)
            if kind == "udp":
                opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                opened.bind(("127.0.0.1", 0))
            elif kind == "unix":
                opened = socket.socket(socket.AF_UNIX)
                opened.bind(f"{folder}/socket-{index}")
                opened.listen(100)
            else:
                opened = socket.socket(socket.AF_INET)
                opened.bind(("127.0.0.1", 0))
                if kind == "tcp":
                    opened.listen(100)
                    with open(folder + "/ports", "a") as ports:
                        ports.write(f"{opened.getsockname()[1]}\\n")
            return opened.detach()

        # Out of the way of the numbers that they get in the gateway.
        passed = [os.dup2(made(kind, index), 100 + index, False) for index, kind in enumerate(kinds.split(","))]

        def start():
            def prepare():
                # It ends with this program (PR_SET_PDEATHSIG), however that ends.
                ctypes.CDLL(None).prctl(1, signal.SIGKILL)
                for index, descriptor in enumerate(passed):
                    os.dup2(descriptor, 3 + index)
                    os.set_inheritable(3 + index, True)
                pid = os.getppid() if names == "parent" else os.getpid()
                os.environ.update(LISTEN_PID=str(pid), LISTEN_FDS=str(len(passed)), LISTEN_FDNAMES=names)
                os.environ.update(NOTIFY_SOCKET=folder + "/notify")
                if float(watchdog):
                    os.environ.update(WATCHDOG_USEC=str(int(float(watchdog) * 1e6)), WATCHDOG_PID=str(os.getpid()))
                os.execv(program, [program, "run", folder + "/gateway.conf"])
            pid = os.fork()
            if pid == 0:
                prepare()
            return pid

        pid = start()

        def end(status):
            os._exit(os.waitstatus_to_exitcode(status))

        def commands():
            global pid
            for command in sys.stdin:
                match command.strip():
                    case "RELOAD":
                        os.kill(pid, signal.SIGHUP)
                    case "STOP":
                        os.kill(pid, signal.SIGTERM)
                        os.waitpid(pid, 0)
                    case "START":
                        pid = start()
            os.kill(pid, signal.SIGKILL)
            os._exit(0)

        if names == "https" and kinds == "tcp":
            commands()
        else:
            threading.Thread(target=commands, daemon=True).start()
            end(os.waitpid(pid, 0)[1])

        """
}
